"""The private header of Siemens: values by name, and whatever else its bytes are, no error and no long wait."""

import struct
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaics import csa
from pydicom import dcmread

from scans.csa import csa_values, protocol_slices

NAMES = ("NumberOfImagesInMosaic", "SliceNormalVector")
WRITTEN = {"EchoLinePosition": ["32"], NAMES[0]: ["36"], NAMES[1]: ["0.0", "-0.1", "0.99"], "Last": ["x"]}


@pytest.mark.parametrize("is_new", [True, False])
def test_values_are_found_by_name(is_new: bool) -> None:
    raw = csa(WRITTEN, is_new=is_new)
    assert csa_values(raw, NAMES) == {NAMES[0]: ("36",), NAMES[1]: ("0.0", "-0.1", "0.99")}
    assert csa_values(raw, ("Last", "Absent")) == {"Last": ("x",)}


@pytest.mark.parametrize("is_new", [True, False])
def test_what_stands_before_a_break_is_kept(is_new: bool) -> None:
    raw = csa(WRITTEN, is_new=is_new)
    at = raw.index(b"SliceNormalVector")
    assert csa_values(raw[: at + 90], NAMES) == {NAMES[0]: ("36",)}


def test_a_real_header_says_what_another_library_reads(unpack: Callable[[str], Path]) -> None:
    with warnings.catch_warnings(action="ignore"):  # it says that it is experimental
        csareader = pytest.importorskip("nibabel.nicom.csareader")
    path = min(p for p in unpack("mr_t1sag_siemens_hfs_35").rglob("*") if p.is_file())
    ds = dcmread(path)
    raw = ds[0x00291010].value
    tags = csareader.read(raw)["tags"].items()
    told = {name: kept for name, entry in tags if (kept := [value for value in entry["items"] if value != b""])}
    ours = csa_values(raw, {*told, "Absent"})
    assert {name: [type(told[name][0])(text) for text in texts] for name, texts in ours.items()} == told
    assert len(told) > 20 and protocol_slices(ds[0x00291020].value) == 35


@settings(max_examples=300)
@given(raw=st.binary(max_size=400), start=st.sampled_from([b"", b"SV10\4\3\2\1", b"\5\0\0\0M\0\0\0"]))
def test_any_bytes_give_texts_or_nothing(raw: bytes, start: bytes) -> None:
    found = csa_values(start + raw, NAMES)
    assert all(isinstance(text, str) and text for values in found.values() for text in values)
    protocol_slices(raw)


@settings(max_examples=300)
@given(at=st.integers(0, 750), word=st.integers(-(2**31), 2**31 - 1), is_new=st.booleans())
def test_a_damaged_length_is_no_error(at: int, word: int, is_new: bool) -> None:
    raw = bytearray(csa(WRITTEN, is_new=is_new))
    struct.pack_into("<i", raw, at // 4 * 4, word)
    assert set(csa_values(bytes(raw), NAMES)) <= set(NAMES)


def test_time_grows_with_the_bytes_and_not_with_what_they_announce() -> None:
    entry = struct.pack("<64si4s3i", b"A", 1, b"IS\0\0", 6, 2**31 - 1, 77) + struct.pack("<4i", 0, 0, 77, 0) * 200_000
    began = time.monotonic()
    assert csa_values(b"SV10\4\3\2\1" + struct.pack("<2I", 2**32 - 1, 77) + entry, NAMES) == {}
    assert protocol_slices(b"sSliceArray.lSize" + b" " * 10**6) is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("raw", "n"),
    [(b"x sSliceArray.lSize   = 36\n", 36), (b"sSliceArray.lSize\t=\t0x24\n", 36), (b"sSliceArray.lSize = a", None)],
)
def test_the_protocol_tells_the_slices(raw: bytes, n: int | None) -> None:
    assert protocol_slices(raw) == n
