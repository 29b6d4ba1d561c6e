"""Promise 9: whoever is forgotten is nowhere any more, and does not come back."""

import json
import multiprocessing
import os
import signal

import pytest
from nights import Killed, killed_at_commit, run, tables
from sqlalchemy import event, select

from db import forgetting
from db.base import Base, table_of
from db.errors import NightRunning
from db.tables import Encoder, File, IdentityFile, Night
from flows.operator.forget import forget_patient, found_patient
from flows.operator.new_site import backup_database, restore_database
from flows.operator.patients import correct
from flows.site.errors import NotFound, PreflightRefused, WrongUsage
from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches
from flows.work.lease import night_ticket
from scans.outcome import outcome

WHO = "FORGETME-7"
WORDS = (WHO, "Vergissmein", "19330517", "1.2.777", "ACC-777")


def deliver(write_dicom, archive, *, with_them=True):
    """Three people with two X-rays each; one of them is to be forgotten."""
    for person in ("Q1", "Q2", "Q3", *([WHO] if with_them else [])):
        for visit in (1, 2):
            names = f"1.2.{777 if person == WHO else person[1]}.{visit}"
            tags = {"PatientName": "Vergissmein^Nicht", "PatientBirthDate": "19330517",
                    "AccessionNumber": f"ACC-777{visit}"} if person == WHO else {}  # fmt: skip
            write_dicom(
                archive / person / f"{visit}.dcm", patient=person, study=names, series=f"{names}.1",
                instance=f"{names}.1.1", date=f"2020{visit:02d}{10 + len(person)}", time="101500", **tags,
            )  # fmt: skip


def everything(site, *, tombstones=True):
    """Every byte that the site keeps: files of the store, names of files, and rows of the database."""
    parts = []
    if site.db.is_sqlite:
        site.db.close()
    for path in site.store.rglob("*"):
        parts.append(str(path.relative_to(site.store)).encode())
        if path.is_file():
            parts.append(path.read_bytes())
    with site.db.read() as connection:
        for table in Base.metadata.sorted_tables:
            parts += [repr(tuple(row)).encode() for row in connection.execute(select(table))]
    return b"\n".join(parts)


def left(site, words):
    content = everything(site)
    return [word for word in words if word.encode() in content]


def keys_of(site):
    """What stands for the person in core tables and file names."""
    key = found_patient(open_site(site.config), WHO, "HOSPITAL")
    with site.db.read() as connection:
        return key, [key, *forgetting.scans_of(connection, key)]


def forgotten(site):
    forget_patient(open_site(site.config), found_patient(open_site(site.config), WHO, None))


@pytest.fixture
def ready(make_site, write_dicom, db_url):
    site = make_site(url=db_url)
    deliver(write_dicom, site.archive)
    run(site)
    return site


def test_nothing_that_the_site_keeps_shows_the_person_any_more_nor_after_the_next_nights(ready, make_site, write_dicom):
    key, keys = keys_of(ready)
    short = [word[:10] for word in keys]
    assert set(left(ready, [*WORDS, *keys, *short])) >= {*WORDS, *keys, *short}
    found = forget_patient(open_site(ready.config), key)
    assert (found.patients, found.scans, len(found.files_in_archive)) == (1, 2, 2)
    assert left(ready, [*WORDS, *keys, *short]) == []
    for _ in range(2):
        run(ready)
        assert left(ready, [*WORDS, *keys, *short]) == []
    calm = make_site("calm")
    deliver(write_dicom, calm.archive, with_them=False)
    run(calm)
    ours, theirs = tables(ready), tables(calm)
    assert {name: ours[name] for name in ours if name != "files"} == {n: theirs[n] for n in theirs if n != "files"}
    assert verify_matches(ready).wrong == 0


def test_the_files_of_a_forgotten_person_are_counted_and_not_taken_in_again_under_any_name(ready, write_dicom):
    forgotten(ready)
    summary = run(ready)
    assert (summary.state, summary.files["seen"], summary.files["skipped"]) == ("nothing_new", 8, 2)
    (ready.archive / WHO / "1.dcm").rename(ready.archive / "moved.dcm")
    write_dicom(ready.archive / "late", patient=WHO, study="1.2.778", series="1.2.778.1", instance="1.2.778.1.1",
                date="20210101")  # fmt: skip
    summary = run(ready)
    assert sum(summary.files[name] for name in ("used", "skipped", "quarantined", "waiting", "gone")) == 9 + 1
    with ready.db.read() as connection:
        codes = sorted(connection.scalars(select(File.code)))
        assert codes == ["forgotten"] * 3 + ["gone"] + ["used"] * 6
        assert not any(WHO in path for path in connection.scalars(select(IdentityFile.path)))
    assert outcome("forgotten").state == "skipped"


def test_another_patient_id_does_not_bring_a_forgotten_study_back(ready, write_dicom):
    forgotten(ready)
    write_dicom(ready.archive / "renamed", patient="NEWID", study="1.2.777.1", series="1.2.777.1.9",
                instance="1.2.777.1.9.1", date="20200101")  # fmt: skip
    assert run(ready).files["skipped"] == 3


def stopping(site, number, after):
    """Kill this process at its commit of this number while it forgets."""
    seen = 0

    def die(*_):
        nonlocal seen
        seen += 1
        if seen == number + after:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(site.db.engine, "commit", die)


def doomed(config, number, after):
    site = open_site(config)
    stopping(site, number, after)
    forgotten(site)


@pytest.mark.parametrize("number", [6, 7, 8, 9])
def test_killed_anywhere_a_night_is_refused_until_the_forgetting_is_finished(make_site, write_dicom, number):
    site = make_site()
    deliver(write_dicom, site.archive)
    run(site)
    _, keys = keys_of(site)
    child = multiprocessing.get_context("spawn").Process(target=doomed, args=(str(site.config), number, False))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with site.db.read() as connection:
        is_begun = bool(forgetting.pending_patients(connection))
    if is_begun:
        with pytest.raises(PreflightRefused, match="scantwin forget"):
            run(site)
    forget_patient(open_site(site.config), found_patient(open_site(site.config), WHO, None) if not is_begun else None)
    assert left(site, [*WORDS, *keys]) == []
    run(site)
    assert verify_matches(site).wrong == 0


def test_killed_between_two_files_of_the_store_it_is_finished_later(make_site, write_dicom, monkeypatch):
    site = make_site()
    deliver(write_dicom, site.archive)
    run(site)
    _, keys = keys_of(site)
    with monkeypatch.context() as patch:
        patch.setattr("flows.operator.forget._remove_pages", lambda *_: (_ for _ in ()).throw(Killed))
        with killed_at_commit(site, 99, patch, after=False), pytest.raises(Killed):
            forgotten(site)
        forget_patient_later(site, patch)
    assert left(site, [*WORDS, *keys]) == []


def forget_patient_later(site, patch):
    patch.undo()
    patch.setattr("flows.work.lease.is_dead", lambda owner: True)
    forget_patient(open_site(site.config), None)


def test_encoders_that_learned_from_the_person_are_marked_and_backups_are_listed(ready, tmp_path):
    with ready.db.write() as connection:
        encoder = table_of(Encoder)
        connection.execute(encoder.update().where(encoder.c.cover == "2d").values(origin="trained", created_night=1))
    if ready.db.is_sqlite:
        backup_database(ready.config, tmp_path / "copy")
    found = forget_patient(open_site(ready.config), found_patient(open_site(ready.config), WHO, None))
    assert len(found.encoders) == 1
    assert found.backups == ([str(tmp_path / "copy")] if ready.db.is_sqlite else [])
    with ready.db.read() as connection:
        assert sorted(connection.scalars(select(Encoder.forgotten_patients))) == [0, 1]


def test_a_restored_backup_does_not_bring_the_person_back(make_site, write_dicom, tmp_path):
    site = make_site()
    deliver(write_dicom, site.archive)
    run(site)
    _, keys = keys_of(site)
    backup_database(site.config, tmp_path / "copy")
    forgotten(site)
    site.db.close()
    restore_database(site.config, tmp_path / "copy")
    for path in site.store.glob("*.before-restore-*"):
        path.unlink()
    assert left(site, [*WORDS, *keys]) == []
    assert run(site).files["skipped"] == 2


def test_forgetting_waits_for_no_night_and_begins_none(ready):
    with night_ticket(ready, version="0") as ticket, pytest.raises(NightRunning):
        forgotten(ready)
    assert ticket.night == 2
    with ready.db.read() as connection:
        assert len(list(connection.scalars(select(Night.id)))) == 2


def test_who_is_unknown_is_said_so_and_who_is_forgotten_already_is_fine(ready):
    with pytest.raises(NotFound):
        found_patient(open_site(ready.config), "NOBODY", None)
    with pytest.raises(NotFound):
        found_patient(open_site(ready.config), WHO, "ANOTHER")
    key = found_patient(open_site(ready.config), WHO, "HOSPITAL")
    assert found_patient(open_site(ready.config), key, None) == key
    forget_patient(open_site(ready.config), key)
    assert found_patient(open_site(ready.config), WHO, "HOSPITAL") is None
    assert json.dumps(forget_patient(open_site(ready.config), None).to_json())


def test_an_id_that_several_people_share_is_forgotten_by_key_alone(make_site, write_dicom):
    site = make_site()
    for number in (1, 2):
        names = f"1.2.5.{number}"
        write_dicom(site.archive / names, patient="SHARED", study=names, series=f"{names}.1", instance=f"{names}.1.1",
                    date="20200101", PatientBirthDate=f"1970010{number}")  # fmt: skip
    run(site)
    with pytest.raises(WrongUsage, match="by key") as told:
        found_patient(open_site(site.config), "SHARED", None)
    first = str(told.value).split(": ")[1].split(", ")[0]
    forget_patient(open_site(site.config), first)
    assert run(site).files["skipped"] == 1
    with site.db.read() as connection:
        assert sorted(connection.scalars(select(File.code))) == ["forgotten", "used"]


def test_forgetting_a_merged_person_clears_both_ids(make_site, write_dicom, tmp_path):
    site = make_site()
    deliver(write_dicom, site.archive)
    run(site)
    former, keys = keys_of(site)
    (tmp_path / "ids.csv").write_text(f"from_id,from_issuer,to_id,to_issuer\n{WHO},HOSPITAL,Q3,HOSPITAL\n")
    assert correct(open_site(site.config), tmp_path / "ids.csv", "merge").refused == []
    run(site)
    found = forget_patient(open_site(site.config), found_patient(open_site(site.config), WHO, "HOSPITAL"))
    assert found.scans == 4
    assert left(site, [*WORDS, *keys, former, "Test^Q3"]) == []
    assert run(site).files["skipped"] == 4
