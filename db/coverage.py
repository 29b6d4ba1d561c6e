"""Coverage: which share of files and studies stands in lists; counted from core columns that are indexed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    Label,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)

from db.rows import rows_as
from db.scans import ACCEPTED
from db.tables import FILE, SCAN, SERIES

USED = "used"  # file.code of a file of an accepted scan
UNSERVED = "no-encoder"  # in its place where no active encoder covers the scan
ALL = "all"  # in place of a modality: whatever it is


@dataclass(frozen=True, slots=True)
class CodeTally:
    """How many files of a modality ended with a code, and of how many studies that is the end.

    A study ends with `used` or `no-encoder` if one of its files did, else with the code of most of its files, of those
    the first by name.
    Files without a series count for no study.
    """

    modality: str  # "": not known; `ALL`: of all modalities, each study once
    code: str
    files: int
    files_this_night: int
    studies: int
    studies_this_night: int  # the same of what changed since the night asked for


@dataclass(frozen=True, slots=True)
class ScannerTally:
    """What a scanner brought: studies, and which share of their files stands in no list, summed over them."""

    modality: str
    manufacturer: str
    model: str
    studies: int
    lost_per_mille: int


def code_tallies(
    connection: Connection, *, since: int, apart: Collection[str], unserved: Collection[str]
) -> list[CodeTally]:
    """Count files and studies by modality and code, and by code alone.

    Args:
        connection: An open reader.
        since: What changed in a later night than this one is this night's.
        apart: Codes that are not counted.
        unserved: Covers that no encoder is active for.
    """
    code = case((_is_unserved(unserved), UNSERVED), else_=FILE.c.code) if unserved else FILE.c.code
    some = _by_study(since, apart, code.label("code"))
    whole = select(literal(ALL).label("modality"), some.c.study, some.c.code, _sum(some.c.n, "n"),
                   _sum(some.c.n_new, "n_new")).group_by(some.c.study, some.c.code).cte("whole")  # fmt: skip
    counts = union_all(_by_code(some), _by_code(whole)).subquery()
    return rows_as(connection, select(counts).order_by(counts.c.modality, counts.c.code), CodeTally)


def _by_code(some: CTE) -> Select[Any]:
    """Count by modality and code, each study at the code that it ends with."""
    accepted = ((some.c.code == USED, 0), (some.c.code == UNSERVED, 1))
    ended = (case(*accepted, else_=2), some.c.n.desc(), some.c.code)
    newly = (case((some.c.n_new == 0, 3), *accepted, else_=2), some.c.n_new.desc(), some.c.code)
    of_study = (some.c.modality, some.c.study)
    place = func.row_number().over(partition_by=of_study, order_by=ended).label("place")
    place_new = func.row_number().over(partition_by=of_study, order_by=newly).label("place_new")
    ranked = select(some, place, place_new).subquery()
    has_study = ranked.c.study != ""
    return select(
        ranked.c.modality, ranked.c.code, _sum(ranked.c.n, "files"), _sum(ranked.c.n_new, "files_this_night"),
        _count(and_(has_study, ranked.c.place == 1), "studies"),
        _count(and_(has_study, ranked.c.place_new == 1, ranked.c.n_new > 0), "studies_this_night"),
    ).group_by(ranked.c.modality, ranked.c.code)  # fmt: skip


def files_by_code(connection: Connection) -> dict[str, int]:
    """Count all files by code."""
    counts = select(FILE.c.code, func.count()).group_by(FILE.c.outcome, FILE.c.code)  # as an index holds them
    found: dict[str, int] = {}
    for code, n_files in connection.execute(counts.order_by(FILE.c.outcome, FILE.c.code)).tuples():
        found[code] = found.get(code, 0) + n_files
    return dict(sorted(found.items()))


def last_change(connection: Connection) -> tuple[int, int]:
    """Return the last night that changed a file's outcome, and how many series there are."""
    night = connection.scalar(select(func.max(FILE.c.changed_night))) or 0
    return night, connection.scalar(select(func.count()).select_from(SERIES)) or 0


def scanner_tallies(connection: Connection, *, since: int, apart: Collection[str]) -> list[ScannerTally]:
    """Count by scanner what changed in a later night than `since`; files whose scanner's series is unknown do not."""
    scanner = (SERIES.c.modality, SERIES.c.manufacturer, SERIES.c.model)
    counts = (func.count().label("n"), func.count(case((FILE.c.code != USED, 1))).label("n_lost"))
    new = select(*scanner, *counts).join(SERIES, SERIES.c.key == FILE.c.series)
    new = new.where(FILE.c.changed_night > since, FILE.c.code.not_in(apart))
    some = new.group_by(*scanner, SERIES.c.study).cte("by_study")
    lost = _sum(some.c.n_lost * 1000 // some.c.n, "lost_per_mille")
    columns = (some.c.modality, some.c.manufacturer, some.c.model)
    by_scanner = select(*columns, func.count().label("studies"), lost).group_by(*columns).order_by(*columns)
    return rows_as(connection, by_scanner, ScannerTally)


def _by_study(since: int, apart: Collection[str], code: ColumnElement[str]) -> CTE:
    """Count files by modality, study and code: first by series, as an index holds them in this order."""
    n_new = func.count(case((FILE.c.changed_night > since, 1)))
    counts = select(FILE.c.series, code, func.count().label("n"), n_new.label("n_new"))
    some = counts.where(FILE.c.code.not_in(apart)).group_by(FILE.c.series, FILE.c.code).subquery()
    modality = func.coalesce(SERIES.c.modality, "").label("modality")
    study = func.coalesce(SERIES.c.study, "").label("study")
    sums = (_sum(some.c.n, "n"), _sum(some.c.n_new, "n_new"))
    joined = select(modality, study, some.c.code, *sums).outerjoin_from(some, SERIES, SERIES.c.key == some.c.series)
    return joined.group_by(modality, study, some.c.code).cte("by_study")


def _is_unserved(covers: Collection[str]) -> ColumnElement[bool]:
    theirs = select(SCAN.c.series).where(SCAN.c.state == ACCEPTED, SCAN.c.cover.in_(covers))
    return and_(FILE.c.code == USED, FILE.c.series.in_(theirs))


def _sum(column: ColumnElement[int], name: str) -> Label[int]:
    return cast(func.sum(column), BigInteger).label(name)  # PostgreSQL makes a decimal number of a sum


def _count(condition: ColumnElement[bool], name: str) -> Label[int]:
    return func.count(case((condition, 1))).label(name)
