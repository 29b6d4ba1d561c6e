"""Tables and views in pandas, with the type of every column stated."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Boolean, Column, Connection, Date, Double, Integer
from sqlalchemy.types import TypeEngine

from db.base import Moment
from db.exports import parts_of

ROWS_AT_ONCE = 50_000  # rows held as Python objects; a table may have millions
DTYPES = ((Boolean, "boolean"), (Integer, "Int64"), (Double, "Float64"), (Date, "object"))


def frame(connection: Connection, name: str) -> pd.DataFrame:
    """Read a core table or a view as a whole.

    Whole numbers are Int64 and truths boolean, so that a missing value stays one; moments are UTC; dates are
    `datetime.date`. Vectors are never read, and neither is the schema identity.

    Raises:
        UnknownTable: No core table or view has this name.
    """
    parts = list(frames(connection, name))
    return pd.concat(parts, ignore_index=True)


def frames(
    connection: Connection, name: str, *, without: Sequence[str] = (), rows_at_once: int = ROWS_AT_ONCE
) -> Iterator[pd.DataFrame]:
    """Read a core table or a view in parts of equal types, at least one, the order of its first columns.

    Columns `without` which it is wanted are not asked for: an analyst's account may not read all of them.
    """
    for part in parts_of(connection, name, without=without, rows_at_once=rows_at_once):
        yield _frame(part.columns, part.rows)


def _frame(columns: Sequence[Column[Any]], rows: Sequence[Any]) -> pd.DataFrame:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame({column.name: _series(column.type, v) for column, v in zip(columns, values, strict=True)})


def _series(kind: TypeEngine[Any], values: Sequence[Any]) -> "pd.Series[Any]":
    if isinstance(kind, Moment):
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True).astype("datetime64[us, UTC]")
    for type_, dtype in DTYPES:
        if isinstance(kind, type_):
            return pd.Series(values, dtype=dtype)
    return pd.Series(values, dtype="str")
