"""When a scan was acquired, by the site's settings and the day of the database's clock."""

from datetime import date

from sqlalchemy import Connection

from db import identity
from db.scans import series_dated_ahead
from flows.site.opened import Site
from scans.acquired import OTHER_DAY, Acquired, acquired
from scans.stack import Stack


def today(site: Site, connection: Connection) -> date:
    """Return the day that dates of scans may not lie after."""
    return site.db.now(connection).date()


def dated(site: Site, stack: Stack, day: date) -> Acquired:
    """Return when a stack was acquired, asked on a day."""
    is_shifted = site.settings.scans.dates != "true"
    headers = [member.header for member in stack.members]
    return acquired(headers, site.zone, today=day, is_shifted=is_shifted)


def regroup_what_has_come(site: Site) -> None:
    """Look again at series with a date that lay in the future when they were read, and lies there no more.

    So the match table is a function of the archive and the day.
    """
    with site.db.read() as connection:
        series = series_dated_ahead(connection, today(site, connection) + OTHER_DAY)
    if series:
        with site.db.write() as connection:
            identity.request_regroup_series(connection, series)
