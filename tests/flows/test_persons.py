"""Promise 3 and 8 for people: placeholder, shared and conflicting ids; the hospital's merges."""

import pytest
from nights import run, tables
from sqlalchemy import select

from db import persons
from db.base import table_of
from db.tables import LaneOutcome, Match, Patient, Scan
from flows.patients import conflicts
from flows.persons import conflict, is_placeholder, resolved
from flows.verify import verify_matches


def person(name="", birth_date="", sex=""):
    return {"name": name, "birth_date": birth_date, "sex": sex}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([person("Doe^Jane", "19700101")], ""),
        ([person("Doe^Jane", "19700101"), person("Smith^Jane", "19700101")], ""),
        ([person("DOE^JANE"), person("jane doe")], ""),
        ([person("Doe^Jane", "19700101"), person("Doe^Jane", "19700102")], "2 birth dates"),
        ([person("Doe^A", sex="M"), person("Doe^A", sex="F")], "male and female"),
        ([person("Doe^Jane"), person("Roe^Richard")], "names without a common word"),
        ([person("Doe^Jane", "19700101"), person("", "")], ""),
        ([person("Doe^Jane", "19700101"), person("Roe^Richard", "19700101")], ""),
    ],
)
def test_people_under_one_id_are_one_unless_date_sex_or_name_forbids_it(rows, why):
    assert conflict(rows) == why


@pytest.mark.parametrize("patient_id", ["", "0", "000-00", " anon ", "Unknown", "no  id"])
def test_placeholders_are_known_in_any_spelling(make_site, patient_id):
    assert is_placeholder(make_site(), patient_id)
    assert not is_placeholder(make_site("other"), "TEST1")


def test_merges_are_followed_and_a_circle_ends():
    assert resolved(("a", ""), {("a", ""): ("b", ""), ("b", ""): ("c", "")}) == ("c", "")
    assert resolved(("a", ""), {("a", ""): ("b", ""), ("b", ""): ("a", "")}) == ("b", "")


def deliver(write_dicom, site, *visits, **tags):
    """One X-ray a visit: (patient, study number, month), and tags of the person."""
    for patient, number, month in visits:
        names = f"1.2.7.{number}"
        write_dicom(
            site.archive / f"f{number}", patient=patient, study=names, series=f"{names}.1", instance=f"{names}.1.1",
            date=f"2020{month:02d}01", time="101500", **tags,
        )  # fmt: skip


def lanes(site, lane="own"):
    """Scan -> code of its lane."""
    rows = select(LaneOutcome.scan, LaneOutcome.code).where(LaneOutcome.lane == lane)
    with site.db.read() as connection:
        return sorted(row.code for row in connection.execute(rows))


def own_matches(site):
    match = table_of(Match)
    with site.db.read() as connection:
        return len(connection.execute(select(match).where(match.c.lane == "own", match.c.left_night.is_(None))).all())


def n_patients(site):
    with site.db.read() as connection:
        return len(set(connection.scalars(select(Scan.patient).where(Scan.state != "withdrawn"))))


def test_a_placeholder_id_gets_no_own_lane_and_each_study_is_a_patient_of_its_own(make_site, write_dicom):
    site = make_site(placeholder_ids='["ANON"]')
    deliver(write_dicom, site, ("anon", 1, 1), ("ANON", 2, 2), ("P1", 3, 1), ("P1", 4, 2))
    run(site)
    assert lanes(site) == ["no-own-lane", "no-own-lane", "no-prior", "ok"]
    assert n_patients(site) == 3
    assert own_matches(site) == 1


def test_a_second_person_under_one_id_takes_the_own_lanes_away_and_leaving_gives_them_back(make_site, write_dicom):
    site, calm = make_site(), make_site("calm")
    for some in (site, calm):
        deliver(write_dicom, some, ("P1", 1, 1), ("P1", 2, 2), ("P2", 5, 1))
    run(site)
    assert own_matches(site) == 1
    deliver(write_dicom, site, ("P1", 3, 3), PatientBirthDate="19991231")
    run(site)
    assert lanes(site) == ["no-own-lane"] * 3 + ["no-prior"]
    assert own_matches(site) == 0
    assert n_patients(site) == 4
    assert verify_matches(site)["wrong"] == 0
    (site.archive / "f3").unlink()
    run(site)
    run(calm)
    assert tables(site)["matches"] == tables(calm)["matches"]
    assert own_matches(site) == 1


def test_the_order_in_which_conflicting_people_arrive_does_not_matter(make_site, write_dicom):
    first, other = make_site("first"), make_site("other")
    deliver(write_dicom, first, ("P1", 1, 1), ("P1", 2, 2), ("P2", 4, 1))
    deliver(write_dicom, other, ("P1", 3, 3), PatientBirthDate="19991231")
    run(first), run(other)
    deliver(write_dicom, first, ("P1", 3, 3), PatientBirthDate="19991231")
    deliver(write_dicom, other, ("P1", 1, 1), ("P1", 2, 2), ("P2", 4, 1))
    run(first), run(other)
    assert tables(first) == tables(other)


def test_an_own_lane_flag_is_written_with_the_patient(make_site, write_dicom):
    site = make_site()
    deliver(write_dicom, site, ("0", 1, 1), ("P1", 2, 2))
    run(site)
    with site.db.read() as connection:
        assert sorted(connection.scalars(select(Patient.own_lane))) == [False, True]
        assert persons.merges(connection) == {}


def test_ids_that_are_not_trusted_are_listed_with_the_reason(make_site, write_dicom):
    site = make_site(placeholder_ids='["ANON"]')
    deliver(write_dicom, site, ("ANON", 1, 1), ("P1", 2, 1), ("P1", 3, 2), ("P2", 4, 2), PatientSex="F")
    deliver(write_dicom, site, ("P2", 5, 3), PatientSex="M")
    run(site)
    found = {row["id"]: (row["why"], row["persons"], row["files"]) for row in conflicts(site.config)}
    assert found == {"ANON": ("a placeholder", 1, 1), "P2": ("male and female", 2, 2)}
