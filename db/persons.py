"""Reads and writes of who is one person: what headers say, and what the hospital corrected."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, select, update

from db.base import table_of
from db.engine import database_time
from db.person_tables import IdentityMerge, IdentityPerson, IdentityScan
from db.rows import columns_of, mapping_of, rows_as
from db.tables import IdentityFile, Patient, Scan
from db.upsert import change, chunks, upsert

PERSON, MERGE, FILE = (table_of(model) for model in (IdentityPerson, IdentityMerge, IdentityFile))
SCAN, PATIENT = table_of(Scan), table_of(Patient)
Id = tuple[str, str]  # patient id, issuer


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A row of identity.person."""

    key: str
    patient_id: str
    issuer: str
    name: str
    birth_date: str
    sex: str
    patient: str


def person_row(*, patient_id: str, issuer: str, name: str, birth_date: str, sex: str) -> PersonRow:
    """Return the row of identity.person that a header's identity makes; whose patient it is stays open."""
    said = (patient_id, issuer, name, birth_date, sex)
    return PersonRow(person_key(*said), *said, patient="")


def person_key(*said: str) -> str:
    """Return the key of a person: of patient id, issuer, name, birth date and sex as a header says them."""
    return hashlib.sha256("\x1f".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def save_persons(connection: Connection, rows: Iterable[PersonRow]) -> int:
    """Save persons that headers name; whose patient a known one is stays."""
    return upsert(connection, IdentityPerson, [mapping_of(row) for row in rows], update=())


def set_patients(connection: Connection, patients: Mapping[str, str]) -> int:
    """Note person -> patient key, and ask for the files of these persons to be grouped again."""
    n_changed = change(connection, IdentityPerson, [{"key": key, "patient": p} for key, p in patients.items()])
    request_regroup_persons(connection, patients)
    return n_changed


def request_regroup_persons(connection: Connection, persons: Iterable[str]) -> None:
    """Ask for every series that holds a file of these persons to be grouped again."""
    for some in chunks(persons):
        series = select(FILE.c.series).where(FILE.c.person.in_(some), FILE.c.state == "read")
        connection.execute(update(FILE).where(FILE.c.series.in_(series), FILE.c.state == "read").values(grouped=False))


def present_persons(connection: Connection) -> list[PersonRow]:
    """Return the persons who have a readable file, whole rows, by key."""
    has = select(FILE.c.key).where(FILE.c.person == PERSON.c.key, FILE.c.state == "read").exists()
    mine = select(*columns_of(PersonRow, PERSON)).where(has).order_by(PERSON.c.key)
    return rows_as(connection, mine, PersonRow)


def contested_persons(connection: Connection, persons: Iterable[str]) -> set[str]:
    """Return those of some persons whose every readable file is a copy of an instance that another of them has too."""
    holders: dict[str, set[str]] = {}
    for some in chunks(persons):
        held = select(FILE.c.sop_uid, FILE.c.person).where(FILE.c.person.in_(some), FILE.c.state == "read")
        for uid, person in connection.execute(held.distinct()).tuples():
            holders.setdefault(uid, set()).add(person)
    alone = {person for uid, of in holders.items() if len(of) == 1 or not uid for person in of}
    return {person for of in holders.values() for person in of} - alone


def n_files(connection: Connection) -> dict[str, int]:
    """Return person -> how many readable files are theirs."""
    counts = select(FILE.c.person, func.count()).where(FILE.c.state == "read").group_by(FILE.c.person)
    return {person: n for person, n in connection.execute(counts).tuples()}


def all_persons(connection: Connection) -> list[PersonRow]:
    """Return every person, whole rows, by key."""
    return rows_as(connection, select(*columns_of(PersonRow, PERSON)).order_by(PERSON.c.key), PersonRow)


def persons_of_id(connection: Connection, patient_id: str, issuer: str) -> list[PersonRow]:
    """Return the persons of one id, whole rows."""
    mine = select(*columns_of(PersonRow, PERSON)).where(PERSON.c.patient_id == patient_id, PERSON.c.issuer == issuer)
    return rows_as(connection, mine.order_by(PERSON.c.key), PersonRow)


def persons_by_key(connection: Connection, keys: Iterable[str]) -> dict[str, PersonRow]:
    """Return person -> whole row."""
    found: dict[str, PersonRow] = {}
    for some in chunks(keys):
        mine = select(*columns_of(PersonRow, PERSON)).where(PERSON.c.key.in_(some))
        found.update({row.key: row for row in rows_as(connection, mine, PersonRow)})
    return found


def patients_of_persons(connection: Connection, persons: Iterable[str]) -> dict[str, str]:
    """Return person -> patient key, empty where each study counts for itself."""
    found: dict[str, str] = {}
    for some in chunks(persons):
        rows = connection.execute(select(PERSON.c.key, PERSON.c.patient).where(PERSON.c.key.in_(some)))
        found.update(rows.tuples().all())
    return found


def is_pending(connection: Connection) -> bool:
    """Say whether a file has to be grouped or was just lost: only then persons may have changed."""
    waiting = select(FILE.c.key).where(FILE.c.grouped.is_(False)).limit(1)
    return connection.scalar(waiting) is not None


def merges(connection: Connection) -> dict[Id, Id]:
    """Return (id, issuer) -> the (id, issuer) it was merged into."""
    rows = connection.execute(select(MERGE.c.from_id, MERGE.c.from_issuer, MERGE.c.to_id, MERGE.c.to_issuer))
    return {(a, b): (c, d) for a, b, c, d in rows}


def save_merges(connection: Connection, pairs: Iterable[tuple[Id, Id]]) -> int:
    """Save merges that the hospital told of."""
    at = database_time(connection)
    rows = [{"from_id": a[0], "from_issuer": a[1], "to_id": b[0], "to_issuer": b[1], "at": at} for a, b in pairs]
    return upsert(connection, IdentityMerge, rows, update=("to_id", "to_issuer"), stamp=("at",))


def delete_merges(connection: Connection, ids: Iterable[Id]) -> int:
    """Take merges back, by the id that was merged."""
    n_deleted = 0
    for patient_id, issuer in ids:
        mine = and_(MERGE.c.from_id == patient_id, MERGE.c.from_issuer == issuer)
        n_deleted += connection.execute(delete(MERGE).where(mine)).rowcount
    return n_deleted


def save_scan_sources(connection: Connection, sources: Mapping[str, str]) -> int:
    """Note scan key -> digest that it was made from."""
    return upsert(connection, IdentityScan, [{"key": k, "digest": d} for k, d in sources.items()], update=())


def owners_of_scans(connection: Connection, series: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return scan -> (patient, study) of every scan ever made from some series."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunks(series):
        rows = select(SCAN.c.key, SCAN.c.patient, SCAN.c.study).where(SCAN.c.series.in_(some))
        found.update({row.key: (row.patient, row.study) for row in connection.execute(rows)})
    return found


def splits(connection: Connection, patients: Iterable[str]) -> dict[str, float]:
    """Return patient -> split number."""
    found: dict[str, float] = {}
    for some in chunks(patients):
        rows = connection.execute(select(PATIENT.c.key, PATIENT.c.split).where(PATIENT.c.key.in_(some)))
        found.update(rows.tuples().all())
    return found
