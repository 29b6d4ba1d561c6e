"""Forgetting a person: what goes from the tables, in an order that may be cut off anywhere and run again.

The tombstone is written first and says what is still to do; it is settled last.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, case, delete, exists, func, or_, select, union, update

from db.base import IDENTITY, Base, table_of
from db.engine import Database, database_time
from db.errors import DatabaseUnreachable
from db.identity import NO_PATH, READ, request_regroup
from db.rows import columns_of, mapping_of, rows_as
from db.tables import (
    BackupMade,
    Control,
    Embedding,
    Encoder,
    File,
    FurtherScan,
    IdentityFile,
    IdentityMerge,
    IdentityPatient,
    IdentityPerson,
    IdentityRejection,
    IdentityScan,
    IdentityStudy,
    Label,
    LaneOutcome,
    Match,
    Night,
    Patient,
    Scan,
    Study,
    Tombstone,
    Verdict,
)
from db.upsert import chunks, upsert

FORGOTTEN = "forgotten"
PATIENT, STUDY, SCAN, FILE, FURTHER = (table_of(model) for model in (Patient, Study, Scan, File, FurtherScan))
MATCH, LANE, VERDICT, EMBEDDING = (table_of(model) for model in (Match, LaneOutcome, Verdict, Embedding))
CONTROL = table_of(Control)
LABEL, ENCODER, NIGHT = table_of(Label), table_of(Encoder), table_of(Night)
PERSON, IDENTITY_FILE, IDENTITY_STUDY = table_of(IdentityPerson), table_of(IdentityFile), table_of(IdentityStudy)
IDENTITY_PATIENT, IDENTITY_SCAN = table_of(IdentityPatient), table_of(IdentityScan)
MERGE, TOMBSTONE, BACKUP = table_of(IdentityMerge), table_of(Tombstone), table_of(BackupMade)
REJECTION = table_of(IdentityRejection)
BLANK: dict[str, Any] = {
    "state": "refused", "code": FORGOTTEN, "why": "", "sop_uid": "", "series": "", "study": "", "part": "",
    "series_uid": "", "file_sha256": "", "pixel_sha256": "", "header": "", "person": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TombstoneRow:
    """A row of identity.tombstone."""

    key: str
    pending: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NamedPatient:
    """A patient whom an id stands for."""

    key: str
    issuer: str


@dataclass(frozen=True, slots=True)
class PersonFile:
    """A file of a person."""

    key: str
    path: str
    state: str


@dataclass(frozen=True)
class Studied:
    """A study that a person's files name.

    Attributes:
        uid: Its UID.
        ids: (patient id, issuer) of the person's files in it.
        persons: Keys of identity.person of these files.
        others: (patient id, issuer) of files in it that are somebody else's; empty: the study is theirs alone.
    """

    uid: str
    ids: Sequence[tuple[str, str]]
    persons: Sequence[str]
    others: Sequence[tuple[str, str]]


def write_tombstones(connection: Connection, keys: Iterable[str], *, patient: str) -> None:
    """Write tombstones, pending until `finish_forgetting`."""
    at = database_time(connection)
    rows = [{"key": key, "pending": patient, "at": at} for key in keys]
    upsert(connection, Tombstone, rows, update=("pending",))


def delete_tombstones(connection: Connection, keys: Iterable[str]) -> None:
    """Take tombstones away that stand on somebody else as well."""
    for some in chunks(keys):
        connection.execute(delete(TOMBSTONE).where(TOMBSTONE.c.key.in_(some)))


def tombstones(connection: Connection) -> frozenset[str]:
    """Return the keys of everybody who was forgotten."""
    return frozenset(connection.scalars(select(TOMBSTONE.c.key)))


def tombstone_rows(connection: Connection) -> list[TombstoneRow]:
    """Return every tombstone, whole rows."""
    every = select(*columns_of(TombstoneRow, TOMBSTONE)).order_by(TOMBSTONE.c.key)
    return rows_as(connection, every, TombstoneRow)


def restore_tombstones(connection: Connection, rows: Iterable[TombstoneRow]) -> int:
    """Put tombstones back, after a backup that is older than they are was restored."""
    return upsert(connection, Tombstone, [mapping_of(row) for row in rows], update=())


def pending_patients(connection: Connection) -> list[str]:
    """Return the patient keys whose forgetting was begun and not finished."""
    return sorted(connection.scalars(select(TOMBSTONE.c.pending).where(TOMBSTONE.c.pending != "").distinct()))


def finish_forgetting(connection: Connection, patient: str) -> None:
    """Note that a patient is wholly forgotten; the key is not kept."""
    connection.execute(update(TOMBSTONE).where(TOMBSTONE.c.pending == patient).values(pending=""))


def patients_named(connection: Connection, patient_id: str, issuer: str | None) -> list[NamedPatient]:
    """Return key and issuer of the patients of an id, also of one that was merged into another."""
    people = select(PERSON.c.patient.label("key"), PERSON.c.issuer).where(
        PERSON.c.patient_id == patient_id, PERSON.c.patient != ""
    )
    known = select(IDENTITY_PATIENT.c.key, IDENTITY_PATIENT.c.issuer).where(
        IDENTITY_PATIENT.c.patient_id == patient_id,
        IDENTITY_PATIENT.c.key.in_(select(IDENTITY_STUDY.c.patient)),  # a merge leaves the former key empty
    )
    if issuer is not None:
        people, known = people.where(PERSON.c.issuer == issuer), known.where(IDENTITY_PATIENT.c.issuer == issuer)
    present = people.where(select(IDENTITY_FILE.c.key).where(IDENTITY_FILE.c.person == PERSON.c.key).exists())
    rows = rows_as(connection, known, NamedPatient) + rows_as(connection, present, NamedPatient)
    found = {row.key: row for row in rows or rows_as(connection, people, NamedPatient)}
    return [found[key] for key in sorted(found)]


def everybody(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
    """Yield patient key, patient id, issuer and study UID of every study."""
    columns = (IDENTITY_STUDY.c.patient, IDENTITY_PATIENT.c.patient_id, IDENTITY_PATIENT.c.issuer)
    rows = select(*columns, IDENTITY_STUDY.c.study_uid).join(IDENTITY_PATIENT)
    yield from connection.execute(rows).tuples()


def has_patient(connection: Connection, patient: str) -> bool:
    """Say whether a patient key is known."""
    theirs = select(IDENTITY_PATIENT.c.key).where(IDENTITY_PATIENT.c.key == patient)
    return connection.scalar(theirs) is not None


@dataclass(frozen=True)
class Theirs:
    """Everything that is one person's, in both schemas, wherever a night that was cut off has left it.

    Attributes:
        patients: Keys under which the person stands.
        names: Every (patient id, issuer) that is trusted and stands for them, merged ones included.
        scans: Keys of their scans.
        files: Keys of their files.
    """

    patients: Sequence[str]
    names: Sequence[tuple[str, str]]
    scans: Sequence[str]
    files: Sequence[str]


def theirs_of(connection: Connection, patient: str, key_of: Callable[[str, str], str] | None = None) -> Theirs:
    """Find everything of a patient; nobody else's files or scans, also where people share a study or its row.

    Args:
        connection: From `db.read()`.
        patient: A key of the patient.
        key_of: (patient id, issuer) -> key that the id had before it was merged: withdrawn scans still bear it.
    """
    found = Theirs([patient], [], [], [])
    while True:
        files = _files_of_people(connection, found.patients)
        scans = _scans_of_people(connection, found.patients) | _scans_of_files(connection, files)
        files |= _files_of_scans(connection, scans)
        names, patients = _names_of(connection, found.patients, files)
        patients |= {patient, *(key_of(*who) for who in names if key_of is not None)}
        now = Theirs(sorted(patients), sorted(names), sorted(scans), sorted(files))
        if now == found:
            return now
        found = now


def studies_of(connection: Connection, theirs: Theirs) -> list[Studied]:
    """Return the studies that a person's files name, each with the ids and the persons that are theirs there."""
    mine: dict[str, list[tuple[str, str]]] = {}  # key of the UID -> (header, person)
    for some in chunks(theirs.files):
        columns = (IDENTITY_FILE.c.study, IDENTITY_FILE.c.header, IDENTITY_FILE.c.person)
        rows = select(*columns).where(IDENTITY_FILE.c.key.in_(some), IDENTITY_FILE.c.header != "")
        for study, header, person in connection.execute(rows):
            mine.setdefault(study, []).append((header, person))
    others = _others_in(connection, mine, frozenset(theirs.files))
    found = []
    for study, named in sorted(mine.items()):
        said = [json.loads(header)["identity"] for header, _ in named]
        ids = {(str(one.get("patient_id", "")), str(one.get("issuer", ""))) for one in said}
        people = {person for _, person in named}
        found.append(Studied(str(said[0]["study_uid"]), sorted(ids), sorted(people), sorted(others.get(study, ()))))
    return found


def files_of(connection: Connection, theirs: Theirs) -> list[PersonFile]:
    """Return key, path and state of every file of a person, by path."""
    rows: list[PersonFile] = []
    for some in chunks(theirs.files):
        mine = select(*columns_of(PersonFile, IDENTITY_FILE)).where(IDENTITY_FILE.c.key.in_(some))
        rows += rows_as(connection, mine, PersonFile)
    return sorted(rows, key=lambda row: row.path)


def scans_of(connection: Connection, patient: str) -> list[str]:
    """Return every scan of a patient."""
    return sorted(connection.scalars(select(SCAN.c.key).where(SCAN.c.patient == patient)))


def backups_since(connection: Connection, patients: Sequence[str]) -> list[str]:
    """Return the folders of backups that were made since one of some patients was first seen."""
    first = select(func.min(NIGHT.c.begun_at)).join(PATIENT, PATIENT.c.first_night == NIGHT.c.id)
    first = first.where(PATIENT.c.key.in_(patients))
    seen: datetime | None = connection.scalar(first)
    made = select(BACKUP.c.folder).order_by(BACKUP.c.at)
    return list(connection.scalars(made if seen is None else made.where(BACKUP.c.at >= seen)))


def note_backup(connection: Connection, folder: Path) -> None:
    """Remember where a backup was written."""
    row = {"folder": str(folder), "at": database_time(connection)}
    upsert(connection, BackupMade, [row])


def trained_on(connection: Connection, patient: str) -> list[str]:
    """Return the encoders trained here that may have learned from a patient: a scan was there when they were made."""
    saw = exists().where(
        SCAN.c.patient == patient,
        SCAN.c.cover == ENCODER.c.cover,
        SCAN.c.state != "held_back",
        SCAN.c.first_night <= ENCODER.c.created_night,
        or_(SCAN.c.withdrawn_night.is_(None), SCAN.c.withdrawn_night > ENCODER.c.created_night),
    )
    return sorted(connection.scalars(select(ENCODER.c.id).where(ENCODER.c.origin == "trained", saw)))


def forget_core(connection: Connection, theirs: Theirs) -> list[str]:
    """Delete a patient's rows from the core tables; returns the encoders that are now marked.

    Args:
        connection: From `db.write(fence)`.
        theirs: What is the patient's.

    Lists that held their scans are asked for again. Their files stay as numbers: skipped, forgotten. A study that
    holds somebody else's scans as well is theirs from now on.
    """
    encoders = sorted({encoder for patient in theirs.patients for encoder in trained_on(connection, patient)})
    marked = update(ENCODER).where(ENCODER.c.id.in_(encoders))
    connection.execute(marked.values(forgotten_patients=ENCODER.c.forgotten_patients + 1))
    _ask_again(connection, theirs)
    _lose_files(connection, theirs)
    _delete_scans(connection, theirs.scans)
    _delete_labels(connection, theirs)
    _delete_studies(connection, theirs.patients)
    in_use = union(select(SCAN.c.patient), select(STUDY.c.patient))
    connection.execute(delete(PATIENT).where(PATIENT.c.key.not_in(in_use)))  # also those that merges left empty
    return encoders


def _lose_files(connection: Connection, theirs: Theirs) -> None:
    night = connection.scalar(select(func.max(NIGHT.c.id))) or 0
    lost = {"outcome": "skipped", "code": FORGOTTEN, "why": "", "scan": None, "changed_night": night}
    for some in chunks(theirs.files):
        mine = update(FILE).where(FILE.c.key.in_(some), FILE.c.code != FORGOTTEN, FILE.c.outcome != "gone")
        connection.execute(mine.values(lost))
    for some in chunks(theirs.scans):
        connection.execute(update(FILE).where(FILE.c.scan.in_(some)).values(lost))


def _delete_scans(connection: Connection, scans: Iterable[str]) -> None:
    """Delete scans, behind everything that names one of them: also what stands in the lists of other people."""
    keys = list(chunks(scans))
    for table in (VERDICT, CONTROL, MATCH):
        for some in keys:
            connection.execute(delete(table).where(or_(table.c.scan.in_(some), table.c.prior.in_(some))))
    for table in (FURTHER, LANE, EMBEDDING):
        for some in keys:
            connection.execute(delete(table).where(table.c.scan.in_(some)))
    for some in keys:
        connection.execute(delete(SCAN).where(SCAN.c.key.in_(some)))


def _delete_labels(connection: Connection, theirs: Theirs) -> None:
    """Delete labels of the person, of their studies, and of UIDs that they share: these may speak of them."""
    subjects = {*theirs.patients}  # those of merged ids included
    for patient in theirs.patients:
        subjects.update(connection.scalars(select(STUDY.c.key).where(STUDY.c.patient == patient)))
    for some in chunks(theirs.files):
        subjects.update(connection.scalars(select(IDENTITY_FILE.c.study).where(IDENTITY_FILE.c.key.in_(some))))
    for some in chunks(subjects):
        connection.execute(delete(LABEL).where(LABEL.c.subject_key.in_(some)))


def _delete_studies(connection: Connection, patients: Sequence[str]) -> None:
    """Delete the studies of a person whose scans are deleted; one with other people's scans goes to them."""
    mine = STUDY.c.patient.in_(patients)
    left = SCAN.c.study == STUDY.c.key
    heir = select(func.min(SCAN.c.patient)).where(left).scalar_subquery()
    connection.execute(update(STUDY).where(mine, select(SCAN.c.key).where(left).exists()).values(patient=heir))
    connection.execute(delete(STUDY).where(mine))


def forget_identity(connection: Connection, theirs: Theirs) -> None:
    """Delete a patient's rows from the schema identity; files that are still there keep no path."""
    _request_regroup_others(connection, theirs)
    for some in chunks(theirs.files):
        mine = IDENTITY_FILE.c.key.in_(some)
        connection.execute(delete(REJECTION).where(REJECTION.c.note.in_(some)))
        connection.execute(delete(IDENTITY_FILE).where(mine, IDENTITY_FILE.c.state == "gone"))
        blank = {"path": NO_PATH + IDENTITY_FILE.c.key, "grouped": True, **BLANK}
        connection.execute(update(IDENTITY_FILE).where(mine).values(blank))
    in_core = select(SCAN.c.key)  # theirs are gone from there already
    connection.execute(delete(IDENTITY_SCAN).where(IDENTITY_SCAN.c.key.not_in(in_core)))
    for patient_id, issuer in theirs.names:
        is_from = and_(MERGE.c.from_id == patient_id, MERGE.c.from_issuer == issuer)
        is_to = and_(MERGE.c.to_id == patient_id, MERGE.c.to_issuer == issuer)
        connection.execute(delete(MERGE).where(or_(is_from, is_to)))
    connection.execute(delete(IDENTITY_STUDY).where(IDENTITY_STUDY.c.patient.in_(theirs.patients)))
    connection.execute(delete(PERSON).where(PERSON.c.patient.in_(theirs.patients)))
    in_use = select(IDENTITY_STUDY.c.patient)
    connection.execute(delete(IDENTITY_PATIENT).where(IDENTITY_PATIENT.c.key.not_in(in_use)))
    used = select(IDENTITY_FILE.c.person).where(IDENTITY_FILE.c.person == PERSON.c.key)
    connection.execute(delete(PERSON).where(PERSON.c.patient == "", ~used.exists()))


def _request_regroup_others(connection: Connection, theirs: Theirs) -> None:
    """Ask for other people's files in the person's studies to be grouped again: the study is theirs alone now.

    And for those whose ids or content stood against the person's: a conflict may have ended.
    """
    request_regroup(connection, theirs.files)
    studies: set[str] = set()
    for some in chunks(theirs.files):
        studies.update(connection.scalars(select(IDENTITY_FILE.c.study).where(IDENTITY_FILE.c.key.in_(some))))
    for some in chunks(study for study in studies if study):
        shared = update(IDENTITY_FILE).where(IDENTITY_FILE.c.study.in_(some), IDENTITY_FILE.c.state == READ)
        connection.execute(shared.values(grouped=False))


def vacuum(db: Database) -> None:
    """Rewrite the tables, so that nothing deleted is left in their free space.

    Raises:
        DatabaseUnreachable: Somebody reads the database and holds its log; stop that and run again.
    """
    with db.engine.connect() as connection:
        if not db.is_sqlite:
            tidy = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in Base.metadata.sorted_tables:
                name = connection.dialect.identifier_preparer.format_table(table)
                tidy.exec_driver_sql(f"VACUUM (FULL) {name}")
            return
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA query_only=OFF")
        for schema in ("main", IDENTITY):
            cursor.execute(f"PRAGMA {schema}.secure_delete=ON")
            cursor.execute(f"VACUUM {schema}")
        for schema in ("main", IDENTITY):
            busy, *_ = cursor.execute(f"PRAGMA {schema}.wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise DatabaseUnreachable("somebody reads the database and holds its log: stop that, and run again")
        cursor.close()


def _files_of_people(connection: Connection, patients: Sequence[str]) -> set[str]:
    """Return files whose person is one of the patients, or whose study is, where each study counts for itself."""
    people = select(PERSON.c.key).where(PERSON.c.patient.in_(patients))
    trusted = select(PERSON.c.key).where(PERSON.c.patient != "")
    studies = select(IDENTITY_STUDY.c.key).where(IDENTITY_STUDY.c.patient.in_(patients))
    study = case((IDENTITY_FILE.c.part != "", IDENTITY_FILE.c.part), else_=IDENTITY_FILE.c.study)
    in_studies = or_(IDENTITY_FILE.c.study.in_(studies), IDENTITY_FILE.c.part.in_(studies))  # for the indices
    alone = and_(in_studies, study.in_(studies), IDENTITY_FILE.c.person.not_in(trusted))
    key = select(IDENTITY_FILE.c.key)
    mine = union(key.where(IDENTITY_FILE.c.person.in_(people)), key.where(alone))
    return set(connection.scalars(mine))


def _scans_of_people(connection: Connection, patients: Sequence[str]) -> set[str]:
    return set(connection.scalars(select(SCAN.c.key).where(SCAN.c.patient.in_(patients))))


def _scans_of_files(connection: Connection, files: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(files):
        found.update(connection.scalars(select(FILE.c.scan).where(FILE.c.key.in_(some), FILE.c.scan.is_not(None))))
        found.update(connection.scalars(select(FURTHER.c.scan).where(FURTHER.c.file.in_(some))))
    return found


def _files_of_scans(connection: Connection, scans: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(scans):
        found.update(connection.scalars(select(FILE.c.key).where(FILE.c.scan.in_(some))))
        found.update(connection.scalars(select(FURTHER.c.file).where(FURTHER.c.scan.in_(some))))
    return found


def _names_of(
    connection: Connection, patients: Iterable[str], files: Iterable[str]
) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the trusted ids of patients and of files, and the patients that these stand for."""
    said = (PERSON.c.patient_id, PERSON.c.issuer)
    names: set[tuple[str, str]] = set()
    for some in chunks(patients):
        names.update(connection.execute(select(*said).where(PERSON.c.patient.in_(some))).tuples())
    for some in chunks(files):
        theirs = select(IDENTITY_FILE.c.person).where(IDENTITY_FILE.c.key.in_(some))
        mine = select(*said).where(PERSON.c.key.in_(theirs), PERSON.c.patient != "")
        names.update(connection.execute(mine).tuples())
    if names:
        names |= set(_merged_into(connection, names))
    keys: set[str] = set()
    for patient_id, issuer in names:
        mine = select(PERSON.c.patient).where(PERSON.c.patient_id == patient_id, PERSON.c.issuer == issuer)
        keys.update(connection.scalars(mine.where(PERSON.c.patient != "")))
    return names, keys | set(patients)


def _others_in(
    connection: Connection, studies: Iterable[str], files: frozenset[str]
) -> dict[str, set[tuple[str, str]]]:
    """Return key of a study's UID -> ids of files there that are somebody else's."""
    found: dict[str, set[tuple[str, str]]] = {}
    for some in chunks(studies):
        columns = (IDENTITY_FILE.c.key, IDENTITY_FILE.c.study, PERSON.c.patient_id, PERSON.c.issuer)
        rows = select(*columns).join(PERSON, PERSON.c.key == IDENTITY_FILE.c.person)
        for row in connection.execute(rows.where(IDENTITY_FILE.c.study.in_(some), IDENTITY_FILE.c.state != "gone")):
            if row.key not in files:
                found.setdefault(row.study, set()).add((row.patient_id, row.issuer))
    return found


def _merged_into(connection: Connection, ids: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what merges name beside these ids, on either side."""
    pairs = [((r.from_id, r.from_issuer), (r.to_id, r.to_issuer)) for r in connection.execute(select(MERGE))]
    found = set(ids)
    while True:
        more = {who for pair in pairs for who in pair if found & set(pair)} - found
        if not more:
            return sorted(found)
        found |= more


def _ask_again(connection: Connection, theirs: Theirs) -> None:
    """Ask for every list that holds one of their scans, and for one of each kind, so that counts follow."""
    some: set[tuple[str, str]] = set()
    kinds: set[str] = set()
    for keys in chunks(theirs.scans):
        holders = select(MATCH.c.encoder, MATCH.c.scan).where(MATCH.c.prior.in_(keys), MATCH.c.left_night.is_(None))
        some.update(connection.execute(holders.distinct()).tuples())
        kinds.update(connection.scalars(select(SCAN.c.kind).where(SCAN.c.key.in_(keys)).distinct()))
    first = select(LANE.c.encoder, func.min(LANE.c.scan)).join(SCAN, SCAN.c.key == LANE.c.scan)
    first = first.where(SCAN.c.kind.in_(sorted(kinds)), SCAN.c.patient.not_in(theirs.patients))
    some.update(connection.execute(first.group_by(LANE.c.encoder, SCAN.c.kind)).tuples())
    for encoder in sorted({encoder for encoder, _ in some}):
        for keys in chunks(scan for which, scan in some if which == encoder):
            mine = update(LANE).where(LANE.c.encoder == encoder, LANE.c.scan.in_(keys))
            connection.execute(mine.values(rules=""))
