"""open_db(url): SQLite or PostgreSQL, and the only place where an Engine is made."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError

from db.address import parse_url, secrets_removed, sqlite_files, without_password
from db.base import IDENTITY
from db.errors import (
    UPGRADE,
    DatabaseMissing,
    DatabaseOutdated,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnreachable,
    Fenced,
    is_read_only,
)
from db.sqlite import begin_sqlite, connect_sqlite, require_files
from db.tables import Lease
from db.unbroken import unbroken
from db.wording import hide_values, words_of

CONNECT_TIMEOUT_S = 10
# No `options`, which poolers refuse; no statements prepared by name, which another server connection does not know.
CONNECT = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "scantwin", "prepare_threshold": None}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VERSIONS = Path(__file__).parent / "migrations" / "versions"


@dataclass(frozen=True)
class Fence:
    """The right to write, as given with a lease: older numbers are refused."""

    name: str
    number: int


class Database:
    """An open database. Safe to share between threads; each process opens its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = engine.url
        self.is_sqlite = engine.dialect.name == "sqlite"
        if self.is_sqlite:
            self._readers = engine.execution_options(sqlite_begin=("PRAGMA query_only=ON", "BEGIN"))
            self._writers = engine.execution_options(sqlite_begin=("PRAGMA query_only=OFF", "BEGIN IMMEDIATE"))
        else:
            self._readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writers = engine.execution_options()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open one snapshot: all reads in the block see the same moment, and writing is refused."""
        with unbroken(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Connection]:
        """Open one transaction that writes, committed at the end of the block.

        Do not nest: the inner one would wait for the outer one.

        Args:
            fence: When given, the lease it came with is checked inside the transaction.

        Raises:
            Fenced: The lease has run out or belongs to somebody else. Nothing was written.
        """
        with unbroken(), self._writers.begin() as connection:
            if fence is not None:
                self._check(connection, fence)
            yield connection

    def now(self, connection: Connection) -> datetime:
        """Return the database's own time, UTC."""
        return database_time(connection)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _check(self, connection: Connection, fence: Fence) -> None:
        # FOR SHARE keeps a taker out until this transaction ends; SQLite has one writer at a time anyway.
        held = select(Lease.fence, Lease.owner, Lease.expires_at).where(Lease.name == fence.name)
        row = connection.execute(held.with_for_update(read=True)).one_or_none()
        if row is None or row.fence != fence.number:
            number = "nobody" if row is None else f"holder {row.fence}"
            raise Fenced(f"the lease now belongs to {number}, this one was {fence.number}: stop, and run again")
        if row.owner is None or row.expires_at is None:
            raise Fenced(f"lease {fence.number} was given back: its night is over")
        if row.expires_at <= self.now(connection):
            raise Fenced(f"lease {fence.number} ran out at {row.expires_at:%H:%M:%S} UTC: stop, and run again")


def database_time(connection: Connection) -> datetime:
    """Return the database's own time, UTC; the time of leases, which no other clock may decide."""
    if connection.dialect.name == "sqlite":
        clock = connection.scalar(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"))
        return datetime.fromisoformat(str(clock)).replace(tzinfo=UTC)
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC)


def utc_microseconds(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970 UTC, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def open_db(url: str | URL, *, must_be_current: bool = True) -> Database:
    """Open the database at an address such as `sqlite:///scantwin.sqlite` or `postgresql://host/name`.

    Args:
        url: Where it is. SQLite keeps identity in a second file beside the first.
        must_be_current: Refuse a database of another revision than this program's.

    Raises:
        DatabaseMissing: Nothing is there, or one of the two files is not.
        DatabaseOutdated: It must be upgraded first.
        DatabaseTooNew: This program must be upgraded first.
        DatabaseUnreachable: No answer, or no permission.
        DatabaseReadOnly: Its files or folder cannot be written.
        ValueError: The address is not one.
    """
    address = parse_url(url)
    if address.get_backend_name() == "sqlite":
        require_files(address)
    db = Database(make_engine(address))
    try:
        revision = current_revision(db)
        if must_be_current:
            require_current(revision, address)
    except BaseException:
        db.close()
        raise
    return db


def make_engine(address: URL) -> Engine:
    """Make the engine for a parsed address; nothing is connected yet.

    Its errors hold no value of a row, and on PostgreSQL no connection keeps a state from one transaction to the
    next: a pooler such as pgbouncer may put another server connection behind each.
    """
    if address.get_backend_name() != "sqlite":
        engine = create_engine(address, pool_pre_ping=True, hide_parameters=True, connect_args=CONNECT)
        event.listen(engine, "begin", _begin_postgres)
    else:
        core, identity = sqlite_files(address)
        engine = create_engine(address, creator=lambda: connect_sqlite(core, identity), hide_parameters=True)
        event.listen(engine, "begin", begin_sqlite)
    event.listen(engine, "handle_error", hide_values)
    return engine


def _begin_postgres(connection: Connection) -> None:
    connection.exec_driver_sql("SET LOCAL TimeZone TO 'UTC'")


def known_revisions() -> list[str]:
    """Return the revisions this program knows, oldest first."""
    return sorted(path.stem.split("_")[0].removeprefix("v") for path in VERSIONS.glob("v*_*.py"))


def current_revision(db: Database) -> str | None:
    """Return the revision of an open database, None when it holds no tables.

    Raises:
        DatabaseUnreachable: No answer, or no permission.
        DatabaseReadOnly: Its files or folder cannot be written.
        DatabaseMissing: The identity part has no tables.
    """
    try:
        with db.read() as connection:
            tables = inspect(connection)
            if not tables.has_table("alembic_version"):
                return None
            if not tables.has_table("file", schema=IDENTITY):
                raise DatabaseMissing(f"{without_password(db.url)}: the identity part is empty; restore a backup")
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)
    except (DBAPIError, sqlite3.Error) as error:
        raise explained(error, db.url) from error


def require_current(revision: str | None, address: URL) -> None:
    """Refuse a revision that is not the newest one known.

    Raises:
        DatabaseMissing: No tables yet.
        DatabaseOutdated: Older.
        DatabaseTooNew: Not known here.
    """
    known = known_revisions()
    where = without_password(address)
    if revision is None:
        raise DatabaseMissing(f"{where} holds no tables yet: {UPGRADE}")
    if revision not in known:
        raise DatabaseTooNew(
            f"{where} is of revision {revision}, this program knows {known[-1]}: install the newer scantwin"
        )
    if revision != known[-1]:
        raise DatabaseOutdated(f"{where} is of revision {revision}, this program needs {known[-1]}: {UPGRADE}")


def explained(error: Exception, url: URL) -> DatabaseUnreachable | DatabaseReadOnly:
    """Put a driver's error in words, with a next step and without the password."""
    where = without_password(url)
    said = secrets_removed(words_of(getattr(error, "orig", None) or error).strip(), url).splitlines() or [""]
    if is_read_only(error):
        return DatabaseReadOnly(f"{where} cannot be written: {said[0]}; change its owner or mode")
    return DatabaseUnreachable(f"{where} does not answer: {' '.join(said)}; check the address and that it runs")
