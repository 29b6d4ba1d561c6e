from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.acquired import acquired, age_years
from scans.header import Header

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
Maker = Callable[..., Header]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"acquisition_datetime": "20240101100000.5"}, utc(2024, 1, 1, 9)),
        ({"acquisition_date": "20240102", "acquisition_time": "100000"}, utc(2024, 1, 2, 9)),
        ({"content_date": "20240103", "content_time": "10:00:00"}, utc(2024, 1, 3, 9)),
        ({"series_date": "20240104"}, utc(2024, 1, 3, 23)),
        ({"study_date": "2024.01.05"}, utc(2024, 1, 4, 23)),
    ],
)
def test_each_source_of_the_date_is_used(make_header: Maker, fields: dict[str, str], start: datetime) -> None:
    assert acquired([make_header(**({"study_date": ""} | fields))], BERLIN).from_utc == start


def test_the_sources_are_asked_in_the_written_order(make_header: Maker) -> None:
    days = {
        "acquisition_datetime": "20240101", "acquisition_date": "20240102", "content_date": "20240103",
        "series_date": "20240104", "study_date": "20240105",
    }  # fmt: skip
    found = []
    for name in days:
        found.append(acquired([make_header(**days)], BERLIN).local_date)
        days = days | {name: ""}
    assert found == [date(2024, 1, day) for day in (1, 2, 3, 4, 5)]


def test_a_date_without_time_is_a_whole_local_day(make_header: Maker) -> None:
    found = acquired([make_header(study_date="20240331")], BERLIN)  # the clock is set forward: 23 hours
    assert (found.from_utc, found.until_utc) == (utc(2024, 3, 30, 23), utc(2024, 3, 31, 22))
    assert (found.precision, found.local_date) == ("day", date(2024, 3, 31))


@pytest.mark.parametrize(("time", "width"), [("10", 3600), ("1015", 60), ("101530", 1), ("101530.25", 1)])
def test_the_interval_is_as_wide_as_the_time_is_exact(make_header: Maker, time: str, width: int) -> None:
    found = acquired([make_header(acquisition_date="20240101", acquisition_time=time)], BERLIN)
    assert found.from_utc is not None and found.until_utc is not None
    assert found.until_utc - found.from_utc == timedelta(seconds=width)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("000000", 0), ("235959", 86399), ("235960", 86399), ("101560", 36959), ("23", 82800), ("0059", 3540),
     (" 101530 ", 36930), ("10:15:30", 36930)],
)  # fmt: skip
def test_a_time_of_day_is_read_to_its_second(make_header: Maker, time: str, seconds: int) -> None:
    found = acquired([make_header(acquisition_date="20240102", acquisition_time=time)], UTC)
    assert (found.from_utc, found.precision) == (utc(2024, 1, 2) + timedelta(seconds=seconds), "second")


@pytest.mark.parametrize("time", ["240000", "106000", "101561", "1", "101", "noon", "10-15-30"])
def test_a_time_that_is_none_leaves_the_whole_day(make_header: Maker, time: str) -> None:
    found = acquired([make_header(acquisition_date="20240102", acquisition_time=time)], UTC)
    assert (found.from_utc, found.until_utc, found.precision) == (utc(2024, 1, 2), utc(2024, 1, 3), "day")


@pytest.mark.parametrize("hours", [(10, 10), (9, 10)])
def test_of_two_intervals_that_begin_together_the_narrower_counts(make_header: Maker, hours: tuple[int, int]) -> None:
    times = (f"{hours[0]:02d}0000", f"{hours[1]:02d}")
    headers = [make_header(acquisition_date="20240102", acquisition_time=time) for time in times]
    for some in (headers, headers[::-1]):
        found = acquired(some, UTC)
        assert (found.from_utc, found.until_utc) == (utc(2024, 1, 2, hours[0]), utc(2024, 1, 2, hours[0], 0, 1))


@pytest.mark.parametrize(
    ("offset", "start"),
    [
        ("+0530", utc(2024, 1, 2, 4, 30)), ("-0930", utc(2024, 1, 2, 19, 30)), ("+1400", utc(2024, 1, 1, 20)),
        ("+0059", utc(2024, 1, 2, 9, 1)), (" +0100 ", utc(2024, 1, 2, 9)),
        ("+1500", utc(2024, 1, 2, 9)), ("+0360", utc(2024, 1, 2, 9)), ("0530", utc(2024, 1, 2, 9)),
    ],
)  # fmt: skip
def test_an_offset_that_no_place_has_is_none_and_the_site_s_zone_counts(
    make_header: Maker, offset: str, start: datetime
) -> None:
    header = make_header(acquisition_date="20240102", acquisition_time="100000", timezone_offset=offset)
    assert acquired([header], BERLIN).from_utc == start
    if offset == offset.strip() and len(offset) == 5:
        header = make_header(acquisition_datetime=f"20240102100000{offset}")
        assert acquired([header], BERLIN).from_utc == start


def test_a_stamp_that_ends_after_its_day_is_a_day(make_header: Maker) -> None:
    found = acquired([make_header(acquisition_datetime="20240102")], UTC)
    assert (found.from_utc, found.until_utc, found.precision) == (utc(2024, 1, 2), utc(2024, 1, 3), "day")


@pytest.mark.parametrize("text", ["20240102", " 20240102 ", "2024.01.02", "2024-01-02", "2024:01:02"])
def test_a_date_is_read_in_its_old_forms_too(make_header: Maker, text: str) -> None:
    assert acquired([make_header(study_date=text)], UTC).local_date == date(2024, 1, 2)


def test_an_hour_that_comes_twice_is_one_wide_interval(make_header: Maker) -> None:
    found = acquired([make_header(acquisition_date="20241027", acquisition_time="023000")], BERLIN)
    assert (found.from_utc, found.until_utc) == (utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 30, 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"acquisition_datetime": "20240101100000+0900", "timezone_offset": "-0500"},
        {"acquisition_date": "20240101", "acquisition_time": "100000", "timezone_offset": "+0900"},
    ],
)
def test_an_offset_in_the_file_goes_before_the_site_s_zone(make_header: Maker, fields: dict[str, str]) -> None:
    assert acquired([make_header(**fields)], BERLIN).from_utc == utc(2024, 1, 1, 1)


def test_the_earliest_instance_counts_whatever_the_order(make_header: Maker) -> None:
    headers = [make_header(acquisition_date="20240102", acquisition_time=f"{hour:02d}0000") for hour in (12, 9, 11)]
    assert acquired(headers, BERLIN) == acquired(headers[::-1], BERLIN)
    assert acquired(headers, BERLIN).from_utc == utc(2024, 1, 2, 8)


def test_an_instance_with_a_time_says_more_than_one_with_a_day(make_header: Maker) -> None:
    headers = [make_header(study_date="20240102"), make_header(acquisition_datetime="20240102100000")]
    assert acquired(headers, BERLIN).precision == "second"


@pytest.mark.parametrize("text", ["", "00000000", "20240230", "99991231", "18000101", "yesterday", "2024"])
def test_a_date_that_is_none_is_unknown(make_header: Maker, text: str) -> None:
    found = acquired([make_header(study_date=text)], TOKYO)
    assert (found.precision, found.from_utc, found.until_utc) == ("unknown", None, None)


def test_moments_are_told_in_utc(make_header: Maker) -> None:
    found = acquired([make_header(acquisition_datetime="20240101100000")], BERLIN)
    assert found.from_utc is not None and found.until_utc is not None
    assert found.from_utc.tzinfo is found.until_utc.tzinfo is UTC


def test_no_instance_is_unknown() -> None:
    assert acquired([], BERLIN).precision == "unknown"


@given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=8))
def test_no_text_crashes(make_header: Maker, stamp: str, time: str, offset: str) -> None:
    header = make_header(acquisition_datetime=stamp, content_time=time, timezone_offset=offset)
    found = acquired([header], BERLIN)
    if found.from_utc is not None and found.until_utc is not None:
        assert found.from_utc < found.until_utc


@given(st.dates(date(1890, 1, 1), date(2200, 12, 31)), st.times())
def test_a_well_formed_stamp_is_read_back(make_header: Maker, day: date, time: object) -> None:
    header = make_header(acquisition_date=f"{day:%Y%m%d}", acquisition_time=f"{time:%H%M%S}")
    found = acquired([header], UTC)
    assert found.from_utc is not None
    assert (f"{found.from_utc:%Y%m%d%H%M%S}", found.local_date) == (f"{day:%Y%m%d}{time:%H%M%S}", day)


@pytest.mark.parametrize(("age", "years"), [("042Y", 42.0), ("006M", 0.5), ("052W", 1.0), ("073D", 0.2), ("000Y", 0.0)])
def test_the_age_is_read_in_its_unit(age: str, years: float) -> None:
    assert age_years(age, birth_date="", study_date="") == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize(
    ("age", "years"), [("100D", 0.27), ("005W", 0.1), ("011M", 0.92), ("7Y", 7.0), (" 042y ", 42.0), ("999Y", 999.0)]
)
def test_an_age_has_two_decimals(age: str, years: float) -> None:
    assert age_years(age, birth_date="", study_date="") == years


@pytest.mark.parametrize(
    ("birth", "study", "years"),
    [("19600101", "20240615", 64.46), ("20240102", "20240102", 0.0), ("19600101", "", None)],
)
def test_the_time_from_birth_to_study_is_counted_in_days(birth: str, study: str, years: float | None) -> None:
    assert age_years("", birth_date=birth, study_date=study) == years


def test_the_age_that_the_scanner_wrote_goes_before_the_birth_date() -> None:
    assert age_years("030Y", birth_date="19600101", study_date="20240615") == 30.0


def test_without_an_age_birth_and_study_tell_it() -> None:
    assert age_years("42", birth_date="19600229", study_date="20240229") == pytest.approx(64.0, abs=0.01)


@pytest.mark.parametrize(("birth", "study"), [("", "20240101"), ("20250101", "20240101"), ("x", "y")])
def test_an_age_that_nobody_knows_is_none(birth: str, study: str) -> None:
    assert age_years("", birth_date=birth, study_date=study) is None
