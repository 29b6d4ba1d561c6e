"""Pixels that are not as long, as many or as packed as the header says are refused, either way."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    RLELossless,
)

from scans.header import read_header
from scans.outcome import Refusal
from scans.pixels import read_stored
from scans.screen import screen

Save = Callable[..., Path]
NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
WORDS = np.arange(64 * 60, dtype=np.int16).reshape(64, 60)
PICTURE = {"Rows": 64, "Columns": 60, "PixelRepresentation": 1}


def end(path: Path) -> str:
    """Return the code that refuses a file, by its header or by its pixels; "" if it is read."""
    try:
        header = read_header(path)
        if refusal := screen(header):
            return refusal.code
        read_stored(path, header)
    except Refusal as refusal:
        return refusal.code
    return ""


def stream(syntax: str, words: np.ndarray = WORDS) -> bytes:
    if syntax == JPEG2000Lossless:
        return bytes(imagecodecs.jpeg2k_encode(words.astype(np.uint16), reversible=True, codecformat="j2k", level=0))
    return bytes(imagecodecs.ljpeg_encode(words.astype(np.uint16), bitspersample=16))


def compressed(save: Save, syntax: str, pictures: Sequence[bytes], **tags: Any) -> Path:
    pixels = encapsulate(list(pictures), has_bot=False)
    return save(TransferSyntaxUID=syntax, PixelData=pixels, **(PICTURE | tags))


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize(("n_more", "wanted"), [(0, ""), (6, ""), (8, "bad-value"), (24, "bad-value")])
def test_zeros_of_one_row_at_most_stand_behind_the_pixels(save: Save, syntax: str, n_more: int, wanted: str) -> None:
    path = save(TransferSyntaxUID=syntax, PixelData=b"\x01\0" * 12 + bytes(n_more))
    assert end(path) == wanted  # 4 rows of 3 pixels of 2 bytes


@pytest.mark.parametrize("sop_class", [None, ComputedRadiographyImageStorage])
@pytest.mark.parametrize("more", [b"\x01\0", b"\x01\0" * 3, b"\x01\0" * 12, b"\x01\0" * 120])
def test_values_behind_the_pixels_contradict_the_header(save: Save, sop_class: str | None, more: bytes) -> None:
    tags = {"SOPClassUID": sop_class, "Modality": "CR"} if sop_class else {}
    assert end(save(PixelData=b"\x01\0" * 12 + more, **tags)) == "bad-value"


def test_an_odd_number_of_bytes_is_made_even_by_one(save: Save) -> None:
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "Rows": 3, "Columns": 5}
    assert end(save(**bits, PixelData=bytes(range(15)) + b"\xff")) == ""
    assert end(save(**bits, PixelData=bytes(range(15)) + b"\xff\xff\xff")) == "bad-value"


@pytest.mark.parametrize("change", [
    {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, {"Rows": 2}, {"Columns": 2}, {"Rows": 1, "Columns": 3},
])  # fmt: skip
def test_a_header_of_a_smaller_image_is_refused(save: Save, change: dict[str, int]) -> None:
    assert end(save(**change)) == "bad-value"


@pytest.mark.parametrize("change", [
    {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, {"Rows": 5}, {"Columns": 4}, {"NumberOfFrames": 2},
])  # fmt: skip
def test_a_header_of_a_larger_image_is_refused(save: Save, change: dict[str, int]) -> None:
    assert end(save(**change)) == "truncated"


def test_one_compressed_picture_is_read(save: Save) -> None:
    for syntax in (JPEG2000Lossless, JPEGLossless):
        assert end(compressed(save, syntax, [stream(syntax)])) == "", syntax


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLossless])
def test_two_compressed_pictures_for_one_frame_are_refused(save: Save, syntax: str) -> None:
    one = stream(syntax)
    assert end(compressed(save, syntax, [one, one])) == "bad-value"
    assert end(compressed(save, syntax, [one + one])) == "bad-value"  # in one fragment
    table = save(TransferSyntaxUID=syntax, PixelData=encapsulate([one, one], has_bot=True), **PICTURE)
    assert end(table) == "bad-value"


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLossless])
def test_a_picture_in_several_fragments_is_one(save: Save, syntax: str) -> None:
    pixels = encapsulate([stream(syntax)], fragments_per_frame=3, has_bot=False)
    assert end(save(TransferSyntaxUID=syntax, PixelData=pixels, **PICTURE)) == ""


def test_rle_of_another_number_of_frames_is_refused(save: Save) -> None:
    path = save(**PICTURE, PixelData=WORDS.tobytes())
    ds = dcmread(path)
    ds.compress(RLELossless)
    one = next(generate_frames(ds.PixelData, number_of_frames=1))
    assert end(compressed(save, RLELossless, [one])) == ""
    assert end(compressed(save, RLELossless, [one, one])) == "bad-value"


def test_an_extended_offset_table_has_an_entry_for_each_frame(save: Save) -> None:
    one = stream(JPEG2000Lossless)
    for n_entries, wanted in ((1, ""), (2, "bad-value")):
        pixels, offsets, lengths = encapsulate_extended([one])
        more = {"ExtendedOffsetTable": offsets * n_entries, "ExtendedOffsetTableLengths": lengths * n_entries}
        path = save(TransferSyntaxUID=JPEG2000Lossless, PixelData=pixels, **PICTURE, **more)
        assert end(path) == wanted


@pytest.mark.parametrize("label", NATIVE[:2])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLossless])
def test_compressed_pixels_under_an_uncompressed_label_are_refused(save: Save, syntax: str, label: str) -> None:
    one = stream(syntax)
    assert end(save(TransferSyntaxUID=label, PixelData=one + bytes(len(one) % 2), **PICTURE)) != ""
    filled = one + bytes(WORDS.nbytes - len(one)) if len(one) < WORDS.nbytes else one[: WORDS.nbytes]
    assert end(save(TransferSyntaxUID=label, PixelData=filled, **PICTURE)) == "bad-value"


def test_fragments_under_an_uncompressed_label_are_refused(save: Save) -> None:
    path = compressed(save, JPEG2000Lossless, [stream(JPEG2000Lossless)])
    content = path.read_bytes()
    old = b"1.2.840.10008.1.2.4.90"
    path.write_bytes(content.replace(old, b"1.2.840.10008.1.2.1\0\0\0"))
    assert end(path) == "bad-value"
    native = encapsulate([WORDS.tobytes()])  # as they are, in one fragment
    path.write_bytes(
        save(TransferSyntaxUID=JPEG2000Lossless, PixelData=native, **PICTURE)
        .read_bytes()
        .replace(old, b"1.2.840.10008.1.2.1\0\0\0")
    )
    assert end(path) == "bad-value"


@pytest.mark.parametrize("label", [RLELossless, JPEGLossless, JPEG2000Lossless])
def test_native_pixels_under_a_compressed_label_are_refused(save: Save, label: str) -> None:
    in_fragments = save(TransferSyntaxUID=label, PixelData=encapsulate([WORDS.tobytes()]), **PICTURE)
    assert end(in_fragments) != ""


@pytest.mark.parametrize(("label", "syntax"), [
    (RLELossless, JPEGLossless), (RLELossless, JPEG2000Lossless), (JPEGLossless, JPEG2000Lossless),
    (JPEG2000Lossless, JPEGLossless),
])  # fmt: skip
def test_pixels_of_another_compression_than_the_label_s_are_refused(save: Save, label: str, syntax: str) -> None:
    assert end(compressed(save, label, [stream(syntax)])) != ""
