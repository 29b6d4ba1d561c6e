"""The reads behind the pages: plain rows of core tables; identity is never joined here."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select

from db.base import table_of
from db.nights import SUCCESSES
from db.rows import rows_of
from db.tables import Activation, Embedding, Encoder, File, Night, Scan
from db.upsert import chunks
from review.columns import typed

NIGHT, SCAN, FILE = (table_of(model) for model in (Night, Scan, File))
ENCODER, ACTIVATION, EMBEDDING = (table_of(model) for model in (Encoder, Activation, Embedding))
Row = dict[str, Any]
UNJUDGED = {"last_verdict": None, "hidden": False, "chance_code": "not-calibrated", "gallery_patients": 0,
            "expected_by_chance": None, "expected_fewer_than": None}  # fmt: skip


def last_good_night_before(connection: Connection, night: int) -> int:
    """Return the night before this one that published, 0 when none has: what came after it is new."""
    before = select(func.max(NIGHT.c.id)).where(NIGHT.c.id < night, NIGHT.c.state.in_(SUCCESSES))
    return connection.scalar(before) or 0


def files_by_code(connection: Connection, *, since: int, night: int) -> list[Row]:
    """Count files by outcome and code: in all, and those that ended so after night `since`."""
    is_new = FILE.c.changed_night.between(since + 1, night)
    counts = (FILE.c.outcome, FILE.c.code, func.count(case((is_new, 1))).label("n_tonight"), func.count().label("n"))
    return rows_of(connection, select(*counts).group_by(FILE.c.outcome, FILE.c.code))


def scans_by(connection: Connection, column: str, night: int, *, states: Sequence[str]) -> list[Row]:
    """Count scans by a column, in all and new this night, most new ones first."""
    by = SCAN.c[column]
    n_new, n = func.count(case((SCAN.c.first_night == night, 1))).label("n_tonight"), func.count().label("n")
    counts = select(by, n_new, n).where(SCAN.c.state.in_(states)).group_by(by)
    return rows_of(connection, counts.order_by(n_new.desc(), n.desc(), by))


def n_new_patients(connection: Connection, night: int) -> int:
    """Count the patients of the scans that a night accepted."""
    theirs = select(func.count(SCAN.c.patient.distinct()))
    return connection.scalar(theirs.where(SCAN.c.first_night == night, SCAN.c.state == "accepted")) or 0


def entered(connection: Connection, night: int, *, encoder: str, lane: str, deepest_rank: int, limit: int) -> list[Row]:
    """Return the matches of one encoder that entered this night: nearest first, own lane latest scan first."""
    view = typed("match_for_review")
    new = select(view).where(view.c.entered_night == night, view.c.encoder == encoder, view.c.lane == lane)
    shallow = (view.c.rank <= deepest_rank) | view.c.rank.is_(None)
    latest = (view.c.acquired.is_(None), view.c.acquired.desc(), view.c.scan, view.c.rank.is_(None), view.c.rank)
    nearest = (view.c.distance, view.c.scan, view.c.rank)
    ordered = new.where(shallow).order_by(*(latest if lane == "own" else nearest), view.c.prior)
    return rows_of(connection, ordered.limit(limit))


def n_entered(connection: Connection, night: int, *, encoder: str, lane: str) -> int:
    """Count the matches of one encoder and lane that entered this night."""
    view = typed("match_for_review")
    new = select(func.count()).where(view.c.entered_night == night, view.c.encoder == encoder, view.c.lane == lane)
    return connection.scalar(new) or 0


def judged(connection: Connection, scan: str) -> dict[int, Row]:
    """Return match -> its newest verdict, whether that hides it, what chance gives, for the lists of a scan."""
    view = typed("match_for_review")
    mine = select(view.c.match, *(view.c[name] for name in UNJUDGED)).where(view.c.scan == scan)
    return {row["match"]: row for row in rows_of(connection, mine)}


def scans(connection: Connection, keys: Iterable[str]) -> dict[str, Row]:
    """Return key -> row of scans."""
    found: dict[str, Row] = {}
    for some in chunks(sorted(set(keys))):
        found.update({row["key"]: row for row in rows_of(connection, select(SCAN).where(SCAN.c.key.in_(some)))})
    return found


def main_scan_beside(connection: Connection, scan: Row) -> str | None:
    """Return the scan that stands for the study and kind of another."""
    stands = select(SCAN.c.key).where(SCAN.c.study == scan["study"], SCAN.c.kind == scan["kind"])
    return connection.scalar(stands.where(SCAN.c.is_main.is_(True), SCAN.c.state == "accepted").limit(1))


def has_vector(connection: Connection, scan: str, encoders: Sequence[str]) -> bool:
    """Say whether one of the encoders has a vector of a scan."""
    theirs = select(func.count()).where(EMBEDDING.c.scan == scan, EMBEDDING.c.encoder.in_(encoders))
    return bool(connection.scalar(theirs))


def nights_up_to(connection: Connection, night: int, *, last: int) -> list[Row]:
    """Return the rows of night_summary of a night and those before it, newest first."""
    view = typed("night_summary")
    recent = select(view).where(view.c.night.between(night - last, night))
    return rows_of(connection, recent.order_by(view.c.night.desc()))


def newly_quarantined(connection: Connection, *, since: int, night: int) -> dict[int, int]:
    """Return night -> how many files it quarantined that still are, for the nights after `since`."""
    in_range = FILE.c.changed_night.between(since + 1, night)
    counts = select(FILE.c.changed_night, func.count()).where(FILE.c.outcome == "quarantined", in_range)
    return {at: n for at, n in connection.execute(counts.group_by(FILE.c.changed_night)).tuples()}


def trained(connection: Connection, night: int) -> list[Row]:
    """Return the encoders that a night trained."""
    made = select(ENCODER).where(ENCODER.c.created_night == night, ENCODER.c.origin == "trained")
    return rows_of(connection, made.order_by(ENCODER.c.cover.desc(), ENCODER.c.purpose, ENCODER.c.id))


def activations(connection: Connection) -> dict[str, Row]:
    """Return encoder -> its newest switch."""
    rows = rows_of(connection, select(ACTIVATION).order_by(ACTIVATION.c.id))
    return {row["encoder"]: row for row in rows if row["encoder"]}
