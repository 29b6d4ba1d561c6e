"""Write docs/tables.md from the models: `python -m db.describe > docs/tables.md`."""

import sys
from collections.abc import Iterable, Iterator

from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint

from db.base import Moment, table_of
from db.tables import IDENTITY, Base
from db.views import VIEWS

INTRODUCTION = """\
# Tables

Made from the models by `python -m db.describe`; a test compares the two.

Core tables hold keys, never names, numbers or paths. Those stand in the schema `identity` (on SQLite: a
second file, `<name>-identity.sqlite`). A key is a keyed digest: the same person, study or file has the same
key in every table, and nobody can go back from it without the site's secret. Vectors count as identifying.

Moments are UTC; `*_mm`, `*_deg`, `*_years`, `*_bytes` and `*_ns` say their unit. SQLite keeps moments as text
without a zone (read them as UTC) and truth as 1 and 0. Start with the views: they need no joins, and their
columns stay.
"""


def describe() -> str:
    """Return docs/tables.md."""
    core: list[str] = []
    identity: list[str] = []
    for mapper in sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__tablename__):
        table = table_of(mapper.class_)
        lines = _table(table, " ".join((mapper.class_.__doc__ or "").split()))
        (identity if table.schema == IDENTITY else core).append("\n".join(lines))
    views = ["\n".join(_view(view.name, view.grain, view.columns.items())) for view in VIEWS]
    parts = [
        INTRODUCTION,
        "## Views\n",
        *views,
        "## Core tables\n",
        *core,
        "## Schema `identity`\n",
        *identity,
    ]
    return "\n".join(parts)


def _view(name: str, grain: str, columns: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"### {name}", "", grain, "", "| column | what it holds |", "|---|---|")
    yield from (f"| {column} | {words} |" for column, words in columns)
    yield ""


def _table(table: Table, grain: str) -> Iterator[str]:
    yield from (f"### {table.fullname}", "", grain, "", "| column | type | what it holds |", "|---|---|---|")
    yield from (f"| {column.name} | {_type(column)} | {_words(column)} |" for column in table.columns)
    yield ""
    for rule in sorted(table.constraints, key=lambda rule: str(rule.name)):
        if isinstance(rule, CheckConstraint):
            yield f"* Always: `{rule.sqltext}`"
        if isinstance(rule, UniqueConstraint):
            yield f"* Unique: {', '.join(column.name for column in rule.columns)}"
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.unique:
            yield f"* Unique among current rows: {', '.join(column.name for column in index.columns)}"
    yield ""


def _type(column: Column[object]) -> str:
    name = "moment" if isinstance(column.type, Moment) else str(column.type).lower().replace("blob", "bytes")
    return f"{name}, may be empty" if column.nullable else name


def _words(column: Column[object]) -> str:
    notes = ["part of the key"] if column.primary_key else []
    notes += [f"-> {key.target_fullname}" for key in column.foreign_keys]
    return "; ".join([column.doc or "", *sorted(notes)])


if __name__ == "__main__":
    sys.stdout.write(describe())
