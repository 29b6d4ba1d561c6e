"""Random controls: pairs of scans shown among matches to be judged, so that judgements can be held against chance."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from db.base import table_of
from db.engine import database_time
from db.match_queries import MATCH
from db.rows import rows_of
from db.store import add_verdict, newest_night
from db.tables import Control
from db.upsert import upsert

CONTROL = table_of(Control)


def save_controls(connection: Connection, *, scan: str, encoder: str, priors: Iterable[str]) -> int:
    """Note which priors are shown as controls in the list of a scan; one that is known stays."""
    night = newest_night(connection)
    rows = [{"scan": scan, "prior": prior, "encoder": encoder, "night": night} for prior in priors]
    return upsert(connection, Control, rows, update=())


def controls_of(connection: Connection, scan: str, encoder: str) -> list[str]:
    """Return the priors that were ever shown as controls in the list of a scan, by key."""
    mine = select(CONTROL.c.prior).where(CONTROL.c.scan == scan, CONTROL.c.encoder == encoder)
    return list(connection.scalars(mine.order_by(CONTROL.c.prior)))


def save_pair_verdict(connection: Connection, *, scan: str, prior: str, verdict: str, by: str, note: str = "") -> int:
    """Add a judgement on a pair that was shown, match or control, and return its id; see `save_verdict`.

    Raises:
        LookupError: The pair stands in no list of other patients and was shown as no control.
    """
    shown = _shown(connection, scan, prior)
    if shown is None:
        raise LookupError("this pair was not shown as one to be judged")
    row = {"scan": scan, "prior": prior, "verdict": verdict, "by": by, "note": note,
           "at": database_time(connection), "night": newest_night(connection), **shown}  # fmt: skip
    return add_verdict(connection, row)


def _shown(connection: Connection, scan: str, prior: str) -> dict[str, Any] | None:
    """Return match and encoder of a pair: its current or newest match, else the control without a match."""
    of_pair = select(MATCH.c.id.label("match"), MATCH.c.encoder)
    of_pair = of_pair.where(MATCH.c.scan == scan, MATCH.c.prior == prior, MATCH.c.lane == "others")
    found = rows_of(connection, of_pair.order_by(MATCH.c.left_night.is_not(None), MATCH.c.id.desc()).limit(1))
    controls = select(CONTROL.c.encoder).where(CONTROL.c.scan == scan, CONTROL.c.prior == prior)
    found += [{"match": None, **row} for row in rows_of(connection, controls.order_by(CONTROL.c.encoder).limit(1))]
    return found[0] if found else None
