"""What distances are worth: calibrations, and the matches that were read from them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from db.base import table_of
from db.rows import rows_of
from db.scans import may_be_listed
from db.tables import EMBEDDING, LANE, MATCH, PATIENT, SCAN, Calibration, LaneOutcome, Match
from db.upsert import Row, change, upsert

CALIBRATION = table_of(Calibration)
CURRENT = MATCH.c.left_night.is_(None)


def calibration_of(connection: Connection, encoder: str, kind: str) -> dict[str, Any] | None:
    """Return the calibration of an encoder and kind, None when there is none."""
    mine = select(CALIBRATION).where(CALIBRATION.c.encoder == encoder, CALIBRATION.c.kind == kind)
    return next(iter(rows_of(connection, mine)), None)


def save_calibration(connection: Connection, row: Row) -> int:
    """Save a calibration; `night` is written only when something changed."""
    return upsert(connection, Calibration, [row], stamp=("night",))


def calibration_scans(
    connection: Connection, encoder: str, kind: str, *, above: float, below: float
) -> list[dict[str, Any]]:
    """Return the scans with a vector of trusted patients drawn in [above, below), by scan.

    Rows hold scan, study, patient, split, kind, dates, manufacturer and model.
    """
    columns = (SCAN.c.key.label("scan"), SCAN.c.study, SCAN.c.patient, PATIENT.c.split, SCAN.c.kind,
               SCAN.c.acquired_from, SCAN.c.acquired_until, SCAN.c.acquired_local_date, SCAN.c.manufacturer,
               SCAN.c.model)  # fmt: skip
    mine = select(*columns).join(PATIENT, PATIENT.c.key == SCAN.c.patient)
    mine = mine.join(EMBEDDING, and_(EMBEDDING.c.scan == SCAN.c.key, EMBEDDING.c.encoder == encoder))
    drawn = and_(PATIENT.c.split >= above, PATIENT.c.split < below, PATIENT.c.own_lane.is_(True))
    return rows_of(connection, mine.where(SCAN.c.kind == kind, may_be_listed(), drawn).order_by(SCAN.c.key))


def matches_to_read(connection: Connection, encoder: str, kind: str, basis: str) -> list[dict[str, Any]]:
    """Return the current matches that were read from another calibration.

    Rows hold id, distance, lane, and manufacturer and model of both scans (of the earlier one: prior_*).
    """
    later, prior = SCAN.alias("later"), SCAN.alias("prior_scan")
    columns = (MATCH.c.id, MATCH.c.distance, MATCH.c.lane, later.c.manufacturer, later.c.model,
               prior.c.manufacturer.label("prior_manufacturer"), prior.c.model.label("prior_model"))  # fmt: skip
    mine = select(*columns).join(later, later.c.key == MATCH.c.scan).join(prior, prior.c.key == MATCH.c.prior)
    mine = mine.where(MATCH.c.encoder == encoder, MATCH.c.kind == kind, CURRENT)
    return rows_of(connection, mine.where(MATCH.c.chance_basis != basis))


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
