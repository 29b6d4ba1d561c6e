"""How a night fails: it is written down, the lease is freed, and the operator's command is run."""

import logging
import subprocess
from collections.abc import Sequence

from db import lease
from flows.night.report import failed_page
from flows.night.summary import Summary
from flows.site.opened import Site
from flows.work.failure import code_of, sentence_of, tolerated
from flows.work.lease import Ticket

CALL_SECONDS = 60  # the operator's command gets this long


def record(site: Site, ticket: Ticket, error: BaseException) -> None:
    """Write that the night failed, free the lease, call the operator; never hides the error itself."""
    code = code_of(error)
    with tolerated(True):
        lease.end_night(
            site.db, ticket.right, night=ticket.night, state="failed", exit_code=4 if code == "fenced" else 1,
            summary="{}", error_code=code, report="",
        )  # fmt: skip
    with tolerated(True):
        failed_page(site, ticket.night)
    call_operator(site, f"scantwin night {ticket.night} failed: {sentence_of(error)}")


def tell_undone(site: Site, summary: Summary) -> None:
    """Call the operator about a night that left work undone because something failed."""
    if summary.undone:
        left = " ".join(f"{row.meaning} {row.count} left. {row.action}" for row in summary.undone)
        call_operator(site, f"scantwin night {summary.night} left work undone: {left}")


def call_operator(site: Site, sentence: str) -> bool:
    """Run the operator's command with the sentence as its last word; True when it ended well."""
    return call_command(site.settings.flows.on_failure, sentence)


def call_command(command: Sequence[str], sentence: str) -> bool:
    """Run a command with the sentence as its last word; True when it ended well."""
    if not command:
        return False
    try:
        done = subprocess.run([*command, sentence], timeout=CALL_SECONDS, capture_output=True, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger("scantwin").error("on_failure %r could not be run: %s", command[0], error)
        return False
    if done.returncode:
        logging.getLogger("scantwin").error("on_failure %r ended with %d", command[0], done.returncode)
    return done.returncode == 0
