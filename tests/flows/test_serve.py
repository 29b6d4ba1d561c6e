"""`scantwin serve`: neither a stop nor a kill loses a night or runs one twice."""

import os
import signal
import subprocess
import sys
import time

import pytest

from db.nights import last_nights

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]


def serve(site):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", "--config", str(site.config)],
        env=environment | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def states(site):
    with site.db.read() as connection:
        return [row.state for row in last_nights(connection)]


def wait_for(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


def test_killed_in_the_middle_of_a_night_it_loses_nothing_and_doubles_nothing(hospital, make_site):
    site = make_site(cron='"0 2 * * *"')
    hospital.deliver(site.archive)
    first = serve(site)
    wait_for(lambda: states(site) == ["running"], "a night to begin")
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = serve(site)
    wait_for(lambda: states(site) == ["finished"], "the orphaned night to end")
    time.sleep(6)
    assert states(site) == ["finished"]
    second.send_signal(signal.SIGTERM)
    out, err = second.communicate(timeout=20)
    assert (second.returncode, err) == (0, "")
    assert "due" not in out


def test_stopped_it_lets_a_running_night_finish(hospital, make_site):
    site = make_site(cron='"0 2 * * *"')
    hospital.deliver(site.archive)
    clock = serve(site)
    wait_for(lambda: states(site) == ["running"], "a night to begin")
    clock.send_signal(signal.SIGTERM)
    assert clock.wait(timeout=20) == 0
    assert states(site) == ["running"]
    wait_for(lambda: states(site) == ["finished"], "the night to end")


def test_a_night_that_was_refused_calls_the_operator_and_is_not_hammered(make_site, tmp_path):
    told = tmp_path / "told"
    script = f"import sys; open({str(told)!r}, 'a').write(sys.argv[-1] + chr(10))"
    site = make_site(cron='"0 2 * * *"', on_failure=f"[{sys.executable!r}, '-c', {script!r}]".replace("\\'", "'"))
    site.archive.rmdir()
    clock = serve(site)
    wait_for(told.exists, "the operator to be told")
    time.sleep(7)
    clock.send_signal(signal.SIGTERM)
    clock.communicate(timeout=20)
    assert told.read_text().count("refused") == 1
