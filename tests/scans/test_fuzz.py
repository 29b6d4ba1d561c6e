"""Whatever arrives ends in a header and pixels, or in a refusal: no crash of ours, no hang, no file elsewhere.

SCANTWIN_FUZZ=20000 runs so many cases.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from damage import _xray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scans.header import Header
from scans.outcome import Refusal
from scans.phantoms.scanner import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
)
from scans.pixels import n_read, read_stored
from scans.samples import samples
from scans.sandbox.pool import Guard
from scans.sandbox.process import Limits
from scans.values import real_values

pytestmark = pytest.mark.long
N_CASES = int(os.environ.get("SCANTWIN_FUZZ", "1000"))
BATCH = 50
LARGEST = 700_000  # bytes; larger files only take longer
SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000)
ODD = Path(os.environ.get("SCANTWIN_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "dicom_odd"


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(Limits(seconds=5, mib=1024)) as one:
        yield one


@pytest.fixture(scope="module")
def contents() -> list[bytes]:
    """A phantom in each transfer syntax, and every odd file that is at hand."""
    phantoms = [_xray(f"fuzz {syntax}", syntax) for syntax in SYNTAXES]
    odd = [p for p in sorted(ODD.rglob("*")) if p.is_file() and p.stat().st_size < LARGEST] if ODD.is_dir() else []
    return [*phantoms, *(content for *_, content in samples()), *(path.read_bytes() for path in odd)]


def damaged(content: bytes, random_: random.Random) -> bytes:
    """Flip bytes (of the header, the pixels or anywhere), cut, drop, double or swell a part."""
    broken = bytearray(content or b"\0")
    n_bytes = len(broken)
    low, high = random_.choice([(0, min(n_bytes, 3000)), (max(0, n_bytes - 3000), n_bytes), (0, n_bytes)])
    for _ in range(random_.choice([1, 1, 2, 8, 64])):
        broken[random_.randrange(low, high)] = random_.choice([0, 1, 127, 128, 255, random_.randrange(256)])
    at = random_.randrange(low, high)
    match random_.randrange(8):
        case 0:
            del broken[at:]
        case 1:
            del broken[at : at + random_.randrange(1, 40)]
        case 2:
            broken[at:at] = broken[max(0, at - 64) : at]
        case 3:
            broken[at : at + 4] = random_.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\0\0", b"\0\0\0\0"])
    return bytes(broken)


def endings(guard: Guard, paths: list[Path]) -> list[str]:
    """The code of each file: of its refusal, or "used"."""
    codes = []
    for path, found in zip(paths, guard.headers(paths), strict=True):
        if isinstance(found, Header):
            found = pixels_or_refusal(guard, path, found)
        assert found is None or isinstance(found, Refusal), repr(found)
        codes.append("used" if found is None else found.code)
    return codes


def pixels_or_refusal(guard: Guard, path: Path, header: Header) -> Refusal | None:
    try:
        stored = read_stored(path, header, guard)
        real_values(stored.values, path, header, guard)
    except Refusal as refusal:
        return refusal
    assert stored.values.shape == (n_read(header), header.rows, header.columns)
    return None


def test_no_flipped_bytes_of_any_syntax_do_harm(guard, contents, tmp_path):
    n_cases, codes = N_CASES * 9 // 10, Counter[str]()
    for start in range(0, n_cases, BATCH):
        paths = []
        for case in range(start, min(start + BATCH, n_cases)):
            paths.append(tmp_path / str(case))
            paths[-1].write_bytes(damaged(contents[case % len(contents)], random.Random(case)))
        codes.update(endings(guard, paths))
        assert sorted(tmp_path.iterdir()) == sorted(paths)
        for path in paths:
            path.unlink()
    print(dict(codes))
    assert sum(codes.values()) == n_cases and codes["used"] > 0


edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=12), st.booleans()),
                 min_size=1, max_size=6)  # fmt: skip


def test_no_edit_that_hypothesis_thinks_of_does_harm(guard, contents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("h")
    path = folder / "one"

    @settings(max_examples=max(1, N_CASES // 10), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, len(contents) - 1), edits)
    def check(which: int, changes: list[tuple[float, bytes, bool]]) -> None:
        broken = bytearray(contents[which])
        for place, piece, is_inserted in changes:
            at = int(place * len(broken))
            broken[at : at if is_inserted else at + len(piece)] = piece
        path.write_bytes(broken)
        (code,) = endings(guard, [path])
        assert code and list(folder.iterdir()) == [path]

    check()
