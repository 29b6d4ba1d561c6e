"""Rights on PostgreSQL: what an analyst's account may read, and that an upgrade takes no right away.

An analyst reads core, without vectors, which count as identifying, and without free text, which people type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, inspect, select, text

from db.base import IDENTITY, Base, table_of
from db.engine import Database, database_time
from db.errors import DatabaseError
from db.tables import Analyst
from db.upsert import upsert
from db.views import VIEWS

ANALYST = table_of(Analyst)
HELD_BACK = {"embedding": frozenset({"vector"}), "verdict": frozenset({"note"})}
REVISION = "alembic_version"  # read whenever the database is opened
NO_ACCOUNTS = (
    "SQLite has no accounts, and whoever may read its file reads all of it: give analysts what `scantwin export` "
    "writes, or move to PostgreSQL"
)


@dataclass(frozen=True)
class Rights:
    """Who may do what with a view.

    Attributes:
        view: Its name.
        owner: Its owner.
        given: Grantee ("" is everybody), privilege, column ("" is the whole view), whether it may be handed on.
    """

    view: str
    owner: str
    given: tuple[tuple[str, str, str, bool], ...]


def grant_analyst(db: Database, role: str) -> None:
    """Let an account read core, now and after each upgrade.

    Raises:
        DatabaseError: SQLite; no such account; or one that may read identity.
    """
    _require_accounts(db)
    with db.write() as connection:
        _require_modest(connection, role)
        upsert(connection, Analyst, [{"role": role, "at": database_time(connection)}], stamp=["at"])
        _give(connection, role)


def revoke_analyst(db: Database, role: str) -> None:
    """Take an analyst's rights back.

    Raises:
        DatabaseError: SQLite, or no such analyst.
    """
    _require_accounts(db)
    with db.write() as connection:
        if not connection.execute(delete(ANALYST).where(ANALYST.c.role == role)).rowcount:
            raise DatabaseError(f"{role!r} is no analyst here; there are {analysts(connection) or 'none'}")
        if _exists(connection, role):
            for name in [REVISION, *_tables(), *(view.name for view in VIEWS)]:
                _run(connection, f"REVOKE ALL ON {_quoted(name)} FROM {_quoted(role)}")


def analysts(connection: Connection) -> list[str]:
    """Return the accounts that were made analysts."""
    return list(connection.scalars(select(ANALYST.c.role).order_by(ANALYST.c.role)))


def reads_identity(connection: Connection) -> bool:
    """Say whether this account may read the schema identity; on SQLite everybody who reads core may."""
    if connection.dialect.name == "sqlite":
        return True
    return bool(connection.scalar(text(f"SELECT has_schema_privilege('{IDENTITY}', 'USAGE')")))


def renew(connection: Connection) -> None:
    """Give every analyst the rights on what an upgrade has brought; accounts that are gone are left out."""
    if inspect(connection).has_table(ANALYST.name):
        for role in analysts(connection):
            if _exists(connection, role):
                _give(connection, role)


def of_views(connection: Connection) -> list[Rights]:
    """Return the rights on the views that are there, before they are dropped; none on SQLite."""
    if connection.dialect.name == "sqlite":
        return []
    return [found for view in VIEWS if (found := _rights(connection, view.name))]


def give_back(connection: Connection, rights: Sequence[Rights]) -> None:
    """Give views that were made anew the rights that they had, and no other."""
    for had in rights:
        view = _quoted(had.view)
        now = _rights(connection, had.view)
        for grantee in sorted({given[0] for given in now.given} if now else set()):
            if not now or grantee != now.owner:
                _run(connection, f"REVOKE ALL ON {view} FROM {_grantee(grantee)}")
        for grantee, privilege, column, may_hand_on in had.given:
            what = f"{privilege} ({_quoted(column)})" if column else privilege
            option = " WITH GRANT OPTION" if may_hand_on else ""
            if grantee != had.owner:
                _run(connection, f"GRANT {what} ON {view} TO {_grantee(grantee)}{option}")
        if now and now.owner != had.owner:
            _run(connection, f"ALTER VIEW {view} OWNER TO {_quoted(had.owner)}")


def _rights(connection: Connection, view: str) -> Rights | None:
    owner = connection.scalar(
        text("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass(:view)"), {"view": view}
    )
    if owner is None:
        return None
    acls = """
        SELECT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, x.attname,
            a.is_grantable
        FROM (
            SELECT relacl AS acl, '' AS attname FROM pg_class WHERE oid = to_regclass(:view)
            UNION ALL
            SELECT attacl, attname FROM pg_attribute WHERE attrelid = to_regclass(:view) AND attacl IS NOT NULL
        ) x CROSS JOIN LATERAL aclexplode(x.acl) a
        ORDER BY 1, 2, 3
    """
    rows = connection.execute(text(acls), {"view": view}).all()
    return Rights(view, str(owner), tuple((str(who), str(what), str(on), bool(more)) for who, what, on, more in rows))


def _give(connection: Connection, role: str) -> None:
    who = _quoted(role)
    schema: Any = connection.scalar(text("SELECT current_schema()"))
    database: Any = connection.scalar(text("SELECT current_database()"))
    for what, name, right in (("DATABASE", database, "CONNECT"), ("SCHEMA", schema, "USAGE")):
        asked = text(f"SELECT has_{what.lower()}_privilege(:role, :name, :right)")
        if not connection.scalar(asked, {"role": role, "name": name, "right": right}):
            _run(connection, f"GRANT {right} ON {what} {_quoted(name)} TO {who}")
    for name in [REVISION, *_tables(), *(view.name for view in VIEWS)]:
        columns = _columns(name)
        _run(connection, f"GRANT SELECT{columns} ON {_quoted(name)} TO {who}")


def _tables() -> list[str]:
    return [table.name for table in Base.metadata.sorted_tables if table.schema != IDENTITY]


def _columns(name: str) -> str:
    held_back = HELD_BACK.get(name, frozenset())
    if not held_back:
        return ""
    shown = [column.name for column in Base.metadata.tables[name].columns if column.name not in held_back]
    return f" ({', '.join(_quoted(column) for column in shown)})"


def _require_accounts(db: Database) -> None:
    if db.is_sqlite:
        raise DatabaseError(NO_ACCOUNTS)


def _require_modest(connection: Connection, role: str) -> None:
    if not _exists(connection, role):
        make = f"CREATE ROLE {_quoted(role)} LOGIN PASSWORD '...'"
        raise DatabaseError(f"PostgreSQL has no account {role!r}; make it first: {make}")
    reads = text(
        "SELECT has_schema_privilege(:role, :schema, 'USAGE') OR EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind = 'r'"
        " AND (has_table_privilege(:role, c.oid, 'SELECT') OR has_any_column_privilege(:role, c.oid, 'SELECT')))"
    )
    if connection.scalar(reads, {"role": role, "schema": IDENTITY}):
        raise DatabaseError(
            f"{role!r} may read the schema {IDENTITY} (by a right of its own, as a superuser, or as a member of "
            "another account): no account for an analyst; take that right first, or name another account"
        )


def _exists(connection: Connection, role: str) -> bool:
    return bool(connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}))


def _grantee(name: str) -> str:
    return _quoted(name) if name else "PUBLIC"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _run(connection: Connection, sql: str) -> None:
    connection.execute(text(sql.replace(":", "\\:")))
