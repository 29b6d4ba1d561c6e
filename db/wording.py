"""What may be said of a driver's error: its kind and the names of our own objects, never a value of a row.

PostgreSQL quotes values in its messages ("Key (patient_id)=(...) already exists"), and so does SQLite where a text
is no UTF-8. Error texts travel: to terminals, logs and other programs' databases. So they lose the values at once,
in the engine, and nobody further up has to think of it.
"""

import re
from typing import Any

from sqlalchemy.engine import ExceptionContext

# Codes whose message names objects and accounts only, appendix A of PostgreSQL's manual: no right, no such table,
# column, schema or database, something depends on it, wrong password.
NAMING = ("42501", "42P01", "42703", "3F000", "3D000", "2BP01", "28")
DEPENDENTS = "2BP01"  # its detail lists the objects that stand in the way
SQLITE_ERROR, SQLITE_CONSTRAINT = 1, 19  # primary result codes, from sqlite3.h
SAFE_CONSTRAINT = re.compile(r"(UNIQUE|CHECK|NOT NULL|FOREIGN KEY) constraint failed")
SAFE_ERROR = re.compile(r"no such (table|column|view|index|function|module|collation sequence)\b")


def hide_values(context: ExceptionContext) -> None:
    """Put a driver's error in words without values, before anybody sees it; a listener of `handle_error`."""
    error, wrapper = context.original_exception, context.sqlalchemy_exception
    if context.dialect.dbapi is None or not isinstance(error, context.dialect.dbapi.Error):
        return
    error.args = (words_of(error),)
    if wrapper is not None:
        wrapper.args = (f"({type(error).__name__}) {error}",)
        wrapper.params = None


def words_of(error: BaseException) -> str:
    """Return the words for an error of psycopg or sqlite3 that hold no value of a row."""
    return _of_sqlite(error) if type(error).__module__ == "sqlite3" else _of_postgres(error)


def _of_sqlite(error: BaseException) -> str:
    said, code = str(error), getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):  # from Python's module itself, which may quote what it could not read or bind
        return type(error).__name__
    primary = code & 0xFF
    is_safe = primary not in (SQLITE_ERROR, SQLITE_CONSTRAINT)
    is_safe |= primary == SQLITE_CONSTRAINT and SAFE_CONSTRAINT.match(said) is not None
    is_safe |= primary == SQLITE_ERROR and SAFE_ERROR.match(said) is not None
    return said if is_safe else str(getattr(error, "sqlite_errorname", type(error).__name__))


def _of_postgres(error: Any) -> str:
    state, kind = getattr(error, "sqlstate", None), _kind(error)
    if state is None:  # of the connection: the address, the account, the state of the server
        return str(error) if kind in ("operational error", "interface error") else kind
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None and state.startswith(NAMING):
        said = [diagnosis.message_primary, diagnosis.message_detail if state == DEPENDENTS else None]
        return f"{'; '.join(' '.join(some.split()) for some in said if some)} (SQLSTATE {state})"
    rule = getattr(diagnosis, "constraint_name", None) or getattr(diagnosis, "column_name", None)
    return f"{kind} (SQLSTATE {state}{f', {rule}' if rule else ''})"


def _kind(error: BaseException) -> str:
    """ForeignKeyViolation -> foreign key violation."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
