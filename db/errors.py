"""What can be wrong with the database, each with the next step in its text.

DatabaseError
├── DatabaseMissing       nothing there yet
├── DatabaseOutdated      older than this program
├── DatabaseTooNew        newer than this program
├── DatabaseUnreachable   no answer, or no permission
├── DatabaseReadOnly      may be read but not written
├── BackupRefused         a backup or restore that would lose something
├── Fenced                another night has taken over; stop writing
└── NightRunning          another night holds the lease
"""

import errno
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, TimeoutError

UPGRADE = "run `scantwin db upgrade`"
# SQLite's primary result codes, from sqlite3.h: busy, locked, I/O error. They pass when one waits.
SQLITE_TRANSIENT = frozenset({5, 6, 10})
SQLITE_FULL = 13
SQLITE_READONLY = 8
# PostgreSQL's error classes and codes, appendix A of its manual: lost connection, idle in a transaction for too long,
# serialization failure, deadlock, too many connections, lock not available, statement timeout, server shutting down or
# starting, idle session ended.
POSTGRES_TRANSIENT = (
    "08", "25P03", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P02", "57P03", "57P05",
)  # fmt: skip
POSTGRES_FULL = "53100"
POSTGRES_FORBIDDEN = "42501"
ERRNO_TRANSIENT = frozenset({errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ESTALE, errno.ETIMEDOUT})


class DatabaseError(Exception):
    """Something about the database that a person can put right."""


class DatabaseMissing(DatabaseError):
    """There is no database at this address yet."""


class DatabaseOutdated(DatabaseError):
    """The database was made by an older program and must be upgraded."""


class DatabaseTooNew(DatabaseError):
    """The database was made by a newer program."""


class DatabaseUnreachable(DatabaseError):
    """The database does not answer, or does not let us in."""


class DatabaseReadOnly(DatabaseError):
    """The database may be read but not written."""


class BackupRefused(DatabaseError):
    """A backup or a restore would lose something, so it was not begun."""


class Fenced(DatabaseError):
    """Another night has taken the lease, or it ran out: nothing more may be written under it."""


class NightRunning(DatabaseError):
    """Another night holds the lease.

    Attributes:
        owner: Who holds it.
        night: Number of that night.
        expires_at: When the lease runs out unless it is renewed, UTC.
    """

    def __init__(self, owner: str, night: int, expires_at: datetime) -> None:
        self.owner, self.night, self.expires_at = owner, night, expires_at
        super().__init__(
            f"night {night} is running ({owner}); wait for it, or until {expires_at:%Y-%m-%d %H:%M:%S} UTC"
            " if it has died"
        )


def is_transient(error: BaseException) -> bool:
    """Tell whether trying again may help: a lost connection, a lock, a deadlock, a slow disk."""
    for cause in _chain(error):
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int):
            return code & 0xFF in SQLITE_TRANSIENT
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state.startswith(POSTGRES_TRANSIENT)
        if isinstance(cause, DBAPIError) and cause.connection_invalidated:
            return True
        if isinstance(cause, OSError):
            return isinstance(cause, ConnectionError) or cause.errno in ERRNO_TRANSIENT
    # psycopg gives no code when the server went away or never answered.
    return isinstance(error, OperationalError | InternalError | TimeoutError | DatabaseUnreachable)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether the disk is full, of the database or of a file being written."""
    for cause in _chain(error):
        if getattr(cause, "sqlite_errorcode", None) == SQLITE_FULL:
            return True
        if getattr(cause, "sqlstate", None) == POSTGRES_FULL:
            return True
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
    return False


def is_read_only(error: BaseException) -> bool:
    """Tell whether a write was refused because the database may only be read."""
    for cause in _chain(error):
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int) and code & 0xFF == SQLITE_READONLY:
            return True
        if getattr(cause, "sqlstate", None) == "25006":
            return True
    return False


def is_forbidden(error: BaseException) -> bool:
    """Tell whether the database's account has no right to what was asked."""
    return any(getattr(cause, "sqlstate", None) == POSTGRES_FORBIDDEN for cause in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, "orig", None), cause.__cause__, cause.__context__]
