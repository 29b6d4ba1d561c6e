from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.acquired import acquired
from scans.age import age_years
from scans.codes import DATE
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
        "acquisition_datetime": "20240104", "acquisition_date": "20240105", "content_date": "20240102",
        "series_date": "20240103", "study_date": "20240101",
    }  # fmt: skip
    found = []
    for name in days:
        found.append(acquired([make_header(**days)], BERLIN).local_date)
        days = days | {name: ""}
    assert found == [date(2024, 1, day) for day in (4, 5, 2, 3, 1)]


def test_a_date_without_time_is_a_whole_local_day(make_header: Maker) -> None:
    found = acquired([make_header(study_date="20240331")], BERLIN)  # the clock is set forward: 23 hours
    assert (found.from_utc, found.until_utc) == (utc(2024, 3, 30, 23), utc(2024, 3, 31, 22))
    assert (found.precision, found.local_date) == ("day", date(2024, 3, 31))


@pytest.mark.parametrize(("time", "width"), [("10", 3600), ("1015", 60), ("101530", 1), ("101530.25", 1)])
def test_the_interval_is_as_wide_as_the_time_is_exact(make_header: Maker, time: str, width: int) -> None:
    found = acquired([make_header(study_date="", acquisition_date="20240101", acquisition_time=time)], BERLIN)
    assert found.from_utc is not None and found.until_utc is not None
    assert found.until_utc - found.from_utc == timedelta(seconds=width)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("000000", 0), ("235959", 86399), ("235960", 86399), ("101560", 36959), ("23", 82800), ("0059", 3540),
     (" 101530 ", 36930), ("10:15:30", 36930)],
)  # fmt: skip
def test_a_time_of_day_is_read_to_its_second(make_header: Maker, time: str, seconds: int) -> None:
    found = acquired([make_header(study_date="", acquisition_date="20240102", acquisition_time=time)], UTC)
    assert (found.from_utc, found.precision) == (utc(2024, 1, 2) + timedelta(seconds=seconds), "second")


@pytest.mark.parametrize("time", ["250000", "106000", "101561", "1", "101", "noon", "10-15-30"])
def test_a_time_that_is_none_leaves_the_whole_day(make_header: Maker, time: str) -> None:
    found = acquired([make_header(study_date="", acquisition_date="20240102", acquisition_time=time)], UTC)
    assert (found.from_utc, found.until_utc, found.precision) == (utc(2024, 1, 2), utc(2024, 1, 3), "day")


@pytest.mark.parametrize("hours", [(10, 10), (9, 10)])
def test_of_two_intervals_that_begin_together_the_narrower_counts(make_header: Maker, hours: tuple[int, int]) -> None:
    times = (f"{hours[0]:02d}0000", f"{hours[1]:02d}")
    headers = [make_header(study_date="", acquisition_date="20240102", acquisition_time=time) for time in times]
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
    header = make_header(study_date="", acquisition_date="20240102", acquisition_time="100000", timezone_offset=offset)
    assert acquired([header], BERLIN).from_utc == start
    if offset == offset.strip() and len(offset) == 5:
        header = make_header(study_date="", acquisition_datetime=f"20240102100000{offset}")
        assert acquired([header], BERLIN).from_utc == start


def test_a_stamp_that_ends_after_its_day_is_a_day(make_header: Maker) -> None:
    found = acquired([make_header(study_date="", acquisition_datetime="20240102")], UTC)
    assert (found.from_utc, found.until_utc, found.precision) == (utc(2024, 1, 2), utc(2024, 1, 3), "day")


@pytest.mark.parametrize("text", ["20240102", " 20240102 ", "2024.01.02", "2024-01-02", "2024:01:02"])
def test_a_date_is_read_in_its_old_forms_too(make_header: Maker, text: str) -> None:
    assert acquired([make_header(study_date=text)], UTC).local_date == date(2024, 1, 2)


def test_an_hour_that_comes_twice_is_one_wide_interval(make_header: Maker) -> None:
    found = acquired([make_header(study_date="", acquisition_date="20241027", acquisition_time="023000")], BERLIN)
    assert (found.from_utc, found.until_utc) == (utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 30, 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"acquisition_datetime": "20240101100000+0900", "timezone_offset": "-0500"},
        {"acquisition_datetime": "20240101100000.123456+09:00", "timezone_offset": "-0500"},
        {"acquisition_datetime": "2024-01-01T10:00:00+09:00"},
        {"acquisition_datetime": "20240101010000Z"},
        {"acquisition_date": "20240101", "acquisition_time": "100000", "timezone_offset": "+0900"},
        {"acquisition_date": "20240101", "acquisition_time": "100000", "timezone_offset": "+09:00"},
    ],
)
def test_an_offset_in_the_file_goes_before_the_site_s_zone(make_header: Maker, fields: dict[str, str]) -> None:
    assert acquired([make_header(study_date="", **fields)], BERLIN).from_utc == utc(2024, 1, 1, 1)


def test_the_earliest_instance_counts_whatever_the_order(make_header: Maker) -> None:
    times = [f"{hour:02d}0000" for hour in (12, 9, 11)]
    headers = [make_header(study_date="20240102", acquisition_date="20240102", acquisition_time=t) for t in times]
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


@given(st.dates(date(1972, 1, 1), date(2200, 12, 31)), st.times())
def test_a_well_formed_stamp_is_read_back(make_header: Maker, day: date, time: object) -> None:
    header = make_header(study_date="", acquisition_date=f"{day:%Y%m%d}", acquisition_time=f"{time:%H%M%S}")
    found = acquired([header], UTC)
    assert found.from_utc is not None
    assert (f"{found.from_utc:%Y%m%d%H%M%S}", found.local_date) == (f"{day:%Y%m%d}{time:%H%M%S}", day)


TODAY = date(2026, 11, 28)
STUDIED = {"study_date": "20230305", "series_date": "20230305"}
PLACEHOLDERS = ["19000101", "19700101", "19800101", "20000101"]


def dated(make_header: Maker, *, birth: str = "19600101", n: int = 1, **fields: object) -> list[Header]:
    return [make_header(index=i, identity={"birth_date": birth}, **fields) for i in range(n)]


@pytest.mark.parametrize(
    ("fields", "doubts"),
    [
        ({"content_date": "20260601", "content_time": "101112"}, ("date-not-of-study",)),
        ({"content_date": "20230307"}, ("date-not-of-study",)),
        ({"image_type": ("DERIVED", "SECONDARY"), "content_date": "20230401"}, ("date-not-of-study",)),
        ({"acquisition_date": "19700101"}, ("date-before-modality",)),
        ({"acquisition_date": "19900101"}, ("date-not-of-study",)),
        ({"acquisition_date": "20000101", "content_date": "20000101"}, ("date-not-of-study",)),
        ({"acquisition_datetime": "19000101000000+0100"}, ("date-before-modality",)),
        ({"acquisition_date": "19750305", "modality": "MR"}, ("date-before-modality",)),
        ({"acquisition_date": "19550305", "modality": "OT"}, ("date-before-birth",)),
        ({"acquisition_date": "21990305"}, ("date-in-future",)),
        ({"acquisition_date": "230305"}, ("date-not-read",)),
        ({"acquisition_date": "20230230"}, ("date-not-read",)),
        ({"acquisition_date": "20230313"}, ("date-not-of-study",)),
        ({"acquisition_date": "20230303"}, ("date-not-of-study",)),
    ],
)
def test_a_date_that_contradicts_the_study_is_not_used_and_said(
    make_header: Maker, fields: dict[str, object], doubts: tuple[str, ...]
) -> None:
    told = {name: value for name, value in (STUDIED | fields).items()}
    found = acquired(dated(make_header, n=3, **told), BERLIN, today=TODAY)
    assert (found.local_date, found.precision, found.doubts) == (date(2023, 3, 5), "day", doubts)


@pytest.mark.parametrize("study", [*PLACEHOLDERS, "19550305", "21990305", "99991231", "230305", ""])
def test_a_study_date_that_cannot_be_right_gives_way_to_the_acquisition(make_header: Maker, study: str) -> None:
    fields = {"study_date": study, "acquisition_date": "20230305", "acquisition_time": "1011"}
    found = acquired(dated(make_header, n=3, **fields), BERLIN, today=TODAY)
    assert (found.from_utc, bool(found.doubts)) == (utc(2023, 3, 5, 9, 11), bool(study))


@pytest.mark.parametrize(
    ("own", "used"), [("20220305", "20220305"), ("20230410", "20230410"), ("20000104", "20230305")]
)
def test_acquisition_and_series_that_agree_go_before_the_study_date_but_not_a_new_clock(
    make_header: Maker, own: str, used: str
) -> None:
    fields = {"study_date": "20230305", "acquisition_date": own, "series_date": own, "content_date": own}
    found = acquired(dated(make_header, n=3, **fields), BERLIN, today=TODAY)
    assert (f"{found.local_date:%Y%m%d}", len(found.doubts)) == (used, 1)
    for image_type in (("DERIVED",), ("DERIVED", "SECONDARY")):
        derived = acquired(dated(make_header, image_type=image_type, **fields), BERLIN, today=TODAY)
        assert (derived.local_date, derived.doubts) == (date(2023, 3, 5), ("date-not-of-study",))


@pytest.mark.parametrize("day", PLACEHOLDERS[3:])
def test_a_placeholder_that_nothing_contradicts_is_a_date(make_header: Maker, day: str) -> None:
    fields = {"study_date": day, "acquisition_date": day, "content_date": day}
    found = acquired(dated(make_header, **fields), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2000, 1, 1), ())


@pytest.mark.parametrize(
    ("own", "used", "doubts"),
    [("20000103", "20000103", ()), ("20000108", "20000108", ()), ("20000109", "20000109", ("study-date-placeholder",)),
     ("19900101", "20000101", ("date-not-of-study",))],
)  # fmt: skip
def test_a_study_date_like_a_placeholder_gives_way_to_a_day_of_more_than_a_week_apart_that_is_like_none(
    make_header: Maker, own: str, used: str, doubts: tuple[str, ...]
) -> None:
    found = acquired(dated(make_header, study_date="20000101", acquisition_date=own), BERLIN, today=TODAY)
    assert (f"{found.local_date:%Y%m%d}", found.doubts) == (used, doubts)


@pytest.mark.parametrize("study", ["20230305", ""])
def test_one_slice_with_another_date_is_outvoted(make_header: Maker, study: str) -> None:
    days = ["20230305"] * 9 + ["19990305"]
    headers = [make_header(study_date=study, acquisition_date=day, acquisition_time="101112") for day in days]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.from_utc, found.doubts) == (
        utc(2023, 3, 5, 9, 11, 12), ("date-not-of-study",) if study else ("date-outvoted",)
    )  # fmt: skip


def test_two_halves_that_name_two_years_leave_the_scan_without_a_date(make_header: Maker) -> None:
    headers = [make_header(study_date="", acquisition_date=f"20{20 + 3 * (i % 2)}0305") for i in range(10)]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.precision, found.doubts) == ("unknown", ("date-no-majority",))


def test_one_slice_with_another_study_date_is_outvoted(make_header: Maker) -> None:
    headers = [make_header(study_date="20230305" if i else "20200305") for i in range(5)]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 5), ("date-outvoted",))


@pytest.mark.parametrize(
    ("stamp", "start"),
    [
        ("20230306000510", utc(2023, 3, 5, 23, 5, 10)),  # a study that spans midnight
        ("20230304233000+0000", utc(2023, 3, 4, 23, 30)),  # written in another zone than StudyDate
        ("20230308101112", utc(2023, 3, 8, 9, 11, 12)),  # a late phase of nuclear medicine
    ],
)
def test_an_acquisition_near_the_study_date_is_its_own_and_no_contradiction(
    make_header: Maker, stamp: str, start: datetime
) -> None:
    found = acquired(dated(make_header, acquisition_datetime=stamp, **STUDIED), BERLIN, today=TODAY)
    assert (found.from_utc, found.doubts) == (start, ())


@pytest.mark.parametrize(("birth", "doubt"), [("20261128", "birth"), ("20261129", "birth"), ("20261130", "of-study")])
def test_a_birth_date_of_today_is_believed_and_one_in_the_future_is_not(
    make_header: Maker, birth: str, doubt: str
) -> None:
    fields = {"study_date": "20261128", "acquisition_date": "20230305"}
    found = acquired(dated(make_header, birth=birth, **fields), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts[0].endswith(doubt)) == (TODAY, True)


@pytest.mark.parametrize(("birth", "doubts"), [
    ("20230304", ()), ("20230305", ()), ("20230306", ()), ("20230307", ("date-before-birth",)),
])  # fmt: skip
def test_a_newborn_may_be_scanned_on_the_day_of_birth_and_by_another_zone_the_day_before(
    make_header: Maker, birth: str, doubts: tuple[str, ...]
) -> None:
    found = acquired(dated(make_header, birth=birth, acquisition_date="20230305", **STUDIED), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 5), doubts)


def test_slices_on_both_sides_of_midnight_outvote_nothing(make_header: Maker) -> None:
    headers = [make_header(study_date="20230306" if i > 2 else "20230305") for i in range(5)]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 5), ())


@pytest.mark.parametrize(
    ("day", "doubts"),
    [("19711001", ()), ("19710930", ("date-before-modality",)), ("19710901", ("date-before-modality",))],
)
def test_no_ct_is_older_than_the_first_one(make_header: Maker, day: str, doubts: tuple[str, ...]) -> None:
    found = acquired(dated(make_header, birth="19300101", study_date=day), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (None if doubts else date(1971, 10, 1), doubts)


@pytest.mark.parametrize(("n_against", "day"), [(2, date(2023, 3, 5)), (3, date(2022, 3, 5))])
def test_more_than_half_of_the_slices_outvote_the_study_date(make_header: Maker, n_against: int, day: date) -> None:
    own = {"acquisition_date": "20220305", "series_date": "20220305"}
    headers = [make_header(study_date="20230305", **(own if i < n_against else {})) for i in range(4)]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.local_date, "study-date-outvoted" in found.doubts) == (day, n_against > 2)


@pytest.mark.parametrize(("apart", "doubts"), [(6, ()), (7, ()), (8, ("date-outvoted",))])
def test_without_a_study_date_a_week_is_one_study(make_header: Maker, apart: int, doubts: tuple[str, ...]) -> None:
    headers = [make_header(study_date="", acquisition_date=f"202303{day:02d}") for day in (20, 20, 20, 20 - apart)]
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 20 if doubts else 20 - apart), doubts)


def test_a_derived_image_without_study_and_acquisition_date_has_none(make_header: Maker) -> None:
    fields = {"study_date": "", "series_date": "20260601", "content_date": "20260601"}
    assert acquired(dated(make_header, image_type=("DERIVED",), **fields), BERLIN).precision == "unknown"
    assert acquired(dated(make_header, **fields), BERLIN).precision == "day"


def test_a_birth_date_that_all_dates_speak_against_is_not_believed(make_header: Maker) -> None:
    found = acquired(dated(make_header, birth="20240207", acquisition_date="20230305", **STUDIED), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 5), ("date-before-birth",))


@pytest.mark.parametrize("birth", ["", "19000101", "20300101", "21990305", "20240230", "X"])
def test_a_birth_date_that_is_a_placeholder_or_none_refuses_nothing(make_header: Maker, birth: str) -> None:
    found = acquired(dated(make_header, birth=birth, study_date="20230305"), BERLIN, today=TODAY)
    assert (found.local_date, found.doubts) == (date(2023, 3, 5), ())


def test_a_lone_date_before_the_birth_is_not_used(make_header: Maker) -> None:
    found = acquired(dated(make_header, birth="20240207", study_date="20230305"), BERLIN, today=TODAY)
    assert (found.precision, found.doubts) == ("unknown", ("date-before-birth",))


@pytest.mark.parametrize("fields", [{}, {"dates_modified": "MODIFIED"}])
def test_shifted_dates_are_held_to_the_study_alone(make_header: Maker, fields: dict[str, str]) -> None:
    days = {"study_date": "21800305", "acquisition_date": "21800306"}
    found = acquired(dated(make_header, birth="", **days, **fields), BERLIN, today=TODAY, is_shifted=not fields)
    assert (found.local_date, found.doubts, found.ahead) == (date(2180, 3, 6), (), None)


def test_a_date_after_today_is_kept_apart_until_its_day_has_come(make_header: Maker) -> None:
    headers = dated(make_header, study_date="20270305")
    found = acquired(headers, BERLIN, today=TODAY)
    assert (found.precision, found.doubts, found.ahead) == ("unknown", ("date-in-future",), date(2027, 3, 5))
    assert acquired(headers, BERLIN, today=date(2027, 3, 4)).local_date == date(2027, 3, 5)


@pytest.mark.parametrize(
    ("time", "start"),
    [("240000", utc(2023, 3, 5, 23)), ("235960", utc(2023, 3, 5, 22, 59, 59)), ("2400", utc(2023, 3, 5, 23))],
)
def test_the_end_of_a_day_and_a_leap_second_are_times(make_header: Maker, time: str, start: datetime) -> None:
    fields = STUDIED | {"acquisition_date": "20230305", "acquisition_time": time}
    assert acquired(dated(make_header, **fields), BERLIN).from_utc == start


@pytest.mark.parametrize("time", ["250000", "240001", "1060", "xx", "101112.1234567"])
def test_a_time_that_is_none_leaves_the_day(make_header: Maker, time: str) -> None:
    fields = STUDIED | {"acquisition_date": "20230305", "acquisition_time": time}
    found = acquired(dated(make_header, **fields), BERLIN)
    assert (found.local_date, found.precision) == (date(2023, 3, 5), "day")


def test_an_offset_that_is_none_is_said(make_header: Maker) -> None:
    fields = STUDIED | {"acquisition_date": "20230305", "acquisition_time": "101112", "timezone_offset": "CET"}
    found = acquired(dated(make_header, **fields), BERLIN)
    assert (found.from_utc, found.doubts) == (utc(2023, 3, 5, 9, 11, 12), ("offset-not-read",))


@given(
    st.lists(
        st.sampled_from(["", "x", "19700101", "20000101", "20200305", "20230305", "21990101"]), min_size=6, max_size=6
    )
)
def test_every_doubt_has_a_code_and_no_date_lies_in_the_future(make_header: Maker, days: list[str]) -> None:
    names = ("acquisition_datetime", "acquisition_date", "content_date", "series_date", "study_date")
    found = acquired(dated(make_header, birth=days[5], **dict(zip(names, days, strict=False))), BERLIN, today=TODAY)
    assert set(found.doubts) <= {doubt.code for doubt in DATE}
    assert found.local_date is None or found.local_date <= TODAY


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
