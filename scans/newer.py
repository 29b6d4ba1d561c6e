"""Which of two copies of one instance is the newer one, by what the files themselves say.

A program that corrects a header notes when it did so (OriginalAttributesSequence, PS3.3 C.12.1.1.9), an archive when
it coerced one (InstanceCoercionDateTime), and whatever makes an instance when it made it (InstanceCreationDate and
Time). The times of a file are those of its transfer and say nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from scans.header import Header
from scans.stamp import Stamp, read_offset, read_stamp, split_datetime

Said = Literal["newer", "older", "both", ""]  # of the first of two copies; "" nothing, "both" that they disagree
OTHER_CLOCK = timedelta(hours=26)  # between a time whose zone is told and one whose zone is not: -12 to +14 hours
BROKEN: Literal["broken"] = "broken"


@dataclass(frozen=True, slots=True)
class _Moment:
    stamp: Stamp
    has_zone: bool


Fact = _Moment | Literal["broken"] | None
Facts = tuple[Fact, Fact, Fact]


def newest(headers: Sequence[Header]) -> int | None:
    """Return the index of the copy that is newer than all others, None where the copies do not say which it is."""
    for index, header in enumerate(headers):
        if all(is_newer(header, other) for number, other in enumerate(headers) if number != index):
            return index
    return None


def is_newer(one: Header, other: Header) -> bool:
    """Say whether one copy is newer than another: a fact says so, and none says the contrary."""
    said = {_modified(a, b) if number == 0 else _later(a, b) for number, (a, b) in enumerate(
        zip(_facts(one), _facts(other), strict=True)
    )} - {""}  # fmt: skip
    return said == {"newer"}


def _modified(one: Fact, other: Fact) -> Said:
    """Compare two corrections; a copy that was corrected is newer than one that never was."""
    if BROKEN in (one, other):
        return "both"
    if (one is None) != (other is None):
        return "older" if one is None else "newer"
    return _later(one, other)


def _later(one: Fact, other: Fact) -> Said:
    if not isinstance(one, _Moment) or not isinstance(other, _Moment):
        return ""
    apart = timedelta(0) if one.has_zone == other.has_zone else OTHER_CLOCK
    if one.stamp.from_utc >= other.stamp.until_utc + apart:
        return "newer"
    return "older" if other.stamp.from_utc >= one.stamp.until_utc + apart else ""


def _facts(header: Header) -> Facts:
    zone = header.timezone_offset
    return _read(header.modified, header.coerced, header.created_date, header.created_time, zone)


@lru_cache(maxsize=4096)  # a slice is compared with many others
def _read(modified: tuple[str, ...], coerced: str, day: str, time: str, zone: str) -> Facts:
    moments = [_moment(*split_datetime(text), zone) for text in modified]
    told = [moment for moment in moments if moment is not None]
    latest = max(told, key=_begin, default=None)
    return (
        BROKEN if len(told) < len(moments) else latest,
        _moment(*split_datetime(coerced), zone),
        _moment(day, time, zone),
    )


def _begin(moment: _Moment) -> datetime:
    return moment.stamp.from_utc


def _moment(day: str, time: str, zone: str) -> _Moment | None:
    """Read a date and a time, which may bear an offset of its own."""
    known = read_offset(zone)
    stamp = read_stamp(day, time, known or UTC)
    if stamp is None:
        return None
    has_own = time.strip()[-1:] == "Z" or any(sign in time for sign in "+-")
    return _Moment(stamp, known is not None or has_own)
