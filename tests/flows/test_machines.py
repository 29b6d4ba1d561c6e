"""Many machines, on one: docs/machines.md, line by line, from the wheel, with deaths on the way."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from nights import run, tables

from db import shards
from db.backlog import work_left
from db.nights import last_nights
from flows.site.opened import open_site

DOCUMENT = Path(__file__).parents[2] / "docs" / "machines.md"
PATIENCE_S = 480  # of each step, on a machine that has other things to do; a minute or less otherwise
TOLD = 'on_failure = ["{python}", "-c", "import sys; open({file!r}, \'a\').write(sys.argv[-1] + chr(10))"]'


class Document:
    """The lines of docs/machines.md, run in a shell on this machine, with the addresses of this test."""

    def __init__(self, folder, archive, url, wheel):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.home = folder, folder / "srv"
        self.values = {
            "/srv/scantwin": str(self.home), "/mnt/dicom": str(archive), "127.0.0.1:4200": f"127.0.0.1:{self.port}",
            "--port 4200": f"--port {self.port}", "postgresql://scantwin@db.example/scantwin": url,
            '"0 2 * * *"': '"* * * * *"',
        }  # fmt: skip
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SCANTWIN_"))
        } | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(wheel),
            "PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
            "PREFECT_WORKER_QUERY_SECONDS": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.blocks = self._blocks()
        self.children = {}

    def _blocks(self):
        found = {}
        for part in DOCUMENT.read_text().split("\n## ")[1:]:
            title = part.split("\n", 1)[0]
            for number, block in enumerate(re.findall(r"^```\n(.*?)^```", part, re.S | re.M)):
                found[title, number] = block
        return found

    def lines(self, title, number=0):
        text = self.blocks.pop((title, number))
        for old, new in self.values.items():
            text = text.replace(old, new)
        return text

    def call(self, text, *, code=0):
        done = subprocess.run(["bash", "-ec", text], env=self.environment, cwd=self.folder, capture_output=True,
                              text=True, timeout=200)  # fmt: skip
        assert done.returncode == code, f"{done.returncode}\n{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, name, text):
        log = (self.folder / f"{name}.log").open("a")
        self.children[name] = subprocess.Popen(["bash", "-ec", text], env=self.environment, cwd=self.folder,
                                               stdout=log, stderr=log, start_new_session=True)  # fmt: skip

    def kill(self, name):
        """End a machine with everything that runs on it, by kill -9."""
        child = self.children.pop(name)
        for pid in [child.pid, *_descendants(child.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait(timeout=20)

    def flow_runs(self):
        token = b64encode(b"scantwin:change-this-password").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/flow_runs/filter", data=b'{"limit": 200}',
            headers={"Content-Type": "application/json", "Authorization": f"Basic {token}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read())

    def logs(self):
        return "".join(f"\n--- {p.name}\n{p.read_text()[-3000:]}" for p in self.folder.glob("*.log"))


@pytest.fixture
def document(tmp_path, postgres, unpacked_wheel, hospital):
    archive = tmp_path / "archive"
    hospital.deliver(archive, hospital.files[:8])
    found = Document(tmp_path, archive, postgres(), unpacked_wheel)
    yield found
    for name in list(found.children):
        found.kill(name)


@pytest.mark.prefect
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_document_for_several_machines_holds_line_by_line(document, hospital, make_site, monkeypatch, tmp_path):
    document.call(document.lines("What every machine must know"))
    document.start("server", document.lines("The Prefect server"))
    document.call(document.lines("Site and database"))
    site = _site(document, monkeypatch, scans_per_task=2, gpu_wait_minutes=0.02, on_failure=tmp_path / "told")
    _wait(lambda: _answers(document), "the Prefect server to answer", document)
    with_env = f". {document.home}/machines.env; cd {document.home}; "
    assert "scantwin-shard/gpu; run `scantwin deploy`" in document.call(with_env + "scantwin doctor", code=1)
    assert "run `scantwin deploy`" in document.call(with_env + "scantwin night 2>&1", code=5)
    document.call(document.lines("Pools, deployments, schedule"))
    document.call(document.lines("Pools, deployments, schedule", 1))
    units = {path.name for path in (document.home / "units").iterdir()}
    assert {"prefect.yaml", "scantwin-worker@.service", "scantwin-prefect.service"} <= units

    # no machine works: an outcome, said everywhere
    summary = json.loads(document.call(with_env + "scantwin night --json", code=1))
    assert (summary["state"], [row["code"] for row in summary["undone"]]) == ("partial", ["no-worker"])
    assert "No worker of the gpu pool" in (tmp_path / "told").read_text()
    found = document.call(with_env + "scantwin doctor", code=1)
    assert "no worker of the pool 'gpu' is online" in found
    assert "change-this-password" not in found

    # a GPU machine dies in its shard: another one goes on in the same night, begun by the schedule
    site = _site(document, monkeypatch, scans_per_task=2, gpu_wait_minutes=1.0, gpu_tries=5)
    cpu, gpu = document.lines("Workers", 0), document.lines("Workers", 1)
    document.start("gpu", gpu)
    document.start("cpu", cpu)
    night = _wait(lambda: _shard_at_work(site), "a shard to begin", document, 0.02)
    document.kill("gpu")
    document.start("gpu-2", gpu)
    hospital.deliver(site.archive)
    _wait(lambda: _state(site, night) != "running", "the night with the dead machine", document)
    assert _state(site, night) == "finished"
    with site.db.read() as connection:
        rows = shards.of_night(connection, night)
    assert rows[0].code == "shard-silent"
    assert (rows[-1].state, rows[-1].code) == ("done", "")

    # the night's machine dies: the next night goes on, and the dead one's runs end in Prefect
    night = _wait(lambda: _running(site), "the next night", document, 0.02)
    document.kill("cpu")
    dead = {run["id"] for run in document.flow_runs() if run["state_type"] in ("RUNNING", "PENDING")}
    assert dead, "the killed night left no run: this test proves nothing"
    document.start("cpu-2", cpu)
    _wait(lambda: _finished_after(site, night), "a night after the dead one", document)
    _wait(lambda: not n_waiting(site), "all to be embedded", document)
    assert _state(site, night) == "failed"
    ended = {run["id"]: run["state_type"] for run in document.flow_runs()}
    assert {ended[run] for run in dead} <= {"CRASHED", "CANCELLED"}

    doctor = document.lines("Is it well?")
    _wait(lambda: "NOT" not in document.call(doctor.rstrip() + " || true"), "doctor to find all well", document)
    assert "last success" in document.call(document.lines("Is it well?", 1))
    assert not document.blocks, "lines of the document that no test runs"
    monkeypatch.delenv("SCANTWIN_DB__URL")
    alone = make_site("alone", k="20", quiet_seconds="5.0")
    hospital.deliver(alone.archive)
    run(alone)
    assert tables(site)["vectors"] and _unkeyed(tables(site)) == _unkeyed(tables(alone))


def _unkeyed(found):
    """How much there is, as keys differ with the secret."""
    return {name: len(rows) for name, rows in found.items()}


def _site(document, monkeypatch, **changes):
    """The site that the document made, with other settings."""
    config = document.home / "config.toml"
    text = config.read_text()
    for key, value in changes.items():
        line = TOLD.format(python=sys.executable, file=str(value)) if key == "on_failure" else f"{key} = {value}"
        text = re.sub(rf"^{key} = .*$", lambda _, line=line: line, text, flags=re.M)
    config.write_text(text)
    monkeypatch.setenv("SCANTWIN_DB__URL", document.values["postgresql://scantwin@db.example/scantwin"])
    return open_site(config)


def _rows(site):
    with site.db.read() as connection:
        return last_nights(connection, last=50)


def _state(site, night):
    return next(row.state for row in _rows(site) if row.id == night)


def _running(site):
    return next((row.id for row in _rows(site) if row.state == "running"), None)


def _finished_after(site, night):
    return any(row.id > night and row.state in ("finished", "nothing_new") for row in _rows(site))


def _shard_at_work(site):
    night = _running(site)
    if night is None:
        return None
    with site.db.read() as connection:
        return night if any(row.state == "running" for row in shards.of_night(connection, night)) else None


def n_waiting(site):
    with site.db.read() as connection:
        return work_left(connection)


def _descendants(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found


def _answers(document):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{document.port}/api/health", timeout=2) as reply:
            return reply.status == 200
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _wait(condition, what, document, pause_s=1.0):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause_s)
    pytest.fail(f"waited {PATIENCE_S} s for {what}{document.logs()}")
