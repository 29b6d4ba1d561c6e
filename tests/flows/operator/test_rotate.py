"""A new secret: every key changes, nothing else does, and it may be killed anywhere."""

import multiprocessing
import os
import signal

import pytest
from nights import Killed, run, tables
from sqlalchemy import event, func, select

from db import forgetting
from db.base import Base, table_of
from db.errors import NightRunning
from db.rekeying import COLUMNS
from db.tables import File, Scan
from flows.operator.forget import forget_patient, found_patient
from flows.operator.rotate import _write_next, rotate_secret, undo_rotation
from flows.site.errors import PreflightRefused, WrongUsage
from flows.site.opened import forget_opened, next_secret, open_site, secret_path
from flows.stages.match.verify import verify_matches
from flows.work.lease import day_ticket

KEYED = ("scan", "prior", "patient", "study", "series", "subject_key", "tensor")  # columns that hold keys


def shape(site):
    """What the tables say, with keys numbered by what they stand for: equal up to renaming."""
    with site.db.read() as connection:
        digests = dict(connection.execute(select(forgetting.IDENTITY_SCAN)).tuples().all())
    found = tables(site)
    named = [tuple(digests.get(value, value) for value in row) for row in found["matches"]]
    return sorted(named, key=repr), len(found["scans"]), len(found["files"]), len(found["vectors"])


def all_keys(site):
    with site.db.read() as connection:
        return {key for noun in ("scan", "patient", "study", "file") for model, name in COLUMNS[noun]
                for key in connection.scalars(select(table_of(model).c[name])) if key}  # fmt: skip


@pytest.fixture
def ready(hospital, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    return site


def test_every_column_that_holds_a_key_is_renamed():
    named = {(table_of(model).fullname, name) for columns in COLUMNS.values() for model, name in columns}
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            is_key = column.name in KEYED and table.name not in ("encoder", "person", "tombstone")
            if is_key:
                assert (table.fullname, column.name) in named, f"{table.fullname}.{column.name} keeps its old key"


def test_after_a_rotation_everything_is_as_it_was_under_other_keys(ready):
    before, old = shape(ready), all_keys(ready)
    page = next((ready.store / "reports").glob("*.html")).read_bytes()
    found = rotate_secret(ready.config)
    site = open_site(ready.config)
    assert shape(site) == before
    assert not old & all_keys(site)
    assert site.keys.key_id == found.key_id != ready.keys.key_id
    assert secret_path(site).stat().st_mode & 0o777 == 0o600
    names = {path.name.split("-")[0].split(".")[0] for folder in ("tensors", "pictures")
             for path in (site.store / folder).rglob("*") if path.is_file()}  # fmt: skip
    with site.db.read() as connection:
        assert names <= set(connection.scalars(select(Scan.key)))
    assert not any(key[:10].encode() in next((site.store / "reports").glob("*.html")).read_bytes()
                   for key in old if key[:10].encode() in page)  # fmt: skip
    summary = run(site)
    assert (summary.scans["new"], summary.embeddings["new"]) == (0, 0)
    with site.db.read() as connection:
        n_naming = connection.scalar(select(func.count()).select_from(File).where(File.why.contains("file ")))
    # Sentences that name another file by its key; and of equal copies, the first by key is the one that counts.
    assert summary.files_this_night["seen"] <= 2 * n_naming
    assert shape(site) == before
    assert verify_matches(site).wrong == 0


def test_whoever_was_forgotten_under_the_former_secret_stays_forgotten(ready):
    forget_patient(open_site(ready.config), found_patient(open_site(ready.config), "P1", None))
    run(ready)
    n_skipped = run(ready).files["skipped"]
    rotate_secret(ready.config)
    site = open_site(ready.config)
    assert run(site).files["skipped"] == n_skipped
    for file in site.archive.rglob("1*"):
        os.utime(file)
    assert run(site).files["skipped"] == n_skipped
    rotate_secret(site.config)
    assert run(open_site(site.config)).files["skipped"] == n_skipped


def doomed(config, number):
    site, seen = open_site(config), 0

    def die(*_):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(site.db.engine, "commit", die)
    rotate_secret(config)


@pytest.mark.parametrize("number", [5, 6, 7])
def test_killed_in_between_no_night_runs_until_it_is_finished(hospital, make_site, number):
    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    before, old = shape(site), all_keys(site)
    child = multiprocessing.get_context("spawn").Process(target=doomed, args=(site.config, number))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert next_secret(site).exists()
    with pytest.raises(PreflightRefused, match="rotate-secret"):
        run(site)
    rotate_secret(site.config)
    site = open_site(site.config)
    assert not next_secret(site).exists()
    assert shape(site) == before
    assert not old & all_keys(site)
    run(site)
    assert verify_matches(site).wrong == 0


def test_a_renewal_beside_a_night_is_refused_and_leaves_nothing(ready, hospital):
    with day_ticket(ready), pytest.raises(NightRunning):
        rotate_secret(ready.config)
    assert not next_secret(ready).exists()
    assert run(open_site(ready.config)).state == "nothing_new"


def cut_off(site, monkeypatch, where):
    """Begin a renewal that dies at a step."""

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"flows.operator.rotate.{where}", die)
        with pytest.raises(Killed):
            rotate_secret(site.config)
    forget_opened()


STEPS = (
    "read_keys",
    "_renames",
    "_rename_files",
    "_rename_in_pages",
    "rekeying.rename",
    "rekeying.note_key_id",
    "take",
)


@pytest.mark.parametrize("where", STEPS)
def test_cut_off_at_any_step_it_can_be_undone(hospital, make_site, monkeypatch, where):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:8])
    run(site)
    before, secret = tables(site), secret_path(site).read_bytes()
    page = next((site.store / "reports").glob("*.html")).read_bytes()
    names = sorted(path.name for path in (site.store / "tensors").rglob("*"))
    cut_off(site, monkeypatch, where)
    assert next_secret(site).exists()
    undo_rotation(site.config)
    assert not next_secret(site).exists()
    site = open_site(site.config)
    assert (tables(site), secret_path(site).read_bytes()) == (before, secret)
    assert next((site.store / "reports").glob("*.html")).read_bytes() == page
    assert sorted(path.name for path in (site.store / "tensors").rglob("*") if path.is_file()) == [
        name for name in names if "." in name
    ]
    assert run(site).state == "nothing_new"


@pytest.mark.parametrize("where", [*STEPS, "os.replace"])
def test_cut_off_at_any_step_it_can_be_finished(hospital, make_site, monkeypatch, where):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:8])
    run(site)
    before, old = shape(site), all_keys(site)
    if where == "os.replace":
        cut_off_at_last_step(site, monkeypatch)
        with pytest.raises(WrongUsage, match="to finish"):
            undo_rotation(site.config)
    else:
        cut_off(site, monkeypatch, where)
    rotate_secret(site.config)
    site = open_site(site.config)
    assert not next_secret(site).exists()
    assert shape(site) == before
    assert not old & all_keys(site)
    assert verify_matches(site).wrong == 0


def cut_off_at_last_step(site, monkeypatch):
    real = os.replace

    def die(source, target):
        if target == secret_path(site):
            raise Killed
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("flows.operator.rotate.os.replace", die)
        with pytest.raises(Killed):
            rotate_secret(site.config)
    forget_opened()


def test_there_is_nothing_to_undo_where_nothing_was_begun(ready):
    with pytest.raises(WrongUsage, match="nothing to undo"):
        undo_rotation(ready.config)


def test_what_a_refused_renewal_of_a_former_version_left_can_be_undone(ready):
    _write_next(secret_path(ready), next_secret(ready))
    with pytest.raises(PreflightRefused, match="--undo"):
        run(ready)
    undo_rotation(ready.config)
    assert run(open_site(ready.config)).state == "nothing_new"
