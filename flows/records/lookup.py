"""What a person asked for, found in the tables: a scan, a study, an accession number, an encoder."""

from collections.abc import Sequence

from sqlalchemy import Connection

from db.encoders import EncoderRow
from db.identity import studies_by_accession, studies_by_uid
from db.scans import HELD_BACK, ScanRow, find_scans, scans_of_studies
from flows.site.errors import NotFound


def find_scan(connection: Connection, key: str) -> ScanRow:
    """The scan of a key, or of the beginning of one.

    Raises:
        NotFound: No scan, or several, begin so.
    """
    rows = find_scans(connection, key) if key else []
    if not rows:
        raise NotFound(f"no scan key begins with {key!r}; `scantwin export` and the report list them")
    if len(rows) > 1:
        raise NotFound(f"{len(rows)} scan keys begin with {key!r}; give more of it")
    return rows[0]


def main_scans(connection: Connection, *, study_uid: str | None = None, accession: str | None = None) -> list[ScanRow]:
    """The main scans of a study, by its UID or accession number; where it has none, those of unknown kind.

    Raises:
        NotFound: There is no such study, or it has no scan.
    """
    by_uid = studies_by_uid(connection, study_uid) if study_uid else None
    studies = studies_by_accession(connection, accession or "") if by_uid is None else by_uid
    if not studies:
        asked = "study UID" if study_uid else "accession number"
        raise NotFound(f"no study has this {asked}; it may not have arrived yet: see `scantwin status`")
    scans = [row for row in scans_of_studies(connection, studies) if row.is_main]
    scans = scans or scans_of_studies(connection, studies, state=HELD_BACK)
    if not scans:
        raise NotFound("that study has no scan that could be compared; `scantwin files` says why")
    return sorted(scans, key=lambda row: row.kind)


def find_encoder(rows: Sequence[EncoderRow], text: str) -> EncoderRow:
    """The encoder of an id, or of the beginning of one.

    Raises:
        NotFound: No encoder, or several, have such an id; the text names those there are.
    """
    found = [row for row in rows if text and row.id.startswith(text)]
    if len(found) != 1:
        known = ", ".join(row.id for row in rows) or "none yet"
        raise NotFound(f"{len(found)} encoders have an id that begins with {text!r}; there are {known}")
    return found[0]
