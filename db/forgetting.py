"""Forgetting a person: what goes from the tables, in an order that may be cut off anywhere and run again.

The tombstone is written first and says what is still to do; it is settled last.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, union, update

from db.base import IDENTITY, Base, table_of
from db.engine import Database, database_time
from db.errors import DatabaseUnreachable
from db.identity import NO_PATH
from db.rows import rows_of
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
BLANK = {
    "state": "refused", "code": FORGOTTEN, "why": "", "sop_uid": "", "series": "", "study": "", "series_uid": "",
    "file_sha256": "", "pixel_sha256": "", "header": "", "person": "",
}  # fmt: skip


def bury(connection: Connection, keys: Iterable[str], *, patient: str) -> None:
    """Write tombstones, pending until `settle`."""
    at = database_time(connection)
    rows = [{"key": key, "pending": patient, "at": at} for key in keys]
    upsert(connection, Tombstone, rows, update=("pending",))


def tombstones(connection: Connection) -> frozenset[str]:
    """Return the keys of everybody who was forgotten."""
    return frozenset(connection.scalars(select(TOMBSTONE.c.key)))


def tombstone_rows(connection: Connection) -> list[dict[str, Any]]:
    """Return every tombstone, whole rows."""
    return rows_of(connection, select(TOMBSTONE).order_by(TOMBSTONE.c.key))


def restore_tombstones(connection: Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Put tombstones back, after a backup that is older than they are was restored."""
    return upsert(connection, Tombstone, rows, update=())


def pending_patients(connection: Connection) -> list[str]:
    """Return the patient keys whose forgetting was begun and not finished."""
    return sorted(connection.scalars(select(TOMBSTONE.c.pending).where(TOMBSTONE.c.pending != "").distinct()))


def settle(connection: Connection, patient: str) -> None:
    """Note that a patient is wholly forgotten; the key is not kept."""
    connection.execute(update(TOMBSTONE).where(TOMBSTONE.c.pending == patient).values(pending=""))


def patients_named(connection: Connection, patient_id: str, issuer: str | None) -> list[dict[str, Any]]:
    """Return key and issuer of the patients of an id, also of one that was merged into another."""
    mine = PERSON.c.patient_id == patient_id
    if issuer is not None:
        mine = and_(mine, PERSON.c.issuer == issuer)
    found = select(IDENTITY_PATIENT.c.key, IDENTITY_PATIENT.c.issuer)
    named = IDENTITY_PATIENT.c.patient_id == patient_id
    if issuer is not None:
        named = and_(named, IDENTITY_PATIENT.c.issuer == issuer)
    merged = IDENTITY_PATIENT.c.key.in_(select(PERSON.c.patient).where(mine))
    in_use = IDENTITY_PATIENT.c.key.in_(select(IDENTITY_STUDY.c.patient))  # a merge leaves the former key empty
    return rows_of(connection, found.where(or_(named, merged), in_use).order_by(IDENTITY_PATIENT.c.key))


def everybody(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
    """Yield patient key, patient id, issuer and study UID of every study."""
    columns = (IDENTITY_STUDY.c.patient, IDENTITY_PATIENT.c.patient_id, IDENTITY_PATIENT.c.issuer)
    rows = select(*columns, IDENTITY_STUDY.c.study_uid).join(IDENTITY_PATIENT)
    yield from connection.execute(rows).tuples()


def has_patient(connection: Connection, patient: str) -> bool:
    """Say whether a patient key is known."""
    theirs = select(IDENTITY_PATIENT.c.key).where(IDENTITY_PATIENT.c.key == patient)
    return connection.scalar(theirs) is not None


def names_of(connection: Connection, patient: str) -> list[tuple[str, str]]:
    """Return every (patient id, issuer) that stands for a patient whose id is trusted, merged ones included."""
    ids = select(PERSON.c.patient_id, PERSON.c.issuer).where(PERSON.c.patient == patient)
    found = {(row.patient_id, row.issuer) for row in connection.execute(ids)}
    if found:
        found |= set(_merged_into(connection, found))
    return sorted(found)


def study_uids_of(connection: Connection, patient: str) -> list[str]:
    """Return the UIDs of a patient's studies."""
    return sorted(connection.scalars(select(IDENTITY_STUDY.c.study_uid).where(IDENTITY_STUDY.c.patient == patient)))


def scans_of(connection: Connection, patient: str) -> list[str]:
    """Return every scan of a patient."""
    return sorted(connection.scalars(select(SCAN.c.key).where(SCAN.c.patient == patient)))


def files_of(connection: Connection, patient: str) -> list[dict[str, Any]]:
    """Return key, path and state of every file of a patient."""
    columns = (IDENTITY_FILE.c.key, IDENTITY_FILE.c.path, IDENTITY_FILE.c.state)
    return rows_of(connection, select(*columns).where(_is_theirs(patient)).order_by(IDENTITY_FILE.c.path))


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


def forget_core(connection: Connection, patient: str, former: Sequence[str] = ()) -> list[str]:
    """Delete a patient's rows from the core tables; returns the encoders that are now marked.

    Args:
        connection: From `db.write(fence)`.
        patient: The patient's key.
        former: Keys of ids that were merged into this patient; labels may still name them.

    Lists that held their scans are asked for again. Their files stay as numbers: skipped, forgotten.
    """
    encoders = trained_on(connection, patient)
    marked = update(ENCODER).where(ENCODER.c.id.in_(encoders))
    connection.execute(marked.values(forgotten_patients=ENCODER.c.forgotten_patients + 1))
    scans = select(SCAN.c.key).where(SCAN.c.patient == patient).scalar_subquery()
    _ask_again(connection, patient)
    night = connection.scalar(select(func.max(NIGHT.c.id))) or 0
    theirs = update(FILE).where(FILE.c.key.in_(select(IDENTITY_FILE.c.key).where(_is_theirs(patient))))
    lost = {"outcome": "skipped", "code": FORGOTTEN, "why": "", "scan": None, "changed_night": night}
    connection.execute(theirs.where(FILE.c.code != FORGOTTEN, FILE.c.outcome != "gone").values(lost))
    connection.execute(update(FILE).where(FILE.c.scan.in_(scans)).values(lost))
    connection.execute(delete(FURTHER).where(FURTHER.c.scan.in_(scans)))
    for table in (VERDICT, CONTROL, MATCH):
        connection.execute(delete(table).where(or_(table.c.scan.in_(scans), table.c.prior.in_(scans))))
    for table in (LANE, EMBEDDING):
        connection.execute(delete(table).where(table.c.scan.in_(scans)))
    studies = select(STUDY.c.key).where(STUDY.c.patient == patient).scalar_subquery()
    connection.execute(
        delete(LABEL).where(or_(LABEL.c.subject_key.in_([patient, *former]), LABEL.c.subject_key.in_(studies)))
    )
    connection.execute(delete(SCAN).where(SCAN.c.patient == patient))
    connection.execute(delete(STUDY).where(STUDY.c.patient == patient))
    in_use = union(select(SCAN.c.patient), select(STUDY.c.patient))
    connection.execute(delete(PATIENT).where(PATIENT.c.key.not_in(in_use)))  # also those that merges left empty
    return encoders


def forget_identity(connection: Connection, patient: str) -> None:
    """Delete a patient's rows from the schema identity; files that are still there keep no path."""
    ids = names_of(connection, patient)
    notes = select(IDENTITY_FILE.c.key).where(_is_theirs(patient))
    connection.execute(delete(REJECTION).where(REJECTION.c.note.in_(notes)))
    connection.execute(delete(IDENTITY_FILE).where(_is_theirs(patient), IDENTITY_FILE.c.state == "gone"))
    blank = {"path": NO_PATH + IDENTITY_FILE.c.key, "grouped": True, **BLANK}
    connection.execute(update(IDENTITY_FILE).where(_is_theirs(patient)).values(blank))
    in_core = select(SCAN.c.key)  # theirs are gone from there already
    connection.execute(delete(IDENTITY_SCAN).where(IDENTITY_SCAN.c.key.not_in(in_core)))
    for patient_id, issuer in ids:
        is_from = and_(MERGE.c.from_id == patient_id, MERGE.c.from_issuer == issuer)
        is_to = and_(MERGE.c.to_id == patient_id, MERGE.c.to_issuer == issuer)
        connection.execute(delete(MERGE).where(or_(is_from, is_to)))
    connection.execute(delete(IDENTITY_STUDY).where(IDENTITY_STUDY.c.patient == patient))
    connection.execute(delete(PERSON).where(PERSON.c.patient == patient))
    in_use = select(IDENTITY_STUDY.c.patient)
    connection.execute(delete(IDENTITY_PATIENT).where(IDENTITY_PATIENT.c.key.not_in(in_use)))
    used = select(IDENTITY_FILE.c.person).where(IDENTITY_FILE.c.person == PERSON.c.key)
    connection.execute(delete(PERSON).where(PERSON.c.patient == "", ~used.exists()))


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


def _is_theirs(patient: str) -> Any:
    """Files whose person is the patient, or whose study is, when each study counts for itself."""
    people = select(PERSON.c.key).where(PERSON.c.patient == patient)
    studies = select(IDENTITY_STUDY.c.key).where(IDENTITY_STUDY.c.patient == patient)
    return or_(IDENTITY_FILE.c.person.in_(people), IDENTITY_FILE.c.study.in_(studies))


def _merged_into(connection: Connection, ids: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what merges name beside these ids, on either side."""
    pairs = [((r.from_id, r.from_issuer), (r.to_id, r.to_issuer)) for r in connection.execute(select(MERGE))]
    found = set(ids)
    while True:
        more = {who for pair in pairs for who in pair if found & set(pair)} - found
        if not more:
            return sorted(found)
        found |= more


def _ask_again(connection: Connection, patient: str) -> None:
    """Ask for every list that holds a scan of the patient, and for one of each kind, so that counts follow."""
    theirs = select(SCAN.c.key).where(SCAN.c.patient == patient)
    holders = select(MATCH.c.encoder, MATCH.c.scan).where(MATCH.c.prior.in_(theirs), MATCH.c.left_night.is_(None))
    some = {(row.encoder, row.scan) for row in connection.execute(holders.distinct())}
    kinds = select(SCAN.c.kind).where(SCAN.c.patient == patient).distinct()
    first = select(LANE.c.encoder, func.min(LANE.c.scan)).join(SCAN, SCAN.c.key == LANE.c.scan)
    first = first.where(SCAN.c.kind.in_(kinds), SCAN.c.patient != patient).group_by(LANE.c.encoder, SCAN.c.kind)
    some |= {(encoder, scan) for encoder, scan in connection.execute(first)}
    for encoder in sorted({encoder for encoder, _ in some}):
        for keys in chunks(scan for which, scan in some if which == encoder):
            mine = update(LANE).where(LANE.c.encoder == encoder, LANE.c.scan.in_(keys))
            connection.execute(mine.values(rules=""))
