"""How the two files of an SQLite database are opened."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection

from db.address import sqlite_files
from db.base import IDENTITY
from db.errors import UPGRADE, DatabaseMissing, DatabaseReadOnly, DatabaseUnreachable

BUSY_TIMEOUT_S = 30  # how long a writer waits for another one
LOG_LIMIT_BYTES = 64 << 20  # a large write leaves no larger log behind than this


def require_files(address: URL) -> None:
    """Refuse when one of the two files is missing or cannot be written.

    SQLite itself would make an empty one in its place.

    Raises:
        DatabaseMissing: One is not there.
        DatabaseReadOnly: One cannot be written.
    """
    core, identity = sqlite_files(address)
    if not core.exists():
        raise DatabaseMissing(f"{core} does not exist yet: {UPGRADE}")
    if not identity.exists():
        raise DatabaseMissing(f"{identity} is missing while {core.name} is there: put it back from a backup")
    for path in (core, identity):
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise DatabaseReadOnly(f"{path} or its folder cannot be written by this user: change its owner or mode")


def connect_sqlite(core: Path, identity: Path) -> sqlite3.Connection:
    """Open both files as one connection.

    Transactions are begun by us alone (isolation_level=None): Python's own way turns a read lock into a write
    lock late, which fails at once when another writer was faster.

    Raises:
        DatabaseUnreachable: The folder cannot keep a write-ahead log, as on a network share.
    """
    connection = sqlite3.connect(
        _file_uri(core), uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False
    )
    try:
        connection.execute(f"ATTACH DATABASE '{_file_uri(identity)}' AS {IDENTITY}")
        for schema in ("main", IDENTITY):
            mode = connection.execute(f"PRAGMA {schema}.journal_mode=WAL").fetchone()[0]
            if mode != "wal":
                raise DatabaseUnreachable(
                    f"{core.parent} cannot keep a write-ahead log ({mode} instead): use a local disk"
                )
            connection.execute(f"PRAGMA {schema}.synchronous=FULL")
            connection.execute(f"PRAGMA {schema}.journal_size_limit={LOG_LIMIT_BYTES}")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _file_uri(path: Path) -> str:
    return f"file:{quote(os.fsencode(path))}?mode=rw"  # quote also takes care of apostrophes


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction as its reader or writer asked; see `Database`."""
    for statement in connection.get_execution_options().get("sqlite_begin", ("BEGIN IMMEDIATE",)):
        connection.exec_driver_sql(statement)
