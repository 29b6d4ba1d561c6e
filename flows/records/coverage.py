"""Coverage of a site: files and studies by modality and code become shares."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from sqlalchemy import Connection

from db.archive_tables import COVERS
from db.coverage import ALL, UNSERVED, USED, CodeTally, code_tallies, files_by_code, last_change
from db.encoders import active_encoders
from db.nights import SUCCESSES, last_nights
from flows.answers.coverage import Coverage, Covered, ModalityCoverage, Reason
from flows.records.gain import gains, missing_decoders
from flows.site.settings import ScansSettings
from scans.codes import APART

IN_LISTS = (USED, UNSERVED)
UNKNOWN = "unknown"


def coverage(connection: Connection, scans: ScansSettings, *, since: int, kept: Coverage | None = None) -> Coverage:
    """Return which share can be compared, in all and of what changed in a later night than `since`.

    Args:
        connection: An open reader.
        scans: Settings that a gain may be a line of.
        since: The night that succeeded before.
        kept: What was counted before, with the same `since`; it is taken where nothing has changed.
    """
    covers = {row.cover for row in active_encoders(connection)}
    unserved, counts = sorted(set(COVERS) - covers), files_by_code(connection)
    basis = _basis(counts, last_change(connection), unserved, scans)
    if kept is not None and kept.basis == basis:
        return kept
    rows = code_tallies(connection, since=since, apart=sorted(APART), unserved=unserved)
    by_modality: dict[str, list[CodeTally]] = {}
    for row in rows:
        by_modality.setdefault(row.modality or UNKNOWN, []).append(row)
    whole = by_modality.pop(ALL, [])
    modalities = [_of_modality(modality, some) for modality, some in by_modality.items()]
    return Coverage(
        total=_of_modality(ALL, whole),
        modalities=sorted(modalities, key=lambda m: (-m.files.total, m.modality)),
        apart={code: n_files for code, n_files in counts.items() if code in APART},
        gains=gains(_reasons(row for row in whole if row.code != USED), scans),
        basis=basis,
    )


def kept_coverage(connection: Connection, night: int) -> Coverage | None:
    """Return the coverage that a night which succeeded has kept, None where there is none."""
    row = next((row for row in last_nights(connection, last=2) if row.id == night and row.state in SUCCESSES), None)
    keys = json.loads(row.summary or "{}").get("coverage") if row else None
    return Coverage.from_json(keys) if keys else None


def _basis(counts: Mapping[str, int], change: tuple[int, int], unserved: Sequence[str], scans: ScansSettings) -> str:
    """16 hex digits that change when a count, or what would gain something, may be another."""
    settings = [sorted(scans.repair), scans.guard_seconds, scans.guard_mib, missing_decoders(), version("scantwin")]
    return hashlib.sha256(json.dumps([counts, change, unserved, settings]).encode()).hexdigest()[:16]


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
