"""A night that left work because something failed says so everywhere; one that had no time does not fail."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
from nights import run, tables

from db.embeddings import embedding_devices, save_embeddings
from db.nights import night_row
from flows.operator.doctor import prefect
from flows.operator.status import standing
from flows.site.errors import OtherDevice
from flows.site.opened import open_site
from flows.site.settings import ConfigError, read_settings
from flows.stages.embed import vectors
from flows.stages.embed.vectors import backlog, device_for, embed_scans
from flows.stages.encoder.train import choose_encoders
from flows.work.lease import night_ticket
from flows.work.undone import undone
from scans.outcome import DiskError


@pytest.fixture
def told_site(hospital, make_site, tmp_path, db_url):
    """A site whose operator's command writes its last word into a file."""
    script = tmp_path / "tell.py"
    script.write_text(f"import sys\nopen({str(tmp_path / 'told')!r}, 'a').write(sys.argv[-1])\n")
    site = make_site(url=db_url, on_failure=f'["{sys.executable}", "{script}"]')
    hospital.deliver(site.archive, hospital.files[:6])
    return site


def test_a_night_whose_shards_failed_says_so_everywhere(told_site, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules["flows.night.conductor"].STAGES, "embed", lambda *_: undone("other-device", 5))
    found = run(told_site)
    assert (found.state, found.exit, found.next) == ("partial", 1, "scantwin doctor")
    assert [(row.code, row.count) for row in found.undone] == [("other-device", 5)]
    with told_site.db.read() as connection:
        row = night_row(connection, found.night)
    assert (row.state, row.exit_code, row.error_code) == ("partial", 1, "other-device")
    assert json.loads(row.summary)["undone"][0]["meaning"].startswith("An encoder's vectors were made on another")
    told = (tmp_path / "told").read_text()
    assert "left work undone: An encoder's vectors were made on another device" in told
    assert "other-device" in (told_site.store / "reports" / "night-00001.html").read_text()
    status = standing(open_site(told_site.config))
    assert (status.hours_since_success, status.overdue) == (None, True)
    assert status.undone[0].code == "other-device"


def test_work_that_no_stage_speaks_of_is_told_as_well(told_site, monkeypatch):
    monkeypatch.setitem(sys.modules["flows.night.conductor"].STAGES, "embed", lambda *_: undone("no-worker", 0))
    found = run(told_site)
    assert (found.state, found.exit) == ("partial", 1)
    assert [(row.code, row.count) for row in found.undone] == [("work-left", found.backlog)]


def test_nothing_new_is_never_said_over_a_backlog(told_site, tmp_path):
    run(told_site, "ingest")
    run(told_site, "encoder")
    again = run(told_site, "ingest")
    assert (again.state, again.exit) == ("partial", 0)
    assert again.backlog > 0
    assert not (tmp_path / "told").exists()


def test_an_input_that_is_lost_or_damaged_keeps_no_other_scan_waiting_and_is_made_again(told_site, make_site, hospital):
    run(told_site, "ingest")
    lost, cut, *_ = sorted((told_site.store / "tensors").rglob("*.npy*"))
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-100])
    found = run(told_site)
    assert (found.state, found.exit) == ("partial", 1)
    assert [(row.code, row.count) for row in found.undone] == [("tensor-damaged", 1)]
    assert found.inputs["to_make"] == 2  # a lost one is asked for as one that was dropped is
    assert found.embeddings["new"] > 0
    assert run(told_site).exit == 0
    calm = make_site("calm")
    hospital.deliver(calm.archive, hospital.files[:6])
    run(calm)
    assert tables(told_site) == tables(calm)


def test_files_that_the_disk_does_not_give_are_told_once(told_site, monkeypatch):
    from flows.stages.ingest import headers

    guard = headers.guard_of(told_site)

    class Failing:
        def headers(self, paths):
            return [DiskError("it did not answer"), *list(guard.headers(paths))[1:]]

    monkeypatch.setattr(headers, "guard_of", lambda site: Failing())
    found = run(told_site)
    assert (found.exit, found.undone[0].code, found.files["waiting"]) == (1, "files-unread", 1)
    monkeypatch.undo()
    assert run(told_site).exit == 0


def test_auto_keeps_to_the_device_of_the_first_vectors(told_site, monkeypatch):
    run(told_site)
    ((encoder, _),) = list(backlog(told_site).items())[:1]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_for(told_site, encoder) in ("cpu", "cuda")
    used = [name for name in backlog(told_site) if _devices(told_site, name) == ["cpu"]]
    assert used
    assert {device_for(told_site, name) for name in used} == {"cpu"}


def test_two_machines_of_two_sorts_that_begin_at_once_do_not_mix_an_encoder(told_site, monkeypatch):
    run(told_site, "ingest")
    made = vectors._vectors
    with night_ticket(told_site, version="test") as ticket:
        choose_encoders(told_site, ticket)
        encoder, scans = next((name, some) for name, some in backlog(told_site).items() if len(some) > 1)

        def beaten_by_a_gpu(network, inputs, batch_size, device):
            found = made(network, inputs, batch_size, device)
            _write_as(told_site, ticket, encoder, scans[1], "cuda", found[scans[0]])
            return found

        monkeypatch.setattr(vectors, "_vectors", beaten_by_a_gpu)
        with pytest.raises(OtherDevice):
            embed_scans(told_site, ticket, [f"{encoder} {scans[0]}"])
    assert _devices(told_site, encoder) == ["cuda"]


def _devices(site, encoder):

    with site.db.read() as connection:
        return embedding_devices(connection, encoder)


def _write_as(site, ticket, encoder, scan, device, vector):
    row = {"scan": scan, "encoder": encoder, "dim": len(vector), "vector": vector.astype("<f4").tobytes(),
           "device": device, "night": ticket.night, "matched_night": None}  # fmt: skip
    with site.db.write(ticket.right) as connection:
        save_embeddings(connection, [row])


def test_a_deployment_of_another_flow_is_refused_where_it_is_written(make_site):
    site = make_site()
    text = site.config.read_text().replace('"scantwin-shard/gpu"', '"scantwin-embed/gpu"')
    site.config.write_text(text)
    with pytest.raises(ConfigError, match=r"gpu_deployment.*'scantwin-shard/NAME'"):
        read_settings(site.config)


def test_doctor_says_that_no_server_listens(make_site, monkeypatch):
    words = [sys.executable, "-m", "flows.cli", "doctor", "--config", str(make_site().config)]
    away = os.environ | {"PREFECT_API_URL": "http://somebody:hunter2@127.0.0.1:9/api"}  # read as Prefect is imported
    done = subprocess.run(words, capture_output=True, text=True, env=away)
    assert done.returncode == 1
    assert "NOT prefect server: no Prefect server answers at http://127.0.0.1:9/api" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert "temporary server" in prefect()


@pytest.mark.parametrize(
    ("address", "password", "analytics", "word"),
    [
        ("http://127.0.0.1:4200/api", False, False, None),
        ("http://10.8.0.1:4200/api", True, False, None),
        ("http://10.8.0.1:4200/api", False, False, "PREFECT_SERVER_API_AUTH_STRING"),
        ("http://127.0.0.1:4200/api", True, True, "PREFECT_SERVER_ANALYTICS_ENABLED=false"),
    ],
)
def test_a_server_that_anybody_may_command_or_that_tells_others_is_not_well(address, password, analytics, word):
    from flows.night.cluster import Server, server_is_safe
    from flows.site.errors import ClusterTrouble

    server = Server(address, "3.8.8", password, analytics)
    if word is None:
        server_is_safe(server)
    else:
        with pytest.raises(ClusterTrouble, match=word):
            server_is_safe(server)
    assert dataclasses.asdict(server)["address"] == address


@pytest.mark.parametrize(("cron", "calendar"), [("30 1 * * *", "OnCalendar=*-*-* 01:30:00 Europe/Berlin"),
                                                ("0 */4 * * *", None)])  # fmt: skip
def test_the_files_for_machines_follow_the_configuration(make_site, tmp_path, call, cron, calendar):
    site = make_site(cron=f'"{cron}"')
    text = site.config.read_text()
    place = text.index("[flows]")
    site.config.write_text(text[:place] + text[place:].replace('time_zone = "UTC"', 'time_zone = "Europe/Berlin"'))
    out = tmp_path / "units"
    assert call("deploy", "--out", out, "--config", site.config)[0] == 0
    deployed = (out / "prefect.yaml").read_text()
    assert f'"{cron}"' in deployed
    assert "Europe/Berlin" in deployed
    assert str(site.config) in deployed
    assert str(site.config) in (out / "scantwin.service").read_text()
    timer = out / "scantwin.timer"
    assert (calendar in timer.read_text()) if calendar else not timer.exists()
    assert call("deploy", "--out", out, "--config", site.config)[0] == 2


def test_a_scheduled_night_that_is_refused_calls_the_operator(told_site, tmp_path, monkeypatch):
    from flows.night.scheduled import told_if_refused
    from flows.site.errors import PreflightRefused

    with pytest.raises(PreflightRefused), told_if_refused(told_site.config):
        raise PreflightRefused("nobody is told: somebody sits at the terminal")
    assert not (tmp_path / "told").exists()
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "of a worker")
    with pytest.raises(PreflightRefused), told_if_refused(told_site.config):
        raise PreflightRefused("the archive is not there")
    assert "tonight's night was refused" in (tmp_path / "told").read_text()


def test_a_scheduled_night_that_left_work_fails_in_prefect_with_codes_alone(told_site, monkeypatch):
    from flows.night.scheduled import ended
    from flows.site.errors import LeftUndone

    monkeypatch.setitem(sys.modules["flows.night.conductor"].STAGES, "embed", lambda *_: undone("no-worker", 7))
    found = run(told_site)
    ended(found)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "of a worker")
    with pytest.raises(LeftUndone, match=r"^night 1 left work undone: no-worker \(7\)$"):
        ended(found)
