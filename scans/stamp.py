"""Stamp: a date, and perhaps a time, as DICOM writes them -> the interval of time that they name."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Literal

Known = Literal["second", "day"]
EARLIEST_YEAR, LATEST_YEAR = 1890, 2200  # X-rays are older than computers; shifted dates reach from 1900 to 2200
DATE = re.compile(r"(\d{4})[.:-]?(\d{2})[.:-]?(\d{2})")  # DA; with dots before 1993
TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{1,6})?)?)?")  # TM; with colons before 1993
DATE_TIME = re.compile(r"(\d{4}[.:-]?\d{2}[.:-]?\d{2})[T ]?(.*)")  # DT, and the same moment as ISO 8601 writes it
OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})|Z")  # PS3.3 C.12.1.1.8; the colon and Z are ISO 8601's
MOST_OFFSET = timedelta(hours=14)  # PS3.5 6.2, VR DT


@dataclass(frozen=True, slots=True)
class Stamp:
    """The interval [from, until) that a date and a time name."""

    from_utc: datetime
    until_utc: datetime
    local_date: date  # as it is written
    precision: Known  # "second": a time was given, and the interval is as wide as it was exact


def read_day(text: str) -> date | None:
    """Return the day that a DA value names, None if it names none; two digits of a year are not guessed at."""
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return day if EARLIEST_YEAR <= day.year <= LATEST_YEAR else None


def split_datetime(text: str) -> tuple[str, str]:
    """Cut a DT value into its date and its time, the time with its own offset; a year or a month alone is no date."""
    match = DATE_TIME.fullmatch(text.strip())
    return (match[1], match[2]) if match else (text, "")


def read_stamp(day_text: str, time_text: str, zone: tzinfo) -> Stamp | None:
    """Return the interval of a date and a time; a date whose time cannot be read is a whole day."""
    day = read_day(day_text)
    if day is None:
        return None
    if match := re.search(r"(?:[+-]\d{2}:?\d{2}|Z)$", time_text.strip()):
        zone = read_offset(match[0]) or zone
        time_text = time_text.strip()[: match.start()]
    time = _time(time_text)
    try:
        return whole_day(day, zone) if time is None else _moment(day, *time, zone)
    except (OverflowError, ValueError):
        return None


def whole_day(day: date, zone: tzinfo) -> Stamp:
    """Return a local day, which has 23 hours or 25 when the clocks change."""
    midnight = datetime(day.year, day.month, day.day)
    return Stamp(_utc(midnight, zone)[0], _utc(midnight + timedelta(days=1), zone)[0], day, "day")


def read_offset(text: str) -> timezone | None:
    """Return the zone of an offset from UTC, such as +0100, +01:00 or Z."""
    match = OFFSET.fullmatch(text.strip().upper())
    if match is None:
        return None
    if match[0] == "Z":
        return timezone(timedelta(0))
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if offset > MOST_OFFSET or int(match[3]) > 59:
        return None
    return timezone(-offset if match[1] == "-" else offset)


def _moment(day: date, since_midnight: timedelta, width: timedelta, zone: tzinfo) -> Stamp:
    start, latest = _utc(datetime(day.year, day.month, day.day) + since_midnight, zone)
    return Stamp(start, latest + width, day, "second")


def _utc(wall_clock: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the earliest and the latest moment that a wall clock can mean: two when it is set back."""
    moments = [wall_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return min(moments), max(moments)


def _time(text: str) -> tuple[timedelta, timedelta] | None:
    """Return the time since midnight and how wide the named second, minute or hour is.

    A leap second is the second before it, and 24:00 the end of the day, as ISO 8601 has it.
    """
    match = TIME.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, second = (int(part) if part else 0 for part in match.groups())
    if minute > 59 or second > 60 or (hour > 23 and (hour, minute, second) != (24, 0, 0)):
        return None
    width = timedelta(seconds=1) if match[3] else timedelta(minutes=1) if match[2] else timedelta(hours=1)
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59)), width
