"""Forgotten files: they stay in the archive, which we only read, and are known by their key alone."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from db.forgetting import BLANK
from db.identity import NO_PATH, FileRow
from flows.records.persons import person_of
from flows.site.keys import Keys
from flows.site.opened import Site
from scans.archive import Difference, Entry, Known
from scans.header import Header


class Forgotten:
    """Files of forgotten people while a listing passes by: they are known by key, size and times, without a path."""

    def __init__(self, site: Site, known: Iterable[Known]) -> None:
        self.n_same = 0
        self._known: dict[str, Known] = {row[0]: row for row in known}
        self._keys = [site.keys, *(Keys(secret) for secret in site.keys.former)]
        self._left = set(self._known)

    def others(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield entries, but for forgotten files that have not changed."""
        if not self._known:
            yield from entries
            return
        for entry in entries:
            names = [NO_PATH + keys.key("file", entry.path) for keys in self._keys]
            same = [name for name in names if self._known.get(name) == (name, *entry[1:4])]
            self._left -= {names[0], *same}  # one that changed is listed anew, under the same key
            self.n_same += bool(same)
            if not same:
                yield entry

    def gone(self) -> Iterator[Difference]:
        """Yield the forgotten files that are no longer there."""
        for name in sorted(self._left):
            yield Difference("gone", Entry(*self._known[name]), self._known[name])


def file_key(site: Site, path: str) -> str:
    """Return the key of a file by its path, or by what stands in its place."""
    return path.removeprefix(NO_PATH) if path.startswith(NO_PATH) else site.keys.key("file", path)


def is_forgotten(site: Site, tombstones: frozenset[str], header: Header) -> bool:
    """Say whether a header speaks of a person, or is of a study, that was forgotten."""
    if not tombstones:
        return False
    who, keys = header.identity, site.keys
    signs = keys.tombstones(who.patient_id, who.issuer, who.study_uid)
    signs += keys.tombstones_in_study(who.study_uid, who.patient_id, who.issuer)
    signs += keys.tombstones_in_study(who.study_uid, person_of(header).key)
    return not tombstones.isdisjoint(signs)


def forgotten_row(row: FileRow) -> FileRow:
    """Return the row of identity.file of a forgotten file: its key, size and times."""
    return replace(row, **BLANK, path=NO_PATH + row.key, grouped=False)
