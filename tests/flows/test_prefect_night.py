"""The night as its operator starts it: the command, Prefect around it, kill -9 in its middle."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nights import run, tables

from db.nights import last_nights, running_stage

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]


def command(site, *words, **popen):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *words, "--config", str(site.config)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen,
    )  # fmt: skip


def night(site):
    child = command(site, "night", "--json")
    out, err = child.communicate(timeout=300)
    return child.returncode, out, err


def servers_of(site):
    """Temporary servers whose home is this site's."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_server = b"prefect.server.api.server:create_app" in (path / "cmdline").read_bytes()
            if is_server and str(site.store).encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def runs_of(site):
    """States of all runs in the site's own database of Prefect."""
    with contextlib.closing(sqlite3.connect(site.store / "prefect" / "prefect.db")) as connection:
        return [state for (state,) in connection.execute("SELECT state_type FROM flow_run")]


def wait_for_stage(site, child, *names):
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and child.poll() is None:
        with site.db.read() as connection:
            if running_stage(connection) in names:
                return
        time.sleep(0.02)
    pytest.fail(f"the night never came to {names}: {child.communicate()}")


@pytest.fixture
def alone(hospital, make_site):
    """Tables of an undisturbed night without Prefect."""
    site = make_site("alone")
    hospital.deliver(site.archive)
    run(site)
    return tables(site)


def test_a_night_through_prefect_is_quiet_tidy_and_the_same(hospital, make_site, alone):
    site = make_site()
    hospital.deliver(site.archive)
    code, out, err = night(site)
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary["schema"] == 1
    assert summary["state"] == "finished"
    assert summary["files"]["seen"] == len(hospital.files)
    assert Path(summary["report"]).exists()
    assert tables(site) == alone
    assert servers_of(site) == []
    code, out, err = night(site)
    assert (code, json.loads(out)["state"], err) == (0, "nothing_new", "")
    assert leaks(site) == []


def leaks(site):
    """Identity that Prefect's own files hold."""
    canaries = [b"Test^P", b"1.2.90.1", str(site.archive).encode(), b"twin-a", b"HOSPITAL"]
    return [(path.name, word) for path in (site.store / "prefect").rglob("*") if path.is_file()
            for word in canaries if word in path.read_bytes()]  # fmt: skip


def test_killed_with_minus_nine_the_next_night_reaps_and_ends_the_same(hospital, make_site, alone):
    site = make_site()
    hospital.deliver(site.archive)
    child = command(site, "night")
    wait_for_stage(site, child, "embed")
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = servers_of(site)
    assert left, "the killed night left no server: this test proves nothing"
    code, _, err = night(site)
    assert (code, err) == (0, "")
    assert tables(site) == alone
    assert not set(left) & set(servers_of(site))
    with site.db.read() as connection:
        first, second = sorted(last_nights(connection), key=lambda row: row.id)
    assert (first.state, first.error_code) == ("failed", "owner-died")
    assert second.state == "finished"
    assert set(runs_of(site)) == {"COMPLETED", "CRASHED"}


def test_a_second_night_beside_the_first_is_refused(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive)
    child = command(site, "night")
    wait_for_stage(site, child, "ingest", "encoder", "embed")
    child.send_signal(signal.SIGSTOP)
    code, _, err = night(site)
    child.send_signal(signal.SIGCONT)
    child.communicate(timeout=300)
    assert code == 4
    assert "running" in err
    assert child.returncode == 0


def test_ctrl_c_ends_a_night_with_a_sentence_and_the_next_goes_on(hospital, make_site, alone):
    site = make_site()
    hospital.deliver(site.archive)
    child = command(site, "night", start_new_session=True)
    wait_for_stage(site, child, "ingest")
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "interrupted" in err
    assert "Traceback" not in err
    code, _, _ = night(site)
    assert code == 0
    assert tables(site) == alone
