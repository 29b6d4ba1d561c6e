"""What leaves a table before an analyst gets it, and what is changed in the rest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import pandas as pd
from sqlalchemy import Connection

from db.exports import Numbered, first_used, patient_of_study
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from review.words import OLDEST_SHOWN

FIRST_YEAR, LAST_YEAR = 1, 9999  # what a date can say; a shift beyond it leaves the date out


@dataclass(frozen=True)
class Rule:
    """How one table is masked.

    Attributes:
        drop: Columns left out: free text, places in our store.
        dates: Column of a date or moment -> column that holds the patient whose date it is.
        clock: Moments of our own work: they would undo the shift of what arrived then.
        number: Columns of names or sources, given as numbers: 1 is the first that was ever used.
    """

    drop: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    clock: tuple[str, ...] = ()
    number: tuple[str, ...] = ()


MATCH_DATES = (("acquired", "patient"), ("local_date", "patient"),
               ("prior_acquired", "prior_patient"), ("prior_local_date", "prior_patient"))  # fmt: skip
ACQUIRED = (("acquired_from", "patient"), ("acquired_until", "patient"))

EXPORTED = {
    "patient": Rule(),
    "study": Rule(dates=(*ACQUIRED, ("local_date", "patient"))),
    "scan": Rule(drop=("tensor",), dates=(*ACQUIRED, ("acquired_local_date", "patient"), ("dated_ahead", "patient"))),
    "series": Rule(),
    "file": Rule(drop=("why",)),
    "match_for_review": Rule(dates=MATCH_DATES, number=("last_verdict_by",)),
    "study_match": Rule(),
    "lane_outcome": Rule(),
    "label": Rule(
        dates=(("valid_from", "patient"), ("valid_until", "patient")), clock=("at",), number=("source", "site")
    ),
    "verdict": Rule(drop=("note",), clock=("at",), number=("by",)),
    "control": Rule(),
    "night_summary": Rule(clock=("begun_at", "ended_at")),
    "stage": Rule(drop=("counts",), clock=("begun_at",)),
    "encoder": Rule(drop=("folder", "manifest"), clock=("created_at",)),
    "evaluation": Rule(drop=("result",), clock=("made_at",)),
}


class Mask:
    """Masks the tables of one export.

    Args:
        connection: An open reader of db.
        shift_days: Patient key -> days; None leaves dates true.
    """

    def __init__(self, connection: Connection, shift_days: Callable[[str], int] | None) -> None:
        self._shift = None if shift_days is None else cache(shift_days)
        self._numbers = {
            "by": _numbers(connection, "reader"),
            "last_verdict_by": _numbers(connection, "reader"),
            "source": _numbers(connection, "source"),
            "site": _numbers(connection, "site"),
        }
        self._patient_of_study = patient_of_study(connection)

    @property
    def is_shifting(self) -> bool:
        """Whether dates are moved."""
        return self._shift is not None

    def frames(self, table: str, parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Mask the parts of a table."""
        for part in parts:
            yield self._masked(table, part)

    def _masked(self, table: str, part: pd.DataFrame) -> pd.DataFrame:
        rule = EXPORTED[table]
        part = part.drop(columns=[*rule.drop, *(rule.clock if self.is_shifting else ())], errors="ignore")
        if table == "label":
            part = self._with_patient(part)
        for column, patient in rule.dates if self._shift is not None else ():
            part[column] = _shifted(part[column], part[patient].map(self._shift, na_action="ignore"))
        for column in rule.number:
            part[column] = part[column].map(self._numbers[column]).astype("Int64")
        return _with_whole_years(part) if "age_years" in part else part

    def _with_patient(self, labels: pd.DataFrame) -> pd.DataFrame:
        """Say whose label it is, and leave open ends empty; an unknown study has no patient to shift by."""
        is_patient = labels["subject"] == "patient"
        of_study = labels["subject_key"].map(self._patient_of_study)
        labels["patient"] = of_study.mask(is_patient, labels["subject_key"]).astype("str")
        ends = (ALWAYS_FROM, ALWAYS_UNTIL)
        for column in ("valid_from", "valid_until"):
            labels[column] = pd.Series([None if d in ends else d for d in labels[column]], dtype="object")
        return labels


def _numbers(connection: Connection, what: Numbered) -> dict[str, int]:
    """Number names by first use: a later name never changes an earlier number."""
    return {name: number for number, name in enumerate(first_used(connection, what), 1)}


def _shifted(column: "pd.Series", days: "pd.Series") -> "pd.Series":
    """Move dates or moments; one whose patient is not known, or that leaves the calendar, is left out."""
    if column.dtype == "object":
        moved = [_moved(on, by) for on, by in zip(column, days, strict=True)]
        return pd.Series(moved, dtype="object")
    by = pd.to_timedelta(pd.to_numeric(days).astype("float64"), unit="D")
    later = column + by
    return later.where(later.dt.year.between(FIRST_YEAR, LAST_YEAR)).astype(column.dtype)


def _moved(on: date | None, days: float | None) -> date | None:
    if on is None or days is None or pd.isna(days):
        return None
    try:
        return on + timedelta(days=int(days))
    except OverflowError:
        return None


def _with_whole_years(part: pd.DataFrame) -> pd.DataFrame:
    """Whole years only: with a true date, a fraction would give the birth date away."""
    is_oldest = (part["age_years"] > OLDEST_SHOWN).astype("boolean")
    years = part["age_years"].astype("float64").floordiv(1)
    years = years.mask(is_oldest.fillna(False).astype(bool), OLDEST_SHOWN + 1)
    part["age_years"] = years.astype("Int64")
    part.insert(part.columns.get_loc("age_years") + 1, "age_90_plus", is_oldest)
    return part
