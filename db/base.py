"""What every table shares: the metadata, the names of constraints, the type of a moment."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import CheckConstraint, DateTime, Dialect, MetaData, Table
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

IDENTITY = "identity"  # the schema that alone may hold names, numbers and paths

# Names from the first revision on: a constraint without a name cannot be dropped in SQLite's batch mode.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The common parent of all tables; their docstrings and column docs make docs/tables.md."""

    metadata = MetaData(naming_convention=NAMES)


class Moment(TypeDecorator[datetime]):
    """A point in time, UTC on both databases.

    SQLite drops time zones, so a moment without one is refused on the way in and
    UTC is put back on the way out.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware datetime into what the database keeps.

        Raises:
            ValueError: The datetime has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(column: str, values: Sequence[str], *, sql: str | None = None) -> CheckConstraint:
    """Constrain a text column to a closed list of words; `sql` writes the column where it needs quoting."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{sql or column} IN ({words})", name=column)


def table_of(model: type[Base]) -> Table:
    """Return the table behind a model, for Core statements."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} maps no table")
    return table
