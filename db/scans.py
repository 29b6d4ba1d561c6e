"""Scans, their patients and studies: reads and writes."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from db.base import table_of
from db.rows import rows_of
from db.tables import FILE, FURTHER, IDENTITY_FILE, PATIENT, SCAN, Patient, Scan, Study
from db.upsert import Row, change, chunks, upsert

ACCEPTED, HELD_BACK, WITHDRAWN = "accepted", "held_back", "withdrawn"


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


def held_back_scans(connection: Connection) -> Iterator[dict[str, Any]]:
    """Yield key, kind, patient and header (JSON, with identity) of scans that wait for a kind; for that door too."""
    one_file = func.min(FILE.c.key).label("file")
    held = select(SCAN.c.key, SCAN.c.kind, SCAN.c.patient, one_file).join(FILE, FILE.c.scan == SCAN.c.key)
    held = held.where(SCAN.c.state == "held_back").group_by(SCAN.c.key, SCAN.c.kind, SCAN.c.patient)
    by_file = {str(row["file"]): row for row in rows_of(connection, held)}
    for some in chunks(sorted(by_file)):
        read = select(IDENTITY_FILE.c.key, IDENTITY_FILE.c.header).where(IDENTITY_FILE.c.key.in_(some))
        for file, header in connection.execute(read).tuples():
            if header:
                yield by_file[file] | {"header": header}


def scan_facts(connection: Connection, scans: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return key -> patient, study, kind, contrast, local date, what speaks against that, and scanner of scans."""
    names = ("key", "patient", "study", "kind", "contrast", "acquired_local_date", "date_doubts", "manufacturer",
             "model")  # fmt: skip
    columns = [SCAN.c[name] for name in names]
    facts: dict[str, dict[str, Any]] = {}
    for some in chunks(scans):
        facts.update({row["key"]: row for row in rows_of(connection, select(*columns).where(SCAN.c.key.in_(some)))})
    return facts


BLANK_SCAN = {"is_main": None, "main_rule": "", "code": "used", "pictures": 0}  # what a row may leave out


def save_patients(connection: Connection, rows: Iterable[Row]) -> int:
    """Save patients; where one falls when patients are divided is drawn once and never again."""
    return upsert(connection, Patient, rows, once=("split", "first_night"))


def save_studies(connection: Connection, rows: Iterable[Row]) -> int:
    """Save studies."""
    return upsert(connection, Study, rows, once=("first_night",))


def delete_empty_studies(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Delete those of some studies that hold no scan, and return the others."""
    study, left = table_of(Study), set[str]()
    for some in chunks(keys):
        held = select(Scan.key).where(Scan.study == study.c.key).exists()
        connection.execute(delete(study).where(study.c.key.in_(some), ~held))
        left.update(connection.scalars(select(study.c.key).where(study.c.key.in_(some))))
    return left


def save_scans(connection: Connection, rows: Iterable[Row]) -> int:
    """Save scans; a column that a row leaves out stays as it is, or unknown in a new row.

    One that was withdrawn and is back has `withdrawn_night` None in its row.
    """
    by_columns: dict[frozenset[str], list[Row]] = {}
    for row in rows:
        by_columns.setdefault(frozenset(row), []).append(row)
    n_saved = 0
    for given, some in by_columns.items():
        blank = {name: value for name, value in BLANK_SCAN.items() if name not in given}
        full = [{**row, **blank} for row in some]
        n_saved += upsert(connection, Scan, full, once=("first_night", *blank))
    return n_saved


def save_main(connection: Connection, rows: Iterable[Row]) -> int:
    """Save which scans stand for their study; rows hold key, is_main, main_rule and code."""
    return change(connection, Scan, rows)


def withdraw_scans(connection: Connection, scans: Iterable[str], night: int) -> int:
    """Withdraw scans whose files have changed or gone; those withdrawn before keep their night."""
    table = table_of(Scan)
    n_withdrawn = 0
    for keys in chunks(scans):
        statement = update(table).where(table.c.key.in_(keys), table.c.state != WITHDRAWN)
        withdrawn = {"state": WITHDRAWN, "code": WITHDRAWN, "is_main": False, "withdrawn_night": night}
        n_withdrawn += connection.execute(statement.values(withdrawn)).rowcount
    return n_withdrawn
