"""Patient ids that are written alike and may be one person's: shown to people, never joined by us.

The same number with and without an issuer, in another case, with leading zeros or blanks, or with the issuer in
a component of its own (12345^^^HOSPITAL, as HL7 writes it).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from db.persons import Id, PersonRow
from flows.records.persons import conflict

Rows = Sequence[PersonRow]


def merges_to_ask_for(by_id: Mapping[Id, Rows], n_files: Mapping[Id, int]) -> dict[Id, Id]:
    """Return id -> the id it may be another spelling of, as `scantwin patients merge` takes them.

    Only where a single id is in question and birth dates, sexes and names allow it; of two ids the one with more
    files stays, and of equal ones the one that names an issuer.

    Args:
        by_id: (patient id, issuer) -> rows of identity.person, of ids that are trusted.
        n_files: Files of each.
    """
    alike: dict[str, list[Id]] = defaultdict(list)
    for who in sorted(by_id):
        alike[plain_id(who)[0]].append(who)
    found: dict[Id, Id] = {}
    for some in alike.values():
        issuers = {plain_id(who)[1] for who in some} - {""}
        if len(some) < 2 or (len(issuers) > 1 and any(not plain_id(who)[1] for who in some)):
            continue  # whose the one without an issuer is, nobody can tell
        for issuer in issuers or {""}:
            mine = [who for who in some if plain_id(who)[1] in ("", issuer)]
            if len(mine) > 1 and not conflict([row for who in mine for row in by_id[who]]):
                stays = min(mine, key=lambda who: (-n_files[who], who[1] == "", who))
                found.update({who: stays for who in mine if who != stays})
    return found


def plain_id(who: Id) -> Id:
    """Return an id without components, case, blanks and leading zeros, and its issuer, from wherever it stands."""
    patient_id, issuer = who
    number, *components = patient_id.split("^")
    named = components[2].split("&")[0] if len(components) > 2 else ""  # CX.4 of HL7 v2: assigning authority
    return "".join(number.split()).upper().lstrip("0"), (issuer or named).strip().upper()
