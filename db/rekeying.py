"""New keys for everything, from what identity says they were made from; each step may be run again.

A row that bears its new key already is not found under its old one, so that what was cut off is simply repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, Text, delete, insert, inspect, select, union, update

from db.base import table_of
from db.identity import IS_FORGOTTEN, request_regroup_all
from db.tables import (
    Control,
    Embedding,
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
    Series,
    Study,
    Verdict,
)
from db.upsert import upsert

Renames = Mapping[str, str]  # old key -> new key
RENAMED = Table(
    "renamed", MetaData(), Column("old", Text, primary_key=True), Column("new", Text, nullable=False),
    prefixes=["TEMPORARY"],
)  # fmt: skip

# Every column that holds a key, by what the key stands for. A test compares this with the tables.
COLUMNS: Mapping[str, Sequence[tuple[Any, str]]] = {
    "file": [(IdentityFile, "key"), (IdentityRejection, "note"), (File, "key"), (FurtherScan, "file")],
    "series": [(IdentityFile, "series"), (Scan, "series"), (Series, "key"), (File, "series")],
    "study": [
        (IdentityFile, "study"), (IdentityFile, "part"), (IdentityStudy, "key"), (Study, "key"), (Scan, "study"),
        (Series, "study"), (Label, "subject_key"),
    ],
    "patient": [
        (IdentityPerson, "patient"), (IdentityPatient, "key"), (IdentityStudy, "patient"), (Patient, "key"),
        (Study, "patient"), (Scan, "patient"), (Label, "subject_key"),
    ],
    "scan": [
        (IdentityScan, "key"), (Scan, "key"), (Scan, "tensor"), (File, "scan"), (Embedding, "scan"), (Match, "scan"),
        (Match, "prior"), (LaneOutcome, "scan"), (Control, "scan"),
        (Control, "prior"), (Verdict, "scan"), (Verdict, "prior"), (FurtherScan, "scan"),
    ],
}  # fmt: skip


def paths(connection: Connection) -> list[str]:
    """Return the path of every file but forgotten ones, whose keys stay: nobody knows their paths."""
    path = table_of(IdentityFile).c.path
    return list(connection.scalars(select(path).where(~IS_FORGOTTEN)))


def series_uids(connection: Connection) -> list[str]:
    """Return the UID of every series."""
    uid = table_of(IdentityFile).c.series_uid
    return list(connection.scalars(select(uid).where(uid != "").distinct()))


def studies(connection: Connection) -> list[tuple[str, str, str]]:
    """Return key, patient and UID of every study."""
    rows = connection.execute(select(IdentityStudy.key, IdentityStudy.patient, IdentityStudy.study_uid))
    return list(rows.tuples().all())


def patient_ids(connection: Connection) -> list[tuple[str, str]]:
    """Return every (patient id, issuer) that a key may be made from, those that merges name included."""
    known = union(
        select(IdentityPatient.patient_id, IdentityPatient.issuer),
        select(IdentityPerson.patient_id, IdentityPerson.issuer),
        select(IdentityMerge.to_id, IdentityMerge.to_issuer),
    )
    return [(patient_id, issuer) for patient_id, issuer in connection.execute(known)]


def scan_digests(connection: Connection) -> list[str]:
    """Return what every scan's key was made from."""
    return list(connection.scalars(select(table_of(IdentityScan).c.digest)))


def give_sources(connection: Connection) -> int:
    """Give scans of older versions, of which no digest was kept, their old key in its place."""
    unknown = select(Scan.key).where(Scan.key.not_in(select(IdentityScan.key)))
    rows = [{"key": key, "digest": f"key:{key}"} for key in connection.scalars(unknown)]
    return upsert(connection, IdentityScan, rows, update=())


def rename(connection: Connection, renames: Mapping[str, Renames]) -> None:
    """Give every row its new keys, in this transaction; references are checked at its end."""
    constraints = _deferred(connection)
    RENAMED.create(connection)
    for noun, columns in COLUMNS.items():
        connection.execute(delete(RENAMED))
        if renames[noun]:
            connection.execute(insert(RENAMED), [{"old": old, "new": new} for old, new in renames[noun].items()])
        for model, name in columns:
            _rename(connection, table_of(model).c[name])
    RENAMED.drop(connection)
    if constraints:
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        for table, constraint in constraints:
            connection.exec_driver_sql(f"ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT DEFERRABLE")


def note_key_id(connection: Connection, key_id: str) -> None:
    """Note that every key of the tables is made with this secret now, and ask for every list and series again.

    Ties are ordered by key, and keys have another order now. What else is made with the secret, such as
    `scan.acquisition`, is written anew when a series is grouped.
    """
    connection.execute(update(Night).where(Night.key_id != "").values(key_id=key_id))
    connection.execute(update(LaneOutcome).values(rules=""))
    request_regroup_all(connection)


def _rename(connection: Connection, column: Column[Any]) -> None:
    """Change one column in one pass over its table."""
    new = select(RENAMED.c.new).where(RENAMED.c.old == column).scalar_subquery()
    connection.execute(update(column.table).where(column.in_(select(RENAMED.c.old))).values({column.name: new}))


def _deferred(connection: Connection) -> list[tuple[str, str]]:
    """Let references be checked at the end of the transaction; returns what has to be made strict again."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        return []
    quote: Callable[[Table], str] = connection.dialect.identifier_preparer.format_table
    tables = sorted({table_of(model) for columns in COLUMNS.values() for model, _ in columns}, key=lambda t: t.fullname)
    found = [
        (quote(table), str(key["name"]))
        for table in tables
        for key in inspect(connection).get_foreign_keys(table.name, schema=table.schema)
    ]
    for table, constraint in found:
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER CONSTRAINT {constraint} DEFERRABLE INITIALLY DEFERRED")
    return found
