"""Coverage of a site: files and studies by modality and code become shares."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from db.archive_tables import COVERS
from db.coverage import ALL, UNSERVED, USED, CodeTally, code_tallies, files_of_codes
from db.encoders import active_encoders
from flows.answers.coverage import Coverage, Covered, ModalityCoverage, Reason
from flows.records.gain import gains
from flows.site.settings import ScansSettings
from scans.codes import APART

IN_LISTS = (USED, UNSERVED)
UNKNOWN = "unknown"


def coverage(connection: Connection, scans: ScansSettings, *, since: int) -> Coverage:
    """Return which share can be compared, in all and of what changed in a later night than `since`."""
    covers = {row.cover for row in active_encoders(connection)}
    rows = code_tallies(connection, since=since, apart=sorted(APART), unserved=sorted(set(COVERS) - covers))
    by_modality: dict[str, list[CodeTally]] = {}
    for row in rows:
        by_modality.setdefault(row.modality or UNKNOWN, []).append(row)
    whole = by_modality.pop(ALL, [])
    total = _of_modality(ALL, whole)
    modalities = [_of_modality(modality, some) for modality, some in by_modality.items()]
    return Coverage(
        total=total,
        modalities=sorted(modalities, key=lambda m: (-m.files.total, m.modality)),
        apart=files_of_codes(connection, sorted(APART)),
        gains=gains(_reasons(row for row in whole if row.code != USED), scans),
    )


def _of_modality(modality: str, rows: Sequence[CodeTally]) -> ModalityCoverage:
    return ModalityCoverage(
        modality=modality,
        files=_covered(rows, "files"),
        studies=_covered(rows, "studies"),
        files_this_night=_covered(rows, "files_this_night"),
        studies_this_night=_covered(rows, "studies_this_night"),
        reasons=_reasons(row for row in rows if row.code not in IN_LISTS),
    )


def _covered(rows: Sequence[CodeTally], what: str) -> Covered:
    total = sum(getattr(row, what) for row in rows)
    in_lists = sum(getattr(row, what) for row in rows if row.code in IN_LISTS)
    return Covered(total, in_lists, round(in_lists / total, 4) if total else None)


def _reasons(rows: Iterable[CodeTally]) -> list[Reason]:
    reasons = [Reason(row.code, row.files, row.files_this_night, row.studies, row.studies_this_night) for row in rows]
    return sorted(reasons, key=lambda reason: (-reason.files, reason.code))
