"""Write rows so that writing them again changes nothing."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, LargeBinary, Table, bindparam, or_
from sqlalchemy import types as sql_types
from sqlalchemy.dialects import postgresql, sqlite

from db.base import Base, Moment, table_of

Row = Mapping[str, Any]
CHUNK = 500  # values in one IN list; SQLite has a limit, and PostgreSQL plans long lists slowly
INT64 = 1 << 64
COUNTED = {"preserve_rowcount": True}

# First match wins; what SQLite would take without a word (text as a number, numpy bytes) is refused here.
ALLOWED: tuple[tuple[type[Any], frozenset[type]], ...] = (
    (Moment, frozenset({datetime})),
    (sql_types.Boolean, frozenset({bool})),
    (sql_types.Integer, frozenset({int})),
    (sql_types.Double, frozenset({float, int})),
    (sql_types.Date, frozenset({date})),
    (LargeBinary, frozenset({bytes})),
    (sql_types.Text, frozenset({str})),
)


def upsert(
    connection: Connection,
    model: type[Base],
    rows: Iterable[Row],
    *,
    update: Sequence[str] | None = None,
    once: Sequence[str] = (),
    stamp: Sequence[str] = (),
    key: Sequence[str] | None = None,
) -> int:
    """Insert rows, or change those already there; of rows with the same key the last one counts.

    Args:
        connection: From `db.write()`.
        model: The table.
        rows: Column names to values, the same columns in each row.
        update: Columns to bring up to date in a row that is there and differs in one of them.
            None: every column given except key, once and stamp. Empty: leave such rows alone.
        once: Columns written with a new row only, such as the night that first saw it.
        stamp: Columns written with a change but never a reason for one, such as the night of the change.
        key: Columns that tell rows apart. None: the primary key.

    Returns:
        How many rows were inserted or changed.

    Raises:
        TypeError: A value is of the wrong type for its column.
        KeyError: A row lacks a column or has an unknown one.
    """
    table = table_of(model)
    key = list(key or (column.name for column in table.primary_key))
    distinct = _distinct(plain_rows(table, rows), key)
    if not distinct:
        return 0
    given = list(distinct[0])
    apart = {*key, *once, *stamp}
    compared = [name for name in given if name not in apart] if update is None else list(update)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    if compared:
        new = statement.excluded
        changed = or_(*(table.c[name].is_distinct_from(new[name]) for name in compared))
        values = {name: new[name] for name in [*compared, *stamp]}
        statement = statement.on_conflict_do_update(index_elements=key, set_=values, where=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    # inline: no RETURNING of keys that the caller made; preserve_rowcount: else it is lost for INSERT.
    return connection.execute(statement.inline(), distinct, execution_options=COUNTED).rowcount


def change(connection: Connection, model: type[Base], rows: Iterable[Row], *, stamp: Sequence[str] = ()) -> int:
    """Change the columns given in rows that are there and differ; rows that are not there stay away.

    Args:
        connection: From `db.write()`.
        model: The table.
        rows: The primary key and the columns to change, the same columns in each row.
        stamp: Columns written with a change but never a reason for one.

    Returns:
        How many rows were changed.

    Raises:
        TypeError: A value is of the wrong type for its column.
        KeyError: A row lacks a column or has an unknown one.
    """
    table = table_of(model)
    key = [column.name for column in table.primary_key]
    distinct = _distinct(plain_rows(table, rows), key)
    if not distinct:
        return 0
    given = [name for name in distinct[0] if name not in key]
    differs = or_(*(table.c[name].is_distinct_from(_value(table, name)) for name in given if name not in stamp))
    statement = (
        table.update()
        .where(*(table.c[name] == _value(table, name) for name in key), differs)
        .values({name: _value(table, name) for name in given})
    )
    values = [{f"new_{name}": value for name, value in row.items()} for row in distinct]
    return connection.execute(statement, values, execution_options=COUNTED).rowcount


def plain_rows(table: Table, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Copy rows, every value in the type of its column; the only door for values from outside.

    numpy scalars become Python's; NaN becomes NULL; text loses what PostgreSQL cannot hold (NUL and
    lone surrogates become U+FFFD); 64-bit numbers without sign are folded to signed ones.

    Raises:
        TypeError: A value is of the wrong type for its column.
        KeyError: A row lacks a column that the first one has, or has one the table lacks.
    """
    copies = [dict(row) for row in rows]
    if not copies:
        return []
    names = copies[0].keys()
    for copy in copies:
        if copy.keys() != names:
            raise KeyError(f"{table.name}: rows differ in columns: {sorted(copy.keys() ^ names)}")
    for name in names:
        column = table.columns.get(name)
        if column is None:
            raise KeyError(f"{table.name} has no column {name}")
        _make_plain(column, copies)
    return copies


def chunks(keys: Iterable[str], size: int = CHUNK) -> Iterator[list[str]]:
    """Cut keys into lists short enough for IN, each key once, sorted."""
    distinct = sorted(set(keys))
    for begin in range(0, len(distinct), size):
        yield distinct[begin : begin + size]


def _value(table: Table, name: str) -> BindParameter[Any]:
    return bindparam(f"new_{name}", type_=table.c[name].type)


def _make_plain(column: Column[Any], rows: list[dict[str, Any]]) -> None:
    kind, allowed = next((kind, types) for kind, types in ALLOWED if isinstance(column.type, kind))
    name = column.name
    if not {type(row[name]) for row in rows} <= allowed | {type(None)}:
        for row in rows:
            row[name] = _as_plain(row[name], allowed, f"{column.table.name}.{name}")
    tidy = TIDY.get(kind)
    if tidy is not None:
        for row in rows:
            if row[name] is not None:
                row[name] = tidy(row[name])


def _as_plain(value: Any, allowed: frozenset[type], where: str) -> Any:
    if value is None or type(value) in allowed:
        return value
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if type(value) in allowed:
        return value
    # str and float have subclasses in numpy, enum and pydicom; bool is one of int and means something else.
    if str in allowed and isinstance(value, str):
        return str(value)
    if float in allowed and isinstance(value, float):
        return float(value)
    if int in allowed and isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    wanted = " or ".join(sorted(base.__name__ for base in allowed))
    raise TypeError(f"{where} takes {wanted}, not {type(value).__name__}")


def _tidy_text(value: str) -> str:
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _tidy_float(value: float) -> float | None:
    return None if math.isnan(value) else value


def _tidy_int(value: int) -> int:
    if -(INT64 >> 1) <= value < INT64 >> 1:
        return value
    return (value + (INT64 >> 1)) % INT64 - (INT64 >> 1)


TIDY: Mapping[type[Any], Callable[[Any], Any]] = {
    sql_types.Text: _tidy_text,
    sql_types.Double: _tidy_float,
    sql_types.Integer: _tidy_int,
}


def _distinct(rows: list[dict[str, Any]], key: Sequence[str]) -> list[dict[str, Any]]:
    # Sorted, so that two writers take their row locks in the same order and cannot deadlock.
    by_key = {tuple(row[name] for name in key): row for row in rows}
    return [by_key[values] for values in sorted(by_key)]
