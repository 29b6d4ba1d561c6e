"""Report: the page of one night."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from db.encoders import active_encoders
from flows.answers.coverage import Coverage
from flows.night.summary import Summary
from flows.records.standing import standing
from flows.site.opened import Site
from flows.work.lease import Ticket
from review.page import NOT_COUNTED, CoverageLine, CoverageTable
from review.report import write_report


def failed_page(site: Site, night: int) -> Path:
    """Write the page of a night that failed."""
    return _page(site, night, next_command="scantwin night", state="failed")


def publish(site: Site, ticket: Ticket, summary: Summary) -> Path:
    """Write the page of this night into the store; returns its path."""
    undone = {row.code: row.count for row in summary.undone}
    table = NOT_COUNTED if summary.coverage is None else coverage_table(summary.coverage)
    return _page(site, ticket.night, next_command=summary.next, state=summary.state, undone=undone, coverage=table)


def coverage_table(found: Coverage) -> CoverageTable:
    """Return coverage as the page shows it."""
    lines = [
        CoverageLine(
            modality=row.modality, n_files=row.files.total, files=row.files.percent,
            files_tonight=row.files_this_night.percent, n_studies=row.studies.total, studies=row.studies.percent,
            studies_tonight=row.studies_this_night.percent, top_reason=row.top_reason,
        )
        for row in found.modalities
    ]  # fmt: skip
    if not found.gains:
        return CoverageTable(found.sentence, tuple(lines))
    gain = found.gains[0]
    return CoverageTable(found.sentence, tuple(lines), act=gain.act, gain=gain.size, why=gain.why)


def _page(
    site: Site,
    night: int,
    *,
    next_command: str,
    state: str,
    undone: Mapping[str, int] = MappingProxyType({}),
    coverage: CoverageTable = NOT_COUNTED,
) -> Path:
    out = site.store / "reports" / f"night-{night:05d}.html"
    with site.db.read() as connection:
        zone = ZoneInfo(site.settings.flows.time_zone)
        return write_report(
            connection, night, store=site.store, out=out, next_command=next_command, state=state, zone=zone,
            undone=undone, standings={row.id: standing(connection, row) for row in active_encoders(connection)},
            coverage=coverage,
        )  # fmt: skip
