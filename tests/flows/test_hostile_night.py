"""A night over every hostile kind at once: each is told, none is believed, and the others are used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from damage import write_hostile_files
from nights import run
from sqlalchemy import select

from db.base import table_of
from db.nights import last_stage_counts
from db.tables import File

MOST_GROWTH_MIB = 128
INGEST = """
import json, sys
from pathlib import Path
from flows.night.conductor import conduct
from flows.site.opened import open_site

def mib(line):
    status = dict(l.split(":", 1) for l in Path("/proc/self/status").read_text().splitlines() if ":" in l)
    return int(status[line].split()[0]) / 1024

site, hostile = open_site(sys.argv[1]), Path(sys.argv[2])
before = conduct(site, only=("ingest",))
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
start = mib("VmRSS")
hostile.rename(site.archive / "hostile")
after = conduct(site, only=("ingest",))
print(json.dumps({"before": before.files, "after": after.files, "growth": mib("VmHWM") - start,
                  "torch": "torch" in sys.modules}))
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("h") / "hostile"
    return folder, write_hostile_files(folder)


def codes_of(site) -> dict[str, str]:
    """The code of every hostile file, by its name."""
    file = table_of(File)
    with site.db.read() as connection:
        codes = dict(connection.execute(select(file.c.key, file.c.code)).tuples().all())
    names = [path.name for path in (site.archive / "hostile").iterdir()]
    return {name: codes[site.keys.key("file", f"hostile/{name}")] for name in names}


def test_a_night_full_of_hostile_files_accounts_for_each_and_uses_the_others(make_site, hospital, hostile):
    folder, expected = hostile
    site = make_site(guard_seconds="6.0")
    hospital.deliver(site.archive)
    words = [sys.executable, "-c", INGEST, str(site.config), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "Hostile" not in done.stderr and "Traceback" not in done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["torch"]
    assert codes_of(site) == expected
    before, after = found["before"], found["after"]
    assert after["seen"] == before["seen"] + len(expected)
    assert after["seen"] == sum(after[o] for o in ("used", "skipped", "quarantined", "waiting", "gone"))
    assert after["used"] == before["used"] + 3  # the polyglots, whose image is right
    assert found["growth"] <= MOST_GROWTH_MIB
    print(f"grew by {found['growth']:.0f} MiB")


def test_files_without_preamble_are_read_and_counted(make_site, write_dicom):
    site = make_site()
    path = write_dicom(site.archive / "one", patient="P", study="1.2.1", series="1.2.1.1", instance="1.2.1.1.1",
                       date="20240305")  # fmt: skip
    path.write_bytes(path.read_bytes()[132:])
    assert run(site, "ingest").files["used"] == 1
    with site.db.read() as connection:
        assert last_stage_counts(connection, "ingest")["files_without_preamble"] == 1
