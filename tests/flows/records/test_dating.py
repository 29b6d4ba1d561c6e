"""Which scan is the earlier one, through a whole night, when some of the dates are nonsense."""

from datetime import date, timedelta

import pytest
from nights import run
from sqlalchemy import select

from db.base import table_of
from db.tables import Match, Scan
from flows.records import dating


def two_studies(write_dicom, site, **wrong):
    """A CT of 2020 and one of 2023 of one patient; `wrong` is year_slice -> tags that are not right."""
    for year in ("2020", "2023"):
        for z in range(4):
            tags = {"ContentDate": f"{year}0305", "ContentTime": "081000", "ImagePositionPatient": [0, 0, 5.0 * z]}
            tags |= wrong.get(f"in_{year}", {}) | wrong.get(f"in_{year}_{z}", {})
            names = f"1.2.{year}"
            write_dicom(
                site.archive / f"{year}-{z}",
                patient="P1",
                study=names,
                series=f"{names}.1",
                instance=f"{names}.1.{z + 1}",
                date=f"{year}0305",
                time="081000",
                modality="CT",
                **tags,
            )


def dates(site):
    scan = table_of(Scan)
    with site.db.read() as connection:
        found = select(scan.c.acquired_local_date, scan.c.date_doubts).where(scan.c.state == "accepted")
        return sorted((str(day), doubts) for day, doubts in connection.execute(found))


def own_list(site):
    """The date of the later scan and of its earlier one, for each current own match that is ranked."""
    match, scan = table_of(Match), table_of(Scan)
    with site.db.read() as connection:
        day = dict(connection.execute(select(scan.c.key, scan.c.acquired_local_date)).tuples().all())
        current = select(match.c.scan, match.c.prior).where(match.c.lane == "own", match.c.left_night.is_(None))
        current = current.where(match.c.rank.is_not(None))
        return [(str(day[a]), str(day[b])) for a, b in connection.execute(current)]


@pytest.mark.parametrize(
    ("wrong", "doubt"),
    [
        ({"in_2020": {"AcquisitionDate": "", "ContentDate": "20260601"}}, "date-not-of-study"),
        ({"in_2023": {"AcquisitionDate": "19700101"}}, "date-before-modality"),
        ({"in_2023": {"AcquisitionDate": "19750101"}}, "date-not-of-study"),
        ({"in_2023_2": {"AcquisitionDate": "19990305"}}, "date-not-of-study"),
        ({"in_2023": {"StudyDate": "20000101"}}, "study-date-placeholder"),
        ({"in_2020": {"StudyDate": "21990305"}}, "date-in-future"),
    ],
)
def test_nonsense_in_one_date_never_turns_the_order_of_two_studies_round(write_dicom, make_site, wrong, doubt):
    site = make_site()
    two_studies(write_dicom, site, **wrong)
    run(site)
    assert own_list(site) == [("2023-03-05", "2020-03-05")]
    assert [(day, said) for day, said in dates(site) if said] == [
        ("2020-03-05" if "in_2020" in wrong else "2023-03-05", doubt)
    ]


def test_a_scan_dated_ahead_is_listed_once_its_day_has_come(write_dicom, make_site, monkeypatch):
    site = make_site()
    monkeypatch.setattr(dating, "today", lambda site, connection: date(2023, 2, 1))
    monkeypatch.setattr("flows.stages.ingest.scans.today", lambda site, connection: date(2023, 2, 1))
    two_studies(write_dicom, site)
    run(site)
    assert dates(site) == [("2020-03-05", ""), ("None", "date-in-future")] and own_list(site) == []
    for day, known in ((date(2023, 3, 3), False), (date(2023, 3, 4), True)):
        monkeypatch.setattr(dating, "today", lambda site, connection, day=day: day)
        monkeypatch.setattr("flows.stages.ingest.scans.today", lambda site, connection, day=day: day)
        run(site)
        assert own_list(site) == ([("2023-03-05", "2020-03-05")] if known else [])
    assert dates(site) == [("2020-03-05", ""), ("2023-03-05", "")]


def test_in_an_archive_of_shifted_dates_the_future_is_a_date(write_dicom, make_site):
    site = make_site(dates='"shifted_per_patient"')
    day = (date.today() + timedelta(days=36500)).strftime("%Y%m%d")
    write_dicom(site.archive / "a", patient="P1", study="1.2.3", series="1.2.3.1", instance="1.2.3.1.1", date=day)
    run(site)
    assert [said for _, said in dates(site)] == [""] and dates(site)[0][0] != "None"


def test_similar_says_what_speaks_against_a_date(write_dicom, make_site, call):
    site = make_site()
    two_studies(write_dicom, site, in_2020={"AcquisitionDate": "20100101", "AcquisitionTime": ""})
    run(site)
    with site.db.read() as connection:
        key = connection.scalar(select(table_of(Match).c.scan).where(table_of(Match).c.lane == "own"))
    code, out, _ = call("similar", key, "--config", site.config)
    assert code == 0 and "2020-03-05 (!)" in out and "date-not-of-study: A date of the scan lies apart" in out
