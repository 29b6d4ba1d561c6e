"""The guard of this process: its children look at all files from outside, see `scans.sandbox.pool`."""

from functools import lru_cache

from flows.site.opened import Site
from scans.sandbox.pool import Guard
from scans.sandbox.process import Limits


def guard_of(site: Site) -> Guard:
    """Return the guard with the site's limits; its children start when needed and end with the process."""
    return _guard(Limits(site.settings.scans.guard_seconds, site.settings.scans.guard_mib))


@lru_cache(maxsize=2)
def _guard(limits: Limits) -> Guard:
    return Guard(limits)
