"""The hospital's corrections: merged patient ids, and merges taken back."""

import pytest
from nights import run, tables
from sqlalchemy import select

from db.base import table_of
from db.tables import Encoder, Match, Patient, Scan
from flows.operator.patients import correct
from flows.records.labels import read_labels
from flows.site.errors import WrongUsage
from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches

HEAD = "from_id,from_issuer,to_id,to_issuer\n"
OLD_TO_NEW = HEAD + "OLD,HOSPITAL,NEW,HOSPITAL\n"


@pytest.fixture
def site(make_site, write_dicom):
    """Two ids of one person with two and one X-rays, and somebody else."""
    site = make_site()
    for number, (patient, month) in enumerate((("OLD", 1), ("OLD", 2), ("NEW", 3), ("ELSE", 1)), 1):
        names = f"1.2.6.{number}"
        write_dicom(
            site.archive / f"f{number}", patient=patient, study=names, series=f"{names}.1", instance=f"{names}.1.1",
            date=f"2020{month:02d}01", time="101500", PatientName=f"Doe^{patient}",
        )  # fmt: skip
    run(site)
    return site


def csv(tmp_path, text):
    path = tmp_path / "ids.csv"
    path.write_text(text)
    return path


def n_own(site):
    match = table_of(Match)
    with site.db.read() as connection:
        return len(connection.execute(select(match).where(match.c.lane == "own", match.c.left_night.is_(None))).all())


def test_merged_ids_are_one_patient_from_the_next_night_on_and_unmerge_restores(site, tmp_path):
    before = tables(site)
    assert n_own(site) == 1
    report = correct(open_site(site.config), csv(tmp_path, OLD_TO_NEW), "merge")
    assert (report.merged, report.persons, report.refused) == (1, 1, [])
    run(site)
    assert n_own(site) == 3
    with site.db.read() as connection:
        assert len(set(connection.scalars(select(Scan.patient)))) == 2
    assert verify_matches(site).wrong == 0
    assert correct(open_site(site.config), csv(tmp_path, OLD_TO_NEW), "unmerge").unmerged == 1
    run(site)
    assert tables(site) == before


def test_a_site_that_knew_of_the_merge_from_the_first_night_ends_the_same(site, make_site, tmp_path):
    import shutil

    other = make_site("other")
    correct(open_site(other.config), csv(tmp_path, OLD_TO_NEW), "merge")
    shutil.copytree(site.archive, other.archive, dirs_exist_ok=True)
    run(other)
    correct(open_site(site.config), csv(tmp_path, OLD_TO_NEW), "merge")
    run(site)
    assert tables(site) == tables(other)


def test_lines_that_make_no_sense_are_refused_by_number(site, tmp_path):
    text = (
        HEAD + "OLD,HOSPITAL,NEW,HOSPITAL\nOLD,HOSPITAL,ELSE,HOSPITAL\nNEW,HOSPITAL,OLD,HOSPITAL\n,x,NEW,HOSPITAL\n"
        "ANON,,NEW,HOSPITAL\nA,,A,\nA,,B\n"
    )
    report = correct(open_site(site.config), csv(tmp_path, text), "merge")
    assert report.merged == 1
    assert [line.line for line in report.refused] == [3, 4, 5, 6, 7, 8]
    assert [
        line.line for line in correct(open_site(site.config), csv(tmp_path, HEAD + "A,,B,\n"), "unmerge").refused
    ] == [2]


def test_another_csv_is_refused_whole(site, tmp_path):
    with pytest.raises(WrongUsage, match="wanted from_id"):
        correct(open_site(site.config), csv(tmp_path, "a,b\n1,2\n"), "merge")


def test_the_merged_person_takes_the_split_of_the_target_and_encoders_of_the_other_side_are_named(site, tmp_path):
    patient, encoder = table_of(Patient), table_of(Encoder)
    new, old = (site.keys.patient(who, "HOSPITAL", "") for who in ("NEW", "OLD"))
    with site.db.write() as connection:
        connection.execute(patient.update().where(patient.c.key == new).values(split=0.9))
        connection.execute(patient.update().where(patient.c.key == old).values(split=0.1))
        connection.execute(encoder.update().where(encoder.c.cover == "2d").values(origin="trained", created_night=1))
    report = correct(open_site(site.config), csv(tmp_path, OLD_TO_NEW), "merge")
    assert (report.changed_split, len(report.encoders)) == (1, 1)
    run(site)
    with site.db.read() as connection:
        joined = select(Patient.split).join(Scan, Scan.patient == Patient.key).where(Scan.patient == new)
        assert list(connection.scalars(joined)) == [0.9] * 3


def test_labels_of_the_merged_id_count_for_the_person(site, tmp_path):
    from flows.records.labelled import read_examples

    labels = tmp_path / "labels.csv"
    labels.write_text("patient,finding,value\nOLD,nodule,present\n")
    assert read_labels(open_site(site.config), labels).imported == 1
    correct(open_site(site.config), csv(tmp_path, OLD_TO_NEW), "merge")
    run(site)
    with site.db.read() as connection:
        found = [example.present for example in read_examples(site, connection, "2d")]
    assert sorted(map(len, found)) == [0, 1, 1, 1]
    assert read_labels(open_site(site.config), labels).refused == []
