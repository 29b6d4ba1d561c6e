"""The nearest matches that a night brought, for the terminal."""

from db.lists import NewMatch, nearest_entered
from flows.site.opened import Site

N_SHOWN = 10


def nearest_new(site: Site, night: int, *, n: int = N_SHOWN) -> list[NewMatch]:
    """The n nearest current matches that entered this night, one a scan, of other patients; earned ones first."""
    with site.db.read() as connection:
        return nearest_entered(connection, night, n)
