"""What distances are worth: calibrations, and the matches that were read from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, func, or_, select

from db.base import table_of
from db.rows import columns_of, mapping_of, rows_as
from db.scans import may_be_listed
from db.tables import EMBEDDING, LANE, MATCH, PATIENT, SCAN, Calibration, LaneOutcome, Match
from db.upsert import Row, change, upsert

CALIBRATION = table_of(Calibration)
CURRENT = MATCH.c.left_night.is_(None)


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A row of calibration."""

    encoder: str
    kind: str
    basis: str
    n_patients: int
    curve: str
    why_not: str
    cutoff: float | None
    wrong_patient: float | None
    same_person: float | None
    rates: str
    unchanged: str
    night: int


@dataclass(frozen=True, slots=True)
class CalibrationScan:
    """A scan of a trusted validation patient, as a calibration takes it."""

    scan: str
    study: str
    patient: str
    split: float
    kind: str
    acquired_from: datetime | None
    acquired_until: datetime | None
    acquired_local_date: date | None
    manufacturer: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class MatchToRead:
    """A current match that was read from another calibration, and the scanners of both scans."""

    id: int
    distance: float
    lane: str
    manufacturer: str | None
    model: str | None
    prior_manufacturer: str | None
    prior_model: str | None


def calibration_of(connection: Connection, encoder: str, kind: str) -> CalibrationRow | None:
    """Return the calibration of an encoder and kind, None when there is none."""
    mine = select(*columns_of(CalibrationRow, CALIBRATION)).where(
        CALIBRATION.c.encoder == encoder, CALIBRATION.c.kind == kind
    )
    return next(iter(rows_as(connection, mine, CalibrationRow)), None)


def save_calibration(connection: Connection, row: CalibrationRow) -> int:
    """Save a calibration; `night` is written only when something changed."""
    return upsert(connection, Calibration, [mapping_of(row)], stamp=("night",))


def calibration_scans(
    connection: Connection, encoder: str, kind: str, *, above: float, below: float
) -> list[CalibrationScan]:
    """Return the scans with a vector of trusted patients drawn in [above, below), by scan."""
    columns = (SCAN.c.key.label("scan"), SCAN.c.study, SCAN.c.patient, PATIENT.c.split, SCAN.c.kind,
               SCAN.c.acquired_from, SCAN.c.acquired_until, SCAN.c.acquired_local_date, SCAN.c.manufacturer,
               SCAN.c.model)  # fmt: skip
    mine = select(*columns).join(PATIENT, PATIENT.c.key == SCAN.c.patient)
    mine = mine.join(EMBEDDING, and_(EMBEDDING.c.scan == SCAN.c.key, EMBEDDING.c.encoder == encoder))
    drawn = and_(PATIENT.c.split >= above, PATIENT.c.split < below, PATIENT.c.own_lane.is_(True))
    trusted = mine.where(SCAN.c.kind == kind, may_be_listed(), drawn).order_by(SCAN.c.key)
    return rows_as(connection, trusted, CalibrationScan)


def matches_to_read(connection: Connection, encoder: str, kind: str, basis: str) -> list[MatchToRead]:
    """Return the current matches that were read from another calibration."""
    later, prior = SCAN.alias("later"), SCAN.alias("prior_scan")
    columns = (MATCH.c.id, MATCH.c.distance, MATCH.c.lane, later.c.manufacturer, later.c.model,
               prior.c.manufacturer.label("prior_manufacturer"), prior.c.model.label("prior_model"))  # fmt: skip
    mine = select(*columns).join(later, later.c.key == MATCH.c.scan).join(prior, prior.c.key == MATCH.c.prior)
    mine = mine.where(MATCH.c.encoder == encoder, MATCH.c.kind == kind, CURRENT)
    return rows_as(connection, mine.where(MATCH.c.chance_basis != basis), MatchToRead)


def save_shares(connection: Connection, rows: Iterable[Row]) -> int:
    """Save what was read; rows hold id and the columns chance_* and change_*."""
    return change(connection, Match, rows)


def nearest_of_lanes(connection: Connection, encoder: str, kind: str) -> dict[tuple[str, str], float]:
    """Return (scan, lane) -> smallest distance of a ranked current match."""
    nearest = select(MATCH.c.scan, MATCH.c.lane, func.min(MATCH.c.distance))
    mine = nearest.where(MATCH.c.encoder == encoder, MATCH.c.kind == kind, CURRENT, MATCH.c.rank.is_not(None))
    return {(scan, lane): near for scan, lane, near in connection.execute(mine.group_by(MATCH.c.scan, MATCH.c.lane))}


def flagged_lanes(connection: Connection, encoder: str, kind: str, code: str) -> int:
    """Count the lanes of a kind that bear a code, or an alarm."""
    mine = select(func.count()).select_from(LANE).join(SCAN, SCAN.c.key == LANE.c.scan)
    bears = or_(LANE.c.code == code, LANE.c.alarm != "")
    return connection.scalar(mine.where(LANE.c.encoder == encoder, SCAN.c.kind == kind, bears)) or 0


def save_lane_codes(connection: Connection, rows: Iterable[Row]) -> int:
    """Save codes and alarms; rows hold scan, encoder, lane, code, alarm, night."""
    return change(connection, LaneOutcome, rows, stamp=("night",))
