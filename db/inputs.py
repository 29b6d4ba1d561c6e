"""Encoder inputs: who still needs them. Reads and writes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, func, select

from db.base import table_of
from db.engine import database_time
from db.identity import pending_series
from db.rows import rows_as
from db.scans import WITHDRAWN, may_be_listed
from db.tables import EMBEDDING, PATIENT, SCAN, InputRequest
from db.upsert import chunks, upsert

REQUEST = table_of(InputRequest)
LAPSES = timedelta(days=7)  # whoever asked by hand has come back by then, or will ask again


@dataclass(frozen=True, slots=True)
class InputScan:
    """A scan as whoever drops inputs sees it."""

    key: str
    cover: str
    split: float
    is_listed: bool
    withdrawn_night: int | None


def scans_by_split(connection: Connection) -> list[InputScan]:
    """Return every scan, those of the patients with the highest drawn numbers first."""
    listed = may_be_listed().label("is_listed")
    rows = select(SCAN.c.key, SCAN.c.cover, PATIENT.c.split, listed, SCAN.c.withdrawn_night).join(
        PATIENT, PATIENT.c.key == SCAN.c.patient
    )
    order = (PATIENT.c.split.desc(), SCAN.c.patient.desc(), SCAN.c.key.desc())
    return rows_as(connection, rows.order_by(*order), InputScan)


def encoders_with_vector(connection: Connection, scans: Iterable[str]) -> Mapping[str, set[str]]:
    """Return scan -> the encoders that have made its vector, of some scans."""
    found: dict[str, set[str]] = defaultdict(set)
    for some in chunks(scans):
        rows = select(EMBEDDING.c.scan, EMBEDDING.c.encoder).where(EMBEDDING.c.scan.in_(some))
        for scan, encoder in connection.execute(rows).tuples():
            found[scan].add(encoder)
    return found


def scans_to_read_again(connection: Connection) -> int:
    """Count the scans whose series wait to be looked at once more."""
    mine = select(func.count()).select_from(SCAN).where(SCAN.c.state != WITHDRAWN)
    return sum(
        connection.scalar(mine.where(SCAN.c.series.in_(some))) or 0 for some in chunks(pending_series(connection))
    )


def request_recipe(connection: Connection, recipe: str, reason: str) -> None:
    """Ask for the inputs of a recipe, or ask again: from now on none of them is dropped."""
    row = {"recipe": recipe, "reason": reason, "at": database_time(connection)}
    upsert(connection, InputRequest, [row])


def end_request(connection: Connection, recipe: str, reason: str) -> None:
    """Note that what the inputs of a recipe were asked for is done."""
    connection.execute(delete(REQUEST).where(REQUEST.c.recipe == recipe, REQUEST.c.reason == reason))


def requested_recipes(connection: Connection, *reasons: str) -> frozenset[str]:
    """Return the recipes whose inputs somebody has asked for within the last week, for one of some reasons or any."""
    recent = select(REQUEST.c.recipe).where(REQUEST.c.at > database_time(connection) - LAPSES)
    wanted = recent.where(REQUEST.c.reason.in_(reasons)) if reasons else recent
    return frozenset(connection.scalars(wanted))
