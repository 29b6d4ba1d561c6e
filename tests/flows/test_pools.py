"""Many machines, on one: PostgreSQL, a Prefect server, one worker a pool, and a run that the scheduler made."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from nights import run, tables

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).with_name("prefect"))
PATIENCE_S = 240


@pytest.fixture
def cluster(tmp_path, unpacked_wheel):
    """A Prefect server on a free port, and a way to start programs that know it.

    They run in another folder and take the program from the wheel, not from this checkout.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "OMP_NUM_THREADS": "1",
    }
    environment["PYTHONPATH"] = str(unpacked_wheel)
    children, logs = [], contextlib.ExitStack()

    def start(name, *words, cwd=tmp_path, **more):
        log = logs.enter_context((tmp_path / f"{name}.log").open("w"))
        child = subprocess.Popen(words, env=environment | more, stdout=log, stderr=log, cwd=cwd)
        children.append(child)
        return child

    def call(*words, cwd=tmp_path, **more):
        done = subprocess.run(words, env=environment | more, cwd=cwd, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flow_runs():
        request = urllib.request.Request(
            f"{environment['PREFECT_API_URL']}/flow_runs/filter", data=b'{"limit": 100}',
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.loads(reply.read())

    call.flow_runs = flow_runs
    start("server", PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port))
    _wait(lambda: _answers(port), "the Prefect server to answer")
    yield start, call
    for child in reversed(children):
        child.terminate()
    for child in reversed(children):
        try:
            child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
    logs.close()


@pytest.mark.prefect
@pytest.mark.timeout(600)
def test_a_scheduled_night_embeds_on_the_gpu_pool(hospital, make_site, postgres, cluster, tmp_path):
    start, call = cluster
    url = postgres()
    site = make_site("pooled", url=url, pools="true", gpu_wait_minutes="3.0")
    hospital.deliver(site.archive)
    _deploy(call, tmp_path, site.config)
    start("cpu", PREFECT, "worker", "start", "--pool", "cpu", "--type", "process", "--limit", "1")
    start("gpu", PREFECT, "worker", "start", "--pool", "gpu", "--type", "process", "--limit", "1")
    _wait(lambda: _last_night(site) in ("finished", "partial", "failed"), "the scheduled night", tmp_path)
    assert _last_night(site) == "finished"

    runs = call.flow_runs()
    shards = [r for r in runs if r["work_pool_name"] == "gpu"]
    nights = [r for r in runs if r["work_pool_name"] == "cpu" and r["start_time"]]
    assert {r["state_type"] for r in shards} == {"COMPLETED"}
    assert all(r["auto_scheduled"] for r in nights), "a night was not made by the scheduler"
    assert nights

    alone = make_site("alone")
    hospital.deliver(alone.archive)
    run(alone)
    assert tables(site) == tables(alone)


@pytest.mark.prefect
@pytest.mark.timeout(300)
def test_a_missing_gpu_worker_is_an_outcome_and_not_a_hang(hospital, make_site, postgres, cluster, tmp_path):
    _, call = cluster
    site = make_site("alone-in-the-dark", url=postgres(), pools="true", gpu_wait_minutes="0.05")
    hospital.deliver(site.archive, hospital.files[:4])
    _deploy(call, tmp_path, site.config)
    out = call(sys.executable, "-m", "flows.cli", "night", "--json", "--config", str(site.config))
    summary = json.loads(out)
    assert summary["state"] == "partial"
    assert summary["backlog"] > 0
    with site.db.read() as connection:
        from db import queries

        assert queries.last_stage_counts(connection, "embed")["no_worker"] == 1


def _deploy(call, folder, config):
    """Deploy what prefect.yaml says, with a schedule that ticks soon."""
    for pool in ("cpu", "gpu"):
        call(PREFECT, "work-pool", "create", pool, "--type", "process")
    text = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    for deployment in text["deployments"]:
        if "schedules" in deployment:
            deployment["schedules"] = [{"cron": "* * * * *", "timezone": "UTC"}]
    work = folder / "deploy"
    work.mkdir()
    (work / "prefect.yaml").write_text(yaml.safe_dump(text))
    call(PREFECT, "--no-prompt", "deploy", "--all", cwd=work, SCANTWIN_CONFIG=str(config))
    shutil.rmtree(work)


def _last_night(site):
    from db import queries

    with site.db.read() as connection:
        rows = queries.nights(connection, last=1)
    return rows[0]["state"] if rows else None


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def _wait(condition, what, logs=None):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(1)
    text = "".join(f"\n--- {p.name}\n{p.read_text()[-3000:]}" for p in logs.glob("*.log")) if logs else ""
    pytest.fail(f"waited {PATIENCE_S} s for {what}{text}")
