"""Files and their outcomes: reads and writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, or_, select

from db.archive_tables import FILE_OUTCOMES
from db.base import table_of
from db.rows import rows_as
from db.tables import FILE, IDENTITY_FILE, File, FurtherScan
from db.upsert import Row, chunks, upsert


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A row of file."""

    key: str
    outcome: str
    code: str
    why: str
    scan: str | None
    series: str
    size_bytes: int
    first_night: int
    changed_night: int


@dataclass(frozen=True, slots=True)
class FileCount:
    """How many files have an outcome and code, and the night of the newest one."""

    outcome: str
    code: str
    n_files: int
    newest_night: int


@dataclass(frozen=True, slots=True)
class FileEnding:
    """Where a file ended; with its path, which is identity."""

    path: str
    outcome: str
    code: str
    why: str
    scan: str | None


def files_with_code(connection: Connection, code: str, *, changed_since: int) -> int:
    """Count files that ended with a code after night `changed_since`."""
    theirs = select(func.count()).where(FILE.c.code == code, FILE.c.changed_night > changed_since)
    return connection.scalar(theirs) or 0


def file_counts(connection: Connection, *, changed_since: int | None = None) -> dict[str, int]:
    """Count files by outcome; only those whose outcome changed in a later night than `changed_since`."""
    counts = select(FILE.c.outcome, func.count()).group_by(FILE.c.outcome)
    if changed_since is not None:
        counts = counts.where(FILE.c.changed_night > changed_since)
    return {outcome: n for outcome, n in connection.execute(counts).tuples()}


def counted(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by outcome, zeros included, with their sum as `seen`."""
    found = {name: counts.get(name, 0) for name in FILE_OUTCOMES}
    return {"seen": sum(found.values())} | found


def files_by_code(connection: Connection, *, outcome: str | None = None) -> list[FileCount]:
    """Count files by outcome and code, most first; `newest_night` is when that last happened."""
    columns = (FILE.c.outcome, FILE.c.code)
    counts = select(*columns, func.count().label("n_files"), func.max(FILE.c.changed_night).label("newest_night"))
    if outcome is not None:
        counts = counts.where(FILE.c.outcome == outcome)
    return rows_as(connection, counts.group_by(*columns).order_by(func.count().desc(), *columns), FileCount)


def files_with_outcome(
    connection: Connection, wanted: str | None, *, after: str = "", most: int = 1000
) -> list[FileEnding]:
    """Return path, outcome, code, why and scan of some files, by path; `wanted` is an outcome, a code, or None.

    Identity is joined here: for the operator's door alone. The next page begins after the last path of this one.
    """
    columns = (IDENTITY_FILE.c.path, FILE.c.outcome, FILE.c.code, FILE.c.why, FILE.c.scan)
    joined = select(*columns).join(IDENTITY_FILE, IDENTITY_FILE.c.key == FILE.c.key)
    joined = joined.where(IDENTITY_FILE.c.path > after)
    if wanted is not None:
        joined = joined.where(or_(FILE.c.outcome == wanted, FILE.c.code == wanted))
    return rows_as(connection, joined.order_by(IDENTITY_FILE.c.path).limit(most), FileEnding)


def save_files(connection: Connection, rows: Iterable[Row]) -> int:
    """Save where files stand; `changed_night` is written only when that changed.

    Further scans of these files are forgotten: `save_further_scans` comes behind.
    """
    rows = list(rows)
    further = table_of(FurtherScan)
    for keys in chunks(str(row["key"]) for row in rows):
        connection.execute(delete(further).where(further.c.file.in_(keys)))
    return upsert(connection, File, rows, once=("first_night",), stamp=("changed_night",))


def save_further_scans(connection: Connection, rows: Iterable[Row]) -> int:
    """Save which scans, beside the one in `file.scan`, the frames of multi-frame files make; rows hold file, scan."""
    return upsert(connection, FurtherScan, rows, update=())
