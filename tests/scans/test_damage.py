"""Every hostile kind is refused with the code that fits it, and harms nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from damage import hostile_files, write_hostile_files

from scans.header import Header
from scans.outcome import Refusal
from scans.pixels import read_stored
from scans.sandbox.pool import Guard
from scans.sandbox.process import Limits

NAMES = [
    "deflate-bomb", "jpeg-bomb", "jpeg-huge", "jpeg-ls-bomb", "jpeg-ls-huge", "jpeg-2000-bomb", "jpeg-2000-huge",
    "rle-bomb", "lying-rows", "lying-frames", "lying-frames-within-limits", "lying-fragment", "endless-sequence",
    "deep-sequence", "slow-sequence", "giant-element", "path-in-uid-0", "path-in-uid-1", "path-in-uid-2",
    "path-in-uid-3",
    "path-in-dicomdir", "polyglot-pe", "polyglot-elf", "polyglot-zip", "giant-file", "link", "link-to-nothing",
    "link-to-itself", "link-to-folder", "fifo", "socket", "device",
]  # fmt: skip


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(Limits(seconds=6)) as one:
        yield one


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("h")
    return folder, write_hostile_files(folder)


def ending(guard: Guard, path: Path) -> str:
    (found,) = guard.headers([path])
    if not isinstance(found, Header):
        return found.code if isinstance(found, Refusal) else repr(found)
    try:
        read_stored(path, found, guard)
    except Refusal as refusal:
        return refusal.code
    return "used"


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_file_ends_with_the_code_that_fits_it(guard, hostile, name):
    folder, codes = hostile
    if name not in codes:
        assert name in ("socket", "device")
        pytest.skip("this account may not make one here")
    assert ending(guard, folder / name) == codes[name]


def test_every_hostile_kind_is_tested(hostile):
    assert set(hostile[1]) <= set(NAMES)


def test_no_hostile_file_is_large():
    assert max(len(damage.content) for damage in hostile_files()) < 4_000_000
