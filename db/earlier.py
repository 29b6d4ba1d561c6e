"""Scans of the same patient that came before a scan, whether an encoder has compared them or not: reads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, false, literal, or_, select

from db.rows import columns_of, count_of, rows_as
from db.scans import ACCEPTED, HELD_BACK, ScanRow, of_modality
from db.tables import PATIENT, SCAN

_LATEST = (SCAN.c.acquired_from.is_(None), SCAN.c.acquired_from.desc(), SCAN.c.key)


class Asked(Protocol):
    """A scan, of the archive or not, whose patient's earlier scans are asked for."""

    @property
    def patient(self) -> str:
        """Key of its patient."""

    @property
    def study(self) -> str:
        """Key of its study."""

    @property
    def acquired_until(self) -> datetime | None:
        """End of its acquisition, not included; None where unknown."""


@dataclass(frozen=True, slots=True)
class UnknownScans:
    """Scans that a night held back though their patients were scanned before by the same modality."""

    scans: list[ScanRow]  # the latest
    n_in_all: int


def own_scans(connection: Connection, scan: Asked, *, like: str = "") -> list[ScanRow]:
    """Return the scans of a scan's patient from other studies that do not begin after it is over, latest first.

    Scans that stand for their study and those whose kind is unknown; nothing where the patient's id is not trusted,
    as then each study is somebody's own. With `like`, a kind, only those of its modality.
    """
    until = literal(scan.acquired_until, SCAN.c.acquired_until.type)
    theirs = _earlier(SCAN, literal(scan.patient), literal(scan.study), until, select(*columns_of(ScanRow, SCAN)))
    if like:
        theirs = theirs.where(of_modality(like))
    return rows_as(connection, theirs.order_by(*_LATEST), ScanRow)


def unknown_scans(connection: Connection, night: int, *, limit: int) -> UnknownScans:
    """Return the scans that a night held back and that have such earlier scans of their modality, latest first."""
    held = and_(SCAN.c.state == HELD_BACK, SCAN.c.first_night == night)
    kinds = connection.scalars(select(SCAN.c.kind).where(held).distinct())
    modalities = sorted({kind.partition("/")[0] for kind in kinds})
    wanted = and_(held, or_(false(), *map(_has_earlier, modalities)))
    latest = select(*columns_of(ScanRow, SCAN)).where(wanted).order_by(*_LATEST).limit(limit)
    return UnknownScans(rows_as(connection, latest, ScanRow), count_of(connection, wanted))


def has_own_lane(connection: Connection, patient: str) -> bool:
    """Say whether a patient's id can be trusted, so that other studies may be the same person's."""
    return bool(connection.scalar(select(PATIENT.c.own_lane).where(PATIENT.c.key == patient)))


def _has_earlier(modality: str) -> ColumnElement[bool]:
    """Is of the modality and has an earlier scan of it."""
    prior = SCAN.alias("prior")
    theirs = _earlier(prior, SCAN.c.patient, SCAN.c.study, SCAN.c.acquired_until, select(prior.c.key))
    return and_(of_modality(modality), theirs.where(of_modality(modality, prior.c.kind)).exists())


def _earlier(
    prior: FromClause,
    patient: ColumnElement[str],
    study: ColumnElement[str],
    until: ColumnElement[datetime],
    rows: Select[Any],
) -> Select[Any]:
    """Narrow rows to what may stand in a patient's own list: other studies, not begun after the scan is over."""
    trusted = select(PATIENT.c.key).where(PATIENT.c.own_lane.is_(True))
    return rows.where(
        prior.c.patient == patient,
        prior.c.patient.in_(trusted),
        prior.c.study != study,
        or_(prior.c.is_main.is_(True), prior.c.state == HELD_BACK),
        prior.c.state.in_((ACCEPTED, HELD_BACK)),
        or_(until.is_(None), prior.c.acquired_from.is_(None), prior.c.acquired_from < until),
    )
