"""Whose database this is: the site that took it, by the secret that made its keys and by its store."""

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, select, text

from db.base import table_of
from db.engine import database_time
from db.tables import SiteRow
from db.upsert import upsert

SITE = table_of(SiteRow)


@dataclass(frozen=True)
class Owner:
    """The site that a database belongs to.

    Attributes:
        key_id: Names the secret that its keys were made with.
        store: Folder of its tensors, pictures and encoders; "" when no site of a newer version has taken it yet.
    """

    key_id: str
    store: str


def owner(connection: Connection) -> Owner | None:
    """Return whose database it is, of any revision; None when nobody's keys are in it yet."""
    tables = inspect(connection)
    if tables.has_table(SITE.name):
        found = connection.execute(select(SITE.c.key_id, SITE.c.store)).one_or_none()
        if found is not None:
            return Owner(found.key_id, found.store)
    if not tables.has_table("night"):
        return None
    newest = text("SELECT key_id FROM night WHERE key_id <> '' ORDER BY id DESC LIMIT 1")
    key_id = connection.scalar(newest)
    return None if key_id is None else Owner(str(key_id), "")


def take(connection: Connection, site: Owner) -> None:
    """Note that a database belongs to a site from now on; the caller has asked whether it may."""
    row = {"id": 1, "key_id": site.key_id, "store": site.store, "at": database_time(connection)}
    upsert(connection, SiteRow, [row], stamp=["at"])
