"""Nights that a schedule of Prefect begins: nobody is at a terminal, so the operator is told and the run fails."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from db.errors import DatabaseError, NightRunning
from flows.night.failure import call_command
from flows.night.summary import Summary
from flows.site.errors import LeftUndone, PreflightRefused
from flows.site.settings import ConfigError, read_settings

REFUSED = "scantwin: tonight's night was refused; run `scantwin doctor` on the machine of its worker"


def is_scheduled() -> bool:
    """Whether this process runs a deployment, for a worker."""
    return bool(os.environ.get("PREFECT__FLOW_RUN_ID"))


@contextlib.contextmanager
def told_if_refused(config: Path) -> Iterator[None]:
    """Call the operator about a scheduled night that was refused before it could begin and call by itself."""
    try:
        yield
    except NightRunning:
        raise
    except (PreflightRefused, DatabaseError, ConfigError):
        if is_scheduled():
            with contextlib.suppress(ConfigError):
                call_command(read_settings(config).flows.on_failure, REFUSED)
        raise


def ended(summary: Summary) -> None:
    """Let the flow run of a scheduled night fail when the night left work undone because something failed.

    Raises:
        LeftUndone: It did.
    """
    if summary.undone and is_scheduled():
        codes = ", ".join(f"{row.code} ({row.count})" for row in summary.undone)
        raise LeftUndone(f"night {summary.night} left work undone: {codes}")
