"""Forgetting a person: what goes from the tables, in an order that may be cut off anywhere and run again.

The tombstone is written first and says what is still to do; it is settled last.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, union, update

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
    KindClassifier,
    Label,
    LaneOutcome,
    Match,
    Night,
    Patient,
    Scan,
    Series,
    Study,
    Tombstone,
    Verdict,
)
from db.theirs import Theirs
from db.upsert import chunks, upsert

FORGOTTEN = "forgotten"
PATIENT, STUDY, SCAN, FILE, FURTHER = (table_of(model) for model in (Patient, Study, Scan, File, FurtherScan))
MATCH, LANE, VERDICT, EMBEDDING = (table_of(model) for model in (Match, LaneOutcome, Verdict, Embedding))
CONTROL, SERIES = table_of(Control), table_of(Series)
CLASSIFIER = table_of(KindClassifier)
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
    _mark_classifiers(connection, theirs)
    _ask_again(connection, theirs)
    _lose_files(connection, theirs)
    _delete_scans(connection, theirs.scans)
    _delete_labels(connection, theirs)
    _delete_studies(connection, theirs.patients)
    in_use = union(select(SCAN.c.patient), select(STUDY.c.patient))
    connection.execute(delete(PATIENT).where(PATIENT.c.key.not_in(in_use)))  # also those that merges left empty
    return encoders


def _mark_classifiers(connection: Connection, theirs: Theirs) -> None:
    """Mark the classifiers of kinds that may have learned from a patient: a vector was there when they were made."""
    saw = and_(SCAN.c.patient.in_(theirs.patients), EMBEDDING.c.encoder == CLASSIFIER.c.encoder)
    made = exists().where(EMBEDDING.c.scan == SCAN.c.key, saw, NIGHT.c.id == EMBEDDING.c.night)
    marked = update(CLASSIFIER).where(made.where(NIGHT.c.begun_at <= CLASSIFIER.c.created_at))
    connection.execute(marked.values(forgotten_patients=CLASSIFIER.c.forgotten_patients + 1))


def _lose_files(connection: Connection, theirs: Theirs) -> None:
    night = connection.scalar(select(func.max(NIGHT.c.id))) or 0
    lost = {"outcome": "skipped", "code": FORGOTTEN, "why": "", "scan": None, "changed_night": night}
    for some in chunks(theirs.files):
        mine = update(FILE).where(FILE.c.key.in_(some), FILE.c.code != FORGOTTEN, FILE.c.outcome != "gone")
        connection.execute(mine.values(lost))
    for some in chunks(theirs.scans):
        connection.execute(update(FILE).where(FILE.c.scan.in_(some)).values(lost))
    connection.execute(update(FILE).where(FILE.c.code == FORGOTTEN, FILE.c.series != "").values(series=""))
    for some in chunks(theirs.files):
        connection.execute(update(FILE).where(FILE.c.key.in_(some)).values(series=""))
    connection.execute(delete(SERIES).where(~select(FILE.c.key).where(FILE.c.series == SERIES.c.key).exists()))


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
