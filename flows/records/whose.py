"""Whose a file is: its patient, and its study, which is one person's even where people share the study's UID.

An id that is corrected in the middle of a study leaves two ids under one StudyInstanceUID, and so does a study
that was booked on the wrong person. Nothing tells which it is: each person has a part of the study, with a key
of its own, and no part stands for another one (docs/decisions/0012).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import identity, persons
from db.identity import studies_by_uid
from db.persons import PersonRow
from db.upsert import chunks
from flows.records.persons import conflict, is_placeholder, person_of
from flows.site.keys import Keys
from flows.site.opened import Site
from flows.work.lease import Ticket
from scans.header import Header
from scans.screen import screen
from scans.stack import Member

Party = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a file is.

    Attributes:
        patient: patient.key; of the study alone where no id can be trusted.
        study: study.key.
        has_id: False: the study counts for itself and has no own lane.
    """

    patient: str
    study: str
    has_id: bool


@dataclass(frozen=True)
class Whose:
    """Says whose each file of some series is.

    Attributes:
        keys: The site's.
        patients: Person -> patient key, "" where each study counts for itself.
        parts: File -> key of its part of a study that people share, else "".
    """

    keys: Keys
    patients: Mapping[str, str]
    parts: Mapping[str, str]

    def of(self, member: Member) -> Owner:
        """Return the owner of a file."""
        header = member.header
        part = self.parts.get(member.file, "")
        patient = self.patients.get(person_of(header).key, "")
        study = part or self.keys.key("study", header.identity.study_uid)
        return Owner(patient or self._nobody(header, part), study, bool(patient))

    def _nobody(self, header: Header, part: str) -> str:
        if part:
            return self.keys.key("patient-of-part", part)
        return self.keys.patient("", "", header.identity.study_uid)


def finish_studies_of_people(site: Site, ticket: Ticket) -> int:
    """Give each person a part of the studies whose UID people share, and take parts back where one is left.

    To be called when it is decided whose patient every person is. Returns how many parts have changed.
    """
    with site.db.read() as connection:
        studies = identity.studies_to_finish(connection)
    n_changed = 0
    for some in chunks(studies):
        with site.db.read() as connection:
            people = identity.people_of_studies(connection, some)
            rows = persons.persons_by_key(connection, {person for of in people.values() for person in of})
            wrong = [
                (study, person, part)
                for study, of in people.items()
                for person, part in _parts(site, connection, study, [rows[key] for key in sorted(of)]).items()
                if of[person] != {part}
            ]
        if wrong:
            with site.db.write(ticket.right) as connection:
                for study, person, part in wrong:
                    identity.set_part(connection, study, person, part)
        n_changed += len(wrong)
    return n_changed


def _parts(site: Site, connection: Connection, study: str, people: Sequence[PersonRow]) -> dict[str, str]:
    """Return person -> key of the part that is theirs, "" where the study is one person's.

    Only files that may be part of a scan tell whose the study is: reports, notes and screen pictures come from
    other programs, which often leave the issuer out.

    Args:
        site: Its keys, and what it takes for placeholders.
        connection: From `db.read()`.
        study: Key of the study's UID.
        people: Rows of identity.person, everybody whom the study's files name.
    """
    parties = parties_of(site, people)
    if len(set(parties.values())) > 1:
        rows = identity.headers_of_study(connection, study)
        shown = {person for person, header in rows if may_be_scanned(Header.from_json(header))}
        if len({parties[person] for person in shown}) > 1:
            return {person: part_key(site.keys, study, party) for person, party in parties.items()}
    return dict.fromkeys(parties, "")


def may_be_scanned(header: Header) -> bool:
    """Say whether a file may be part of a scan, by its header alone."""
    return screen(header) is None


def part_key(keys: Keys, study: str, party: Party) -> str:
    """Return the key of a party's part of a study."""
    return keys.key("study-part", study, *party)


def parties_of(site: Site, people: Iterable[PersonRow]) -> dict[str, Party]:
    """Return person -> who they are within one study: a patient, an id that is not trusted, or one of its persons."""
    found: dict[str, Party] = {}
    doubtful: dict[Party, list[PersonRow]] = defaultdict(list)
    for row in people:
        if row.patient:
            found[row.key] = ("patient", row.patient)
        elif is_placeholder(site, row.patient_id):
            doubtful[("nobody",)].append(row)
        else:
            doubtful["id", row.issuer, row.patient_id].append(row)
    for party, rows in doubtful.items():
        apart = bool(conflict(rows))
        found.update({row.key: ("person", row.key) if apart else party for row in rows})
    return found


def study_outside(site: Site, connection: Connection, header: Header, patient: str) -> str:
    """Return the study key of a file that is not in the archive: the patient's part, where people share the UID."""
    study = site.keys.key("study", header.identity.study_uid)
    part = part_key(site.keys, study, ("patient", patient))
    return part if part in studies_by_uid(connection, header.identity.study_uid) else study


def identity_rows(members: Iterable[Member], whose: Whose) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the rows of identity.patient and identity.study that files make; scans have the last word."""
    people: dict[str, dict[str, str]] = {}
    studies: dict[str, dict[str, str]] = {}
    for member in sorted(members, key=lambda m: (may_be_scanned(m.header), m.header.identity.sop_uid)):
        who, owner = member.header.identity, whose.of(member)
        people[owner.patient] = {
            "key": owner.patient, "patient_id": who.patient_id, "issuer": who.issuer, "name": who.name,
            "birth_date": who.birth_date,
        }  # fmt: skip
        studies[owner.study] = {
            "key": owner.study, "patient": owner.patient, "study_uid": who.study_uid,
            "accession_number": who.accession_number,
        }  # fmt: skip
    return list(people.values()), list(studies.values())


def save_identity(site: Site, ticket: Ticket, members: Iterable[Member], whose: Whose) -> None:
    """Commit patients and studies to identity, before the core rows that belong to them."""
    people, studies = identity_rows(members, whose)
    with site.db.write(ticket.right) as connection:
        identity.save_patients(connection, people)
        identity.save_studies(connection, studies)
