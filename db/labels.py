"""Labels: reads and writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, select

from db.engine import database_time
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.rows import columns_of, rows_as
from db.tables import LABEL, Label
from db.upsert import Row, upsert


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What a label says: of whom, what, and for which scans it holds."""

    subject: str
    subject_key: str
    finding: str
    value: str
    kind: str
    valid_from: date
    valid_until: date
    grade: str | None
    size_mm: float | None
    contrast_to_noise: float | None
    site: str | None
    source: str


@dataclass(frozen=True, slots=True)
class LabelRow(LabelFacts):
    """A row of label."""

    id: int
    night: int | None
    at: datetime


def read_labels(connection: Connection) -> list[LabelRow]:
    """Return every label, whole rows, in the order of import."""
    return rows_as(connection, select(*columns_of(LabelRow, LABEL)).order_by(LABEL.c.id), LabelRow)


LABEL_KEY = ("subject", "subject_key", "finding", "kind", "valid_from", "valid_until", "source")


def save_labels(connection: Connection, rows: Iterable[Row], *, night: int | None = None) -> int:
    """Save labels; a row may leave out all but subject, subject_key, finding, value and source. A newer import wins."""
    at = database_time(connection)
    full = [
        {
            "kind": "", "grade": None, "size_mm": None, "contrast_to_noise": None, "site": None, **row,
            "night": night, "at": at,
            "valid_from": row.get("valid_from") or ALWAYS_FROM,
            "valid_until": row.get("valid_until") or ALWAYS_UNTIL,
        }
        for row in rows
    ]  # fmt: skip
    return upsert(connection, Label, full, key=LABEL_KEY, stamp=("night", "at"))


def delete_labels(connection: Connection, source: str, *, keep: Iterable[Row]) -> int:
    """Delete the labels of a source, except those of the same subject, finding and kind as a row to keep."""
    named = ("subject", "subject_key", "finding", "kind")
    kept = {tuple(row[name] for name in named) for row in keep}
    mine = connection.execute(select(Label.id, *(getattr(Label, name) for name in named)).where(Label.source == source))
    gone = [number for number, *subject in mine if tuple(subject) not in kept]
    for number in gone:
        connection.execute(delete(Label).where(Label.id == number))
    return len(gone)
