"""Evaluations: written once, numbered by the database, read by the newest first."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select

from db.base import table_of
from db.engine import database_time
from db.evaluation_tables import Evaluation
from db.rows import columns_of, rows_as
from db.tables import Encoder, Patient, Scan
from db.upsert import Row, plain_rows

EVALUATION, ENCODER, PATIENT, SCAN = (table_of(model) for model in (Evaluation, Encoder, Patient, Scan))


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """A row of evaluation but its `result`."""

    id: int
    night: int | None
    encoder: str | None
    folds: int
    cover: str
    reading: int
    task: str
    kind: str
    gallery: str
    n_queries: int
    n_patients: int
    p_at_1: float | None
    p_at_1_low: float | None
    p_at_1_high: float | None
    map_at_r: float | None
    map_at_r_low: float | None
    map_at_r_high: float | None
    lift_over: str
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    code: str
    made_at: datetime


def save_evaluation(connection: Connection, row: Row) -> int:
    """Add an evaluation and return which reading of its cover's test patients this was.

    Args:
        connection: From `db.write(fence)`, so that two readings never get one number.
        row: All columns but id, reading and made_at.
    """
    before = select(func.max(EVALUATION.c.reading)).where(EVALUATION.c.cover == row["cover"])
    reading = (connection.scalar(before) or 0) + 1
    full = {**row, "reading": reading, "made_at": database_time(connection)}
    connection.execute(insert(EVALUATION).values(plain_rows(EVALUATION, [full])[0]))
    return reading


def evaluations(connection: Connection, encoder: str | None = None) -> list[EvaluationRow]:
    """Return the evaluations, of one encoder where it is named, whole rows but `result`, newest first."""
    rows = select(*columns_of(EvaluationRow, EVALUATION)).order_by(EVALUATION.c.id.desc())
    mine = rows if encoder is None else rows.where(EVALUATION.c.encoder == encoder)
    return rows_as(connection, mine, EvaluationRow)


def patients_shown_to(connection: Connection, encoder: str) -> dict[str, float]:
    """Return patient -> split of those who may have been shown to an encoder that was trained here.

    As when someone is forgotten: a scan of the patient was there when the encoder was made. Another
    encoder than a trained one was shown nobody of this archive.
    """
    statement = (
        select(PATIENT.c.key, PATIENT.c.split)
        .join(SCAN, SCAN.c.patient == PATIENT.c.key)
        .join(ENCODER, and_(ENCODER.c.cover == SCAN.c.cover, SCAN.c.first_night <= ENCODER.c.created_night))
        .where(
            ENCODER.c.id == encoder,
            ENCODER.c.origin == "trained",
            SCAN.c.state != "held_back",
            or_(SCAN.c.withdrawn_night.is_(None), SCAN.c.withdrawn_night > ENCODER.c.created_night),
        )
    )
    return {key: float(split) for key, split in connection.execute(statement.distinct()).tuples()}
