"""How the archive differs from what is known of it, kept on disk until it is written down."""

import contextlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

from db import identity
from flows.site.opened import Site
from flows.stages.ingest.forgotten import Forgotten
from scans.archive import SETTLE_NS, Difference, Entry, compare, list_files

CHUNK = 2000  # files in one write
UNSETTLED_MTIME, UNSETTLED_INODE = 0, 0  # recorded for a file that was seen and is to be looked at again
WRITTEN = ("new", "changed", "arriving", "gone")
LONGEST_WAIT_S = 60.0  # for files to settle; a longer quiet period is left to the next night


class Differences:
    """What `scans.archive.compare` found, counted; what has to be written down lies in a file without a name."""

    def __init__(self, site: Site) -> None:
        self.counts: Counter[str] = Counter()
        self.n_settling = 0
        self._quiet_s = site.settings.scans.quiet_seconds
        self._file = tempfile.TemporaryFile("w+", dir=site.store, encoding="ascii")  # noqa: SIM115
        self._waiting: dict[str, list[tuple[Entry, bool]]] = {what: [] for what in WRITTEN}

    @property
    def n_seen(self) -> int:
        """How many files were listed."""
        return sum(self.counts[what] for what in ("same", "new", "changed", "arriving"))

    @property
    def wait_s(self) -> float:
        """How long to wait until files that came a moment ago may be read; 0: there are none, or it takes long."""
        quiet_s = self._quiet_s
        if self.counts["arriving"] > self.n_settling and quiet_s <= LONGEST_WAIT_S:
            return quiet_s
        return min(quiet_s, SETTLE_NS / 1e9) if self.n_settling else 0.0

    def add(self, difference: Difference) -> None:
        """Count a difference, and keep it if it has to be written down."""
        what, entry, before = difference
        if what == "same":  # nearly all of a million
            self.counts["same"] += 1
            return
        if what == "settling":
            what, self.n_settling = "arriving", self.n_settling + 1
        self.counts[what] += 1
        if what in self._waiting:
            some = self._waiting[what]
            some.append((entry, before is not None and before[2:] == (UNSETTLED_MTIME, UNSETTLED_INODE)))
            if len(some) == CHUNK:
                self._write(what)

    def of(self, what: str) -> Iterator[list[tuple[Entry, bool]]]:
        """Yield the files of one sort, some at a time, and whether each was only to be looked at again."""
        self._write(what)
        self._file.seek(0)
        for line in iter(self._file.readline, ""):
            found, some = json.loads(line)
            if found == what:
                yield [(Entry(*entry), is_again) for entry, is_again in some]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, what: str) -> None:
        if self._waiting[what]:
            self._file.seek(0, 2)
            self._file.write(json.dumps([what, self._waiting[what]]) + "\n")
            self._waiting[what] = []


@contextlib.contextmanager
def look(site: Site) -> Iterator[Differences]:
    """Compare the archive with what is known; writes nothing to the database.

    Files younger than the quiet period get that long to settle before they are called arriving.
    """
    found = _compared(site)
    if found.wait_s:
        time.sleep(found.wait_s)
        found.close()
        found = _compared(site)
    with contextlib.closing(found):
        yield found


def _compared(site: Site) -> Differences:
    found = Differences(site)
    quiet_ns = int(site.settings.scans.quiet_seconds * 1e9)
    with site.db.read() as connection:
        forgotten = Forgotten(site, identity.forgotten_files(connection))
        entries, known = forgotten.others(list_files(site.archive)), identity.known_files(connection)
        for difference in compare(entries, known, now_ns=time.time_ns(), quiet_ns=quiet_ns):
            found.add(difference)
    for difference in forgotten.gone():
        found.add(difference)
    found.counts["same"] += forgotten.n_same
    return found
