"""`scantwin serve`: keeps the clock on one machine; SQL says whether a tick was answered.

A tick is due when no night has begun since it. So neither a stop nor a kill of this process loses a
night or runs one twice: whoever looks next finds the tick due, or answered.
"""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim

from db.nights import first_begun_at, last_begin, last_success_at
from flows.night.failure import call_operator
from flows.site.opened import Site, open_site
from flows.site.settings import FlowsSettings

LOOK_SECONDS = 5.0
LOOK_BACK = timedelta(days=8)  # a weekly tick that was slept through is still answered
AFTER_REFUSAL = timedelta(minutes=5)  # how long to wait after a night that preflight refused


def keep_clock(config: Path, *, quiet: bool = False, look_seconds: float = LOOK_SECONDS) -> int:
    """Start `scantwin night` at each tick until SIGTERM or Ctrl-C; a running night is left to finish."""
    site = open_site(config)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _say(quiet, f"nights at '{site.settings.flows.cron}' ({site.settings.flows.time_zone}); stop with Ctrl-C")
    clock = _Clock(site, quiet)
    while not stop.is_set():
        clock.look()
        stop.wait(look_seconds)
    _say(quiet, "stopped; a night that is at work goes on to its end")
    return 0


class _Clock:
    """One look: run what is due, warn once when the last good night is too old."""

    def __init__(self, site: Site, quiet: bool) -> None:
        self.site, self.quiet = site, quiet
        self.child: subprocess.Popen[bytes] | None = None
        self.not_before: datetime | None = None
        self.warned_for: datetime | None = None

    def look(self) -> None:
        if self.child is not None and self.child.poll() is None:
            return
        self._note_end()
        with self.site.db.read() as connection:
            now = self.site.db.now(connection)
            begun = last_begin(connection)
            good = last_success_at(connection)
            first = first_begun_at(connection)
        if self.not_before is not None and now < self.not_before:
            return
        tick = due_tick(self.site.settings.flows, now, begun)
        if tick is not None:
            _say(self.quiet, f"tick of {tick.isoformat(timespec='minutes')} is due: a night begins")
            self.child = start_night(self.site.config)
        elif first is not None:
            self._warn_if_missing(now, good or first)

    def _note_end(self) -> None:
        if self.child is None:
            return
        code, self.child = self.child.returncode, None
        _say(self.quiet, f"the night ended with exit code {code}")
        if code in (2, 5):
            call_operator(self.site, f"scantwin: tonight's night was refused (exit code {code}); see scantwin doctor")
            self.not_before = datetime.now(UTC) + AFTER_REFUSAL

    def _warn_if_missing(self, now: datetime, good: datetime) -> None:
        hours = self.site.settings.flows.missing_after_hours
        if now - good > timedelta(hours=hours) and self.warned_for != good:
            self.warned_for = good
            call_operator(self.site, f"scantwin: no night has succeeded for more than {hours:g} hours")


def due_tick(flows: FlowsSettings, now: datetime, last_begun: datetime | None) -> datetime | None:
    """The newest tick up to now that no night has begun since, or None.

    Args:
        flows: Cron line and its zone.
        now: UTC, by the database's clock.
        last_begun: When the newest night began, by the same clock; None before the first.
    """
    zone = ZoneInfo(flows.time_zone)
    for wall_clock in CronSim(flows.cron, _latest_shown(now, zone) + timedelta(minutes=1), reverse=True):
        moment = moment_of(wall_clock, zone)
        if now - moment > LOOK_BACK:
            return None
        if moment <= now:
            return moment if last_begun is None or last_begun < moment else None
    return None


def moment_of(wall_clock: datetime, zone: tzinfo) -> datetime:
    """Return the one moment, UTC, at which a tick of a wall clock is run.

    A time that comes twice is run when it comes first; one that is skipped when the clocks have been changed. So a
    later tick is never run before an earlier one, whatever the zone does, and ticks that are skipped together are one.
    """
    before, after = (wall_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if before <= after:  # it exists; twice if the two differ
        return before
    while before - after > timedelta(seconds=1):  # skipped: the change lies between the two readings
        middle = after + (before - after) // 2
        before, after = (middle, after) if _offset(middle, zone) == _offset(before, zone) else (before, middle)
    return before.replace(microsecond=0)


def _latest_shown(now: datetime, zone: tzinfo) -> datetime:
    """Return the latest time that the wall clock has shown; it was set back if that is not what it shows now."""
    latest = max(_offset(now, zone), _offset(now - timedelta(days=1), zone))
    return now.astimezone(UTC).replace(tzinfo=None) + latest


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def start_night(config: Path) -> "subprocess.Popen[bytes]":
    """Start a night as a process group of its own, which outlives this process."""
    words = [sys.executable, "-m", "flows.cli", "night", "--config", str(config), "--quiet"]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True, env=os.environ.copy())


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        print(text, flush=True)
