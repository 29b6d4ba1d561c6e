"""What is in a folder: new, changed, gone, still arriving. Names and dates of files decide nothing else.

Both sides of the comparison come in one order, that of the bytes of the paths, so that a million files
need no more memory than the largest folder.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

SIGNED_END = 1 << 63
SETTLE_NS = 5 * 10**9  # how long a file is left alone after any change of it, whatever date it bears

What = Literal["same", "new", "changed", "arriving", "settling", "gone", "hidden"]
Row = TypeVar("Row", bound=tuple[Any, ...])
Known = tuple[str, int, int, int]
"""What is known of a file: path, size in bytes, mtime in ns, inode."""


class Entry(NamedTuple):
    """One thing in the archive that is not a readable folder."""

    path: str  # relative to the root, with "/"; see `path_text`; ends with "/" when it is a folder
    size_bytes: int
    mtime_ns: int
    inode: int
    special: str = ""  # "", "symlink", "fifo", "socket", "device" or "unreadable"
    ctime_ns: int = 0  # of the last change of anything, names and dates included; nobody can set it


class Difference(NamedTuple):
    """One file of the archive, or of what is known of it, and how the two compare.

    "arriving" is new or changed, and too young to be read; "settling" likewise, but for seconds only: its date
    is old. "hidden" lies in a folder that cannot be listed: nobody knows whether it is gone.
    """

    what: What
    entry: Entry  # as listed; as known when it is gone or hidden
    before: Known | None  # as known; None: not known


def list_files(root: Path) -> Iterator[Entry]:
    """Yield everything under the root that is not a folder, ordered by the bytes of the path.

    Links are reported and never followed, so the walk stays inside and ends. A folder that cannot be
    listed is one entry, "unreadable", whose path ends with "/".

    Raises:
        FileNotFoundError, NotADirectoryError, PermissionError: The root itself cannot be listed.
    """
    with os.scandir(root):
        pass  # a missing root is an error, never an empty archive
    root_path = os.path.join(os.fspath(root), "")
    folders = [iter(_listed(root_path, ""))]
    while folders:
        for name, item in folders[-1]:
            if item is None:
                yield Entry(name, 0, 0, 0, "unreadable")
            elif name.endswith("/"):
                folders.append(iter(_listed(item.path + "/", name)))
                break
            elif entry := _entry(name, item):
                yield entry
        else:
            folders.pop()


def _listed(folder: str, prefix: str) -> list[tuple[str, os.DirEntry[str] | None]]:
    """Return the content of a folder, ordered as whole paths are: a folder stands where its files would."""
    try:
        with os.scandir(folder) as listing:
            items = [(path_text(i.name) + "/" * i.is_dir(follow_symlinks=False), i) for i in listing]
    except (FileNotFoundError, NotADirectoryError):
        return []  # removed since its parent was listed
    except OSError:
        return [(prefix, None)]
    return sorted(((prefix + name, item) for name, item in items), key=_name)


def _name(item: tuple[str, object]) -> str:
    return item[0]


def _entry(name: str, item: os.DirEntry[str]) -> Entry | None:
    try:
        found = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    special = "" if stat.S_ISREG(found.st_mode) else _special(found.st_mode)
    return Entry(
        name, found.st_size, _signed(found.st_mtime_ns), _signed(found.st_ino), special, _signed(found.st_ctime_ns)
    )


def size_and_time(path: Path) -> tuple[int, int]:
    """Return size in bytes and mtime in ns of a file, of a link its own, as `list_files` does.

    Raises:
        OSError: There is no such file, or it cannot be looked at.
    """
    found = path.stat(follow_symlinks=False)
    return found.st_size, _signed(found.st_mtime_ns)


def _signed(number: int) -> int:
    """Fold a number into what a database's 64-bit integer holds, so that it compares equal when read back.

    Times beyond the year 2262, which file systems know and broken clocks write, have no place there otherwise.
    """
    return number if -SIGNED_END <= number < SIGNED_END else (number + SIGNED_END) % (2 * SIGNED_END) - SIGNED_END


def _special(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "symlink"
    if stat.S_ISFIFO(mode):
        return "fifo"
    return "socket" if stat.S_ISSOCK(mode) else "device"


def path_text(name: str) -> str:
    r"""Return a file name as text that every database takes: bytes that are no UTF-8 become \xNN.

    A backslash in the name is doubled, so that `real_path` can undo it.
    """
    if "\\" not in name and (name.isascii() or _is_plain(name)):
        return name
    escaped = name.replace("\\", "\\\\")
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in escaped)


def _is_plain(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def real_path(root: Path, path: str) -> Path:
    """Return the file that an entry's path means.

    Raises:
        ValueError: The path leaves the root, or was not made by `path_text`.
    """
    name = _unescaped(path) if "\\" in path else path
    if not name or name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise ValueError("a path that does not stay inside the archive")
    return root / name


def _unescaped(path: str) -> str:
    plain, rest = "", path
    while rest:
        head, backslash, rest = rest.partition("\\")
        plain += head
        if not backslash:
            break
        if rest.startswith("\\"):
            plain, rest = plain + "\\", rest[1:]
        elif rest.startswith("x") and len(rest) >= 3:
            byte = int(rest[1:3], 16)
            if byte < 0x80:
                raise ValueError("an escaped byte that needs no escape")
            plain, rest = plain + chr(0xDC00 + byte), rest[3:]
        else:
            raise ValueError("a backslash that escapes nothing")
    return plain


def compare(entries: Iterable[Entry], known: Iterable[Known], *, now_ns: int, quiet_ns: int) -> Iterator[Difference]:
    """Compare a listing with what is known; every file of either is yielded once, in the order given.

    A file is too young to be read when its date lies less than the quiet period back (a date far ahead is
    another clock, not an arrival), and for five seconds after any change of it, as copies may bear old dates.

    Args:
        entries: From `list_files`, or in its order.
        known: What is known of every file that is not known to be gone, in the same order.
        now_ns: The time of the listing, Unix nanoseconds.
        quiet_ns: How long a file must not have changed before it may be read; 0 takes every file as it is.

    Raises:
        ValueError: One of the two is not ordered by path.
    """
    rows = iter(_in_order(known))
    row = next(rows, None)
    hidden = "\n"  # the folder that could not be listed, and lies before or around the present path
    for entry in _in_order(entries):
        while row is not None and row[0] < entry[0]:
            yield _missing(row, hidden)
            row = next(rows, None)
        before = None
        if row is not None and row[0] == entry[0]:
            before, row = row, next(rows, None)
        if entry.special == "unreadable":
            hidden = entry.path
        if before is not None and before[1:] == entry[1:4]:
            yield Difference("same", entry, before)
        elif abs(now_ns - entry.mtime_ns) < quiet_ns:
            yield Difference("arriving", entry, before)
        elif abs(now_ns - entry.ctime_ns) < min(quiet_ns, SETTLE_NS):
            yield Difference("settling", entry, before)
        else:
            yield Difference("new" if before is None else "changed", entry, before)
    while row is not None:
        yield _missing(row, hidden)
        row = next(rows, None)


def _in_order(items: Iterable[Row]) -> Iterator[Row]:
    """Yield what is ordered by its first field; a merge of anything else would take files for gone."""
    last = ""
    for item in items:
        path = item[0]
        if path < last:
            raise ValueError("a listing is not ordered by the bytes of its paths")
        last = path
        yield item


def _missing(row: Known, hidden: str) -> Difference:
    return Difference("hidden" if row[0].startswith(hidden) else "gone", Entry(*row), row)
