"""Bring a database to the newest revision, and tell whether it agrees with the models."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import URL, CheckConstraint, Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from db import grants, lease
from db.address import parse_url, sqlite_files
from db.base import IDENTITY, Base
from db.engine import (
    Database,
    current_revision,
    explained,
    known_revisions,
    open_db,
    require_current,
)
from db.errors import DatabaseError, DatabaseReadOnly
from db.views import create_views, drop_views, replaced_views, view_differences
from db.wording import DEPENDENTS

ADVISORY_LOCK = 0x5CA47517  # any number that others do not use; upgrades queue on it


def upgrade(url: str | URL, *, is_dead: Callable[[str], bool] = lambda owner: False) -> str:
    """Create the database or bring it to the newest revision, and return that.

    Two at once queue. A database of a newer program is left as it is, and so is one that is right already. No night
    runs meanwhile, and rights that were given on views stay.

    Args:
        url: Where it is.
        is_dead: Tells whether the holder of the lease is known to live no more.

    Raises:
        DatabaseTooNew: This program must be upgraded first.
        DatabaseUnreachable: No answer, or no permission.
        DatabaseReadOnly: Its files or folder cannot be written.
        NightRunning: A night holds the lease.
        DatabaseError: After the upgrade a row would refer to nothing; the upgrade was undone.
    """
    address = parse_url(url)
    is_sqlite = address.get_backend_name() == "sqlite"
    with _file_lock(address) if is_sqlite else nullcontext(), closing(_opened(address)) as db:
        found = current_revision(db)
        if found is not None and found not in known_revisions():
            require_current(found, address)
        if found == known_revisions()[-1] and _views_agree(db):
            return found
        try:
            lease.refuse_while_running(db, is_dead)  # before waiting for a night's long write
            _upgrade(db, is_dead)
        except DBAPIError as error:
            raise DatabaseError(f"upgrade undone: {_said(error, address)}") from error
    return known_revisions()[-1]


def _views_agree(db: Database) -> bool:
    return not _view_differences(db)


def _said(error: DBAPIError, address: URL) -> str:
    if getattr(error.orig, "sqlstate", None) == DEPENDENTS:
        return f"{error.orig}; drop those, upgrade, and create them again"
    return str(explained(error, address))


def _upgrade(db: Database, is_dead: Callable[[str], bool]) -> None:
    with _upgrading(db) as connection:
        lease.keep_nights_out(db, connection, is_dead)
        if db.is_sqlite or not _in_place(connection):
            rights = grants.of_views(connection)
            drop_views(connection)
            command.upgrade(_config(connection), "head")
            create_views(connection)
            grants.give_back(connection, rights)
        if not db.is_sqlite:
            grants.renew(connection)
            _write_comments(connection)


def _in_place(connection: Connection) -> bool:
    """Upgrade under the views and replace these where they are; False, and nothing done, where PostgreSQL refuses.

    So a view keeps its rights and owner, and what others have built on it.
    """
    try:
        with connection.begin_nested():
            command.upgrade(_config(connection), "head")
            create_views(connection)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return False
    return True


def revision(url: str | URL) -> str | None:
    """Return the revision of the database at an address, None when it holds no tables yet."""
    with closing(open_db(url, must_be_current=False)) as db:
        return current_revision(db)


def check(url: str | URL) -> list[str]:
    """Compare the database with the models; returns the differences, none when they agree."""
    with closing(open_db(url)) as db:
        return differences(db)


def differences(db: Database) -> list[str]:
    """The same for an open database."""
    with db.read() as connection:
        options = {"include_schemas": True, "include_object": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        found = [some for some in compare_metadata(context, Base.metadata) if not _is_comment(some)]
        tables = [str(some) for some in found] + _check_differences(connection)
    return tables + _view_differences(db)


def _view_differences(db: Database) -> list[str]:
    with db.read() as connection:
        found = view_differences(connection)
    if found or db.is_sqlite:  # SQLite keeps a view's text
        return found
    with db.engine.connect() as connection, connection.begin() as transaction:
        try:
            return replaced_views(connection)
        finally:
            transaction.rollback()


def is_ours(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Tell Alembic which tables to compare: not those that others keep in the same database."""
    return not (kind == "table" and reflected and compare_to is None)


def _is_comment(difference: Any) -> bool:
    """Comments are written by every upgrade, from the models; Alembic knows nothing of them."""
    parts = difference if isinstance(difference, list) else [difference]
    return all("comment" in part[0] for part in parts)


def _check_differences(connection: Connection) -> list[str]:
    """Compare CHECK constraints by name, which Alembic leaves out."""
    inspector, differences = inspect(connection), []
    for table in Base.metadata.sorted_tables:
        wanted = {str(rule.name) for rule in table.constraints if isinstance(rule, CheckConstraint)}
        found = {str(rule["name"]) for rule in inspector.get_check_constraints(table.name, schema=table.schema)}
        if wanted != found:
            differences.append(f"{table.fullname}: CHECK constraints differ: {sorted(wanted ^ found)}")
    return differences


def _opened(address: URL) -> Database:
    if address.get_backend_name() == "sqlite":
        _create_files(address)
    return open_db(address, must_be_current=False)


def _create_files(address: URL) -> None:
    """Make the empty files first, so that identity is never readable by others, not even for a moment."""
    core, identity = sqlite_files(address)
    if core.exists():
        return
    for path, mode in ((identity, 0o600), (core, 0o640)):
        handle = os.open(path, os.O_CREAT | os.O_RDWR, mode)
        os.fchmod(handle, mode)  # whatever the umask: the site's group may be let in to core
        os.close(handle)


@contextmanager
def _file_lock(address: URL) -> Iterator[None]:
    folder = Path(address.database or "").parent
    try:
        for missing in reversed([some for some in (folder, *folder.parents) if not some.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)  # with parents=True the umask would decide for those above
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DatabaseReadOnly(f"{folder} cannot be used: {error.strerror}; choose another folder") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _upgrading(db: Database) -> Iterator[Connection]:
    """One transaction for the whole upgrade; foreign keys sleep, as SQLite rebuilds tables to change them."""
    with db.engine.connect() as connection:
        if db.is_sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF").close()
            connection.connection.cursor().execute("PRAGMA query_only=OFF").close()
        with connection.begin():
            if db.is_sqlite:
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise DatabaseError(f"upgrade undone: {len(broken)} rows would refer to nothing: {broken[:3]}")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {IDENTITY}"))
                yield connection
        connection.invalidate()


def _config(connection: Connection) -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _write_comments(connection: Connection) -> None:
    """Let PostgreSQL explain its tables and columns by itself."""
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        name = connection.dialect.identifier_preparer.format_table(table)
        _comment(connection, f"TABLE {name}", (mapper.class_.__doc__ or "").strip())
        for column in table.columns:
            quoted = connection.dialect.identifier_preparer.format_column(column)
            _comment(connection, f"COLUMN {name}.{quoted}", column.doc or "")


def _comment(connection: Connection, what: str, words: str) -> None:
    quoted = words.replace("'", "''").replace("%", "%%").replace(":", "\\:")
    connection.execute(text(f"COMMENT ON {what} IS '{quoted}'"))
