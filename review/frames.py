"""The one reader of tables and views into pandas, with the type of every column stated."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Boolean, Column, Connection, Date, Double, Integer, LargeBinary, select
from sqlalchemy.types import TypeEngine

from db.base import Moment
from review.columns import typed

ROWS_AT_ONCE = 50_000  # rows held as Python objects; a table may have millions
ORDER_OF_VIEWS = ("match", "cover", "purpose", "night", "lane", "study", "prior_study")  # views have no keys
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
    table = typed(name)
    columns = [c for c in table.columns if not isinstance(c.type, LargeBinary) and c.name not in without]
    key = list(table.primary_key.columns) or [column for column in columns if column.name in ORDER_OF_VIEWS]
    whole = select(*columns).order_by(*key)
    result = connection.execute(whole, execution_options={"yield_per": rows_at_once})
    is_empty = True
    for part in result.partitions():
        is_empty = False
        yield _frame(columns, part)
    if is_empty:
        yield _frame(columns, [])


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
