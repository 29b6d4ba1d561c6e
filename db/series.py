"""Series, by where their files come from: writes."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from db.tables import Series
from db.upsert import Row, upsert


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A row of series."""

    key: str
    study: str
    modality: str
    manufacturer: str
    model: str


def save_series(connection: Connection, rows: Iterable[Row]) -> int:
    """Save where the files of series come from."""
    return upsert(connection, Series, rows)
