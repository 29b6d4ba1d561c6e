"""Reads of scans, files and labels."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from db.base import table_of
from db.rows import rows_of
from db.tables import File, FurtherScan, Label, Patient, Scan
from db.upsert import chunks

ACCEPTED, HELD_BACK, WITHDRAWN = "accepted", "held_back", "withdrawn"
SCAN, FILE, FURTHER, PATIENT, LABEL = (table_of(model) for model in (Scan, File, FurtherScan, Patient, Label))


def may_be_listed() -> ColumnElement[bool]:
    """May stand in lists: accepted, and the main scan of its study and kind."""
    return and_(SCAN.c.state == ACCEPTED, SCAN.c.is_main.is_(True))


def find_scans(connection: Connection, prefix: str, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the scans whose key begins so."""
    # A range, not LIKE: keys are compared byte by byte, and % means nothing.
    begins = and_(SCAN.c.key >= prefix, func.substr(SCAN.c.key, 1, len(prefix)) == prefix)
    return rows_of(connection, select(SCAN).where(begins).order_by(SCAN.c.key).limit(limit))


def scans_of_studies(connection: Connection, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Return the accepted scans of some studies, whole rows."""
    rows: list[dict[str, Any]] = []
    for some in chunks(studies):
        theirs = select(SCAN).where(SCAN.c.study.in_(some), SCAN.c.state == ACCEPTED)
        rows += rows_of(connection, theirs.order_by(SCAN.c.study, SCAN.c.key))
    return rows


def files_with_code(connection: Connection, code: str, *, changed_since: int) -> int:
    """Count files that ended with a code after night `changed_since`."""
    theirs = select(func.count()).where(FILE.c.code == code, FILE.c.changed_night > changed_since)
    return connection.scalar(theirs) or 0


def series_of_scans(connection: Connection, scans: Iterable[str]) -> list[str]:
    """Return the series that some scans were made from."""
    found: set[str] = set()
    for some in chunks(scans):
        found.update(connection.scalars(select(SCAN.c.series).where(SCAN.c.key.in_(some))))
    return sorted(found)


def scan_states(connection: Connection, series: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return scan -> (state, kind, study) of every scan ever made from some series."""
    states: dict[str, tuple[str, str, str]] = {}
    for some in chunks(series):
        theirs = select(SCAN.c.key, SCAN.c.state, SCAN.c.kind, SCAN.c.study).where(SCAN.c.series.in_(some))
        states.update({row.key: (row.state, row.kind, row.study) for row in connection.execute(theirs)})
    return states


def acquired_of_scans(connection: Connection, series: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Return scan -> the interval in which it was acquired, of every scan ever made from some series."""
    found: dict[str, tuple[Any, Any]] = {}
    for some in chunks(series):
        theirs = select(SCAN.c.key, SCAN.c.acquired_from, SCAN.c.acquired_until).where(SCAN.c.series.in_(some))
        found.update({key: (begin, end) for key, begin, end in connection.execute(theirs)})
    return found


def series_dated_ahead(connection: Connection, until: date) -> list[str]:
    """Return the series of scans with a date that was left out for lying in the future, and does so no more."""
    come = and_(SCAN.c.state != WITHDRAWN, SCAN.c.dated_ahead <= until)
    return list(connection.scalars(select(SCAN.c.series).where(come).distinct().order_by(SCAN.c.series)))


def scans_without_files(connection: Connection) -> list[str]:
    """Return scans, not withdrawn yet, that no file is part of any more."""
    held = select(FILE.c.key).where(FILE.c.scan == SCAN.c.key).exists()
    further = select(FURTHER.c.file).where(FURTHER.c.scan == SCAN.c.key).exists()
    orphans = select(SCAN.c.key).where(SCAN.c.state != WITHDRAWN, ~held, ~further)
    return list(connection.scalars(orphans.order_by(SCAN.c.key)))


def studies_without_main(connection: Connection) -> list[str]:
    """Return studies in which the main scan of a kind has to be chosen (again)."""
    undecided = func.count(case((SCAN.c.is_main.is_(None), 1)))
    n_main = func.count(case((SCAN.c.is_main, 1)))
    groups = select(SCAN.c.study).where(SCAN.c.state == ACCEPTED).group_by(SCAN.c.study, SCAN.c.kind)
    return sorted(set(connection.scalars(groups.having(or_(undecided > 0, n_main != 1)))))


def eligible_scans(connection: Connection, cover: str, recipe: str) -> list[dict[str, Any]]:
    """Return main scans of a cover whose input was made by a recipe, with `split` and `own_lane` of their patients."""
    rows = select(SCAN, PATIENT.c.split, PATIENT.c.own_lane).join(PATIENT, PATIENT.c.key == SCAN.c.patient)
    made = and_(SCAN.c.recipe == recipe, SCAN.c.tensor.is_not(None))
    return rows_of(connection, rows.where(may_be_listed(), SCAN.c.cover == cover, made).order_by(SCAN.c.key))


def scan_counts(connection: Connection, night: int) -> dict[str, int]:
    """Count scans that a night brought (new), brought but held back, and withdrew."""
    first = SCAN.c.first_night == night
    counts = select(
        func.count(case((and_(first, SCAN.c.state == ACCEPTED), 1))).label("new"),
        func.count(case((and_(first, SCAN.c.state == HELD_BACK), 1))).label("held_back"),
        func.count(case((SCAN.c.withdrawn_night == night, 1))).label("withdrawn"),
    ).where(or_(first, SCAN.c.withdrawn_night == night))
    return {name: int(n) for name, n in rows_of(connection, counts)[0].items()}


def file_counts(connection: Connection, *, changed_since: int | None = None) -> dict[str, int]:
    """Count files by outcome; only those whose outcome changed in a later night than `changed_since`."""
    counts = select(FILE.c.outcome, func.count()).group_by(FILE.c.outcome)
    if changed_since is not None:
        counts = counts.where(FILE.c.changed_night > changed_since)
    return {outcome: n for outcome, n in connection.execute(counts).tuples()}


def files_by_code(connection: Connection, *, outcome: str | None = None) -> list[dict[str, Any]]:
    """Count files by outcome and code, most first; `newest_night` is when that last happened."""
    columns = (FILE.c.outcome, FILE.c.code)
    counts = select(*columns, func.count().label("n_files"), func.max(FILE.c.changed_night).label("newest_night"))
    if outcome is not None:
        counts = counts.where(FILE.c.outcome == outcome)
    return rows_of(connection, counts.group_by(*columns).order_by(func.count().desc(), *columns))


def labels(connection: Connection) -> list[dict[str, Any]]:
    """Return every label, whole rows, in the order of import."""
    return rows_of(connection, select(LABEL).order_by(LABEL.c.id))
