"""A row of the core table `file`: what became of one file, as its code says."""

from db.files import OutcomeRow
from flows.work.lease import Ticket
from scans.outcome import outcome


def file_row(
    ticket: Ticket,
    key: str,
    code: str,
    *,
    why: str = "",
    scan: str | None = None,
    series: str = "",
    size_bytes: int = 0,
) -> OutcomeRow:
    """A row of the core table `file` whose outcome follows from its code."""
    return OutcomeRow(
        key=key, outcome=outcome(code).state, code=code, why=why, scan=scan, series=series,
        size_bytes=size_bytes, first_night=ticket.night, changed_night=ticket.night,
    )  # fmt: skip
