"""A scan that asks, of the archive or from outside, and its patient's earlier scans where nothing can be compared."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from db.earlier import has_own_lane, own_scans
from db.scans import ScanRow
from flows.answers.lanes import Uncompared, UncomparedScan
from flows.clinician.answer import day
from flows.records.scanner import scanner_of
from flows.site.opened import Site
from flows.stages.match.ending import ending_of


@dataclass(frozen=True)
class Query:
    """A scan that asks: what the filters need to know of it."""

    kind: str
    patient: str
    study: str
    acquired_from: datetime | None
    acquired_until: datetime | None
    own_lane: bool
    scanner: str  # maker and model, "" where not known
    any_kind: bool = False  # every kind of its modality is searched


def query_of(connection: Connection, scan: ScanRow, *, any_kind: bool = False) -> Query:
    """The question that a scan of the archive asks."""
    own_lane = has_own_lane(connection, scan.patient)
    return Query(
        scan.kind, scan.patient, scan.study, scan.acquired_from, scan.acquired_until, own_lane, scanner_of(scan),
        any_kind,
    )  # fmt: skip


def is_dated(site: Site, query: Query) -> bool:
    """Say whether the place of a scan in time is known, or nothing is asked of dates."""
    return query.acquired_from is not None or site.settings.scans.dates != "true"


def uncompared(site: Site, connection: Connection, query: Query) -> Uncompared:
    """The patient's earlier scans of the modality of a scan whose kind is unknown, by the rules of the own lane."""
    asked = query if site.settings.scans.dates != "none" else replace(query, acquired_from=None, acquired_until=None)
    rows = own_scans(connection, asked, like=query.kind) if query.own_lane else []
    scans: list[UncomparedScan] = []
    n_ranked = 0
    for row in rows:
        is_over = _is_over(row, asked.acquired_from)
        n_ranked += is_over
        rank = n_ranked if is_over else None
        scans.append(UncomparedScan(rank, row.key, row.kind, day(row.acquired_local_date), row.contrast or "unknown"))
    ended = ending_of("own", len(rows), k=0, has_own_lane=query.own_lane, is_dated=is_dated(site, query))
    return Uncompared(ended, "kind-unknown", scans)


def _is_over(row: ScanRow, begun: datetime | None) -> bool:
    return begun is not None and row.acquired_until is not None and row.acquired_until <= begun
