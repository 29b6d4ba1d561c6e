"""Files that changed between the header pass and the reading of their pixels."""

import os
from collections.abc import Iterable, Mapping

from flows.site.opened import Site
from scans.archive import real_path, size_and_time
from scans.dicomfile import open_regular
from scans.outcome import Gone, NoPermission, NotARegularFile, Refusal, StillArriving
from scans.stack import Ending, Member


def changed_files(
    site: Site, members: Iterable[Member], stats: Mapping[str, tuple[int, int]], *, opened: bool = False
) -> dict[str, Refusal]:
    """Return file -> what became of it, of the files that are no longer those whose headers were read.

    Args:
        site: Whose archive.
        members: The files.
        stats: File -> size in bytes and mtime in ns when its header was read.
        opened: Also try to open those that look unchanged, as permissions leave size and time alone.

    Raises:
        OSError: The disk or the share failed, which is worth another try.
    """
    found = {}
    for file, path in {member.file: member.path for member in members}.items():
        if refusal := _change(site, path, stats[file], opened=opened):
            found[file] = refusal
    return found


def endings_of_changed(members: Iterable[Member], changed: Mapping[str, Refusal]) -> list[Ending]:
    """Return the endings of a stack of which some files changed: each its own; the others wait for the next night."""
    files = sorted({member.file for member in members})
    why = f"{len(changed)} of {len(files)} files of its scan went or changed while they were read"
    told = {file: changed.get(file, StillArriving(why)) for file in files}
    return [Ending(file, refusal.code, refusal.facts) for file, refusal in told.items()]


def _change(site: Site, path: str, before: tuple[int, int], *, opened: bool) -> Refusal | None:
    place = real_path(site.archive, path)
    try:
        now = size_and_time(place)
        if opened or now != before:
            with open_regular(place) as file:
                os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return Gone()
    except PermissionError:
        return NoPermission()
    except (Gone, NotARegularFile, NoPermission) as refusal:
        return refusal
    if now == before:
        return None
    return StillArriving(f"{before[0]} bytes when the header was read, {now[0]} now, or another date")
