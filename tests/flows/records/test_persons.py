"""Promise 3 and 8 for people: placeholder, shared and conflicting ids; the hospital's merges."""

import pytest
from nights import run, tables
from pydicom.dataset import Dataset
from sqlalchemy import select

from db import persons
from db.base import table_of
from db.persons import PersonRow
from db.tables import File, IdentityFile, LaneOutcome, Match, Patient, Scan
from flows.operator.alike import merges_to_ask_for
from flows.operator.patients import conflicts
from flows.records.persons import conflict, is_placeholder, resolved
from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches
from scans.birth import known_age_years


def person(name="", birth_date="", sex=""):
    return PersonRow("key", "1", "A", name, birth_date, sex, "")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([person("Doe^Jane", "19700101")], ""),
        ([person("Doe^Jane", "19700101"), person("Smith^Jane", "19700101")], ""),
        ([person("DOE^JANE"), person("jane doe")], ""),
        ([person("Doe^Jane", "19700101"), person("Doe^Jane", "19700102")], "2 birth dates"),
        ([person("Doe^A", sex="M"), person("Doe^A", sex="F")], "male and female"),
        ([person("Doe^Jane"), person("Roe^Richard")], "names without a common word"),
        ([person("Doe^Jane", "19630101"), person("Doe^Jane", "19000101")], ""),
        ([person("Doe^Jane", "19630101"), person("Doe^Jane", "00010101"), person("Doe^Jane", "18991230")], ""),
        ([person("Doe^Jane", "19630101"), person("Doe^Jane", "11111111"), person("Doe^Jane", "99991231")], ""),
        ([person("Doe^Jane", "19630101"), person("Doe^Jane", "1963.01.01"), person("Doe^Jane", "19630230")], ""),
        ([person("Doe^Jane", "19630101"), person("Doe^Jane", "1963.01.02")], "2 birth dates"),
        ([person("Doe^Jane", "19000101"), person("Roe^Richard", "19000101")], "names without a common word"),
        ([person("Doe^Jane", "19700101"), person("", "")], ""),
        ([person("Müller^Änne"), person("MUELLER^AENNE"), person("Muller^Anne"), person("Mu\u0308ller")], ""),
        ([person("José"), person("JOSE"), person("Groß^A"), person("GROSS^B")], "names without a common word"),
        ([person("Doe^Jane", "19700101"), person("Roe^Richard", "19700101")], ""),
    ],
)
def test_people_under_one_id_are_one_unless_date_sex_or_name_forbids_it(rows, why):
    assert conflict(rows) == why


NOBODY = [
    "", "0", "0000", "000-00", " anon ", "Unknown", "no  id", "REMOVED", "[removed]", "XXXXXX", "xxx-xx", "ANONYMOUS",
    "Anonymous^", "999-99-9999", "1111", "N/A", "n.a.", "<none>", "De-Identified", "TEST", "test patient",
    "^^^HOSPITAL", "UNKNOWN^^^HOSPITAL", "ＮＯＮＥ", "QA", "Daily QA", "phantom", "?", "SITE WORD",
]  # fmt: skip
SOMEBODY = [
    "TEST1",
    "ANON-0017",
    "TRAUMA-3",
    "1112",
    "10000",
    "XY",
    "Removed7",
    "12345^^^HOSPITAL",
    "P0001",
    "NA7",
    "AAB",
    "007",
]


def test_placeholders_are_known_in_any_spelling_and_a_number_makes_an_id_of_them(make_site):
    site = make_site(placeholder_ids='["site-word"]')
    assert [some for some in NOBODY if not is_placeholder(site, some)] == []
    assert [some for some in SOMEBODY if is_placeholder(site, some)] == []


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
    assert verify_matches(site).wrong == 0
    (site.archive / "f3").unlink()
    run(site)
    run(calm)
    assert tables(site)["matches"] == tables(calm)["matches"]
    assert own_matches(site) == 1


def test_a_study_sent_again_with_another_birth_date_takes_no_own_lane_from_other_studies(make_site, write_dicom):
    first, other = make_site("first"), make_site("other")
    some = [(("P1", 1, 1), {}), (("P1", 2, 2), {}), (("P1", 3, 3), {}), (("P2", 5, 1), {})]
    for site, order in ((first, some), (other, some[::-1])):
        for visit, tags in order:
            deliver(write_dicom, site, visit, **tags)
    run(first)
    for site in (first, other):
        (site.archive / "f3").rename(site.archive / "f3-before")
        deliver(write_dicom, site, ("P1", 3, 3), PatientBirthDate="19991231")
        run(site)
        assert lanes(site) == ["no-prior", "no-prior", "ok"] and own_matches(site) == 1
        assert verify_matches(site).wrong == 0 and conflicts(open_site(site.config)) == []
    assert tables(first) == tables(other)
    (first.archive / "f3-before").unlink()  # the new date now stands on a study of its own
    run(first)
    assert lanes(first) == ["no-own-lane"] * 3 + ["no-prior"]
    assert [row.why for row in conflicts(open_site(first.config))] == ["2 birth dates"]


def test_a_study_whose_corrected_copy_says_so_is_used_with_the_new_birth_date(make_site, write_dicom):
    site = make_site()
    deliver(write_dicom, site, ("P1", 1, 1), ("P1", 2, 2))
    (site.archive / "f2").rename(site.archive / "f2-before")
    item = Dataset()
    item.AttributeModificationDateTime = "20210101120000"
    deliver(write_dicom, site, ("P1", 2, 2), PatientBirthDate="19710101", OriginalAttributesSequence=[item])
    run(site)
    assert lanes(site) == ["no-prior", "ok"]
    with site.db.read() as connection:
        rows = connection.execute(select(IdentityFile.path, File.code).join(File, File.key == IdentityFile.key))
        found = dict(rows.tuples().all())
    assert found == {"f1": "used", "f2": "used", "f2-before": "duplicate"}


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
    found = {row.id: (row.why, row.persons, row.files) for row in conflicts(open_site(site.config))}
    assert found == {"ANON": ("a placeholder", 1, 1), "P2": ("male and female", 2, 2)}
    assert not any(row.trusted or row.merge_into for row in conflicts(open_site(site.config)))


def test_ids_that_are_written_alike_stay_two_patients_and_are_listed_with_the_merge(make_site, write_dicom, tmp_path):
    from flows.operator.patients import correct

    first, other = make_site("first"), make_site("other")
    some = [("12345", 1, {"IssuerOfPatientID": ""}), ("12345", 2, {}), ("12345", 3, {}), ("abc1", 4, {}),
            ("ABC1", 5, {}), ("ABC1", 6, {}), ("12345^^^HOSPITAL", 7, {"IssuerOfPatientID": ""})]  # fmt: skip
    for site, order in ((first, some), (other, some[::-1])):
        for half in (order[:4], order[4:]):  # the issuer appears later, or first
            for patient, number, tags in half:
                deliver(write_dicom, site, (patient, number, number), PatientName="Doe^Jane", **tags)
            run(site)
    assert tables(first) == tables(other)
    assert n_patients(first) == 5
    found = {
        (row.id, row.issuer): row.merge_into and row.merge_into.to_json() for row in conflicts(open_site(first.config))
    }
    number = {"id": "12345", "issuer": "HOSPITAL"}
    assert found == {
        ("12345", ""): number, ("12345^^^HOSPITAL", ""): number,
        ("abc1", "HOSPITAL"): {"id": "ABC1", "issuer": "HOSPITAL"},
    }  # fmt: skip
    lines = [f"{who[0]},{who[1]},{to['id']},{to['issuer']}" for who, to in found.items()]
    (tmp_path / "ids.csv").write_text("\n".join(["from_id,from_issuer,to_id,to_issuer", *lines]))
    assert correct(open_site(first.config), tmp_path / "ids.csv", "merge").refused == []
    run(first)
    assert n_patients(first) == 2 and conflicts(open_site(first.config)) == []


def rows_of(*who):
    return {(patient_id, issuer): [person(name, birth)] for patient_id, issuer, name, birth in who}


@pytest.mark.parametrize(
    "people",
    [
        rows_of(("1", "A", "Doe", "19630101"), ("1", "B", "Doe", "19630101")),  # two hospitals count alike
        rows_of(("1", "", "Doe", "19630101"), ("1", "A", "Doe", ""), ("1", "B", "Doe", "")),  # whose is the first
        rows_of(("1", "", "Doe", "19630101"), ("1", "A", "Doe", "19640101")),  # other people
        rows_of(("1^^^A", "", "Doe", ""), ("1", "B", "Doe", "")),
        rows_of(("12", "A", "Doe", ""), ("120", "A", "Doe", "")),
    ],
)
def test_no_merge_is_asked_for_where_it_is_not_clear(people):
    assert merges_to_ask_for(people, dict.fromkeys(people, 1)) == {}


@pytest.mark.parametrize(
    ("one", "other"), [("007", "7"), ("7 ", "7"), ("A 7", "a7"), ("7^3^M11^A", "7"), ("7^^^A&1.2&ISO", "7")]
)
def test_a_merge_is_asked_for_into_the_id_with_more_files(one, other):
    people = rows_of((one, "A", "Doe", ""), (other, "A", "Doe", ""))
    files = dict(zip(people, (1, 2), strict=True))
    assert merges_to_ask_for(people, files) == {(one, "A"): (other, "A")}


@pytest.mark.parametrize(
    ("birth", "age", "years"),
    [("19000101", "", None), ("19000101", "123Y", None), ("19000101", "045Y", 45), ("19630101", "060Y", 60),
     ("19630301", "", 60.0), ("00010101", "999Y", None), ("1963.03.01", "", 60.0), ("18000101", "223Y", None)],
)  # fmt: skip
def test_no_age_is_made_of_a_birth_date_that_stands_for_an_unknown_one(birth, age, years):
    found = known_age_years(age, birth_date=birth, study_date="20230301")
    assert found == (None if years is None else pytest.approx(years, abs=0.01))
