"""What a person asked for, found in the tables: a scan, a study, an accession number."""

from typing import Any

from db.identity import studies_by_accession, studies_by_uid
from db.scans import find_scans, scans_of_studies
from flows.site.errors import NotFound


def find_scan(connection: Any, key: str) -> dict[str, Any]:
    """The scan of a key, or of the beginning of one.

    Raises:
        NotFound: No scan, or several, begin so.
    """
    rows = find_scans(connection, key) if key else []
    if not rows:
        raise NotFound(f"no scan key begins with {key!r}; `scantwin export` and the report list them")
    if len(rows) > 1:
        raise NotFound(f"{len(rows)} scan keys begin with {key!r}; give more of it")
    return dict(rows[0])


def main_scans(connection: Any, *, study_uid: str | None = None, accession: str | None = None) -> list[dict[str, Any]]:
    """The main scans of a study, by its UID or accession number.

    Raises:
        NotFound: There is no such study, or it has no scan that could be compared.
    """
    by_uid = studies_by_uid(connection, study_uid) if study_uid else None
    studies = studies_by_accession(connection, accession or "") if by_uid is None else by_uid
    if not studies:
        asked = "study UID" if study_uid else "accession number"
        raise NotFound(f"no study has this {asked}; it may not have arrived yet: see `scantwin status`")
    scans = [row for row in scans_of_studies(connection, studies) if row.is_main]
    if not scans:
        raise NotFound("that study has no scan that could be compared; `scantwin files` says why")
    return sorted((dict(row) for row in scans), key=lambda row: str(row["kind"]))
