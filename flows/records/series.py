"""Series of the archive as identity knows them: their files, what stands against some of them, their stacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from db import identity
from flows.site.opened import Site
from flows.work.sandbox import guard_of
from scans.archive import real_path
from scans.header import Header
from scans.outcome import MixedPatients
from scans.pixels import decoded_digest
from scans.rejection import REASONS
from scans.siblings import names_no_part, part_beside
from scans.stack import Ending, Grouping, Member, group


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


def _siblings(connection: Connection, headers: Mapping[str, Header]) -> dict[str, str]:
    """Return series -> the part of the body that its siblings tell, of those that name none themselves."""
    silent = {series: header for series, header in headers.items() if names_no_part(header)}
    others = identity.headers_beside(connection, silent)
    return {at: part_beside(header, map(Header.from_json, others.get(at, ()))) for at, header in silent.items()}
