"""Evaluations: written once, numbered by the database, read by the newest first."""

from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select

from db.base import table_of
from db.engine import database_time
from db.evaluation_tables import Evaluation
from db.rows import rows_of
from db.tables import Encoder, Patient, Scan
from db.upsert import Row, plain_rows

EVALUATION, ENCODER, PATIENT, SCAN = (table_of(model) for model in (Evaluation, Encoder, Patient, Scan))


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


def evaluations(connection: Connection, encoder: str | None = None) -> list[dict[str, Any]]:
    """Return the evaluations, of one encoder where it is named, whole rows but `result`, newest first."""
    columns = [column for column in EVALUATION.c if column.name != "result"]
    rows = select(*columns).order_by(EVALUATION.c.id.desc())
    return rows_of(connection, rows if encoder is None else rows.where(EVALUATION.c.encoder == encoder))


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
