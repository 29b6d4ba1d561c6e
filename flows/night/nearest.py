"""The nearest matches that a night brought, for the terminal."""

from pathlib import Path

from db.lists import NewMatch, nearest_entered
from flows.site.opened import open_site

N_SHOWN = 10


def nearest_new(config: Path, night: int, *, n: int = N_SHOWN) -> list[NewMatch]:
    """The n nearest current matches that entered this night, one a scan, other patients first."""
    site = open_site(config)
    with site.db.read() as connection:
        return nearest_entered(connection, night, n)
