"""The reads behind the pages: rows of core tables and views; identity is never joined here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, case, func, select

from db.base import table_of
from db.columns import typed
from db.encoders import EncoderRow, EncoderSwitch
from db.nights import SUCCESSES
from db.rows import columns_of, rows_as
from db.scans import ScanRow
from db.tables import Activation, Embedding, Encoder, File, Night, Scan
from db.upsert import chunks

NIGHT, SCAN, FILE = (table_of(model) for model in (Night, Scan, File))
ENCODER, ACTIVATION, EMBEDDING = (table_of(model) for model in (Encoder, Activation, Embedding))


@dataclass(frozen=True, slots=True)
class FileTally:
    """How many files ended with an outcome and code: since a night, and in all."""

    outcome: str
    code: str
    n_tonight: int
    n: int


@dataclass(frozen=True, slots=True)
class ScanTally:
    """How many scans have one value of a column: new this night, and in all."""

    value: str
    n_tonight: int
    n: int


@dataclass(frozen=True, slots=True)
class ReviewedMatch:
    """What a page says of a match: columns of match_for_review."""

    match: int
    lane: str
    rank: int | None
    code: str
    distance: float
    scan: str
    prior: str
    change_code: str
    change_percentile: float | None
    change_references: int | None
    change_scanner: str
    last_verdict: str | None = None
    hidden: bool = False
    chance_code: str = "not-calibrated"
    gallery_patients: int = 0
    expected_by_chance: float | None = None
    expected_fewer_than: float | None = None


@dataclass(frozen=True, slots=True)
class NightSummary:
    """A row of night_summary, what the page of a night says of its neighbours."""

    night: int
    state: str
    begun_at: datetime
    seconds: float | None
    files_changed: int
    scans_new: int
    matches_entered: int
    matches_left: int


def last_good_night_before(connection: Connection, night: int) -> int:
    """Return the night before this one that published, 0 when none has: what came after it is new."""
    before = select(func.max(NIGHT.c.id)).where(NIGHT.c.id < night, NIGHT.c.state.in_(SUCCESSES))
    return connection.scalar(before) or 0


def files_by_code(connection: Connection, *, since: int, night: int) -> list[FileTally]:
    """Count files by outcome and code: in all, and those that ended so after night `since`."""
    is_new = FILE.c.changed_night.between(since + 1, night)
    counts = (FILE.c.outcome, FILE.c.code, func.count(case((is_new, 1))).label("n_tonight"), func.count().label("n"))
    return rows_as(connection, select(*counts).group_by(FILE.c.outcome, FILE.c.code), FileTally)


def scans_by(
    connection: Connection, column: Literal["code", "kind"], night: int, *, states: Sequence[str]
) -> list[ScanTally]:
    """Count scans by a column, in all and new this night, most new ones first."""
    by = SCAN.c[column]
    n_new, n = func.count(case((SCAN.c.first_night == night, 1))).label("n_tonight"), func.count().label("n")
    counts = select(by.label("value"), n_new, n).where(SCAN.c.state.in_(states)).group_by(by)
    return rows_as(connection, counts.order_by(n_new.desc(), n.desc(), by), ScanTally)


def n_new_patients(connection: Connection, night: int) -> int:
    """Count the patients of the scans that a night accepted."""
    theirs = select(func.count(SCAN.c.patient.distinct()))
    return connection.scalar(theirs.where(SCAN.c.first_night == night, SCAN.c.state == "accepted")) or 0


def entered(
    connection: Connection, night: int, *, encoder: str, lane: str, deepest_rank: int, limit: int
) -> list[ReviewedMatch]:
    """Return the matches of one encoder that entered this night: nearest first, own lane latest scan first."""
    view = typed("match_for_review")
    new = select(*columns_of(ReviewedMatch, view)).where(
        view.c.entered_night == night, view.c.encoder == encoder, view.c.lane == lane
    )
    shallow = (view.c.rank <= deepest_rank) | view.c.rank.is_(None)
    latest = (view.c.acquired.is_(None), view.c.acquired.desc(), view.c.scan, view.c.rank.is_(None), view.c.rank)
    nearest = (view.c.distance, view.c.scan, view.c.rank)
    ordered = new.where(shallow).order_by(*(latest if lane == "own" else nearest), view.c.prior)
    return rows_as(connection, ordered.limit(limit), ReviewedMatch)


def n_entered(connection: Connection, night: int, *, encoder: str, lane: str) -> int:
    """Count the matches of one encoder and lane that entered this night."""
    view = typed("match_for_review")
    new = select(func.count()).where(view.c.entered_night == night, view.c.encoder == encoder, view.c.lane == lane)
    return connection.scalar(new) or 0


def judged(connection: Connection, scan: str) -> dict[int, ReviewedMatch]:
    """Return match -> its row of match_for_review, for the lists of a scan."""
    view = typed("match_for_review")
    mine = select(*columns_of(ReviewedMatch, view)).where(view.c.scan == scan)
    return {row.match: row for row in rows_as(connection, mine, ReviewedMatch)}


def scans(connection: Connection, keys: Iterable[str]) -> dict[str, ScanRow]:
    """Return key -> row of scans."""
    found: dict[str, ScanRow] = {}
    for chunk in chunks(sorted(set(keys))):
        theirs = select(*columns_of(ScanRow, SCAN)).where(SCAN.c.key.in_(chunk))
        found.update({row.key: row for row in rows_as(connection, theirs, ScanRow)})
    return found


def main_scan_beside(connection: Connection, scan: ScanRow) -> str | None:
    """Return the scan that stands for the study and kind of another."""
    stands = select(SCAN.c.key).where(SCAN.c.study == scan.study, SCAN.c.kind == scan.kind)
    return connection.scalar(stands.where(SCAN.c.is_main.is_(True), SCAN.c.state == "accepted").limit(1))


def has_vector(connection: Connection, scan: str, encoders: Sequence[str]) -> bool:
    """Say whether one of the encoders has a vector of a scan."""
    theirs = select(func.count()).where(EMBEDDING.c.scan == scan, EMBEDDING.c.encoder.in_(encoders))
    return bool(connection.scalar(theirs))


def nights_up_to(connection: Connection, night: int, *, last: int) -> list[NightSummary]:
    """Return the rows of night_summary of a night and those before it, newest first."""
    view = typed("night_summary")
    recent = select(*columns_of(NightSummary, view)).where(view.c.night.between(night - last, night))
    return rows_as(connection, recent.order_by(view.c.night.desc()), NightSummary)


def newly_quarantined(connection: Connection, *, since: int, night: int) -> dict[int, int]:
    """Return night -> how many files it quarantined that still are, for the nights after `since`."""
    in_range = FILE.c.changed_night.between(since + 1, night)
    counts = select(FILE.c.changed_night, func.count()).where(FILE.c.outcome == "quarantined", in_range)
    return {at: n for at, n in connection.execute(counts.group_by(FILE.c.changed_night)).tuples()}


def trained(connection: Connection, night: int) -> list[EncoderRow]:
    """Return the encoders that a night trained."""
    made = select(*columns_of(EncoderRow, ENCODER)).where(
        ENCODER.c.created_night == night, ENCODER.c.origin == "trained"
    )
    return rows_as(connection, made.order_by(ENCODER.c.cover.desc(), ENCODER.c.purpose, ENCODER.c.id), EncoderRow)


def activations(connection: Connection) -> dict[str, EncoderSwitch]:
    """Return encoder -> its newest switch."""
    switches = select(*columns_of(EncoderSwitch, ACTIVATION)).order_by(ACTIVATION.c.id)
    return {row.encoder: row for row in rows_as(connection, switches, EncoderSwitch) if row.encoder}
