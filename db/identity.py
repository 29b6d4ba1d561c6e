"""Reads and writes of the schema `identity`. Commit these before the core rows that belong to them.

`grouped` false means that the core tables do not yet say what became of a file: work that was cut off is
found again by this mark.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, delete, func, or_, select, update

from db.base import table_of
from db.rows import columns_of, rows_as
from db.tables import IDENTITY_PATIENT, SCAN, IdentityFile, IdentityPatient, IdentityRejection, IdentityStudy
from db.upsert import Row, chunks, upsert

FILE, REJECTION = table_of(IdentityFile), table_of(IdentityRejection)
GONE, READ = "gone", "read"
KNOWN_AT_ONCE = 5000  # rows
NO_PART, BY_SIBLINGS = "%/unknown/%", "%another series of the study%"  # of scan.kind and scan.kind_rule
NO_PATH = "//"  # before a key, in place of the path of a forgotten file; no path in an archive begins so
IS_FORGOTTEN = func.substr(FILE.c.path, 1, len(NO_PATH)) == NO_PATH


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of identity.file: what is known of a file of the archive."""

    key: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    state: str
    code: str
    why: str
    sop_uid: str
    series: str
    study: str
    part: str
    series_uid: str
    file_sha256: str
    pixel_sha256: str
    person: str
    header: str
    grouped: bool


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """A readable file of a series."""

    key: str
    path: str
    series: str
    part: str
    size_bytes: int
    mtime_ns: int
    sop_uid: str
    header: str  # as JSON


def save_patients(connection: Connection, rows: Iterable[Row]) -> int:
    """Save persons as the hospital knows them."""
    return upsert(connection, IdentityPatient, rows)


def save_studies(connection: Connection, rows: Iterable[Row]) -> int:
    """Save the numbers of studies."""
    return upsert(connection, IdentityStudy, rows)


def save_files(connection: Connection, rows: Iterable[Row]) -> int:
    """Save files that are new, changed or read."""
    return upsert(connection, IdentityFile, rows)


def known_files(connection: Connection) -> Iterator[tuple[str, int, int, int]]:
    """Yield path, size in bytes, mtime in ns and inode of every file that is not gone, by the bytes of the path.

    Files of forgotten people have no path and are left out.

    Read through the driver and a part at a time: a million rows make no million row objects.
    """
    path = FILE.c.path if connection.dialect.name == "sqlite" else FILE.c.path.collate("C")
    columns = (FILE.c.path, FILE.c.size_bytes, FILE.c.mtime_ns, FILE.c.inode)
    statement = select(*columns).where(FILE.c.state != GONE, ~IS_FORGOTTEN).order_by(path)
    sql = str(statement.compile(connection.engine, compile_kwargs={"literal_binds": True}))
    driver: Any = connection.connection
    # A cursor without a name would bring all rows from PostgreSQL at once.
    cursor = driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(name="known_files")
    with closing(cursor):
        cursor.execute(sql)
        while rows := cursor.fetchmany(KNOWN_AT_ONCE):
            yield from rows


def forgotten_files(connection: Connection) -> list[tuple[str, int, int, int]]:
    """Return the same of the files of forgotten people that are not gone; a key stands where the path would."""
    columns = (FILE.c.path, FILE.c.size_bytes, FILE.c.mtime_ns, FILE.c.inode)
    rows = connection.execute(select(*columns).where(FILE.c.state != GONE, IS_FORGOTTEN).order_by(FILE.c.path))
    return [(path, size, mtime, inode) for path, size, mtime, inode in rows]


def n_known_files(connection: Connection) -> int:
    """Count the files that are not gone."""
    return connection.scalar(select(func.count()).select_from(FILE).where(FILE.c.state != GONE)) or 0


def n_files_in(connection: Connection, states: Sequence[str]) -> int:
    """Count the files in some states."""
    return connection.scalar(select(func.count()).select_from(FILE).where(FILE.c.state.in_(states))) or 0


def keys_of_paths(connection: Connection, paths: Iterable[str]) -> list[str]:
    """Return the keys of the files at some paths, sorted."""
    return _keys(connection, FILE.c.path, paths)


def pending_files(connection: Connection, states: Sequence[str], *, limit: int | None = None) -> list[str]:
    """Return the keys of files in some states whose end the core tables do not know yet; newest first."""
    pending = select(FILE.c.key).where(FILE.c.grouped.is_(False), FILE.c.state.in_(states))
    return list(connection.scalars(pending.order_by(FILE.c.mtime_ns.desc(), FILE.c.key).limit(limit)))


def pending_series(connection: Connection, *, limit: int | None = None) -> list[str]:
    """Return the keys of series that must be grouped (again), those with the newest files first."""
    newest = func.max(FILE.c.mtime_ns)
    pending = select(FILE.c.series).where(FILE.c.grouped.is_(False), FILE.c.state == READ)
    ordered = pending.group_by(FILE.c.series).order_by(newest.desc(), FILE.c.series)
    return list(connection.scalars(ordered.limit(limit)))


def file_rows(connection: Connection, keys: Iterable[str]) -> list[FileRow]:
    """Return whole rows of files by key."""
    rows: list[FileRow] = []
    for some in chunks(keys):
        mine = select(*columns_of(FileRow, FILE)).where(FILE.c.key.in_(some))
        rows += rows_as(connection, mine.order_by(FILE.c.key), FileRow)
    return rows


def members_of_series(connection: Connection, series: Iterable[str]) -> list[SeriesFile]:
    """Return the readable files of series: key, path, series, part, size, time, sop_uid and header as JSON."""
    rows: list[SeriesFile] = []
    for some in chunks(series):
        present = select(*columns_of(SeriesFile, FILE)).where(FILE.c.series.in_(some), FILE.c.state == READ)
        rows += rows_as(connection, present.order_by(FILE.c.series, FILE.c.key), SeriesFile)
    return rows


def headers_beside(connection: Connection, series: Iterable[str]) -> dict[str, list[str]]:
    """Return series -> the header, as JSON, of one file of each other series of the same study."""
    found: dict[str, list[str]] = {}
    for some in chunks(series):
        theirs = select(FILE.c.series, FILE.c.study).where(FILE.c.series.in_(some), FILE.c.state == READ).distinct()
        studies = connection.execute(theirs).tuples().all()
        first = select(func.min(FILE.c.key)).where(FILE.c.study.in_({study for _, study in studies}))
        first = first.where(FILE.c.state == READ).group_by(FILE.c.study, FILE.c.series)
        rows = connection.execute(
            select(FILE.c.study, FILE.c.series, FILE.c.header).where(FILE.c.key.in_(first)).order_by(FILE.c.key)
        ).all()
        for own, study in studies:
            found.setdefault(own, []).extend(r.header for r in rows if r.study == study and r.series != own)
    return found


def studies_to_finish(connection: Connection) -> list[str]:
    """Return the keys of the UIDs of studies whose people have to be told apart: with files to group, or shared."""
    mine = select(FILE.c.study).where(FILE.c.state == READ, FILE.c.study != "", FILE.c.grouped.is_(False))
    return sorted(shared_studies(connection).union(connection.scalars(mine.distinct())))


def shared_studies(connection: Connection) -> set[str]:
    """Return the keys of the UIDs of studies that people share."""
    return set(connection.scalars(select(FILE.c.study).where(FILE.c.part > "", FILE.c.state == READ).distinct()))


def people_of_studies(connection: Connection, studies: Iterable[str]) -> dict[str, dict[str, set[str]]]:
    """Return study UID's key -> person -> parts that files of that person are noted under."""
    found: dict[str, dict[str, set[str]]] = {}
    for some in chunks(studies):
        columns = (FILE.c.study, FILE.c.person, FILE.c.part)
        rows = select(*columns).where(FILE.c.study.in_(some), FILE.c.state == READ).distinct()
        for study, person, part in connection.execute(rows):
            found.setdefault(study, {}).setdefault(person, set()).add(part)
    return found


def headers_of_study(connection: Connection, study: str) -> list[tuple[str, str]]:
    """Return person and header as JSON of the readable files with a study UID, by its key."""
    rows = select(FILE.c.person, FILE.c.header).where(FILE.c.study == study, FILE.c.state == READ)
    return list(connection.execute(rows.order_by(FILE.c.key)).tuples())


def set_part(connection: Connection, study: str, person: str, part: str) -> None:
    """Note which part of a shared study a person's files are, and ask for their series to be grouped again."""
    mine = (FILE.c.study == study, FILE.c.person == person, FILE.c.state == READ)
    _mark(connection, FILE.c.series, connection.scalars(select(FILE.c.series).where(*mine)), grouped=False)
    connection.execute(update(FILE).where(*mine).values(part=part))


def stale_parts(connection: Connection) -> list[str]:
    """Return studies of a UID with several ones that no file is of: once people shared the UID, or no longer do."""
    studies = table_of(IdentityStudy)
    shared = select(studies.c.study_uid).group_by(studies.c.study_uid).having(func.count() > 1)
    whole = select(FILE.c.key).where(FILE.c.study == studies.c.key, FILE.c.part == "")
    part = select(FILE.c.key).where(FILE.c.part == studies.c.key)
    stale = select(studies.c.key).where(studies.c.study_uid.in_(shared), ~whole.exists(), ~part.exists())
    return sorted(connection.scalars(stale))


def delete_studies(connection: Connection, keys: Iterable[str]) -> None:
    """Delete studies by key."""
    studies = table_of(IdentityStudy)
    for some in chunks(keys):
        connection.execute(delete(studies).where(studies.c.key.in_(some)))


def conflicting_files(connection: Connection, series: Iterable[str]) -> dict[str, list[str]]:
    """Return file -> files elsewhere, for files in these series whose SOP Instance UID also stands in another one."""
    columns = (FILE.c.key, FILE.c.sop_uid, FILE.c.series)
    mine: list[Any] = []
    for some in chunks(series):
        present = select(*columns).where(FILE.c.series.in_(some), FILE.c.state == READ, FILE.c.sop_uid != "")
        mine += connection.execute(present)
    # Looked up by UID, for which there is an index; a self-join finds a worse way.
    holders: dict[str, dict[str, str]] = {}
    for some in chunks({row.sop_uid for row in mine}):
        sharing = select(*columns).where(FILE.c.sop_uid.in_(some), FILE.c.state == READ)
        for row in connection.execute(sharing):
            holders.setdefault(row.sop_uid, {})[row.key] = row.series
    others = {row.key: [k for k, at in holders[row.sop_uid].items() if at != row.series] for row in mine}
    return {key: sorted(others[key]) for key in sorted(others) if others[key]}


def save_rejections(connection: Connection, read: Iterable[str], notes: Iterable[Row]) -> None:
    """Save what the rejection notes among some files name; the series of those instances are grouped again.

    Args:
        connection: From `db.write()`.
        read: Keys of all files that were read (again): what they named before no longer holds.
        notes: One row (note, sop_uid, code) an instance that is named.
    """
    _forget_notes(connection, read)
    rows = list(notes)
    upsert(connection, IdentityRejection, rows)
    request_regroup_copies(connection, {str(row["sop_uid"]) for row in rows})


def rejections_of(connection: Connection, sop_uids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return SOP Instance UID -> (code, note) of the instances that a rejection note names; of several the first."""
    if connection.execute(select(REJECTION.c.note).limit(1)).first() is None:
        return {}
    columns = (REJECTION.c.sop_uid, REJECTION.c.code, REJECTION.c.note)
    found: dict[str, tuple[str, str]] = {}
    for some in chunks(sop_uids):
        notes = select(*columns).join(FILE, FILE.c.key == REJECTION.c.note)
        held = notes.where(REJECTION.c.sop_uid.in_(some), FILE.c.state == READ)
        for row in connection.execute(held.order_by(REJECTION.c.code, REJECTION.c.note)):
            found.setdefault(row.sop_uid, (row.code, row.note))
    return found


def mark_gone(connection: Connection, keys: Iterable[str]) -> int:
    """Note that files are no longer in the archive; `request_regroup` them first."""
    n_gone = 0
    keys = list(keys)
    _forget_notes(connection, keys)
    for some in chunks(keys):
        present = update(FILE).where(FILE.c.key.in_(some), FILE.c.state != GONE)
        n_gone += connection.execute(present.values(state=GONE, code=GONE, why="", grouped=False)).rowcount
    return n_gone


def request_reading(connection: Connection, keys: Iterable[str]) -> None:
    """Note that files must be looked at again: the next listing finds them changed, whatever their dates say."""
    for some in chunks(keys):
        connection.execute(update(FILE).where(FILE.c.key.in_(some)).values(mtime_ns=0, inode=0))


def mark_grouped(connection: Connection, keys: Iterable[str]) -> int:
    """Note, by file, that the core tables say what became of it."""
    return _mark(connection, FILE.c.key, keys, grouped=True)


def mark_series_grouped(connection: Connection, series: Iterable[str]) -> int:
    """Note, by series, that the core tables say what became of its readable files."""
    return _mark(connection, FILE.c.series, series, grouped=True)


def request_regroup(connection: Connection, keys: Iterable[str]) -> int:
    """Ask for the series of these files to be grouped again, and those that share or are named by a UID.

    To be committed before such files are overwritten or marked gone: afterwards nobody knows where they were.
    """
    series: set[str] = set()
    studies: set[str] = set()
    uids: set[str] = set()
    for some in chunks(keys):
        rows = connection.execute(select(FILE.c.series, FILE.c.study, FILE.c.sop_uid).where(FILE.c.key.in_(some))).all()
        series.update(row.series for row in rows if row.series)
        studies.update(row.study for row in rows if row.study)
        uids.update(row.sop_uid for row in rows if row.sop_uid)
        uids.update(connection.scalars(select(REJECTION.c.sop_uid).where(REJECTION.c.note.in_(some))))
    n_marked = _mark(connection, FILE.c.series, series, grouped=False) + request_regroup_copies(connection, uids)
    return n_marked + request_regroup_siblings(connection, studies)


def request_regroup_series(connection: Connection, series: Iterable[str]) -> int:
    """Ask for some series to be grouped again, such as when what was made of them is lost."""
    return _mark(connection, FILE.c.series, series, grouped=False)


def request_regroup_copies(connection: Connection, sop_uids: Iterable[str]) -> int:
    """Ask for every series that holds one of these SOP Instance UIDs to be grouped again."""
    return _mark(connection, FILE.c.sop_uid, (uid for uid in sop_uids if uid), grouped=False)


def request_regroup_siblings(connection: Connection, studies: Iterable[str]) -> int:
    """Ask for those series of some studies to be grouped again whose part of the body other series may tell."""
    series: set[str] = set()
    for some in chunks(studies):
        waits = or_(SCAN.c.kind.like(NO_PART), SCAN.c.kind_rule.like(BY_SIBLINGS))
        theirs = select(FILE.c.series).join(SCAN, SCAN.c.series == FILE.c.series).where(FILE.c.study.in_(some), waits)
        series.update(connection.scalars(theirs.distinct()))
    return _mark(connection, FILE.c.series, series, grouped=False)


def request_regroup_all(connection: Connection) -> int:
    """Ask for every series to be grouped again, such as after the table of kinds was edited."""
    everything = update(FILE).where(FILE.c.state == READ, FILE.c.grouped.is_(True))
    return connection.execute(everything.values(grouped=False)).rowcount


def paths_of_files(connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Return key -> path of files."""
    paths: dict[str, str] = {}
    for some in chunks(keys):
        rows = connection.execute(select(FILE.c.key, FILE.c.path).where(FILE.c.key.in_(some)))
        paths.update(rows.tuples().all())
    return paths


def studies_by_uid(connection: Connection, study_uid: str) -> list[str]:
    """Return the keys of the studies with this UID; several when people share it."""
    return _keys(connection, table_of(IdentityStudy).c.study_uid, [study_uid])


def studies_by_accession(connection: Connection, accession_number: str) -> list[str]:
    """Return the keys of the studies with this accession number; several when it was used twice."""
    if not accession_number:
        return []
    return _keys(connection, table_of(IdentityStudy).c.accession_number, [accession_number])


def _forget_notes(connection: Connection, keys: Iterable[str]) -> None:
    if connection.execute(select(REJECTION.c.note).limit(1)).first() is not None:
        for some in chunks(keys):
            connection.execute(delete(REJECTION).where(REJECTION.c.note.in_(some)))


def _mark(connection: Connection, column: Column[str], values: Iterable[str], *, grouped: bool) -> int:
    n_marked = 0
    for some in chunks(values):
        # A gone file has no series left to be part of; only its own key settles it.
        theirs = update(FILE).where(column.in_(some), FILE.c.grouped.is_(not grouped))
        if column is not FILE.c.key:
            theirs = theirs.where(FILE.c.state == READ)
        n_marked += connection.execute(theirs.values(grouped=grouped)).rowcount
    return n_marked


def _keys(connection: Connection, column: Column[str], values: Iterable[str]) -> list[str]:
    keys: list[str] = []
    for some in chunks(values):
        keys += connection.scalars(select(column.table.c.key).where(column.in_(some)))
    return sorted(keys)


def patients_by_id(connection: Connection) -> dict[str, list[str]]:
    """Return patient id -> keys; several keys when issuers share an id."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(IDENTITY_PATIENT.c.patient_id, IDENTITY_PATIENT.c.key)):
        if row.patient_id:
            found.setdefault(row.patient_id, []).append(row.key)
    return found
