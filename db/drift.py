"""What a night brought, in the figures that are held against the nights before it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    case,
    func,
    select,
)

from db.encoders import active_encoders
from db.nights import last_success
from db.rows import rows_as
from db.scans import may_be_listed
from db.tables import EMBEDDING, FILE, LANE, MATCH, SCAN, STAGE

UNMATCHED = ("no-prior", "no-similar-case")


@dataclass(frozen=True, slots=True)
class WatchedLists:
    """What stands in JSON of the lists of an encoder and kind that a night brought; as `Brought`."""

    scans: int
    unmatched: int
    nearest: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class WatchedScanner:
    """What stands in JSON of what a scanner brought in a night; as `db.coverage.ScannerTally`."""

    studies: int
    lost_per_mille: int


@dataclass(frozen=True)
class WatchedNight:
    """What stands in JSON of a night, to hold later ones against."""

    files: int
    refused: int
    lists: Mapping[str, WatchedLists]  # "ENCODER KIND" -> its figures
    scanners: Mapping[str, WatchedScanner]  # "MODALITY MAKER MODEL" -> its figures


@dataclass(frozen=True, slots=True)
class Brought:
    """Main scans of a kind that a night embedded with an encoder: how many, and how near their first matches are."""

    encoder: str
    kind: str
    scans: int
    unmatched: int
    nearest: int  # how many have a first match
    total: float  # of its distances
    squares: float


@dataclass(frozen=True, slots=True)
class NewScanner:
    """A scanner that a kind shows for the first time in a night."""

    kind: str
    manufacturer: str | None
    model: str | None
    scans: int


def brought_by_kind(connection: Connection, night: int) -> list[Brought]:
    """Return of the main scans embedded in a night, by active encoder and kind: how many, unmatched, and how near."""
    first = and_(MATCH.c.scan == LANE.c.scan, MATCH.c.encoder == LANE.c.encoder, MATCH.c.lane == "others",
                 MATCH.c.rank == 1, MATCH.c.left_night.is_(None))  # fmt: skip
    columns = (
        LANE.c.encoder, SCAN.c.kind, func.count().label("scans"),
        func.count(case((LANE.c.code.in_(UNMATCHED), 1))).label("unmatched"),
        func.count(MATCH.c.distance).label("nearest"), func.coalesce(func.sum(MATCH.c.distance), 0.0).label("total"),
        func.coalesce(func.sum(MATCH.c.distance * MATCH.c.distance), 0.0).label("squares"),
    )  # fmt: skip
    mine = select(*columns).select_from(LANE).join(SCAN, SCAN.c.key == LANE.c.scan)
    mine = mine.join(EMBEDDING, and_(EMBEDDING.c.scan == LANE.c.scan, EMBEDDING.c.encoder == LANE.c.encoder))
    mine = mine.outerjoin(MATCH, first).where(EMBEDDING.c.night == night, LANE.c.lane == "others", may_be_listed())
    active = LANE.c.encoder.in_([row.id for row in active_encoders(connection)])
    return rows_as(connection, mine.where(active).group_by(LANE.c.encoder, SCAN.c.kind), Brought)


def refused_files(connection: Connection) -> tuple[int, int]:
    """Return how many files changed since the last good night, and how many of these were quarantined."""
    counts = select(func.count(), func.count(case((FILE.c.outcome == "quarantined", 1))))
    row = connection.execute(counts.where(FILE.c.changed_night > (last_success(connection) or 0))).one()
    return int(row[0]), int(row[1])


def new_scanners(connection: Connection, night: int) -> list[NewScanner]:
    """Return kind, manufacturer, model and scans of scanners that a kind shows for the first time in a night."""
    columns = (SCAN.c.kind, SCAN.c.manufacturer, SCAN.c.model)
    counts = select(*columns, func.count().label("scans")).where(SCAN.c.state == "accepted")
    first = counts.group_by(*columns).having(func.min(SCAN.c.first_night) == night)
    found = rows_as(connection, first, NewScanner)
    kinds = select(SCAN.c.kind).where(SCAN.c.first_night < night).distinct()
    known = set(connection.scalars(kinds))
    return [row for row in found if row.kind in known]


def watched_before(connection: Connection, night: int, *, last: int) -> list[WatchedNight]:
    """Return the figures that the stage match left in the last nights before this one, newest first."""
    done = select(STAGE.c.counts).where(STAGE.c.name == "match", STAGE.c.state == "done", STAGE.c.night < night)
    kept = connection.scalars(done.order_by(STAGE.c.night.desc()).limit(last))
    return [_watched(counts["watch"]) for counts in map(json.loads, kept) if "watch" in counts]


def _watched(figures: Mapping[str, Any]) -> WatchedNight:
    lists = {space: WatchedLists(**row) for space, row in figures["lists"].items()}
    scanners = {name: WatchedScanner(**row) for name, row in figures.get("scanners", {}).items()}
    return WatchedNight(figures["files"], figures["refused"], lists, scanners)
