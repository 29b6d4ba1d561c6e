"""Classifiers of kinds, and the scans that they learn from and name: reads and writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

from db.encoders import active_encoders
from db.engine import database_time
from db.rows import columns_of, rows_as
from db.scans import ACCEPTED, HELD_BACK
from db.tables import EMBEDDING, KIND_CLASSIFIER, PATIENT, SCAN, KindClassifier
from db.upsert import Row, change, upsert

FROM_PIXELS = "kind from pixels"  # how scan.kind_rule begins where no tag has told the kind


@dataclass(frozen=True, slots=True)
class KindClassifierRow:
    """A row of kind_classifier."""

    id: str
    encoder: str
    cover: str
    figures: str
    n_named: int
    n_wrong: int
    in_use: bool
    off_reason: str
    off_night: int | None
    forgotten_patients: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScanVector:
    """A scan with the vector of one encoder, and what divides its patient from others."""

    scan: str
    kind: str
    series: str
    patient: str
    split: float
    vector: bytes


def all_classifiers(connection: Connection) -> list[KindClassifierRow]:
    """Return every classifier of kinds, oldest first."""
    order = (KIND_CLASSIFIER.c.created_at, KIND_CLASSIFIER.c.id)
    rows = select(*columns_of(KindClassifierRow, KIND_CLASSIFIER)).order_by(*order)
    return rows_as(connection, rows, KindClassifierRow)


def serving_classifiers(connection: Connection) -> list[KindClassifierRow]:
    """Return the classifiers in use whose encoder is an active one: at most one a cover."""
    mine = select(*columns_of(KindClassifierRow, KIND_CLASSIFIER)).where(KIND_CLASSIFIER.c.in_use.is_(True))
    rows = rows_as(connection, mine.order_by(KIND_CLASSIFIER.c.cover), KindClassifierRow)
    active = {row.id for row in active_encoders(connection)} if rows else set[str]()
    return [row for row in rows if row.encoder in active]


def idle_classifiers(connection: Connection) -> list[KindClassifierRow]:
    """Return the classifiers in use whose encoder is active no more."""
    serving = {row.id for row in serving_classifiers(connection)}
    return [row for row in all_classifiers(connection) if row.in_use and row.id not in serving]


def save_classifier(connection: Connection, row: Row) -> int:
    """Save a classifier; one that is there stays."""
    fresh = {**row, "in_use": False, "created_at": database_time(connection)}
    return upsert(connection, KindClassifier, [fresh], update=())


def use_classifier(connection: Connection, classifier: KindClassifierRow, reason: str) -> bool:
    """Let a classifier name the scans of its cover, in place of another; returns False if it does so already."""
    used = [row.id for row in all_classifiers(connection) if row.in_use and row.cover == classifier.cover]
    switch_off(connection, [other for other in used if other != classifier.id], reason)
    on = {"id": classifier.id, "in_use": True, "off_reason": "", "off_night": None}
    change(connection, KindClassifier, [on])
    return classifier.id not in used


def switch_off(connection: Connection, classifiers: Iterable[str], reason: str, night: int | None = None) -> int:
    """Take classifiers out of use, by a night or by hand."""
    off = {"in_use": False, "off_reason": reason, "off_night": night}
    return change(connection, KindClassifier, [{"id": classifier} | off for classifier in classifiers])


def switched_off_by(connection: Connection, night: int) -> list[KindClassifierRow]:
    """Return the classifiers that a night has switched off."""
    return [row for row in all_classifiers(connection) if row.off_night == night]


def told_vectors(connection: Connection, encoder: str, cover: str) -> Iterator[ScanVector]:
    """Yield the accepted scans of a cover whose kind is not from pixels, with vectors of an encoder, by key."""
    told = and_(SCAN.c.state == ACCEPTED, ~SCAN.c.kind_rule.startswith(FROM_PIXELS, autoescape=True))
    return _vectors(connection, encoder, and_(told, SCAN.c.cover == cover))


def waiting_vectors(connection: Connection, encoder: str, cover: str) -> Iterator[ScanVector]:
    """Yield the scans of a cover that wait for a kind and have a vector of an encoder, by key."""
    return _vectors(connection, encoder, and_(SCAN.c.state == HELD_BACK, SCAN.c.cover == cover))


def series_named(connection: Connection, cover: str) -> list[str]:
    """Return the series of scans of a cover whose kind is from pixels."""
    named = and_(SCAN.c.state == ACCEPTED, SCAN.c.kind_rule.startswith(FROM_PIXELS, autoescape=True))
    mine = select(SCAN.c.series).where(named, SCAN.c.cover == cover).distinct()
    return list(connection.scalars(mine.order_by(SCAN.c.series)))


def _vectors(connection: Connection, encoder: str, which: ColumnElement[bool]) -> Iterator[ScanVector]:
    columns = (SCAN.c.key, SCAN.c.kind, SCAN.c.series, SCAN.c.patient, PATIENT.c.split, EMBEDDING.c.vector)
    rows = (
        select(*columns)
        .join(EMBEDDING, and_(EMBEDDING.c.scan == SCAN.c.key, EMBEDDING.c.encoder == encoder))
        .join(PATIENT, PATIENT.c.key == SCAN.c.patient)
        .where(which)
        .order_by(SCAN.c.key)
    )
    for row in connection.execute(rows):
        yield ScanVector(*row)
