"""Files that are there whole or not at all, and that nobody but their owner can read, whatever the umask."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # of pictures, vectors, tables and pages of patients


def write_atomically(path: Path, content: bytes) -> None:
    """Write the bytes so that a kill or a full disk leaves the former file, or none, at the path."""
    with draft_of(path) as draft:
        draft.write_bytes(content)


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """Give an empty private file beside the path to write into, which takes the path's place when the block ends well.

    Its name ends as the path does, for writers that choose a format by that.
    """
    private_folder(path.parent)
    draft = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, OWNER_FILE))
    try:
        yield draft
        draft.chmod(OWNER_FILE)  # a writer may have put a file of its own there
        _sync(draft)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(path.parent)  # makes the new name itself outlive a power cut


def private_folder(folder: Path) -> Path:
    """Make a folder, and those above it that are missing, for its owner alone; one that is there stays as it is."""
    for missing in reversed([some for some in (folder, *folder.parents) if not some.exists()]):
        missing.mkdir(mode=OWNER_FOLDER, exist_ok=True)
    return folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
