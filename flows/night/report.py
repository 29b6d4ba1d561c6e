"""Report: the page of one night."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from db.encoders import active_encoders
from flows.night.summary import Summary
from flows.records.standing import standing
from flows.site.opened import Site
from flows.work.lease import Ticket
from review.report import write_report


def failed_page(site: Site, night: int) -> Path:
    """Write the page of a night that failed."""
    return _page(site, night, next_command="scantwin night", state="failed")


def publish(site: Site, ticket: Ticket, summary: Summary) -> Path:
    """Write the page of this night into the store; returns its path."""
    undone = {row.code: row.count for row in summary.undone}
    return _page(site, ticket.night, next_command=summary.next, state=summary.state, undone=undone)


def _page(
    site: Site, night: int, *, next_command: str, state: str, undone: Mapping[str, int] = MappingProxyType({})
) -> Path:
    out = site.store / "reports" / f"night-{night:05d}.html"
    with site.db.read() as connection:
        zone = ZoneInfo(site.settings.flows.time_zone)
        return write_report(
            connection, night, store=site.store, out=out, next_command=next_command, state=state, zone=zone,
            undone=undone, standings={row.id: standing(connection, row) for row in active_encoders(connection)},
        )  # fmt: skip
