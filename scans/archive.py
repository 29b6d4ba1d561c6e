"""What is in a folder: new, changed, gone, still arriving. Names and dates of files decide nothing else."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One thing in the archive that is not a readable folder."""

    path: str  # relative to the root, with "/"; see `path_text`
    size_bytes: int
    mtime_ns: int
    inode: int
    special: str = ""  # "", "symlink", "fifo", "socket", "device" or "unreadable"


SIGNED_END = 1 << 63


@dataclass(frozen=True, slots=True)
class Changes:
    """How the archive differs from what is known of it.

    n_seen counts all entries: n_same + new + changed + arriving.
    """

    new: list[Entry]
    changed: list[Entry]
    gone: list[str]
    arriving: list[Entry]  # new or changed, and too young to be read; in neither of the other lists
    n_seen: int
    n_same: int


def list_files(root: Path) -> Iterator[Entry]:
    """Yield everything under the root that is not a folder, in no particular order.

    Links are reported and never followed, so the walk stays inside and ends. A folder that cannot be
    listed is one entry, "unreadable".

    Raises:
        FileNotFoundError, NotADirectoryError, PermissionError: The root itself cannot be listed.
    """
    with os.scandir(root):
        pass  # a missing root is an error, never an empty archive
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            yield from _list_folder(os.fspath(root), folder, folders)
        except FileNotFoundError:
            continue  # removed since its parent was listed
        except OSError:
            yield Entry(path_text(folder.rstrip("/")), 0, 0, 0, "unreadable")


def _list_folder(root: str, folder: str, folders: list[str]) -> Iterator[Entry]:
    with os.scandir(os.path.join(root, folder)) as listing:
        for item in listing:
            name = folder + item.name
            if item.is_dir(follow_symlinks=False):
                folders.append(name + "/")
                continue
            try:
                found = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            special = "" if stat.S_ISREG(found.st_mode) else _special(found.st_mode)
            yield Entry(path_text(name), found.st_size, _signed(found.st_mtime_ns), _signed(found.st_ino), special)


def _signed(number: int) -> int:
    """Fold a number into what a database's 64-bit integer holds, so that it compares equal when read back."""
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


def compare(
    entries: Iterable[Entry], known: Mapping[str, tuple[int, int, int]], *, now_ns: int, quiet_ns: int
) -> Changes:
    """Compare a listing with what is known.

    Files below a folder that could not be listed are not gone: nobody knows.

    Args:
        entries: From `list_files`.
        known: Path to (size_bytes, mtime_ns, inode), of every file that is not known to be gone.
        now_ns: The time of the listing, Unix nanoseconds.
        quiet_ns: How long a file must not have changed before it may be read.
    """
    new: list[Entry] = []
    changed: list[Entry] = []
    arriving: list[Entry] = []
    hidden: list[str] = []
    seen: set[str] = set()
    n_same = 0
    for entry in entries:
        path = entry.path
        seen.add(path)
        if entry.special == "unreadable":
            hidden.append(path + "/")
        before = known.get(path)
        if before == entry[1:4]:
            n_same += 1
        elif abs(now_ns - entry.mtime_ns) < quiet_ns:  # far in the future: another clock, not an arrival
            arriving.append(entry)
        elif before is None:
            new.append(entry)
        else:
            changed.append(entry)
    gone = sorted(path for path in known.keys() - seen if not path.startswith(tuple(hidden)))
    return Changes(new, changed, gone, arriving, n_seen=len(seen), n_same=n_same)
