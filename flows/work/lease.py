"""Ticket: a night's number and its right to write; the lease is renewed beside the work."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from db.engine import Fence
from db.lease import begin_night, borrow, give_back, renew
from flows.site.opened import Site


@dataclass(frozen=True)
class Ticket:
    """What a stage and its batches carry: plain numbers that travel to other machines."""

    night: int
    fence: int
    finish_at: float | None = None  # seconds since the epoch

    @property
    def right(self) -> Fence:
        """What every write of this night shows to the database."""
        return Fence("night", self.fence)

    def is_late(self) -> bool:
        """True once the time to publish has come."""
        return self.finish_at is not None and time.time() >= self.finish_at


@contextlib.contextmanager
def night_ticket(site: Site, *, version: str, tick_at: datetime | None = None) -> Iterator[Ticket]:
    """Take the lease, begin a night and keep the lease renewed until the block ends.

    Raises:
        db.errors.NightRunning: Another night holds the lease and lives.
    """
    seconds = site.settings.flows.lease_seconds
    begun = begin_night(
        site.db,
        owner=this_owner(),
        ttl_s=seconds,
        settings_digest=site.settings.digest(),
        version=version,
        key_id=site.keys.key_id,
        tick_at=tick_at,
        is_dead=is_dead,
    )
    ticket = Ticket(begun.night, begun.fence, finish_time(site, time.time()))
    with _kept(site, ticket, seconds):
        yield ticket


@contextlib.contextmanager
def day_ticket(site: Site) -> Iterator[Ticket]:
    """Hold the lease for work between nights; its number is the newest night's.

    Raises:
        db.errors.NightRunning: A night holds the lease and lives.
    """
    seconds = site.settings.flows.lease_seconds
    begun = borrow(site.db, owner=this_owner(), ttl_s=seconds, is_dead=is_dead)
    ticket = Ticket(begun.night, begun.fence)
    try:
        with _kept(site, ticket, seconds):
            yield ticket
    finally:
        with contextlib.suppress(Exception):  # a lost lease was refused at the last write already
            give_back(site.db, ticket.right)


@contextlib.contextmanager
def _kept(site: Site, ticket: Ticket, seconds: int) -> Iterator[None]:
    """Renew the lease beside the work."""
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(site, ticket, seconds, stop), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join(timeout=5)


def _keep(site: Site, ticket: Ticket, seconds: int, stop: threading.Event) -> None:
    while not stop.wait(seconds / 4):
        with contextlib.suppress(Exception):  # a lost lease shows at the next write, which is refused
            renew(site.db, ticket.right, ttl_s=seconds)


def finish_time(site: Site, now_s: float) -> float | None:
    """Seconds since the epoch of the next `finish_by`, or None."""
    from datetime import time as clock
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    wanted = site.settings.flows.finish_by
    if not wanted:
        return None
    now = datetime.fromtimestamp(now_s, UTC).astimezone(ZoneInfo(site.settings.flows.time_zone))
    finish = datetime.combine(now.date(), clock.fromisoformat(wanted), now.tzinfo)
    return (finish if finish > now else finish + timedelta(days=1)).timestamp()


def this_owner() -> str:
    """This process as host:boot:pid:start, which no later process shares."""
    return f"{socket.gethostname()}:{_boot_id()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(owner: str) -> bool:
    """True when the owner ran on this machine and certainly runs no more; an owner elsewhere is waited for."""
    try:
        host, boot, pid, started = owner.rsplit(":", 3)
    except ValueError:
        return False
    if host != socket.gethostname() or not _boot_id():
        return False
    return boot != _boot_id() or _started(int(pid)) != started


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot; "" when there is none (a zombie counts as none).

    Read by hand: psutil tells wall time, which moves when the clock is set, and then the living would pass for dead.
    """
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    return ""
