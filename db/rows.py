"""How reads hand out their rows: one frozen dataclass a noun, its fields named as the columns."""

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, func, select

Row = TypeVar("Row")


def columns_of(kind: type, table: Table) -> list[Column[Any]]:
    """Return the columns of a table that a row type names, in its order."""
    return [table.c[name] for name in _names(kind)]


def rows_as(connection: Connection, statement: Select[Any], kind: type[Row]) -> list[Row]:
    """Return the rows of a statement that selects the fields of a row type, in its order.

    Raises:
        TypeError: The statement selects other columns.
    """
    result = connection.execute(statement)
    wanted, found = list(_names(kind)), list(result.keys())
    if found != wanted:
        raise TypeError(f"{kind.__name__} is made of {wanted}, the statement selects {found}")
    return [kind(*row) for row in result]


def only_as(connection: Connection, statement: Select[Any], kind: type[Row], what: str) -> Row:
    """Return the only row.

    Raises:
        LookupError: There is none; the text names `what` was asked for.
    """
    rows = rows_as(connection, statement, kind)
    if not rows:
        raise LookupError(f"there is no {what}")
    return rows[0]


def mapping_of(row: object) -> dict[str, Any]:
    """Return a row as it is written: column name -> value; shallow, as there may be millions."""
    return {name: getattr(row, name) for name in _names(type(row))}


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def rows_of(connection: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    """Return the rows as dicts from column name to plain value: for what is written on, or is of no one type."""
    return [dict(row) for row in connection.execute(statement).mappings()]


def count_of(connection: Connection, condition: ColumnElement[bool]) -> int:
    """Count the rows of a condition's table that meet it."""
    return connection.scalar(select(func.count()).where(condition)) or 0
