"""Persons: which headers speak of one patient, and which of nobody or of several people at once.

An id is trusted unless it is a placeholder, or stands on people who cannot be one: then each study counts
for itself and has no own lane. What the hospital merged is one patient, by the id that stays.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache

from sqlalchemy import Connection

from db import persons
from db.persons import Id, PersonRow
from flows.site.opened import Site
from flows.work.lease import Ticket
from scans.birth import known_birth_date
from scans.header import Header
from scans.name import words_of_name

NOTHING_SAID = re.compile(r"[0\W_]*")  # "", "0", "000-00", "?"
ONE_SIGN = re.compile(r"([A-Z])\1{2,}|([0-9])\2{3,}")  # "XXXXXX", "999-99-9999"
NOBODY = frozenset(  # whole ids, in capitals, without blanks and punctuation; a number behind them tells people apart
    """
    ANON ANONYM ANONYME ANONYMIZED ANONYMISED ANONYMOUS ANONYMOUSPATIENT ANONYMISIERT ANONIMO BLANK BLANKED CENSORED
    CONFIDENTIAL DAILYQA DEFAULT DEID DEIDENTIFIED DELETED DEMO DUMMY EMERGENCY EMPTY HIDDEN ID INCONNU JANEDOE
    JOHNDOE DESCONOCIDO MASKED MISSING MRN NA NAN NIL NOID NONAME NONE NOPATIENTID NOTAPPLICABLE NOTASSIGNED
    NOTAVAILABLE NOTFALL NOTSPECIFIED NULL PATIENT PATIENTID PATID PHANTOM PRIVATE PSEUDONYM QA QC REDACTED REMOVED
    SAMPLE SCRUBBED SERVICE TBA TBD TEMP TEMPORARY TEST TESTPATIENT TRAUMA UNASSIGNED UNBEKANNT UNDEFINED UNIDENTIFIED
    UNK UNKNOWN UNKNOWNPATIENT UNSPECIFIED URGENCE
    """.split()  # noqa: SIM905
)


def finish_persons(site: Site, ticket: Ticket) -> int:
    """Decide whose patient every person is; whoever has changed is grouped again. Returns how many changed."""
    with site.db.read() as connection:
        if not persons.is_pending(connection):
            return 0
        rows, merges = persons.present_persons(connection), persons.merges(connection)
        contested = contested_persons(site, connection, rows)
    now = patients_of(site, rows, merges, contested)
    changed = {row.key: now[row.key] for row in rows if row.patient != now[row.key]}
    if changed:
        with site.db.write(ticket.right) as connection:
            persons.set_patients(connection, changed)
    return len(changed)


def patients_of(
    site: Site, rows: Sequence[PersonRow], merges: Mapping[Id, Id], contested: Set[str] = frozenset()
) -> dict[str, str]:
    """Return person -> patient key, "" where each study has to count for itself.

    Args:
        site: Its keys and placeholders.
        rows: All persons.
        merges: What the hospital merged.
        contested: Persons who are no evidence that an id is not one person's, see `contested_persons`.
    """
    found = {}
    for who, some in _by_id(rows).items():
        is_one = not is_placeholder(site, who[0]) and not doubt(some, contested)
        key = site.keys.patient(*resolved(who, merges), "") if is_one else ""
        found.update({row.key: key for row in some})
    return found


def contested_persons(site: Site, connection: Connection, rows: Sequence[PersonRow]) -> set[str]:
    """Return the persons whom only contested copies name: other copies of the same instances name another one.

    A header that was corrected and sent again makes a second birth date of one person. Both copies show one and the
    same picture, so they are no evidence of two people.
    """
    doubtful = [some for who, some in _by_id(rows).items() if not is_placeholder(site, who[0]) and conflict(some)]
    return {person for some in doubtful for person in persons.contested_persons(connection, [row.key for row in some])}


def doubt(rows: Sequence[PersonRow], contested: Set[str]) -> str:
    """Say why persons under one id cannot be one person, "" if they can, by those who are evidence."""
    return conflict([row for row in rows if row.key not in contested])


def _by_id(rows: Sequence[PersonRow]) -> dict[Id, list[PersonRow]]:
    by_id: dict[Id, list[PersonRow]] = defaultdict(list)
    for row in rows:
        by_id[(row.patient_id, row.issuer)].append(row)
    return by_id


def is_placeholder(site: Site, patient_id: str) -> bool:
    """Say whether a patient id stands for nobody, or for many, in whatever case and punctuation.

    Zeros and punctuation alone, one sign again and again, the words of NOBODY and those of the site.
    """
    number = patient_id.partition("^")[0]  # HL7 writes the issuer and more behind it
    word = _plain(number)
    if NOTHING_SAID.fullmatch(number) or ONE_SIGN.fullmatch(word) or word in NOBODY:
        return True
    return word in {_plain(known) for known in site.settings.scans.placeholder_ids}


def conflict(rows: Sequence[PersonRow]) -> str:
    """Say why persons under one id cannot be one person, "" if they can.

    They cannot when two birth dates differ, when one is male and one female, or when two names share no word
    while no birth date speaks for both. Spelling, order, married names and absent values are no conflict; a date
    that stands for an unknown one (1900-01-01) counts as absent.
    """
    dates = [known_birth_date(row.birth_date) for row in rows]
    births = {born for born in dates if born}
    if len(births) > 1:
        return f"{len(births)} birth dates"
    if {"M", "F"} <= {row.sex for row in rows}:
        return "male and female"
    if all(dates):
        return ""
    names = [words for row in rows if (words := words_of_name(row.name))]
    return "names without a common word" if any(not (a & b) for a in names for b in names) else ""


def resolved(who: Id, merges: Mapping[Id, Id]) -> Id:
    """Follow the hospital's merges to the id that stays; a circle ends where it closes."""
    seen = {who}
    while who in merges and merges[who] not in seen:
        who = merges[who]
        seen.add(who)
    return who


def person_of(header: Header) -> PersonRow:
    """Return the row of identity.person that a header makes."""
    who = header.identity
    return _person(who.patient_id, who.issuer, who.name, who.birth_date, header.sex)


@lru_cache(maxsize=256)  # files of one person come together, and each is asked for several times
def _person(patient_id: str, issuer: str, name: str, birth_date: str, sex: str) -> PersonRow:
    return persons.person_row(patient_id=patient_id, issuer=issuer, name=name, birth_date=birth_date, sex=sex)


def patient_outside(site: Site, connection: Connection, header: Header) -> tuple[str, bool]:
    """Return the patient key of a file that is not in the archive, and whether its id can be trusted."""
    row = person_of(header)
    known = [r for r in persons.persons_of_id(connection, row.patient_id, row.issuer) if r.key != row.key]
    rows = [*known, row]
    contested = contested_persons(site, connection, rows)
    key = patients_of(site, rows, persons.merges(connection), contested)[row.key]
    return key or site.keys.patient("", "", header.identity.study_uid), bool(key)


def aliases(site: Site, connection: Connection) -> dict[str, str]:
    """Return key of a merged id -> key of the patient that stays: labels may still name the former."""
    merges = persons.merges(connection)
    return {site.keys.patient(*who, ""): site.keys.patient(*resolved(who, merges), "") for who in merges}


def merged_ids(site: Site, connection: Connection) -> dict[str, list[str]]:
    """Return merged patient id -> keys of the patients that stay."""
    merges = persons.merges(connection)
    found: dict[str, list[str]] = defaultdict(list)
    for who in merges:
        found[who[0]].append(site.keys.patient(*resolved(who, merges), ""))
    return dict(found)


def _plain(text: str) -> str:
    """Return letters and digits alone, in capitals."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())
