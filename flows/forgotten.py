"""Forgotten files: they stay in the archive, which we only read, and are known by their key alone."""

from collections.abc import Iterable, Iterator, Mapping

from db.forgetting import BLANK, NO_PATH
from flows.keys import Keys
from flows.site import Site
from scans.archive import Entry
from scans.header import Header


def known_again(site: Site, entries: Iterable[Entry], known: Mapping[str, tuple[int, int, int]]) -> Iterator[Entry]:
    """Yield entries; a forgotten file that has not changed is named by its key, as it was written down."""
    if not any(path.startswith(NO_PATH) for path in known):
        yield from entries
        return
    every = [site.keys, *(Keys(secret) for secret in site.keys.former)]
    for entry in entries:
        names = (NO_PATH + keys.key("file", entry.path) for keys in every)
        name = next((name for name in names if known.get(name) == entry[1:4]), None)
        yield entry if name is None else entry._replace(path=name)


def file_key(site: Site, path: str) -> str:
    """Return the key of a file by its path, or by what stands in its place."""
    return path.removeprefix(NO_PATH) if path.startswith(NO_PATH) else site.keys.key("file", path)


def is_forgotten(site: Site, buried: frozenset[str], header: Header) -> bool:
    """Say whether a header speaks of a person, or is of a study, that was forgotten."""
    who = header.identity
    return bool(buried) and not buried.isdisjoint(site.keys.tombstones(who.patient_id, who.issuer, who.study_uid))


def forgotten_row(row: Mapping[str, object]) -> dict[str, object]:
    """Return the row of identity.file of a forgotten file: its key, size and times."""
    return {**row, **BLANK, "path": f"{NO_PATH}{row['key']}", "grouped": False}
