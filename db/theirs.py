"""What is one person's, in both schemas: found before it is forgotten, and nobody else's with it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, or_, select, union

from db.base import table_of
from db.rows import columns_of, rows_as
from db.tables import File, FurtherScan, IdentityFile, IdentityMerge, IdentityPerson, IdentityStudy, Scan
from db.upsert import chunks

SCAN, FILE, FURTHER, MERGE = (table_of(model) for model in (Scan, File, FurtherScan, IdentityMerge))
PERSON, IDENTITY_FILE, IDENTITY_STUDY = table_of(IdentityPerson), table_of(IdentityFile), table_of(IdentityStudy)


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


@dataclass(frozen=True, slots=True)
class PersonFile:
    """A file of a person."""

    key: str
    path: str
    state: str


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
