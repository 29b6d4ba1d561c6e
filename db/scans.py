"""Scans, their patients and studies: reads and writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from db.base import table_of
from db.rows import columns_of, rows_as
from db.tables import FILE, FURTHER, IDENTITY_FILE, PATIENT, SCAN, Patient, Scan, Study
from db.upsert import Row, change, chunks, upsert

ACCEPTED, HELD_BACK, WITHDRAWN = "accepted", "held_back", "withdrawn"


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A row of patient."""

    key: str
    split: float
    sex: str | None
    own_lane: bool
    first_night: int


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A row of study."""

    key: str
    patient: str
    age_years: float | None
    local_date: date | None
    acquired_from: datetime | None
    acquired_until: datetime | None
    first_night: int


@dataclass(frozen=True, slots=True)
class ScanRow:
    """A row of scan."""

    key: str
    study: str
    patient: str
    series: str
    cover: str
    acquisition: str | None
    kind: str
    kind_rule: str
    state: str
    code: str
    is_main: bool | None
    main_rule: str
    acquired_from: datetime | None
    acquired_until: datetime | None
    acquired_local_date: date | None
    date_precision: str
    date_doubts: str
    dated_ahead: date | None
    age_years: float | None
    sex: str | None
    tensor: str | None
    recipe: str | None
    pictures: int
    n_slices: int | None
    n_rows: int | None
    n_columns: int | None
    spacing_z_mm: float | None
    spacing_y_mm: float | None
    spacing_x_mm: float | None
    coverage_mm: float | None
    largest_gap_mm: float | None
    smallest_gap_mm: float | None
    n_missing: int | None
    tilt_deg: float | None
    orientation: str | None
    slice_thickness_mm: float | None
    manufacturer: str | None
    model: str | None
    kernel: str | None
    sequence: str | None
    contrast: str | None
    transfer_syntax: str | None
    photometric: str | None
    image_type: str | None
    rescale_slope: float | None
    rescale_intercept: float | None
    rescale_varies: bool | None
    padding: int | None
    decoder: str | None
    burned_in: str | None
    slice_order: str | None
    n_files: int | None
    repairs: str | None
    first_night: int
    withdrawn_night: int | None


@dataclass(frozen=True, slots=True)
class EligibleScan(ScanRow):
    """A main scan that may be listed, with what divides its patient from others."""

    split: float
    own_lane: bool


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What a list says of a scan."""

    key: str
    patient: str
    study: str
    kind: str
    contrast: str | None
    acquired_local_date: date | None
    date_doubts: str
    manufacturer: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class HeldBackScan:
    """A scan that waits for a kind, with the header of one of its files as JSON: it holds identity."""

    key: str
    kind: str
    kind_rule: str
    patient: str
    study: str
    files: int
    header: str


@dataclass(frozen=True, slots=True)
class MainChoice:
    """Whether a scan stands for its study and kind, and by which rule."""

    key: str
    is_main: bool
    main_rule: str
    code: str


Interval = tuple[datetime | None, datetime | None]  # begin, and end, not included


def may_be_listed() -> ColumnElement[bool]:
    """May stand in lists: accepted, and the main scan of its study and kind."""
    return and_(SCAN.c.state == ACCEPTED, SCAN.c.is_main.is_(True))


def of_modality(kind: str, column: ColumnElement[str] = SCAN.c.kind) -> ColumnElement[bool]:
    """Is of the modality that a kind begins with: "ct" of "ct/chest/3d"."""
    begin = kind.partition("/")[0] + "/"
    return func.substr(column, 1, len(begin)) == begin


def find_scans(connection: Connection, prefix: str, *, limit: int = 100) -> list[ScanRow]:
    """Return the scans whose key begins so."""
    # A range, not LIKE: keys are compared byte by byte, and % means nothing.
    begins = and_(SCAN.c.key >= prefix, func.substr(SCAN.c.key, 1, len(prefix)) == prefix)
    return rows_as(
        connection, select(*columns_of(ScanRow, SCAN)).where(begins).order_by(SCAN.c.key).limit(limit), ScanRow
    )


def scans_of_studies(connection: Connection, studies: Iterable[str], *, state: str = ACCEPTED) -> list[ScanRow]:
    """Return the scans of some studies in a state, whole rows."""
    rows: list[ScanRow] = []
    for some in chunks(studies):
        theirs = select(*columns_of(ScanRow, SCAN)).where(SCAN.c.study.in_(some), SCAN.c.state == state)
        rows += rows_as(connection, theirs.order_by(SCAN.c.study, SCAN.c.key), ScanRow)
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


def acquired_of_scans(connection: Connection, series: Iterable[str]) -> dict[str, Interval]:
    """Return scan -> the interval in which it was acquired, of every scan ever made from some series."""
    found: dict[str, Interval] = {}
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


def eligible_scans(connection: Connection, cover: str) -> list[EligibleScan]:
    """Return main scans of a cover that have an encoder input, with `split` and `own_lane` of their patients."""
    rows = select(*columns_of(ScanRow, SCAN), PATIENT.c.split, PATIENT.c.own_lane).join(
        PATIENT, PATIENT.c.key == SCAN.c.patient
    )
    eligible = rows.where(may_be_listed(), SCAN.c.cover == cover, SCAN.c.tensor.is_not(None)).order_by(SCAN.c.key)
    return rows_as(connection, eligible, EligibleScan)


def count_patients(connection: Connection, cover: str, *, since: float) -> int:
    """Count patients with main scans of a cover whose number for divisions is at least `since`."""
    distinct = select(func.count(SCAN.c.patient.distinct())).join(PATIENT, PATIENT.c.key == SCAN.c.patient)
    mine = distinct.where(may_be_listed(), SCAN.c.cover == cover, PATIENT.c.split >= since)
    return int(connection.execute(mine).scalar_one())


def scan_counts(connection: Connection, night: int) -> dict[str, int]:
    """Count scans that a night brought (new), brought but held back, and withdrew."""
    first = SCAN.c.first_night == night
    counts = select(
        func.count(case((and_(first, SCAN.c.state == ACCEPTED), 1))).label("new"),
        func.count(case((and_(first, SCAN.c.state == HELD_BACK), 1))).label("held_back"),
        func.count(case((SCAN.c.withdrawn_night == night, 1))).label("withdrawn"),
    ).where(or_(first, SCAN.c.withdrawn_night == night))
    new, held_back, withdrawn = connection.execute(counts).one()
    return {"new": new, "held_back": held_back, "withdrawn": withdrawn}


def held_back_scans(connection: Connection) -> Iterator[HeldBackScan]:
    """Yield scans that wait for a kind, with one header each (JSON, with identity); for that door too."""
    one_file = func.min(FILE.c.key).label("file")
    columns = (SCAN.c.key, SCAN.c.kind, SCAN.c.kind_rule, SCAN.c.patient, SCAN.c.study)
    held = select(*columns, func.count().label("files"), one_file).join(FILE, FILE.c.scan == SCAN.c.key)
    held = held.where(SCAN.c.state == "held_back").group_by(*columns)
    by_file = {row.file: row for row in connection.execute(held)}
    for some in chunks(sorted(by_file)):
        read = select(IDENTITY_FILE.c.key, IDENTITY_FILE.c.header).where(IDENTITY_FILE.c.key.in_(some))
        for file, header in connection.execute(read).tuples():
            if header:
                scan = by_file[file]
                yield HeldBackScan(scan.key, scan.kind, scan.kind_rule, scan.patient, scan.study, scan.files, header)


def scan_facts(connection: Connection, scans: Iterable[str]) -> dict[str, ScanFacts]:
    """Return key -> patient, study, kind, contrast, local date, what speaks against that, and scanner of scans."""
    facts: dict[str, ScanFacts] = {}
    for some in chunks(scans):
        theirs = select(*columns_of(ScanFacts, SCAN)).where(SCAN.c.key.in_(some))
        facts.update({row.key: row for row in rows_as(connection, theirs, ScanFacts)})
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
