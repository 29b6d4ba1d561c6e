"""Series of the archive as identity knows them: their files, what stands against some of them, their stacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db import identity
from flows.guarding import guard_of
from flows.site import Site
from scans.archive import real_path
from scans.header import Header
from scans.pixels import decoded_digest
from scans.rejection import REASONS
from scans.stack import Grouping, Member, group


@dataclass(frozen=True)
class Series:
    """One series.

    Attributes:
        members: Its files.
        conflicts: Files whose SOP instance UID stands on other content elsewhere, and the files of that content.
        rejected: Files that a rejection note withdraws, and why.
    """

    members: Sequence[Member]
    conflicts: Mapping[str, Sequence[str]]
    rejected: Mapping[str, str]

    def grouping(self, site: Site) -> Grouping:
        """Group the files by the site's rules; copies stored in different bytes are decoded to compare them."""
        rules, guard = site.settings.scans, guard_of(site)
        return group(
            self.members,
            conflicts=self.conflicts,
            rejected=self.rejected,
            decoded=lambda member: decoded_digest(real_path(site.archive, member.path), member.header, guard),
            table=rules.kinds,
            repair=rules.repair,
        )


def read_series(connection: Connection, keys: Sequence[str]) -> list[Series]:
    """Read series by key."""
    by_series: dict[str, list[Member]] = {}
    for row in identity.members_of_series(connection, keys):
        header = Header.from_json(str(row["header"]))
        by_series.setdefault(str(row["series"]), []).append(Member(str(row["key"]), str(row["path"]), header))
    conflicts = identity.conflicting_files(connection, keys)
    uids = {member.file: member.header.identity.sop_uid for some in by_series.values() for member in some}
    notes = identity.rejections_of(connection, set(uids.values()))
    named = {file: notes[uid] for file, uid in uids.items() if uid in notes}
    rejected = {file: f"{code}, {REASONS[code]}; the note: file {note}" for file, (code, note) in named.items()}
    return [Series(some, conflicts, rejected) for some in by_series.values()]
