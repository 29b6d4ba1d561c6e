"""Lossless syntaxes equal a second decoder's pixels; nothing is decoded by one library alone without a witness."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from damage import _xray
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from scans.decoder import DECODERS, decode
from scans.header import read_header
from scans.needed import DEPTHS
from scans.outcome import Refusal
from scans.phantoms.scanner import JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE
from scans.samples import LOSSY, samples

ODD = Path(os.environ.get("SCANTWIN_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "dicom_odd"
LOSSLESS = sorted(set(DECODERS) - LOSSY)
J2K = "1.2.840.10008.1.2.4.90"


def by_gdcm(content: bytes) -> np.ndarray:
    dataset = dcmread(io.BytesIO(content))
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    return decoder.as_array(dataset, raw=True, decoding_plugin="gdcm", correct_unused_bits=False)[0]


def by_imagecodecs(function: Callable[[bytes], np.ndarray]) -> Callable[[bytes], np.ndarray]:
    def second(content: bytes) -> np.ndarray:
        dataset = dcmread(io.BytesIO(content))
        n_frames = int(dataset.get("NumberOfFrames", 1) or 1)
        return np.stack([function(frame) for frame in generate_frames(dataset.PixelData, number_of_frames=n_frames)])

    return second


def by_packbits(content: bytes) -> np.ndarray:
    """RLE Lossless: segments of PackBits, one for each byte of a word, highest byte first (PS3.5 G.2)."""
    dataset = dcmread(io.BytesIO(content))
    frames = []
    for frame in generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)):
        n_segments, *starts = struct.unpack("<16I", frame[:64])
        ends = [*starts[1:n_segments], len(frame)]
        n_pixels = dataset.Rows * dataset.Columns
        word = np.zeros(n_pixels, np.int64)
        for start, end in zip(starts, ends, strict=False):
            plane = np.frombuffer(imagecodecs.packbits_decode(frame[start:end]), np.uint8, n_pixels)
            word = (word << 8) | plane
        frames.append(word)
    return np.stack(frames)


SECOND = {  # another library than the one of DECODERS
    RLE: by_packbits,
    "1.2.840.10008.1.2.4.57": by_gdcm,
    JPEG_LOSSLESS: by_gdcm,
    JPEG_LS: by_imagecodecs(imagecodecs.jpegls_decode),
    J2K: by_gdcm,
    "1.2.840.10008.1.2.4.201": by_imagecodecs(imagecodecs.htj2k_decode),
    "1.2.840.10008.1.2.4.202": by_imagecodecs(imagecodecs.htj2k_decode),
}


def same_pixels(content: bytes, path: Path) -> bool:
    path.write_bytes(content)
    header = read_header(path)
    ours = decode(content, header)
    second = SECOND[header.transfer_syntax_uid](content).reshape(ours.shape)
    bits = (1 << header.bits_stored) - 1  # signs and unused bits are not every library's business
    return bool(np.array_equal(ours.astype(np.int64) & bits, second.astype(np.int64) & bits))


def test_every_lossless_syntax_has_a_second_decoder():
    assert sorted(SECOND) == LOSSLESS


@pytest.mark.parametrize("syntax", [RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000])
def test_a_phantom_of_each_lossless_syntax_equals_a_second_decoder(syntax, tmp_path):
    assert same_pixels(_xray(f"codec {syntax}", syntax), tmp_path / "one")


@pytest.mark.parametrize(("uid", "content"), [(u, c) for u, _, _, c in samples() if u in LOSSLESS])
def test_a_sample_of_each_lossless_syntax_equals_a_second_decoder(uid, content, tmp_path):
    assert same_pixels(content, tmp_path / "one")


def odd_lossless() -> list[Path]:
    found = []
    for path in sorted(ODD.rglob("*")) if ODD.is_dir() else []:
        try:
            header = read_header(path)
        except (Refusal, OSError):
            continue
        is_grey = header.photometric.startswith("MONOCHROME")  # a palette is read as luminance
        if header.transfer_syntax_uid in LOSSLESS and is_grey and header.bits_allocated in DEPTHS:
            found.append(path)
    return found


def test_every_grey_lossless_odd_file_equals_a_second_decoder(tmp_path):
    files = odd_lossless()
    if not files:
        pytest.skip("the collection of odd files is not beside this checkout")
    differing = [path.name for path in files if not same_pixels(path.read_bytes(), tmp_path / "one")]
    assert differing == []


def test_every_compressed_syntax_of_the_odd_files_has_a_decoder():
    if not ODD.is_dir():
        pytest.skip("the collection of odd files is not beside this checkout")
    syntaxes = set()
    for path in sorted(ODD.rglob("*")):
        try:
            header = read_header(path)
        except (Refusal, OSError):
            continue
        if header.pixel_element and header.pixel_offset is None:
            syntaxes.add(header.transfer_syntax_uid)
    assert {uid for uid in syntaxes if uid.startswith("1.2.840.10008.1.2.4")} - set(DECODERS) == set()
