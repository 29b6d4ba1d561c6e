"""Whether a database is this site's: made with its secret, for its store.

The address of the database may come from elsewhere than the rest of the configuration, most of all from the
environment. One site's night on another's tables would take everything in them for gone.
"""

import os
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from db import belonging
from db.address import without_password
from db.belonging import Owner
from db.engine import Database, open_db
from db.errors import DatabaseError, DatabaseMissing
from flows.site.keys import Keys, read_keys

FORMER, STORE = "former", "store"  # what the commands that mend just this may find
ROTATE = "run `scantwin db rotate-secret`"


class OtherSite(DatabaseError):
    """The database belongs to another site than the configuration; nothing was read or written."""


def ours(keys: Keys, store: Path) -> Owner:
    """Return this site as the owner of a database."""
    return Owner(keys.key_id, os.path.normpath(store))


def require_ours(db: Database, keys: Keys, *, store: Path, secret: Path, config: Path, but: tuple[str, ...]) -> None:
    """Refuse a database of another site.

    Args:
        db: An open database of any revision.
        keys: Of the site.
        store: Its store.
        secret: Where its secret lies.
        config: Its configuration.
        but: FORMER where keys of a former secret will do, STORE where another store will.

    Raises:
        OtherSite: It belongs to another site, to another store, or is half renewed.
    """
    with db.read() as connection:
        found = belonging.owner(connection)
    if found is None:
        return
    site = ours(keys, store)
    if found.key_id != site.key_id:
        _require_known_key(db, found, site, keys, secret, config, but)
    if STORE not in but and found.store not in ("", site.store) and not _lies_in(db, store):
        raise OtherSite(
            f"{without_password(db.url)} belongs to the site whose store is {found.store}; {config} names the store "
            f"{site.store}{_from_environment()}: correct one of the two, or run `scantwin db adopt` if it was moved"
        )


def _require_known_key(
    db: Database, found: Owner, site: Owner, keys: Keys, secret: Path, config: Path, but: tuple[str, ...]
) -> None:
    waiting = secret.with_name(secret.name + ".next")
    known = {Keys(former).key_id for former in keys.former} | (
        {read_keys(waiting).key_id} if waiting.exists() else set()
    )
    if found.key_id in known:
        if FORMER in but:
            return
        raise OtherSite(f"the keys of this database were made with another secret of this site than {secret}: {ROTATE}")
    raise OtherSite(
        f"{without_password(db.url)} belongs to another site (secret {found.key_id}, store {found.store or '?'}): the "
        f"secret of {config} ({site.key_id}, store {site.store}) is not the one that made its keys"
        f"{_from_environment()}; correct the address of the database, or restore the right secret from your backup"
    )


def claim(connection: Connection, db: Database, keys: Keys, store: Path) -> None:
    """Take a database that no site of this version has taken yet, or whose file moved with the store around it."""
    found, site = belonging.owner(connection), ours(keys, store)
    is_free = found is None or (found.key_id == site.key_id and (found.store == "" or _lies_in(db, store)))
    if is_free and found != site:
        belonging.take(connection, site)


def adopt(connection: Connection, keys: Keys, store: Path) -> Owner | None:
    """Take a database of the same secret for this store; returns whose it was."""
    found = belonging.owner(connection)
    if found is not None and found.store and found.key_id == keys.key_id:
        belonging.take(connection, ours(keys, store))
    return found


def require_ours_at(url: str, keys: Keys, *, store: Path, secret: Path, config: Path, but: tuple[str, ...]) -> None:
    """The same for a database that may be missing or of another revision.

    Raises:
        OtherSite: As above.
        DatabaseError: It cannot be opened.
    """
    try:
        with closing(open_db(url, must_be_current=False)) as db:
            require_ours(db, keys, store=store, secret=secret, config=config, but=but)
    except DatabaseMissing:
        return


def _lies_in(db: Database, store: Path) -> bool:
    """An SQLite file within the store is moved and copied with it."""
    return db.is_sqlite and Path(os.path.normpath(db.url.database or "")).is_relative_to(os.path.normpath(store))


def _from_environment() -> str:
    return " (SCANTWIN_DB__URL is set, and overrides [db] url)" if "SCANTWIN_DB__URL" in os.environ else ""
