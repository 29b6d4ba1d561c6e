"""What the doctor tells of the machine."""

from pathlib import Path

from flows.operator.doctor import filesystem_of


def test_a_path_lies_on_the_file_system_that_is_mounted_deepest_above_it():
    assert filesystem_of(Path("/proc/self/status")) == "proc"
    assert filesystem_of(Path("/procession")) == filesystem_of(Path("/"))
