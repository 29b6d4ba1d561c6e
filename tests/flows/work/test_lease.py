import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from flows.site.settings import FlowsSettings, Settings
from flows.work.lease import Ticket, finish_time, is_dead, this_owner


class _Site:
    def __init__(self, finish_by, zone):
        self.settings = Settings(
            site={"archive": "a"}, flows=FlowsSettings(finish_by=finish_by, time_zone=zone).model_dump()
        )


def test_this_process_is_not_dead():
    assert not is_dead(this_owner())


def test_an_owner_that_ended_on_this_machine_is_dead():
    code = "from flows.work.lease import this_owner; print(this_owner())"
    owner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_dead(owner)


def test_a_killed_owner_that_nobody_has_waited_for_is_dead():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    host, boot, _, _ = this_owner().rsplit(":", 3)
    stat = Path(f"/proc/{child.pid}/stat")
    started = stat.read_text().rpartition(")")[2].split()[19]
    owner = f"{host}:{boot}:{child.pid}:{started}"
    assert not is_dead(owner)
    child.kill()
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert is_dead(owner)
    child.wait()


def test_another_process_with_the_same_number_does_not_pass_for_the_owner():
    host, boot, pid, started = this_owner().rsplit(":", 3)
    assert is_dead(f"{host}:{boot}:{pid}:{int(started) - 1}")


def test_an_owner_on_another_machine_is_never_called_dead():
    assert not is_dead(f"elsewhere:boot:{os.getpid()}:1")
    assert not is_dead("nonsense")


def test_finish_by_is_the_next_such_time_in_its_zone():
    now = datetime(2026, 1, 10, 22, 0, tzinfo=UTC).timestamp()
    finish = datetime.fromtimestamp(finish_time(_Site("06:30", "Europe/Berlin"), now), UTC)
    assert finish == datetime(2026, 1, 11, 5, 30, tzinfo=UTC)


def test_without_finish_by_a_night_is_never_late():
    assert finish_time(_Site("", "UTC"), 0.0) is None
    assert not Ticket(1, 1, None).is_late()
    assert Ticket(1, 1, 0.0).is_late()
