"""Reads of encoders for the operator: all of them, their vectors, every switch."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select, update

from db.match_queries import ACTIVATION, EMBEDDING, ENCODER
from db.rows import rows_of


def all_encoders(connection: Connection) -> list[dict[str, Any]]:
    """Return all encoders, whole rows, by cover, purpose and age."""
    order = (ENCODER.c.cover.desc(), ENCODER.c.purpose, ENCODER.c.created_at, ENCODER.c.id)
    return rows_of(connection, select(ENCODER).order_by(*order))


def switches(connection: Connection) -> list[dict[str, Any]]:
    """Return every switch, newest first, whole rows."""
    return rows_of(connection, select(ACTIVATION).order_by(ACTIVATION.c.id.desc()))


def vector_counts(connection: Connection) -> Mapping[str, int]:
    """Return encoder -> how many vectors it has made."""
    counts = select(EMBEDDING.c.encoder, func.count()).group_by(EMBEDDING.c.encoder)
    return {encoder: n for encoder, n in connection.execute(counts).tuples()}


def lock(connection: Connection, encoder: str) -> None:
    """Keep other writers of an encoder's vectors out until the transaction ends (SQLite has one writer anyway)."""
    connection.execute(select(ENCODER.c.id).where(ENCODER.c.id == encoder).with_for_update())


def vector_kernels(connection: Connection) -> Mapping[str, Mapping[str, int]]:
    """Return encoder -> kernel level -> how many of its vectors were made by it; "": not recorded."""
    by = (EMBEDDING.c.encoder, EMBEDDING.c.kernels)
    found: dict[str, dict[str, int]] = {}
    for encoder, level, n in connection.execute(select(*by, func.count()).group_by(*by).order_by(*by)).tuples():
        found.setdefault(encoder, {})[level] = n
    return found


def hold(connection: Connection, encoder: str, reason: str) -> None:
    """Note why an encoder was not made active."""
    connection.execute(update(ENCODER).where(ENCODER.c.id == encoder).values(held_reason=reason))


def choose(connection: Connection, encoder: str, reason: str) -> None:
    """Note why an encoder is to become active once every scan has its vector; "" once that is done."""
    changes = {"chosen_reason": reason, "held_reason": ""}
    connection.execute(update(ENCODER).where(ENCODER.c.id == encoder).values(changes))


def unchoose(connection: Connection, cover: str, purpose: str | None, reason: str) -> None:
    """Send the chosen encoders of a cover (and purpose) into the shadow, and note why."""
    mine = update(ENCODER).where(ENCODER.c.cover == cover, ENCODER.c.chosen_reason != "")
    if purpose is not None:
        mine = mine.where(ENCODER.c.purpose == purpose)
    connection.execute(mine.values(chosen_reason="", held_reason=reason))


def chosen(connection: Connection) -> list[dict[str, Any]]:
    """Return the encoders that are to become active, whole rows, oldest first."""
    mine = select(ENCODER).where(ENCODER.c.chosen_reason != "")
    return rows_of(connection, mine.order_by(ENCODER.c.created_at, ENCODER.c.id))


def newest_held(connection: Connection) -> list[dict[str, Any]]:
    """Return the newest encoder of each cover and purpose if it waits in the shadow, whole rows."""
    waiting = {row["id"] for row in held(connection)}
    newest = {(row["cover"], row["purpose"]): row for row in all_encoders(connection)}  # by age: the last one stays
    return [row for row in newest.values() if row["id"] in waiting]


def held(connection: Connection) -> list[dict[str, Any]]:
    """Return id, cover, purpose and held_reason of encoders that wait in the shadow, newest first."""
    columns = (ENCODER.c.id, ENCODER.c.cover, ENCODER.c.purpose, ENCODER.c.held_reason)
    mine = select(*columns).where(ENCODER.c.held_reason != "")
    active = select(func.max(ACTIVATION.c.id)).group_by(ACTIVATION.c.cover, ACTIVATION.c.purpose)
    serving = select(ACTIVATION.c.encoder).where(ACTIVATION.c.id.in_(active), ACTIVATION.c.encoder.is_not(None))
    return rows_of(connection, mine.where(ENCODER.c.id.not_in(serving)).order_by(ENCODER.c.created_at.desc()))
