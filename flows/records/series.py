"""Series of the archive as identity knows them: their files, what stands against some of them, their stacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from db import identity
from db.scans import WITHDRAWN, ScanRow
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.work.sandbox import guard_of
from scans.archive import real_path, size_and_time
from scans.header import Header
from scans.outcome import MixedPatients
from scans.pixels import decoded_digest
from scans.rejection import REASONS
from scans.siblings import names_no_part, part_beside
from scans.stack import Ending, Grouping, Member, Stack, group


@dataclass(frozen=True)
class Series:
    """One series.

    Attributes:
        members: Its files.
        conflicts: Files whose SOP instance UID stands on other content elsewhere, and the files of that content.
        rejected: Files that a rejection note withdraws, and why.
        parts: File -> key of its part of a study that people share, else "".
        stats: File -> size in bytes and mtime in ns, when its header was read.
        sibling: The part of the body that other series of the study tell; "": none was asked for, or none does.
    """

    members: Sequence[Member]
    conflicts: Mapping[str, Sequence[str]]
    rejected: Mapping[str, str]
    parts: Mapping[str, str]
    stats: Mapping[str, tuple[int, int]]
    sibling: str = ""

    def grouping(self, site: Site) -> Grouping:
        """Group the files by the site's rules; copies stored in different bytes are decoded to compare them."""
        rules, guard = site.settings.scans, guard_of(site)
        grouping = group(
            self.members,
            conflicts=self.conflicts,
            rejected=self.rejected,
            decoded=lambda member: decoded_digest(real_path(site.archive, member.path), member.header, guard),
            table=rules.kinds,
            repair=rules.repair,
            beside={self.members[0].header.identity.series_uid: self.sibling} if self.sibling else {},
        )
        return self._without_mixed(grouping)

    def _without_mixed(self, grouping: Grouping) -> Grouping:
        """End stacks of several people under one id, whom `group` cannot tell apart."""
        mixed = [s for s in grouping.stacks if len({self.parts.get(m.file, "") for m in s.members}) > 1]
        if not mixed:
            return grouping
        refusal = MixedPatients("several people under one patient id in one series")
        files = sorted({member.file for stack in mixed for member in stack.members})
        endings = [*grouping.endings, *(Ending(file, refusal.code, refusal.facts) for file in files)]
        kept = [stack for stack in grouping.stacks if stack not in mixed]
        return replace(grouping, stacks=kept, endings=sorted(endings, key=lambda e: e.file))


def read_series(connection: Connection, keys: Sequence[str]) -> list[Series]:
    """Read series by key."""
    by_series: dict[str, list[Member]] = {}
    rows = identity.members_of_series(connection, keys)
    parts = {row.key: row.part for row in rows}
    stats = {row.key: (row.size_bytes, row.mtime_ns) for row in rows}
    for row in rows:
        header = Header.from_json(row.header)
        by_series.setdefault(row.series, []).append(Member(row.key, row.path, header))
    conflicts = identity.conflicting_files(connection, keys)
    uids = {member.file: member.header.identity.sop_uid for some in by_series.values() for member in some}
    notes = identity.rejections_of(connection, set(uids.values()))
    named = {file: notes[uid] for file, uid in uids.items() if uid in notes}
    rejected = {file: f"{code}, {REASONS[code]}; the note: file {note}" for file, (code, note) in named.items()}
    siblings = _siblings(connection, {series: some[0].header for series, some in by_series.items()})
    return [Series(some, conflicts, rejected, parts, stats, siblings.get(at, "")) for at, some in by_series.items()]


def stack_of(site: Site, scan: ScanRow) -> Stack:
    """Return the stack behind a scan: its series is grouped again, as the night does it.

    Raises:
        NotFound: Its files have gone or changed.
    """
    with site.db.read() as connection:
        found = read_series(connection, [scan.series])
    for series in found:
        for stack in series.grouping(site).stacks:
            if site.keys.key("scan", stack.digest) == scan.key and _is_as_read(site, series, stack):
                return stack
    if scan.state == WITHDRAWN:
        raise NotFound(f"scan {scan.key} was withdrawn: its files were taken away or replaced")
    raise NotFound(f"the files of scan {scan.key} have changed since the last night; run `scantwin ingest`")


def _is_as_read(site: Site, series: Series, stack: Stack) -> bool:
    """Say whether the files are still those whose headers were read: other pixels are not this scan's."""
    try:
        return all(size_and_time(real_path(site.archive, m.path)) == series.stats[m.file] for m in stack.members)
    except (FileNotFoundError, NotADirectoryError):
        return True  # that one is gone is said by who reads it


def _siblings(connection: Connection, headers: Mapping[str, Header]) -> dict[str, str]:
    """Return series -> the part of the body that its siblings tell, of those that name none themselves."""
    silent = {series: header for series, header in headers.items() if names_no_part(header)}
    others = identity.headers_beside(connection, silent)
    return {at: part_beside(header, map(Header.from_json, others.get(at, ()))) for at, header in silent.items()}
