"""How every read hands out its rows."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select


def rows_of(connection: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    """Return the rows as dicts from column name to plain value."""
    return [dict(row) for row in connection.execute(statement).mappings()]


def only_row(connection: Connection, statement: Select[Any], what: str) -> dict[str, Any]:
    """Return the only row.

    Raises:
        LookupError: There is none; the text names `what` was asked for.
    """
    rows = rows_of(connection, statement)
    if not rows:
        raise LookupError(f"there is no {what}")
    return rows[0]


def count_of(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Count the rows of a condition's table that meet it."""
    return connection.scalar(select(func.count()).where(condition)) or 0
