"""When a scan was acquired, as an interval of time, and how old the patient was."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from scans.header import Header

Precision = Literal["second", "day", "unknown"]
EARLIEST_YEAR, LATEST_YEAR = 1890, 2200  # X-rays are older than computers; shifted dates start at 1900
DAYS_A_YEAR = 365.2425
AGE_UNITS = {"D": 1 / DAYS_A_YEAR, "W": 7 / DAYS_A_YEAR, "M": 1 / 12, "Y": 1.0}  # PS3.5 6.2, VR AS
DATE = re.compile(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})")  # DA; with dots before 1993
TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{1,6})?)?)?")  # TM; with colons before 1993
OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")  # PS3.3 C.12.1.1.8


@dataclass(frozen=True, slots=True)
class Acquired:
    """The interval [from, until) in which the scan was made; unknown is no interval at all."""

    from_utc: datetime | None
    until_utc: datetime | None
    local_date: date | None  # in the zone that the times were written in
    precision: Precision  # "second": a time was given, and the interval is as wide as it was exact


UNKNOWN = Acquired(None, None, None, "unknown")


def acquired(headers: Iterable["Header"], zone: tzinfo) -> Acquired:
    """Return when the earliest of some instances was acquired.

    Of each instance the first usable date counts: AcquisitionDateTime, AcquisitionDate and Time,
    ContentDate and Time, SeriesDate, StudyDate. A date without time is a whole day. Instances with a
    time go before instances that have a day only, which would say less.

    Args:
        headers: The instances of one stack.
        zone: Where the scanner stands; TimezoneOffsetFromUTC goes before it.
    """
    found = [of_instance(header, zone) for header in headers]
    for precision in ("second", "day"):
        known = [a for a in found if a.precision == precision]
        if known:
            return min(known, key=lambda a: (a.from_utc, a.until_utc))
    return UNKNOWN


def of_instance(header: "Header", zone: tzinfo) -> Acquired:
    """Return when one instance was acquired."""
    zone = _offset(header.timezone_offset) or zone
    for day, time in (
        _split(header.acquisition_datetime),
        (header.acquisition_date, header.acquisition_time),
        (header.content_date, header.content_time),
        (header.series_date, ""),
        (header.study_date, ""),
    ):
        if found := _interval(day, time, zone):
            return found
    return UNKNOWN


def age_years(age: str, *, birth_date: str, study_date: str) -> float | None:
    """Return PatientAge in years, else the time from birth to study, else None."""
    if match := re.fullmatch(r"(\d{1,3})([DWMY])", age.strip().upper()):
        return round(int(match[1]) * AGE_UNITS[match[2]], 2)
    born, studied = _day(birth_date), _day(study_date)
    if born is None or studied is None or born > studied:
        return None
    return round((studied - born).days / DAYS_A_YEAR, 2)


def _split(text: str) -> tuple[str, str]:
    """Cut a DT value into date and time, the time with its own offset."""
    return text[:8], text[8:]


def _interval(day_text: str, time_text: str, zone: tzinfo) -> Acquired | None:
    day = _day(day_text)
    if day is None:
        return None
    if match := re.search(r"[+-]\d{4}$", time_text):
        zone = _offset(match[0]) or zone
        time_text = time_text[: match.start()]
    time, midnight = _time(time_text), datetime(day.year, day.month, day.day)
    try:
        if time is None:
            start, _ = _utc(midnight, zone)
            _, end = _utc(midnight + timedelta(days=1), zone)
            return Acquired(start, end, day, "day")
        since_midnight, width = time
        start, latest = _utc(midnight + since_midnight, zone)
        return Acquired(start, latest + width, day, "second")
    except (OverflowError, ValueError):
        return None


def _utc(wall_clock: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the earliest and the latest moment that a wall clock can mean: two when it is set back."""
    moments = [wall_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(moments), max(moments)


def _day(text: str) -> date | None:
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return day if EARLIEST_YEAR <= day.year <= LATEST_YEAR else None


def _time(text: str) -> tuple[timedelta, timedelta] | None:
    """Return the time since midnight and how wide the named second, minute or hour is."""
    match = TIME.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, second = (int(part) if part else 0 for part in match.groups())
    if hour > 23 or minute > 59 or second > 60:
        return None
    width = timedelta(seconds=1) if match[3] else timedelta(minutes=1) if match[2] else timedelta(hours=1)
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59)), width


def _offset(text: str) -> timezone | None:
    match = OFFSET.fullmatch(text.strip())
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)
