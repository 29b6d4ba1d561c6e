"""Encoders, which of them serve, and every switch: reads and writes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from db.engine import database_time
from db.rows import columns_of, only_as, rows_as
from db.tables import ACTIVATION, ENCODER, Activation, Encoder
from db.upsert import Row, change, upsert

Metric = Literal["cosine", "euclidean"]


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """A row of encoder."""

    id: str
    cover: str
    purpose: str
    backbone: str
    dim: int
    metric: Metric
    recipe: str
    origin: str
    provisional: bool
    folder: str
    manifest: str
    held_reason: str
    chosen_reason: str
    forgotten_patients: int
    kernels: str
    created_night: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EncoderSwitch:
    """A row of activation: from then on an encoder is the active one of its cover and purpose."""

    id: int
    cover: str
    purpose: str
    encoder: str | None
    night: int | None
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HeldEncoder:
    """An encoder that waits in the shadow, and why."""

    id: str
    cover: str
    purpose: str
    held_reason: str


def active_encoders(connection: Connection) -> list[EncoderRow]:
    """Return the whole rows of the active encoders, at most one a cover and purpose."""
    newest = select(func.max(ACTIVATION.c.id)).group_by(ACTIVATION.c.cover, ACTIVATION.c.purpose)
    active = select(*columns_of(EncoderRow, ENCODER)).join(ACTIVATION, ACTIVATION.c.encoder == ENCODER.c.id)
    rows = active.where(ACTIVATION.c.id.in_(newest)).order_by(ENCODER.c.cover.desc(), ENCODER.c.purpose)
    return rows_as(connection, rows, EncoderRow)


def encoders_of(connection: Connection, cover: str) -> list[EncoderRow]:
    """Return all encoders of a cover, oldest first."""
    mine = select(*columns_of(EncoderRow, ENCODER)).where(ENCODER.c.cover == cover)
    return rows_as(connection, mine.order_by(ENCODER.c.created_at, ENCODER.c.id), EncoderRow)


def encoder_row(connection: Connection, encoder: str) -> EncoderRow:
    """Return one encoder.

    Raises:
        LookupError: There is none of this id.
    """
    return only_as(
        connection,
        select(*columns_of(EncoderRow, ENCODER)).where(ENCODER.c.id == encoder),
        EncoderRow,
        f"encoder {encoder}",
    )


def all_encoders(connection: Connection) -> list[EncoderRow]:
    """Return all encoders, whole rows, by cover, purpose and age."""
    order = (ENCODER.c.cover.desc(), ENCODER.c.purpose, ENCODER.c.created_at, ENCODER.c.id)
    return rows_as(connection, select(*columns_of(EncoderRow, ENCODER)).order_by(*order), EncoderRow)


def encoder_switches(connection: Connection) -> list[EncoderSwitch]:
    """Return every switch, newest first, whole rows."""
    return rows_as(
        connection, select(*columns_of(EncoderSwitch, ACTIVATION)).order_by(ACTIVATION.c.id.desc()), EncoderSwitch
    )


def lock_encoder(connection: Connection, encoder: str) -> None:
    """Keep other writers of an encoder's vectors out until the transaction ends (SQLite has one writer anyway)."""
    connection.execute(select(ENCODER.c.id).where(ENCODER.c.id == encoder).with_for_update())


def hold_encoder(connection: Connection, encoder: str, reason: str) -> None:
    """Note why an encoder was not made active."""
    connection.execute(update(ENCODER).where(ENCODER.c.id == encoder).values(held_reason=reason))


def choose_encoder(connection: Connection, encoder: str, reason: str) -> None:
    """Note why an encoder is to become active once every scan has its vector; "" once that is done."""
    changes = {"chosen_reason": reason, "held_reason": ""}
    connection.execute(update(ENCODER).where(ENCODER.c.id == encoder).values(changes))


def unchoose_encoders(connection: Connection, cover: str, purpose: str | None, reason: str) -> None:
    """Send the chosen encoders of a cover (and purpose) into the shadow, and note why."""
    mine = update(ENCODER).where(ENCODER.c.cover == cover, ENCODER.c.chosen_reason != "")
    if purpose is not None:
        mine = mine.where(ENCODER.c.purpose == purpose)
    connection.execute(mine.values(chosen_reason="", held_reason=reason))


def chosen_encoders(connection: Connection) -> list[EncoderRow]:
    """Return the encoders that are to become active, whole rows, oldest first."""
    mine = select(*columns_of(EncoderRow, ENCODER)).where(ENCODER.c.chosen_reason != "")
    return rows_as(connection, mine.order_by(ENCODER.c.created_at, ENCODER.c.id), EncoderRow)


def newest_held(connection: Connection) -> list[EncoderRow]:
    """Return the newest encoder of each cover and purpose if it waits in the shadow, whole rows."""
    waiting = {row.id for row in held_encoders(connection)}
    newest = {(row.cover, row.purpose): row for row in all_encoders(connection)}  # by age: the last one stays
    return [row for row in newest.values() if row.id in waiting]


def held_encoders(connection: Connection) -> list[HeldEncoder]:
    """Return id, cover, purpose and held_reason of encoders that wait in the shadow, newest first."""
    columns = (ENCODER.c.id, ENCODER.c.cover, ENCODER.c.purpose, ENCODER.c.held_reason)
    mine = select(*columns).where(ENCODER.c.held_reason != "")
    active = select(func.max(ACTIVATION.c.id)).group_by(ACTIVATION.c.cover, ACTIVATION.c.purpose)
    serving = select(ACTIVATION.c.encoder).where(ACTIVATION.c.id.in_(active), ACTIVATION.c.encoder.is_not(None))
    shadow = mine.where(ENCODER.c.id.not_in(serving)).order_by(ENCODER.c.created_at.desc())
    return rows_as(connection, shadow, HeldEncoder)


def save_encoder(connection: Connection, row: Row) -> int:
    """Save an encoder; one that is there keeps what was found out about it, but may have moved."""
    return upsert(connection, Encoder, [row], update=("folder", "manifest"))


def set_provisional(connection: Connection, encoder: str, provisional: bool) -> int:
    """Note whether an encoder has beaten the plain baselines on this archive."""
    return change(connection, Encoder, [{"id": encoder, "provisional": provisional}])


def set_active_encoder(
    connection: Connection,
    *,
    cover: str,
    purpose: str,
    encoder: str | None,
    reason: str,
    night: int | None = None,
) -> bool:
    """Make an encoder the active one of its cover and purpose, or none; returns False if it is so already.

    Raises:
        ValueError: The encoder is unknown or was made for another cover or purpose.
    """
    if encoder is not None:
        made_for = connection.execute(select(Encoder.cover, Encoder.purpose).where(Encoder.id == encoder)).one_or_none()
        if made_for is None or tuple(made_for) != (cover, purpose):
            found = "unknown" if made_for is None else f"for {made_for.cover} {made_for.purpose}"
            raise ValueError(f"encoder {encoder} is {found}, not for {cover} {purpose}")
    mine = select(Activation.encoder).where(Activation.cover == cover, Activation.purpose == purpose)
    active = connection.execute(mine.order_by(Activation.id.desc()).limit(1)).one_or_none()
    if (None if active is None else active.encoder) == encoder:
        return False
    row = {
        "cover": cover, "purpose": purpose, "encoder": encoder, "night": night,
        "at": database_time(connection), "reason": reason,
    }  # fmt: skip
    connection.execute(insert(Activation), row)
    return True
