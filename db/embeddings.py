"""Vectors: reads and writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select, true

from db.rows import count_of
from db.scans import ACCEPTED, HELD_BACK, may_be_listed, of_modality
from db.tables import EMBEDDING, KIND_CLASSIFIER, MATCH, PATIENT, SCAN, Embedding
from db.upsert import Row, upsert


@dataclass(frozen=True)
class Vectors:
    """Vectors of one encoder and kind with what the search filters by; columns of equal length.

    Attributes:
        scans: Keys.
        patients: Keys.
        studies: Keys.
        own_lanes: Whether the patient's id can be trusted.
        acquired_from: Begin of the acquisition, UTC; None when unknown.
        acquired_until: End of that interval, not included.
        matched_nights: Night that wrote the lanes of and to the scan; None: not yet.
        vectors: Little-endian float32.
    """

    scans: Sequence[str]
    patients: Sequence[str]
    studies: Sequence[str]
    own_lanes: Sequence[bool]
    acquired_from: Sequence[datetime | None]
    acquired_until: Sequence[datetime | None]
    matched_nights: Sequence[int | None]
    vectors: Sequence[bytes]


def scans_to_embed(connection: Connection, encoder: str, cover: str) -> list[str]:
    """Return the scans of a cover that wait for this encoder's vector, newest first.

    Those without a kind wait as well while a classifier that is in use could tell it from the vector.
    """
    reads = and_(KIND_CLASSIFIER.c.encoder == encoder, KIND_CLASSIFIER.c.in_use.is_(True))
    is_named = select(KIND_CLASSIFIER.c.id).where(reads, KIND_CLASSIFIER.c.cover == cover).exists()
    wanted = or_(SCAN.c.state == ACCEPTED, and_(SCAN.c.state == HELD_BACK, is_named))
    has = select(EMBEDDING.c.scan).where(EMBEDDING.c.scan == SCAN.c.key, EMBEDDING.c.encoder == encoder).exists()
    waiting = select(SCAN.c.key).where(wanted, SCAN.c.cover == cover, SCAN.c.tensor.is_not(None))
    newest = (SCAN.c.acquired_from.is_(None), SCAN.c.acquired_from.desc(), SCAN.c.key)
    return list(connection.scalars(waiting.where(~has).order_by(*newest)))


def vector_of(connection: Connection, scan: str, encoder: str) -> bytes | None:
    """Return one vector, little-endian float32, or None."""
    found = select(EMBEDDING.c.vector).where(EMBEDDING.c.scan == scan, EMBEDDING.c.encoder == encoder)
    return connection.scalar(found)


def embeddings_of(
    connection: Connection,
    encoder: str,
    kind: str,
    *,
    between: tuple[float, float] | None = None,
    any_kind: bool = False,
) -> Vectors:
    """Return the vectors of the main scans of a kind: all that lists may hold, by scan key.

    With `between` only those of patients whose number for divisions lies in [first, second); with `any_kind` those
    of every kind of its modality, which no list holds.
    """
    columns = (
        SCAN.c.key, SCAN.c.patient, SCAN.c.study, PATIENT.c.own_lane,
        SCAN.c.acquired_from, SCAN.c.acquired_until, EMBEDDING.c.matched_night, EMBEDDING.c.vector,
    )  # fmt: skip
    drawn = true() if between is None else and_(PATIENT.c.split >= between[0], PATIENT.c.split < between[1])
    rows = connection.execute(
        select(*columns)
        .select_from(SCAN)
        .join(EMBEDDING, and_(EMBEDDING.c.scan == SCAN.c.key, EMBEDDING.c.encoder == encoder))
        .join(PATIENT, PATIENT.c.key == SCAN.c.patient)
        .where(of_modality(kind) if any_kind else SCAN.c.kind == kind, may_be_listed(), drawn)
        .order_by(SCAN.c.key)
    ).all()
    return Vectors(*zip(*rows, strict=True)) if rows else Vectors(*([()] * len(columns)))


def embedding_count(connection: Connection, night: int) -> int:
    """Count the vectors that a night computed."""
    return count_of(connection, EMBEDDING.c.night == night)


def kinds_of(connection: Connection, encoder: str) -> list[str]:
    """Return the kinds that have vectors of an encoder, or current matches from when they had."""
    mine = select(SCAN.c.kind).join(EMBEDDING, EMBEDDING.c.scan == SCAN.c.key).where(EMBEDDING.c.encoder == encoder)
    listed = select(MATCH.c.kind).where(MATCH.c.encoder == encoder, MATCH.c.left_night.is_(None))
    return sorted({*connection.scalars(mine.distinct()), *connection.scalars(listed.distinct())})


def vector_counts(connection: Connection) -> Mapping[str, int]:
    """Return encoder -> how many vectors it has made."""
    counts = select(EMBEDDING.c.encoder, func.count()).group_by(EMBEDDING.c.encoder)
    return {encoder: n for encoder, n in connection.execute(counts).tuples()}


def vector_kernels(connection: Connection) -> Mapping[str, Mapping[str, int]]:
    """Return encoder -> kernel level -> how many of its vectors were made by it; "": not recorded."""
    by = (EMBEDDING.c.encoder, EMBEDDING.c.kernels)
    found: dict[str, dict[str, int]] = {}
    for encoder, level, n in connection.execute(select(*by, func.count()).group_by(*by).order_by(*by)).tuples():
        found.setdefault(encoder, {})[level] = n
    return found


def embedding_devices(connection: Connection, encoder: str) -> list[str]:
    """Return the devices that made an encoder's vectors: one, or none yet."""
    return list(connection.scalars(select(EMBEDDING.c.device).where(EMBEDDING.c.encoder == encoder).distinct()))


def save_embeddings(connection: Connection, rows: Iterable[Row]) -> int:
    """Save vectors; one that is there stays, as it is the record its matches were made from."""
    fresh = [{"matched_night": None, **row} for row in rows]
    return upsert(connection, Embedding, fresh, update=())
