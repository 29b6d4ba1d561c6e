"""When a scan was acquired, as an interval of time.

The dates of a scan are weighed by the rule of docs/decisions/0013: one that cannot be right is not used, StudyDate goes
before what lies apart from it, one slice does not speak for all, and what was found to be wrong is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from statistics import median_low
from typing import TYPE_CHECKING, Literal

from scans.stamp import Stamp, read_day, read_offset, read_stamp, split_datetime, whole_day

if TYPE_CHECKING:
    from scans.header import Header

Precision = Literal["second", "day", "unknown"]
Source = tuple[str, str, timedelta]  # date, time, and how long after StudyDate it may lie
OTHER_DAY = timedelta(days=1)  # a study may span midnight, and two clocks may stand in two zones
LONGEST_STUDY = timedelta(days=7)  # nuclear medicine comes back to one injection for days
SHIFTED = frozenset({"MODIFIED", "REMOVED"})  # LongitudinalTemporalInformationModified, PS3.3 C.12.1
FIRST_OF = {  # nobody was scanned so before; digital projections may be of film, but hardly of older film
    "CT": date(1971, 10, 1), "MR": date(1977, 7, 3), "PT": date(1973, 1, 1), "CR": date(1960, 1, 1),
    "DX": date(1960, 1, 1), "MG": date(1960, 1, 1),
}  # fmt: skip
FIRST_CLOCK_YEAR = 1970  # no program takes an earlier day of birth for none but 1900, which refuses no date
FIRST_OF_ALL = date(1895, 11, 8)  # Röntgen's first
RULE_VERSION = 1  # raise when the rule changes: every scan is then dated again


@dataclass(frozen=True, slots=True)
class Acquired:
    """The interval [from, until) in which the scan was made; unknown is no interval at all."""

    from_utc: datetime | None
    until_utc: datetime | None
    local_date: date | None  # in the zone that the times were written in
    precision: Precision  # "second": a time was given, and the interval is as wide as it was exact
    doubts: tuple[str, ...] = ()  # codes of scans.codes.DATE: what contradicted this, or was left out
    ahead: date | None = None  # the earliest date that was left out for lying in the future


def acquired(
    headers: Iterable["Header"], zone: tzinfo, *, today: date | None = None, is_shifted: bool = False
) -> Acquired:
    """Return when the earliest of some instances was acquired.

    Of each instance the first usable date counts: AcquisitionDateTime, AcquisitionDate and Time, ContentDate and Time,
    SeriesDate, StudyDate. A date without time is a whole day. Instances with a time go before instances that have a
    day only, which would say less. Which dates are usable: docs/decisions/0013.

    Args:
        headers: The instances of one stack.
        zone: Where the scanner stands; TimezoneOffsetFromUTC goes before it.
        today: The day of the night that reads; later dates are not used. None: not asked.
        is_shifted: Dates were moved, so that birth, today and the age of a modality say nothing of them.
    """
    headers = list(headers)
    judge = _Judge(headers, today=today, is_shifted=is_shifted)
    found = judge.voted([stamp for header in headers if (stamp := judge.of_instance(header, zone))])
    for precision in ("second", "day"):
        known = [stamp for stamp in found if stamp.precision == precision]
        if known:
            first = min(known, key=lambda stamp: (stamp.from_utc, stamp.until_utc))
            return Acquired(first.from_utc, first.until_utc, first.local_date, first.precision, *judge.said())
    return Acquired(None, None, None, "unknown", *judge.said())


class _Judge:
    """Weighs the dates of one stack, and remembers what spoke against what."""

    def __init__(self, headers: Sequence["Header"], *, today: date | None, is_shifted: bool) -> None:
        self._doubts: set[str] = set()
        self._ahead: date | None = None
        self._today = today
        self._first = FIRST_OF.get(headers[0].modality, FIRST_OF_ALL) if headers else FIRST_OF_ALL
        self._is_shifted = is_shifted or any(header.dates_modified in SHIFTED for header in headers)
        self._born = None if self._is_shifted else self._birth(headers)
        self._study = self._study_day(headers)

    def said(self) -> tuple[tuple[str, ...], date | None]:
        """Return the doubts, and the earliest date that was left out for lying in the future."""
        return tuple(sorted(self._doubts)), self._ahead

    def of_instance(self, header: "Header", zone: tzinfo) -> Stamp | None:
        """Return when one instance was acquired, by the first of its dates that can be right."""
        own_zone = read_offset(header.timezone_offset)
        if own_zone is None and header.timezone_offset.strip():
            self._doubts.add("offset-not-read")
        zone = own_zone or zone
        for day_text, time_text, longest in self._sources(header):
            stamp = read_stamp(day_text, time_text, zone) if self._possible(day_text) else None
            if stamp is not None and self._is_of_study(stamp.local_date, longest):
                return stamp
        return None if self._study is None else whole_day(self._study, zone)

    def voted(self, stamps: list[Stamp]) -> list[Stamp]:
        """Return the stamps of the day that most instances name; with a StudyDate they have been held to that."""
        if self._study is not None or not stamps:
            return stamps
        day = self._of_most([stamp.local_date for stamp in stamps], LONGEST_STUDY)
        return [] if day is None else [stamp for stamp in stamps if abs(stamp.local_date - day) <= LONGEST_STUDY]

    def _sources(self, header: "Header") -> Iterator[Source]:
        """The dates of an instance in their order; those of a derived image tell of its making, not of the scan."""
        is_derived = header.image_type[:1] == ("DERIVED",)
        for day, time in _acquisitions(header):
            yield day, time, LONGEST_STUDY
        if self._study is not None or not is_derived:
            yield header.content_date, header.content_time, OTHER_DAY
            yield header.series_date, "", OTHER_DAY if is_derived else LONGEST_STUDY

    def _is_of_study(self, day: date, longest: timedelta) -> bool:
        if self._study is None or -OTHER_DAY <= day - self._study <= longest:
            return True
        self._doubts.add("date-not-of-study")
        return False

    def _possible(self, text: str) -> date | None:
        """Return the day of a text, None if it names none or one that cannot be."""
        day = read_day(text)
        refusal = self._refusal(day) if day else "date-not-read" if text.strip() else ""
        self._doubts.update([refusal] if refusal else [])
        if day and refusal == "date-in-future":
            self._ahead = min(day, self._ahead or day)
        return None if refusal else day

    def _refusal(self, day: date) -> str:
        """Return why a day cannot be right, "" if it can."""
        if self._is_shifted:
            return ""
        if day < self._first:
            return "date-before-modality"
        if self._today is not None and day > self._today + OTHER_DAY:
            return "date-in-future"
        return "date-before-birth" if self._born is not None and day < self._born - OTHER_DAY else ""

    def _birth(self, headers: Sequence["Header"]) -> date | None:
        """Return the birth date, None if it is none, a placeholder, or all the scan's dates speak against it."""
        days = {day for header in headers if (day := read_day(header.identity.birth_date))}
        born = min((day for day in days if day.year < FIRST_CLOCK_YEAR or not _is_placeholder(day)), default=None)
        if born is None or (self._today is not None and born > self._today + OTHER_DAY):
            return None
        told = _days_by_source(headers)
        if len(told) > 1 and all(day < born - OTHER_DAY and not _is_placeholder(day) for day in set().union(*told)):
            self._doubts.add("date-before-birth")
            return None
        return born

    def _study_day(self, headers: Sequence["Header"]) -> date | None:
        """Return the StudyDate of most instances, None if there is none or the acquisition shows it a placeholder."""
        days = [day for header in headers if (day := self._possible(header.study_date))]
        day = self._of_most(days, OTHER_DAY) if days else None
        if day is not None and 2 * sum(self._speaks_against(header, day) for header in headers) > len(headers):
            self._doubts.add("study-date-outvoted")
            return None
        if day is None or not _is_placeholder(day):
            return day
        others = {other for header in headers for text, _ in _acquisitions(header) if (other := read_day(text))}
        if any(abs(other - day) > LONGEST_STUDY and not _is_placeholder(other) for other in others):
            self._doubts.add("study-date-placeholder")
            return None
        return day

    def _speaks_against(self, header: "Header", study: date) -> bool:
        """Say whether acquisition and series of an original image agree on a day apart from the study's."""
        told = [day for text, _ in _acquisitions(header) if (day := read_day(text)) and not self._refusal(day)]
        series = read_day(header.series_date)
        if not told or series is None or header.image_type[:1] == ("DERIVED",):
            return False
        is_one = abs(told[0] - series) <= OTHER_DAY and not _is_new_clock(told[0])
        return is_one and not -OTHER_DAY <= told[0] - study <= LONGEST_STUDY

    def _of_most(self, days: Sequence[date], apart: timedelta) -> date | None:
        """Return the middle one of some days, None if not more than half of them lie near it."""
        middle = median_low(days)
        n_near = sum(abs(day - middle) <= apart for day in days)
        if 2 * n_near <= len(days):
            self._doubts.add("date-no-majority")
            return None
        if n_near < len(days):
            self._doubts.add("date-outvoted")
        return middle


def _acquisitions(header: "Header") -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the dates and times that speak of the acquisition itself."""
    return split_datetime(header.acquisition_datetime), (header.acquisition_date, header.acquisition_time)


def _days_by_source(headers: Sequence["Header"]) -> list[set[date]]:
    """Return the days that each tag names over the instances, of the tags that name any."""
    texts = [
        (*(day for day, _ in _acquisitions(header)), header.content_date, header.series_date, header.study_date)
        for header in headers
    ]
    by_source = [{day for text in some if (day := read_day(text))} for some in zip(*texts, strict=True)]
    return [days for days in by_source if days]


def _is_placeholder(day: date) -> bool:
    """Say whether a day is one that clocks and programs begin with: 1 January of 1900, 1970, 1980, 2000 ..."""
    return (day.month, day.day) == (1, 1) and day.year % 10 == 0


def _is_new_clock(day: date) -> bool:
    """Say whether a day is one that a clock without its battery shows for its first weeks."""
    return day.month == 1 and day.year % 10 == 0
