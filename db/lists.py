"""Reads of the lists: matches, the outcomes of lanes, and what changed in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime

from sqlalchemy import Connection, and_, func, literal, or_, select

from db.embeddings import kinds_of
from db.encoders import EncoderRow, active_encoders
from db.rows import columns_of, count_of, rows_as
from db.scans import ACCEPTED, may_be_listed
from db.tables import EMBEDDING, ENCODER, LANE, MATCH, SCAN
from db.upsert import chunks


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A row of match."""

    id: int
    scan: str
    prior: str
    encoder: str
    lane: str
    kind: str
    rank: int | None
    code: str
    distance: float
    entered_night: int
    left_night: int | None
    entered_why: str
    left_why: str
    moved_night: int | None
    rank_before: int | None
    chance_code: str
    chance_share: float | None
    chance_below: float | None
    chance_low: float | None
    chance_high: float | None
    chance_basis: str
    change_code: str
    change_percentile: float | None
    change_references: int | None
    change_scanner: str


@dataclass(frozen=True, slots=True)
class ListedMatch(MatchRow):
    """A current match with what a list says of the prior."""

    patient: str
    study: str
    contrast: str | None
    acquired_from: datetime | None
    acquired_until: datetime | None
    acquired_local_date: date | None


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A row of lane_outcome."""

    scan: str
    encoder: str
    lane: str
    code: str
    gallery_patients: int
    n_matches: int
    reach: float | None
    rules: str
    night: int
    alarm: str


@dataclass(frozen=True, slots=True)
class ScanLane(LaneRow):
    """A list of a scan: its outcome, what its encoder is, and what it holds."""

    purpose: str
    provisional: bool
    metric: str
    matches: list[ListedMatch]
    n_unrelated: int  # N of the expectation by chance: gallery_patients of the encoder's list of other patients


@dataclass(frozen=True, slots=True)
class ListChange:
    """How many matches entered, moved within or left lists with a night, for one reason."""

    what: str
    lane: str
    code: str
    n: int


@dataclass(frozen=True, slots=True)
class MatchHistory:
    """A match that once stood in a list, and how it came, moved and left."""

    match: int
    encoder: str
    lane: str
    prior: str
    rank: int | None
    distance: float
    entered_night: int
    entered_why: str
    moved_night: int | None
    rank_before: int | None
    left_night: int | None
    left_why: str


@dataclass(frozen=True, slots=True)
class NewMatch:
    """A first match that entered in a night."""

    id: int
    kind: str
    lane: str
    rank: int | None
    distance: float
    scan: str
    prior: str
    scan_date: date | None
    prior_date: date | None
    provisional: bool


LANE_COLUMNS = tuple(field.name for field in fields(LaneRow))


def kinds_to_match(connection: Connection, encoder: str, rules: str) -> list[str]:
    """Return the kinds whose lists may change: new vectors, scans no longer eligible, or other rules."""
    mine = select(SCAN.c.kind).join(EMBEDDING, EMBEDDING.c.scan == SCAN.c.key).where(EMBEDDING.c.encoder == encoder)
    waiting = mine.where(may_be_listed(), EMBEDDING.c.matched_night.is_(None))
    old = select(SCAN.c.kind).join(LANE, LANE.c.scan == SCAN.c.key)
    old = old.where(LANE.c.encoder == encoder, LANE.c.rules != rules)
    kinds = {*connection.scalars(waiting.distinct()), *connection.scalars(old.distinct())}
    for kind in kinds_of(connection, encoder):
        if kind not in kinds and ineligible_current(connection, encoder, kind):
            kinds.add(kind)
    return sorted(kinds)


def ineligible_current(connection: Connection, encoder: str, kind: str) -> list[str]:
    """Return scans that were matched within a kind, even without a match to show, but may not be any more."""
    gone = or_(SCAN.c.state != ACCEPTED, SCAN.c.is_main.is_not(True), SCAN.c.kind != kind)
    matched = select(SCAN.c.key).join(EMBEDDING, EMBEDDING.c.scan == SCAN.c.key)
    matched = matched.where(EMBEDDING.c.encoder == encoder, EMBEDDING.c.matched_night.is_not(None))
    found = set(connection.scalars(matched.where(SCAN.c.kind == kind, gone)))
    for side in (MATCH.c.scan, MATCH.c.prior):
        current = select(side).join(SCAN, SCAN.c.key == side).where(MATCH.c.encoder == encoder, MATCH.c.kind == kind)
        found.update(connection.scalars(current.where(MATCH.c.left_night.is_(None), gone).distinct()))
    return sorted(found)


def why_ineligible(connection: Connection, scans: Iterable[str], kind: str) -> dict[str, str]:
    """Return scan -> outcome code: why each may not stand in the lists of a kind any more."""
    found: dict[str, str] = {}
    for some in chunks(scans):
        rows = select(SCAN.c.key, SCAN.c.state, SCAN.c.code, SCAN.c.kind).where(SCAN.c.key.in_(some))
        for row in connection.execute(rows):
            moved = "kind-changed" if row.kind != kind else "alternate-reconstruction"
            found[row.key] = moved if row.state == ACCEPTED else row.code
    return found


def listed_before(connection: Connection, scans: Iterable[str]) -> set[str]:
    """Return which of these scans were matched by an encoder that is not active any more."""
    active = [row.id for row in active_encoders(connection)]
    found: set[str] = set()
    for some in chunks(scans):
        theirs = select(EMBEDDING.c.scan).where(EMBEDDING.c.scan.in_(some), EMBEDDING.c.encoder.not_in(active))
        found.update(connection.scalars(theirs.where(EMBEDDING.c.matched_night.is_not(None)).distinct()))
    return found


def scans_matched_with(connection: Connection, encoder: str, priors: Iterable[str]) -> list[str]:
    """Return scans that have one of these as a prior in a current list."""
    scans: set[str] = set()
    for some in chunks(priors):
        current = select(MATCH.c.scan).where(MATCH.c.encoder == encoder, MATCH.c.prior.in_(some))
        scans.update(connection.scalars(current.where(MATCH.c.left_night.is_(None))))
    return sorted(scans)


def current_matches(connection: Connection, encoder: str, kind: str | None = None) -> list[MatchRow]:
    """Return the current matches of an encoder, whole rows by scan, lane, rank and prior."""
    current = select(*columns_of(MatchRow, MATCH)).where(MATCH.c.encoder == encoder, MATCH.c.left_night.is_(None))
    if kind is not None:
        current = current.where(MATCH.c.kind == kind)
    unranked = MATCH.c.rank.is_(None)
    order = (MATCH.c.scan, MATCH.c.lane, unranked, MATCH.c.rank, MATCH.c.prior)
    return rows_as(connection, current.order_by(*order), MatchRow)


def listed_entries(
    connection: Connection, encoder: str, kind: str, scans: Iterable[str]
) -> Iterator[tuple[str, str, int | None, str, float]]:
    """Yield scan, lane, rank, prior and distance of the current matches of scans: no whole rows, there are millions."""
    columns = (MATCH.c.scan, MATCH.c.lane, MATCH.c.rank, MATCH.c.prior, MATCH.c.distance)
    current = select(*columns).where(MATCH.c.encoder == encoder, MATCH.c.kind == kind, MATCH.c.left_night.is_(None))
    for some in chunks(scans):
        yield from connection.execute(current.where(MATCH.c.scan.in_(some))).tuples()


def listed_scans(connection: Connection, encoder: str, kind: str) -> list[tuple[str, str]]:
    """Return scan and lane of every list of a kind that holds a match."""
    current = select(MATCH.c.scan, MATCH.c.lane).where(
        MATCH.c.encoder == encoder, MATCH.c.kind == kind, MATCH.c.left_night.is_(None)
    )
    return list(connection.execute(current.distinct().order_by(MATCH.c.scan, MATCH.c.lane)).tuples())


def list_ends(connection: Connection, encoder: str, scans: Iterable[str]) -> Iterator[tuple[str, str, str, int]]:
    """Yield scan, lane, outcome code and number of matches of the lists of scans."""
    columns = (LANE.c.scan, LANE.c.lane, LANE.c.code, LANE.c.n_matches)
    for some in chunks(scans):
        theirs = select(*columns).where(LANE.c.encoder == encoder, LANE.c.scan.in_(some))
        yield from connection.execute(theirs).tuples()


def lane_outcomes(connection: Connection, encoder: str, kind: str) -> list[LaneRow]:
    """Return the outcomes of all lists of an encoder and kind, whole rows."""
    theirs = select(*columns_of(LaneRow, LANE)).join(SCAN, SCAN.c.key == LANE.c.scan)
    return rows_as(connection, theirs.where(LANE.c.encoder == encoder, SCAN.c.kind == kind), LaneRow)


def lanes_of_scan(connection: Connection, scan: str) -> list[ScanLane]:
    """Return the lists of a scan by each active encoder, own lane first."""
    found: list[tuple[EncoderRow, LaneRow]] = []
    for encoder in active_encoders(connection):
        mine = select(*columns_of(LaneRow, LANE)).where(LANE.c.scan == scan, LANE.c.encoder == encoder.id)
        found += [(encoder, lane) for lane in rows_as(connection, mine.order_by(LANE.c.lane.desc()), LaneRow)]
    n_others = {lane.encoder: lane.gallery_patients for _, lane in found if lane.lane == "others"}
    lanes = [
        ScanLane(
            **{name: getattr(lane, name) for name in LANE_COLUMNS},
            purpose=encoder.purpose,
            provisional=encoder.provisional,
            metric=encoder.metric,
            matches=_listed(connection, lane),
            n_unrelated=n_others.get(lane.encoder, 0),
        )
        for encoder, lane in found
    ]
    return sorted(lanes, key=lambda lane: (lane.lane != "own", lane.purpose))


def _listed(connection: Connection, lane: LaneRow) -> list[ListedMatch]:
    """Return the current matches of a list, by rank; those without one last."""
    of_prior = [SCAN.c[field.name] for field in fields(ListedMatch)[len(fields(MatchRow)) :]]
    listed = select(*columns_of(MatchRow, MATCH), *of_prior).join(SCAN, SCAN.c.key == MATCH.c.prior)
    listed = listed.where(MATCH.c.scan == lane.scan, MATCH.c.left_night.is_(None))
    listed = listed.where(MATCH.c.encoder == lane.encoder, MATCH.c.lane == lane.lane)
    return rows_as(connection, listed.order_by(MATCH.c.rank.is_(None), MATCH.c.rank, MATCH.c.prior), ListedMatch)


def match_counts(connection: Connection, night: int) -> dict[str, int]:
    """Count matches that entered and left with a night, and those current now, of active encoders."""
    active = MATCH.c.encoder.in_([row.id for row in active_encoders(connection)])
    return {
        "entered": count_of(connection, MATCH.c.entered_night == night),
        "left": count_of(connection, MATCH.c.left_night == night),
        "current": count_of(connection, and_(MATCH.c.left_night.is_(None), active)),
    }


def list_changes(connection: Connection, night: int) -> list[ListChange]:
    """Count what entered, moved and left lists with a night: rows of what, lane, code and n; moves have no code."""
    found: list[ListChange] = []
    for what, at, code in (
        ("entered", MATCH.c.entered_night, MATCH.c.entered_why),
        ("moved", MATCH.c.moved_night, literal("")),
        ("left", MATCH.c.left_night, MATCH.c.left_why),
    ):
        counts = select(MATCH.c.lane, code.label("code"), func.count().label("n")).where(at == night)
        by = (MATCH.c.lane,) if what == "moved" else (MATCH.c.lane, code)
        rows = connection.execute(counts.group_by(*by).order_by(MATCH.c.lane.desc(), func.count().desc()))
        found += [ListChange(what, lane, why, n) for lane, why, n in rows]
    return found


def history_of_scan(connection: Connection, scan: str) -> list[MatchHistory]:
    """Return every match that ever stood in the lists of a scan, by any encoder, in the order of entering."""
    names = [field.name for field in fields(MatchHistory)][1:]
    mine = select(MATCH.c.id.label("match"), *(MATCH.c[name] for name in names)).where(MATCH.c.scan == scan)
    order = (MATCH.c.entered_night, MATCH.c.encoder, MATCH.c.lane.desc(), MATCH.c.rank.is_(None), MATCH.c.rank)
    return rows_as(connection, mine.order_by(*order, MATCH.c.id), MatchHistory)


def nearest_entered(connection: Connection, night: int, n: int) -> list[NewMatch]:
    """Return the n nearest current matches that entered in a night, each scan's first one only.

    Those of encoders that have earned their place stand before the provisional ones.
    """
    scan, prior = SCAN.alias("scan"), SCAN.alias("prior")
    columns = (
        MATCH.c.id, MATCH.c.kind, MATCH.c.lane, MATCH.c.rank, MATCH.c.distance, MATCH.c.scan, MATCH.c.prior,
        scan.c.acquired_local_date.label("scan_date"), prior.c.acquired_local_date.label("prior_date"),
        ENCODER.c.provisional,
    )  # fmt: skip
    entered = select(*columns).join(scan, scan.c.key == MATCH.c.scan).join(prior, prior.c.key == MATCH.c.prior)
    entered = entered.join(ENCODER, ENCODER.c.id == MATCH.c.encoder)
    first = and_(MATCH.c.lane == "others", MATCH.c.rank == 1)
    entered = entered.where(MATCH.c.entered_night == night, MATCH.c.left_night.is_(None), first)
    nearest = entered.order_by(ENCODER.c.provisional, MATCH.c.distance, MATCH.c.scan).limit(n)
    return rows_as(connection, nearest, NewMatch)
