"""Nights and stages, and the work that is left."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    select,
)

from db.rows import columns_of, only_as, rows_as
from db.tables import NIGHT, STAGE, Night

SUCCESSES = ("finished", "nothing_new", "partial")


@dataclass(frozen=True, slots=True)
class NightRow:
    """A row of night."""

    id: int
    fence: int
    owner: str
    state: str
    exit_code: int | None
    begun_at: datetime
    ended_at: datetime | None
    tick_at: datetime | None
    settings_digest: str
    key_id: str
    version: str
    summary: str
    error_code: str
    report: str


@dataclass(frozen=True, slots=True)
class StageRow:
    """A row of stage."""

    night: int
    name: str
    state: str
    begun_at: datetime
    seconds: float | None
    counts: str


def last_nights(connection: Connection, *, last: int = 10) -> list[NightRow]:
    """Return the last nights, newest first, whole rows."""
    newest = select(*columns_of(NightRow, NIGHT)).order_by(NIGHT.c.id.desc()).limit(last)
    return rows_as(connection, newest, NightRow)


def night_row(connection: Connection, night: int) -> NightRow:
    """Return one night.

    Raises:
        LookupError: There is none of this number.
    """
    mine = select(*columns_of(NightRow, NIGHT)).where(NIGHT.c.id == night)
    return only_as(connection, mine, NightRow, f"night {night}")


def last_success(connection: Connection) -> int | None:
    """Return the number of the last night that published, None when none has."""
    newest: int | None = connection.scalar(select(func.max(NIGHT.c.id)).where(NIGHT.c.state.in_(SUCCESSES)))
    return newest


def last_good(connection: Connection) -> int | None:
    """Return the number of the last night that left nothing undone because of a failure, None when none has."""
    newest: int | None = connection.scalar(select(func.max(NIGHT.c.id)).where(is_good()))
    return newest


def is_good() -> ColumnElement[bool]:
    """Nights that published and in which nothing failed; new files in quarantine are no failure."""
    return and_(NIGHT.c.state.in_(SUCCESSES), NIGHT.c.exit_code != 1)


def last_key_id(connection: Connection) -> str | None:
    """Return the name of the secret that the newest night made its keys with."""
    return connection.scalar(select(NIGHT.c.key_id).where(NIGHT.c.key_id != "").order_by(NIGHT.c.id.desc()).limit(1))


def last_begin(connection: Connection) -> datetime | None:
    """Return when the newest night began; a tick of the schedule before that is answered."""
    return connection.scalar(select(NIGHT.c.begun_at).order_by(NIGHT.c.id.desc()).limit(1))


def stages_of(connection: Connection, night: int) -> list[StageRow]:
    """Return the stages of a night in the order they began."""
    mine = select(*columns_of(StageRow, STAGE)).where(STAGE.c.night == night)
    return rows_as(connection, mine.order_by(STAGE.c.begun_at, STAGE.c.name), StageRow)


def last_stage_counts(connection: Connection, name: str, *, night: int | None = None) -> dict[str, Any]:
    """Return the figures of a stage as it was last done, or done in a night; empty when it was not."""
    done = select(STAGE.c.counts).where(STAGE.c.name == name, STAGE.c.state == "done")
    if night is not None:
        done = done.where(STAGE.c.night == night)
    found = connection.scalar(done.order_by(STAGE.c.night.desc()).limit(1))
    counts: dict[str, Any] = json.loads(found) if found else {}
    return counts


def running_night(connection: Connection) -> int | None:
    """Return the night that runs now, None when none does."""
    newest: int | None = connection.scalar(select(func.max(NIGHT.c.id)).where(NIGHT.c.state == "running"))
    return newest


def running_stage(connection: Connection) -> str | None:
    """Return the name of the stage that runs now."""
    return connection.scalar(select(STAGE.c.name).where(STAGE.c.state == "running").limit(1))


def last_success_at(connection: Connection) -> datetime | None:
    """Return when the newest good night ended: it published, and nothing failed in it."""
    good = select(func.max(NIGHT.c.ended_at)).where(is_good())
    at: datetime | None = connection.scalar(good)
    return at


def first_begun_at(connection: Connection) -> datetime | None:
    """Return when the first night began."""
    at: datetime | None = connection.scalar(select(func.min(NIGHT.c.begun_at)))
    return at


def newest_night(connection: Connection) -> int | None:
    """Return the number of the newest night, None before the first."""
    return connection.scalar(select(Night.id).order_by(Night.id.desc()).limit(1))
