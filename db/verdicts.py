"""What people said of pairs, and the random controls among these: reads and writes."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, select

from db.base import table_of
from db.engine import database_time
from db.nights import newest_night
from db.rows import rows_as
from db.tables import CONTROL, LANE, MATCH, SCAN, VERDICT, Control, Match, Verdict
from db.upsert import Row, plain_rows, upsert


@dataclass(frozen=True, slots=True)
class NewestVerdict:
    """The newest judgement of a reader on a pair, with what chance would have shown."""

    id: int
    scan: str
    prior: str
    by: str
    verdict: str
    study: str
    kind: str
    prior_study: str
    prior_kind: str
    lane: str | None  # of the match that was shown; empty when it is gone
    chance_code: str | None
    chance_share: float | None
    chance_below: float | None
    gallery_patients: int | None  # of the list of other patients now
    is_control: bool  # a random control was shown


@dataclass(frozen=True, slots=True)
class WrongPatient:
    """A judgement that asks the operator to check two patients' numbers."""

    match: int | None
    scan: str
    prior: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a pair was shown as: a match, or a control without one."""

    match: int | None
    encoder: str


def wrong_patient_verdicts(connection: Connection) -> list[WrongPatient]:
    """Return the verdicts that ask the operator to check two patients' numbers."""
    columns = (VERDICT.c.match, VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by, VERDICT.c.at)
    alarming = select(*columns).where(VERDICT.c.verdict == "wrong-patient").order_by(VERDICT.c.id)
    return rows_as(connection, alarming, WrongPatient)


def newest_verdicts(connection: Connection) -> list[NewestVerdict]:
    """Return the newest judgement of each reader on each pair, oldest first."""
    last = select(func.max(VERDICT.c.id)).group_by(VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by)
    later, prior = SCAN.alias("later"), SCAN.alias("prior_scan")
    columns = (
        VERDICT.c.id, VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by, VERDICT.c.verdict, later.c.study, later.c.kind,
        prior.c.study.label("prior_study"), prior.c.kind.label("prior_kind"), MATCH.c.lane, MATCH.c.chance_code,
        MATCH.c.chance_share, MATCH.c.chance_below, LANE.c.gallery_patients,
        CONTROL.c.scan.is_not(None).label("is_control"),
    )  # fmt: skip
    lane = and_(LANE.c.scan == VERDICT.c.scan, LANE.c.encoder == VERDICT.c.encoder, LANE.c.lane == "others")
    found = select(*columns).join(later, later.c.key == VERDICT.c.scan).join(prior, prior.c.key == VERDICT.c.prior)
    found = found.outerjoin(MATCH, MATCH.c.id == VERDICT.c.match).outerjoin(LANE, lane)
    shown = and_(CONTROL.c.scan == VERDICT.c.scan, CONTROL.c.prior == VERDICT.c.prior,
                 CONTROL.c.encoder == VERDICT.c.encoder, VERDICT.c.match.is_(None))  # fmt: skip
    found = found.outerjoin(CONTROL, shown)
    return rows_as(connection, found.where(VERDICT.c.id.in_(last)).order_by(VERDICT.c.id), NewestVerdict)


def save_controls(connection: Connection, *, scan: str, encoder: str, priors: Iterable[str]) -> int:
    """Note which priors are shown as controls in the list of a scan; one that is known stays."""
    night = newest_night(connection)
    rows = [{"scan": scan, "prior": prior, "encoder": encoder, "night": night} for prior in priors]
    return upsert(connection, Control, rows, update=())


def controls_of(connection: Connection, scan: str, encoder: str) -> list[str]:
    """Return the priors that were ever shown as controls in the list of a scan, by key."""
    mine = select(CONTROL.c.prior).where(CONTROL.c.scan == scan, CONTROL.c.encoder == encoder)
    return list(connection.scalars(mine.order_by(CONTROL.c.prior)))


def save_pair_verdict(connection: Connection, *, scan: str, prior: str, verdict: str, by: str, note: str = "") -> int:
    """Add a judgement on a pair that was shown, match or control, and return its id; see `save_verdict`.

    Raises:
        LookupError: The pair stands in no list of other patients and was shown as no control.
    """
    shown = _shown(connection, scan, prior)
    if shown is None:
        raise LookupError("this pair was not shown as one to be judged")
    row = {"scan": scan, "prior": prior, "verdict": verdict, "by": by, "note": note,
           "at": database_time(connection), "night": newest_night(connection), **asdict(shown)}  # fmt: skip
    return add_verdict(connection, row)


def _shown(connection: Connection, scan: str, prior: str) -> _Shown | None:
    """Return match and encoder of a pair: its current or newest match, else the control without a match."""
    of_pair = select(MATCH.c.id.label("match"), MATCH.c.encoder)
    of_pair = of_pair.where(MATCH.c.scan == scan, MATCH.c.prior == prior, MATCH.c.lane == "others")
    newest = of_pair.order_by(MATCH.c.left_night.is_not(None), MATCH.c.id.desc()).limit(1)
    if found := rows_as(connection, newest, _Shown):
        return found[0]
    controls = select(CONTROL.c.encoder).where(CONTROL.c.scan == scan, CONTROL.c.prior == prior)
    encoder = connection.scalar(controls.order_by(CONTROL.c.encoder).limit(1))
    return None if encoder is None else _Shown(None, encoder)


def save_verdict(connection: Connection, *, match: int, verdict: str, by: str, note: str = "") -> int:
    """Add a person's judgement on a match and return its id; said again at once, it is not added again.

    Raises:
        LookupError: There is no match of this id.
    """
    pair = connection.execute(select(Match.scan, Match.prior, Match.encoder).where(Match.id == match)).one_or_none()
    if pair is None:
        raise LookupError(f"there is no match {match}: ids stand in the view match_for_review")
    row = {
        "match": match, "scan": pair.scan, "prior": pair.prior, "encoder": pair.encoder, "verdict": verdict,
        "by": by, "note": note, "at": database_time(connection), "night": newest_night(connection),
    }  # fmt: skip
    return add_verdict(connection, row)


def add_verdict(connection: Connection, row: Row) -> int:
    """Add a row of verdict and return its id; what its reader said last of the pair is not added again."""
    (row,) = plain_rows(table_of(Verdict), [row])
    mine = select(Verdict).where(Verdict.scan == row["scan"], Verdict.prior == row["prior"], Verdict.by == row["by"])
    last = connection.execute(mine.order_by(Verdict.id.desc()).limit(1)).one_or_none()
    said = ("match", "verdict", "note")
    if last is not None and all(getattr(last, name) == row[name] for name in said):
        return int(last.id)
    added = connection.execute(insert(Verdict).values(row).returning(Verdict.id))
    return int(added.scalar_one())
