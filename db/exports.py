"""What analysts are given: tables and views as a whole, and what masks them; the schema identity is never read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Column, Connection, LargeBinary, Table, func, select

from db.base import table_of
from db.columns import typed
from db.tables import Label, Study, Verdict

ORDER_OF_VIEWS = ("match", "cover", "purpose", "night", "lane", "study", "prior_study")  # views have no keys
Numbered = Literal["reader", "source", "site"]


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a table, as tuples in the order of its columns."""

    columns: Sequence[Column[Any]]
    rows: Sequence[Sequence[Any]]


def parts_of(connection: Connection, name: str, *, without: Sequence[str], rows_at_once: int) -> Iterator[Part]:
    """Read a core table or a view in parts, at least one, in the order of its first columns; vectors never.

    Columns `without` which it is wanted are not asked for: an analyst's account may not read all of them.

    Raises:
        UnknownTable: No core table or view has this name.
    """
    table = typed(name)
    columns = [c for c in table.columns if not isinstance(c.type, LargeBinary) and c.name not in without]
    result = connection.execute(
        select(*columns).order_by(*_key(table, columns)), execution_options={"yield_per": rows_at_once}
    )
    is_empty = True
    for rows in result.partitions():
        is_empty = False
        yield Part(columns, rows)
    if is_empty:
        yield Part(columns, [])


def _key(table: Table, columns: Sequence[Column[Any]]) -> list[Column[Any]]:
    return list(table.primary_key.columns) or [column for column in columns if column.name in ORDER_OF_VIEWS]


def first_used(connection: Connection, what: Numbered) -> list[str]:
    """Return the names of readers of verdicts, or of sources or sites of labels, in the order of their first use."""
    column = {"reader": _column(Verdict, "by"), "source": _column(Label, "source"), "site": _column(Label, "site")}[
        what
    ]
    names = select(column).where(column.is_not(None)).group_by(column).order_by(func.min(column.table.c.id))
    return list(connection.scalars(names))


def _column(model: type[Verdict] | type[Label], name: str) -> Column[Any]:
    return table_of(model).c[name]


def patient_of_study(connection: Connection) -> dict[str, str]:
    """Return study -> its patient, of every study."""
    study = table_of(Study)
    return dict(connection.execute(select(study.c.key, study.c.patient)).tuples().all())
