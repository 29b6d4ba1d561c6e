"""Reads of nights and stages, and of the work that is left."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from db import identity
from db.archive_queries import SCAN, may_be_listed
from db.base import table_of
from db.encoder_queries import chosen
from db.match_queries import EMBEDDING, active_encoders, scans_to_embed
from db.rows import only_row, rows_of
from db.tables import Night, Stage

SUCCESSES = ("finished", "nothing_new", "partial")
NIGHT, STAGE = table_of(Night), table_of(Stage)


def nights(connection: Connection, *, last: int = 10) -> list[dict[str, Any]]:
    """Return the last nights, newest first, whole rows."""
    return rows_of(connection, select(NIGHT).order_by(NIGHT.c.id.desc()).limit(last))


def night_row(connection: Connection, night: int) -> dict[str, Any]:
    """Return one night.

    Raises:
        LookupError: There is none of this number.
    """
    return only_row(connection, select(NIGHT).where(NIGHT.c.id == night), f"night {night}")


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


def stages(connection: Connection, night: int) -> list[dict[str, Any]]:
    """Return the stages of a night in the order they began."""
    return rows_of(connection, select(STAGE).where(STAGE.c.night == night).order_by(STAGE.c.begun_at, STAGE.c.name))


def last_stage_counts(connection: Connection, name: str, *, night: int | None = None) -> dict[str, Any]:
    """Return the figures of a stage as it was last done, or done in a night; empty when it was not."""
    done = select(STAGE.c.counts).where(STAGE.c.name == name, STAGE.c.state == "done")
    if night is not None:
        done = done.where(STAGE.c.night == night)
    found = connection.scalar(done.order_by(STAGE.c.night.desc()).limit(1))
    counts: dict[str, Any] = json.loads(found) if found else {}
    return counts


def backlog(connection: Connection) -> int:
    """Count the work that waits: files, series, vectors and lists."""
    return sum(backlog_parts(connection).values())


def backlog_parts(connection: Connection) -> dict[str, int]:
    """Count what waits: files to read, series to group, scans to embed (also for chosen encoders), scans to match."""
    active = active_encoders(connection)
    embedding = [*active, *chosen(connection)]
    unmatched = select(func.count()).select_from(EMBEDDING).join(SCAN, SCAN.c.key == EMBEDDING.c.scan)
    waiting = and_(EMBEDDING.c.encoder.in_([row["id"] for row in active]), EMBEDDING.c.matched_night.is_(None))
    return {
        "files": len(identity.pending_files(connection, ["listed"])),
        "series": len(identity.pending_series(connection)),
        "embed": sum(len(scans_to_embed(connection, row["id"], row["cover"])) for row in embedding),
        "match": connection.scalar(unmatched.where(waiting, may_be_listed())) or 0,
    }
