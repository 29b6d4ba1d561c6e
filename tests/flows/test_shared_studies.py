"""Promises 3, 8 and 9 where two people stand under one study UID, as after an id was corrected in mid-study."""

import random
import shutil
from pathlib import Path

import pytest
from nights import Killed, killed_at_commit, run, tables
from sqlalchemy import func, select

from db import forgetting, identity
from db.base import table_of
from db.tables import File, IdentityFile, IdentityPatient, IdentityStudy, LaneOutcome, Match, Scan, Study
from flows.clinician.similar import similar_to
from flows.operator.forget import forget_patient, found_patient
from flows.operator.patients import correct
from flows.operator.rotate import rotate_secret
from flows.records.labels import read_labels
from flows.site.errors import NotFound
from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches

SHARED = "1.2.9.1"
TRAUMA, TRUE = "TRAUMA-1", "901"
WHO = (TRAUMA, TRUE)
MERGE = f"from_id,from_issuer,to_id,to_issuer\n{TRAUMA},HOSPITAL,{TRUE},HOSPITAL\n"


def put(write_dicom, site, patient, study, date="20200303", *, name="", series="1", **tags):
    """One X-ray of somebody in a study."""
    uid = f"{study}.{series}"
    return write_dicom(
        site.archive / f"{patient}{name}-{uid}", patient=patient, study=study, series=uid, instance=f"{uid}.1",
        date=date, time="101500", **tags,
    )  # fmt: skip


def deliver(write_dicom, site):
    """An earlier study of each of the two, their common one, and somebody else's; returns the files."""
    return [
        put(write_dicom, site, TRAUMA, "1.2.9.2", "20190101"), put(write_dicom, site, TRUE, "1.2.9.3", "20190202"),
        put(write_dicom, site, TRAUMA, SHARED, series="1"), put(write_dicom, site, TRUE, SHARED, series="2"),
        put(write_dicom, site, "Q1", "1.2.9.4", "20180101"),
    ]  # fmt: skip


@pytest.fixture
def shared(make_site, write_dicom, db_url):
    site = make_site(url=db_url)
    deliver(write_dicom, site)
    run(site)
    return site


def mains(site):
    """How many main scans each patient has, by patient."""
    with site.db.read() as connection:
        rows = select(Scan.patient, func.count()).where(Scan.is_main, Scan.state == "accepted").group_by(Scan.patient)
        return dict(connection.execute(rows).tuples().all())


def key_of(site, who):
    return site.keys.patient(who, "HOSPITAL", "")


def require_one_owner(site):
    """Core and identity name one person for each study, and no scan lies in another person's study."""
    with site.db.read() as connection:
        core = dict(connection.execute(select(Study.key, Study.patient)).tuples().all())
        named = dict(connection.execute(select(IdentityStudy.key, IdentityStudy.patient)).tuples().all())
        scans = connection.execute(select(Scan.study, Scan.patient)).tuples().all()
    assert core == named
    assert all(core[study] == patient for study, patient in scans)


def codes(site):
    """Code of every file, by the first word of its path; a forgotten one has none."""
    with site.db.read() as connection:
        rows = select(IdentityFile.path, File.code).join(File, File.key == IdentityFile.key)
        return sorted((path.split("-1.2")[0][:10] if code != "forgotten" else "", code)
                      for path, code in connection.execute(rows))  # fmt: skip


def test_each_person_of_a_shared_study_has_a_main_scan_and_own_priors_only(shared):
    assert mains(shared) == {key_of(shared, TRAUMA): 2, key_of(shared, TRUE): 2, key_of(shared, "Q1"): 1}
    require_one_owner(shared)
    later, prior, match = table_of(Scan).alias(), table_of(Scan).alias(), table_of(Match)
    pairs = select(later.c.patient, prior.c.patient.label("of")).select_from(match)
    pairs = pairs.join(later, later.c.key == match.c.scan).join(prior, prior.c.key == match.c.prior)
    with shared.db.read() as connection:
        own = connection.execute(pairs.where(match.c.lane == "own")).all()
    assert sorted(row.patient for row in own) == sorted(map(lambda who: key_of(shared, who), WHO))
    assert all(row.patient == row.of for row in own)
    answers = similar_to(open_site(shared.config), study=SHARED)
    assert len({answer.scan for answer in answers}) == 2
    assert verify_matches(shared).wrong == 0


@pytest.mark.parametrize("order", [(2, 0, 3, 1, 4), (3, 1, 2, 4, 0)])
def test_the_order_in_which_two_people_of_one_study_arrive_does_not_matter(make_site, write_dicom, order):
    whole, cut = make_site("whole"), make_site("cut")
    deliver(write_dicom, whole)
    run(whole)
    files = deliver(write_dicom, cut)
    for file in files:
        file.rename(cut.archive.parent / file.name)
    for some in (order[:2], order[2:4], order[4:]):
        for number in some:
            (cut.archive.parent / files[number].name).rename(files[number])
        run(cut)
    assert tables(cut) == tables(whole)
    require_one_owner(cut)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happened_to_a_shared_study_its_last_state_alone_decides(make_site, write_dicom, seed):
    site, calm, rng = make_site("site"), make_site("calm"), random.Random(seed)
    some = [(TRAUMA, "1"), (TRUE, "2"), ("", "3"), (TRUE, "4"), ("ANON", "5")]
    here: dict[str, Path] = {}
    for _ in range(4):
        for patient, series in rng.sample(some, 3):
            if series in here:
                here.pop(series).unlink()
            else:
                here[series] = put(write_dicom, site, patient, SHARED, series=series)
        run(site, "ingest")
    put(write_dicom, calm, "Q1", "1.2.9.4")
    put(write_dicom, site, "Q1", "1.2.9.4")
    for file in here.values():
        shutil.copy(file, calm.archive)
    run(site, "ingest")
    run(calm, "ingest")
    assert tables(site) == tables(calm) and len(tables(site)["scans"]) == len(here) + 1


def test_a_label_on_a_uid_that_people_share_is_refused_and_one_of_before_is_not_used(shared, tmp_path):
    (tmp_path / "labels.csv").write_text(f"study,finding,value\n{SHARED},nodule,present\n1.2.9.2,nodule,present\n")
    found = read_labels(open_site(shared.config), tmp_path / "labels.csv")
    assert found.imported == 1 and "share this study UID" in found.refused[0].why


def test_when_one_of_the_two_leaves_the_study_is_as_if_they_had_never_been_there(make_site, write_dicom):
    site, calm = make_site("site"), make_site("calm")
    for some in (site, calm):
        files = deliver(write_dicom, some)
        if some is calm:
            files[3].unlink()
        else:
            run(site)
            files[3].unlink()
        run(some)
    ours, theirs = tables(site), tables(calm)
    assert {n: ours[n] for n in ours if n != "lanes"} == {n: theirs[n] for n in theirs if n != "lanes"}
    plain = site.keys.key("study", SHARED)
    with site.db.read() as connection:
        study = connection.scalar(select(Scan.study).where(Scan.study == plain))
    assert study == plain and verify_matches(site).wrong == 0


def test_merged_ids_are_one_study_again_and_unmerged_ones_two(shared, tmp_path):
    before = tables(shared)
    (tmp_path / "ids.csv").write_text(MERGE)
    correct(open_site(shared.config), tmp_path / "ids.csv", "merge")
    run(shared)
    assert mains(shared) == {key_of(shared, TRUE): 3, key_of(shared, "Q1"): 1}
    require_one_owner(shared)
    assert len(similar_to(open_site(shared.config), study=SHARED)) == 1
    assert verify_matches(shared).wrong == 0
    assert found_patient(open_site(shared.config), TRAUMA, None) == key_of(shared, TRUE)
    correct(open_site(shared.config), tmp_path / "ids.csv", "unmerge")
    run(shared)
    assert tables(shared) == before
    require_one_owner(shared)


@pytest.mark.parametrize(("who", "other"), [WHO, WHO[::-1]])
def test_forgetting_one_of_the_two_touches_the_other_ones_files_in_nothing(shared, who, other):
    found = forget_patient(open_site(shared.config), found_patient(open_site(shared.config), who, None))
    assert found.scans == 2 and len(found.files_in_archive) == 2
    assert all(path.startswith(who) for path in found.files_in_archive)
    for file in shared.archive.iterdir():
        file.touch()  # every header is read again: the tombstones decide anew
    for _ in range(2):
        run(shared)
        left = [("", "forgotten"), ("", "forgotten"), (other, "used"), (other, "used"), ("Q1", "used")]
        assert codes(shared) == sorted(left)
    require_one_owner(shared)
    assert verify_matches(shared).wrong == 0


def test_withdrawn_scans_of_an_id_that_was_merged_go_with_the_person(make_site, write_dicom, tmp_path):
    site = make_site()
    files = deliver(write_dicom, site)
    run(site, "ingest")
    files[0].unlink()  # its scan is withdrawn under the former id, and no file will group it again
    run(site, "ingest")
    (tmp_path / "ids.csv").write_text(MERGE)
    correct(open_site(site.config), tmp_path / "ids.csv", "merge")
    run(site, "ingest")
    assert forget_patient(open_site(site.config), found_patient(open_site(site.config), TRAUMA, "HOSPITAL")).scans == 4
    with site.db.read() as connection:
        assert set(connection.scalars(select(Scan.patient))) == {key_of(site, "Q1")}
        assert set(connection.scalars(select(IdentityPatient.patient_id))) == {"Q1"}


def as_of_old(site):
    """Make the tables what earlier versions made of it: one study row, and it is one of the two people's."""
    plain = site.keys.key("study", SHARED)
    study, scan, file, named = (table_of(model) for model in (Study, Scan, IdentityFile, IdentityStudy))
    with site.db.write() as connection:
        parts = list(connection.scalars(select(named.c.key).where(named.c.study_uid == SHARED).order_by(named.c.key)))
        row = connection.execute(select(study).where(study.c.key == parts[0])).mappings().one()
        connection.execute(study.insert().values({**row, "key": plain}))
        connection.execute(scan.update().where(scan.c.study.in_(parts)).values(study=plain))
        connection.execute(study.delete().where(study.c.key.in_(parts)))
        row = connection.execute(select(named).where(named.c.key == parts[1])).mappings().one()
        connection.execute(named.delete().where(named.c.key.in_(parts)))
        connection.execute(named.insert().values({**row, "key": plain}))  # the other one's
        connection.execute(file.update().values(part=""))


@pytest.mark.parametrize("who", WHO)
def test_a_study_that_an_earlier_version_took_for_one_persons_can_be_forgotten_for_either(
    make_site, write_dicom, db_url, who
):
    shared = make_site(url=db_url)
    deliver(write_dicom, shared)
    run(shared, "ingest")
    as_of_old(shared)
    found = forget_patient(open_site(shared.config), found_patient(open_site(shared.config), who, None))
    assert len(found.files_in_archive) == 2 and all(path.startswith(who) for path in found.files_in_archive)
    run(shared, "ingest")
    assert [code for _, code in codes(shared)] == ["forgotten"] * 2 + ["used"] * 3
    require_one_owner(shared)


def test_a_forgetting_that_an_earlier_version_began_is_finished_and_spares_the_other_ones_files(make_site, write_dicom):
    site = make_site()
    deliver(write_dicom, site)
    run(site, "ingest")
    as_of_old(site)
    key = found_patient(open_site(site.config), TRAUMA, None)
    tombstones = site.keys.tombstones(TRAUMA, "HOSPITAL", "") + site.keys.tombstones("", "", SHARED)
    with site.db.write() as connection:
        forgetting.write_tombstones(connection, tombstones, patient=key)
    forget_patient(open_site(site.config), None)
    for file in site.archive.iterdir():
        file.touch()
    run(site, "ingest")
    assert [code for _, code in codes(site)] == ["forgotten"] * 2 + ["used"] * 3


def test_a_half_done_forgetting_is_finished_by_running_it_again_wherever_it_was_cut(
    make_site, write_dicom, db_url, monkeypatch
):
    site = make_site(url=db_url)
    deliver(write_dicom, site)
    run(site, "ingest")
    as_of_old(site)
    key, n_cut = found_patient(open_site(site.config), TRAUMA, None), 0
    for number in range(1, 12):
        for after in (False, True):
            with monkeypatch.context() as patch:
                try:
                    with killed_at_commit(site, number, patch, after=after):
                        forget_patient(open_site(site.config), key)
                        break
                except Killed:
                    n_cut += 1
            with monkeypatch.context() as patch:
                patch.setattr("flows.work.lease.is_dead", lambda owner: True)
                if number % 3 == 0:
                    forget_patient(open_site(site.config), None)
    assert n_cut > 6
    monkeypatch.setattr("flows.work.lease.is_dead", lambda owner: True)
    forget_patient(open_site(site.config), found_patient(open_site(site.config), TRAUMA, "HOSPITAL"))
    run(site, "ingest")
    assert [code for _, code in codes(site)] == ["forgotten"] * 2 + ["used"] * 3
    require_one_owner(site)
    with site.db.read() as connection:
        assert forgetting.pending_patients(connection) == []
        assert TRAUMA not in set(connection.scalars(select(IdentityPatient.patient_id)))


def test_the_same_person_without_an_id_in_one_file_keeps_a_study_apart_and_joins_nobody(make_site, write_dicom):
    site = make_site()
    put(write_dicom, site, TRUE, "1.2.9.3", "20190202")
    put(write_dicom, site, TRUE, SHARED, series="1")
    put(write_dicom, site, "", SHARED, series="2")
    run(site)
    assert sorted(mains(site).values()) == [1, 2]
    with site.db.read() as connection:
        lanes = list(connection.scalars(select(LaneOutcome.code).where(LaneOutcome.lane == "own")))
    assert sorted(lanes) == ["no-own-lane", "no-prior", "ok"]
    require_one_owner(site)


def test_a_report_or_screen_picture_of_another_id_leaves_the_study_and_its_labels_as_they_are(
    make_site, write_dicom, tmp_path
):
    site = make_site()
    put(write_dicom, site, TRUE, SHARED, series="1")
    for series, tags in (("0", {"IssuerOfPatientID": ""}), ("9", {"PatientID": ""})):  # before and behind, by UID
        put(
            write_dicom, site, TRUE, SHARED, series=series, name=series, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", **tags
        )
    run(site, "ingest")
    require_one_owner(site)
    with site.db.read() as connection:
        assert list(connection.execute(select(Study.key, Study.patient)).tuples()) == [
            (site.keys.key("study", SHARED), key_of(site, TRUE))
        ]
    (tmp_path / "labels.csv").write_text(f"study,finding,value\n{SHARED},nodule,present\n")
    assert read_labels(open_site(site.config), tmp_path / "labels.csv").refused == []
    found = forget_patient(open_site(site.config), key_of(site, TRUE))
    assert len(found.files_in_archive) == 2  # the one of the id without an issuer is another patient's


def test_people_under_untrusted_ids_in_one_study_do_not_stand_for_one_another(make_site, write_dicom):
    site = make_site()
    for number, birth in enumerate(("19500101", "19800101"), 1):  # one placeholder, two people, one study
        put(write_dicom, site, "ANON", SHARED, series=str(number), name=birth, PatientBirthDate=birth)
    for number in (3, 4):  # a placeholder and no id: the study is one person's, as far as anybody knows
        put(write_dicom, site, ("UNKNOWN", "")[number - 3], "1.2.9.5", series=str(number), PatientName="Doe^Jane")
    run(site, "ingest")
    assert sorted(mains(site).values()) == [1, 1, 1]
    require_one_owner(site)
    found = [row.key for row in _named(site, "ANON")]
    assert len(found) == 2
    forget_patient(open_site(site.config), found[0])
    for file in site.archive.iterdir():
        file.touch()
    run(site, "ingest")
    assert sorted(code for _, code in codes(site))[:1] == ["forgotten"]
    assert [code for _, code in codes(site)].count("forgotten") == 1


def _named(site, patient_id):
    with site.db.read() as connection:
        return forgetting.patients_named(connection, patient_id, None)


def test_two_people_under_one_id_in_one_series_are_mixed_patients(make_site, write_dicom):
    site = make_site()
    for z in range(6):
        write_dicom(
            site.archive / str(z), patient="P1", study=SHARED, series=f"{SHARED}.1", instance=f"{SHARED}.1.{z}",
            date="20200101", modality="CT", ImagePositionPatient=[0, 0, 5.0 * z],
            PatientBirthDate="19500101" if z < 3 else "19800101",
        )  # fmt: skip
    run(site, "ingest")
    assert [code for _, code in codes(site)] == ["mixed-patients"] * 6


def test_a_new_secret_keeps_the_parts_of_a_shared_study_apart(shared):
    before = sorted(mains(shared).values())
    n_matches = len(tables(shared)["matches"])
    with shared.db.read() as connection:
        old = {
            key for model in (Study, IdentityStudy, IdentityPatient) for key in connection.scalars(select(model.key))
        }
    rotate_secret(shared.config)
    site = open_site(shared.config)
    require_one_owner(site)
    for _ in range(2):
        with site.db.read() as connection:
            now = {
                key
                for model in (Study, IdentityStudy, IdentityPatient)
                for key in connection.scalars(select(model.key))
            }
        assert not old & now and sorted(mains(site).values()) == before
        run(site)
    require_one_owner(site)
    assert len(tables(site)["matches"]) == n_matches
    assert verify_matches(site).wrong == 0


def test_somebody_whose_files_a_night_read_but_did_not_group_is_forgotten_wholly(
    make_site, write_dicom, db_url, monkeypatch
):
    site = make_site(url=db_url)
    deliver(write_dicom, site)
    with monkeypatch.context() as patch:
        patch.setattr("flows.stages.ingest.headers.finish_persons", lambda *_: (_ for _ in ()).throw(Killed))
        patch.setattr("flows.work.lease.this_owner", lambda: "test:dead:shared:0")
        with killed_at_commit(site, 99, patch, after=False), pytest.raises(Killed):
            run(site, "ingest")
    monkeypatch.setattr("flows.work.lease.is_dead", lambda owner: True)
    with pytest.raises(NotFound):
        found_patient(open_site(site.config), "NOBODY", None)
    found = forget_patient(open_site(site.config), found_patient(open_site(site.config), TRAUMA, "HOSPITAL"))
    assert len(found.files_in_archive) == 2
    with site.db.read() as connection:
        assert TRAUMA not in repr(connection.execute(select(IdentityFile)).all())
    run(site, "ingest")
    assert [code for _, code in codes(site)] == ["forgotten"] * 2 + ["used"] * 3
    require_one_owner(site)


def test_somebody_whose_files_nobody_has_read_yet_is_asked_for_again_later(make_site, write_dicom, monkeypatch):
    site = make_site()
    deliver(write_dicom, site)
    with monkeypatch.context() as patch:
        patch.setattr("flows.stages.ingest.headers.read_headers", lambda *_: (_ for _ in ()).throw(Killed))
        with killed_at_commit(site, 99, patch, after=False), pytest.raises(Killed):
            run(site, "ingest")
    with site.db.read() as connection:
        assert identity.n_files_in(connection, ("listed",)) == 5
    with pytest.raises(NotFound, match="5 files are not read yet, ask again after the next night"):
        found_patient(open_site(site.config), TRAUMA, None)
