"""Writes of the lanes: what is listed now, and since and until when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from db.base import table_of
from db.tables import Embedding, LaneOutcome, Match
from db.upsert import Row, chunks, plain_rows, upsert

MOVES = ("moved_night", "rank_before", "former_moved_night", "former_rank_before")
Moves = tuple[int | None, ...]  # values of MOVES
SHOWN = ("rank", "distance", "code", "kind")  # what may change while a match stays in its list


@dataclass(frozen=True)
class Why:
    """Outcome codes of what enters or leaves a list: that of the prior, else one for all."""

    named: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    def of(self, prior: str) -> str:
        """Return the code of a prior."""
        return self.named.get(prior, self.otherwise)


NO_WHY = Why()


@dataclass(frozen=True)
class Lane:
    """The list of one scan as it should be.

    Attributes:
        encoder: Whose vectors.
        scan: Whose list.
        lane: own or others.
        matches: Dicts with prior, rank, code, distance and kind; each prior once.
        entered: Why a prior that is new to the list enters it.
        left: Why a prior that is no longer listed leaves.
    """

    encoder: str
    scan: str
    lane: str
    matches: Sequence[Row]
    entered: Why = NO_WHY
    left: Why = NO_WHY


@dataclass(frozen=True, slots=True)
class _Stay:
    """A match that is current, or left this night."""

    id: int
    entered_night: int
    moves: Moves
    shown: tuple[Any, ...]  # values of SHOWN, the rank first

    def moved(self, rank: int | None, night: int) -> Moves:
        """Return the values of MOVES once the rank is this; a move that is taken back within its night was none."""
        last_night, before, *former = self.moves
        if rank == self.shown[0] or self.entered_night == night:
            return self.moves
        if last_night == night:
            return (*former, None, None) if rank == before else self.moves
        return night, self.shown[0], last_night, before


@dataclass
class _Difference:
    """Rows of parameters for each kind of statement."""

    insert: list[dict[str, Any]] = field(default_factory=list)
    reopen: list[dict[str, Any]] = field(default_factory=list)
    change: list[dict[str, Any]] = field(default_factory=list)
    close: list[dict[str, Any]] = field(default_factory=list)
    delete: list[dict[str, Any]] = field(default_factory=list)


Listed = dict[str, tuple[Any, ...]]  # prior -> values of SHOWN
Wanted = tuple[Lane, Listed]
Stays = dict[str, dict[str, _Stay]]  # scan -> prior -> row


def replace_lane(
    connection: Connection, *, encoder: str, scan: str, lane: str, matches: Sequence[Row], night: int
) -> tuple[int, int]:
    """Make one list what it should be; see `replace_lanes`."""
    return replace_lanes(connection, [Lane(encoder, scan, lane, matches)], night)


def replace_lanes(connection: Connection, lanes: Iterable[Lane], night: int) -> tuple[int, int]:
    """Make lists what they should be, in few statements, and keep their history.

    A match that is no longer listed leaves with this night, or vanishes if it entered this very night; one
    that is new enters with it, or stays as if never gone if it left this very night; one that stays is
    brought up to date in place. So a night that is run again, or asked twice, ends with the same rows.

    Returns:
        How many matches entered and how many left.
    """
    wanted = _wanted(lanes)
    difference = _Difference()
    for encoder, lane in sorted({key[:2] for key in wanted}):
        scans = [key[2] for key in wanted if key[:2] == (encoder, lane)]
        for some in chunks(scans):
            current, left = _stays(connection, encoder, lane, some, night)
            for scan in some:
                _compare(difference, wanted[encoder, lane, scan], current.get(scan, {}), left.get(scan, {}), night)
    _apply(connection, difference, night)
    return len(difference.insert) + len(difference.reopen), len(difference.close) + len(difference.delete)


def save_lane_outcomes(connection: Connection, rows: Iterable[Row]) -> int:
    """Save why lists are as long as they are; `night` is written only when that changed."""
    return upsert(connection, LaneOutcome, rows, stamp=("night",))


def delete_lane_outcomes(connection: Connection, encoder: str, scans: Iterable[str]) -> int:
    """Delete the outcomes of scans that have no lists any more."""
    n_deleted = 0
    for keys in chunks(scans):
        theirs = delete(LaneOutcome).where(LaneOutcome.encoder == encoder, LaneOutcome.scan.in_(keys))
        n_deleted += connection.execute(theirs).rowcount
    return n_deleted


def mark_matched(connection: Connection, encoder: str, scans: Iterable[str], night: int | None) -> int:
    """Note the night that wrote the lanes of and to these scans; None asks for them again."""
    n_marked = 0
    for keys in chunks(scans):
        theirs = update(Embedding).where(Embedding.encoder == encoder, Embedding.scan.in_(keys))
        differs = Embedding.matched_night.is_distinct_from(night)
        n_marked += connection.execute(theirs.where(differs).values(matched_night=night)).rowcount
    return n_marked


def request_match(connection: Connection, scans: Iterable[str]) -> int:
    """Ask for the lanes of and to these scans again, by every encoder: they belong to another patient now."""
    n_marked = 0
    for keys in chunks(scans):
        theirs = update(Embedding).where(Embedding.scan.in_(keys), Embedding.matched_night.is_not(None))
        n_marked += connection.execute(theirs.values(matched_night=None)).rowcount
    return n_marked


def _wanted(lanes: Iterable[Lane]) -> dict[tuple[str, str, str], Wanted]:
    """Return (encoder, lane, scan) -> list, as asked and plain; values are made plain in one go, as there are many."""
    lanes = list(lanes)
    rows = iter(plain_rows(table_of(Match), (match for lane in lanes for match in lane.matches)))
    wanted = {}
    for lane in lanes:
        mine = islice(rows, len(lane.matches))
        listed = {row["prior"]: tuple(row[name] for name in SHOWN) for row in mine}
        if len(listed) != len(lane.matches):
            raise ValueError(f"the {lane.lane} lane of {lane.scan} holds the same prior twice")
        wanted[lane.encoder, lane.lane, lane.scan] = lane, listed
    return wanted


def _stays(connection: Connection, encoder: str, lane: str, scans: list[str], night: int) -> tuple[Stays, Stays]:
    """Return what is listed, and what has left this night."""
    table = table_of(Match)
    names = ("scan", "prior", "left_night", "id", "entered_night", *MOVES, *SHOWN)
    mine = select(*(table.c[name] for name in names))
    mine = mine.where(table.c.encoder == encoder, table.c.scan.in_(scans), table.c.lane == lane)
    recent = or_(table.c.left_night.is_(None), table.c.left_night == night)
    current: Stays = {}
    left: Stays = {}
    for scan, prior, left_night, number, entered, *values in connection.execute(mine.where(recent)):
        side = current if left_night is None else left
        moves, shown = tuple(values[: len(MOVES)]), tuple(values[len(MOVES) :])
        side.setdefault(scan, {})[prior] = _Stay(number, entered, moves, shown)
    return current, left


def _compare(
    difference: _Difference, wanted: Wanted, current: Mapping[str, _Stay], left: Mapping[str, _Stay], night: int
) -> None:
    lane, listed = wanted
    for prior in current.keys() - listed.keys():
        stay = current[prior]
        if stay.entered_night == night:
            difference.delete.append({"b_id": stay.id})
        else:
            difference.close.append({"b_id": stay.id, "left_why": lane.left.of(prior)})
    for prior, shown in listed.items():
        stay_on = current.get(prior)
        values = dict(zip(SHOWN, shown, strict=True))
        if stay_on is not None:
            if stay_on.shown != shown:
                difference.change.append({"b_id": stay_on.id, **values, **_moves(stay_on, shown, night)})
        elif prior in left:
            difference.reopen.append({"b_id": left[prior].id, **values, **_moves(left[prior], shown, night)})
        else:
            whose = {"encoder": lane.encoder, "scan": lane.scan, "lane": lane.lane, "prior": prior}
            difference.insert.append(
                {**whose, "entered_night": night, "left_night": None, "entered_why": lane.entered.of(prior), **values}
            )


def _moves(stay: _Stay, shown: tuple[Any, ...], night: int) -> dict[str, int | None]:
    return dict(zip(MOVES, stay.moved(shown[0], night), strict=True))


def _apply(connection: Connection, difference: _Difference, night: int) -> None:
    this = table_of(Match).c.id == bindparam("b_id")
    again = {"chance_basis": ""}  # to be read again
    shown: dict[str, Any] = {name: bindparam(name) for name in (*SHOWN, *MOVES)} | again
    if difference.delete:
        connection.execute(delete(Match).where(this), difference.delete)
    if difference.close:
        connection.execute(
            update(Match).where(this).values(left_night=night, left_why=bindparam("left_why")), difference.close
        )
    if difference.reopen:
        connection.execute(update(Match).where(this).values(left_night=None, left_why="", **shown), difference.reopen)
    if difference.change:
        connection.execute(update(Match).where(this).values(shown), difference.change)
    if difference.insert:
        connection.execute(insert(Match), difference.insert)
