import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from scans.phantoms.losslessjpeg import encode_jpeg_lossless
from scans.phantoms.scanner import JPEG_LOSSLESS


def _decoded(stream: bytes, *, rows: int, columns: int, bits: int) -> np.ndarray:
    array, _ = get_decoder(UID(JPEG_LOSSLESS)).as_array(
        encapsulate([stream]), rows=rows, columns=columns, bits_allocated=16, bits_stored=bits, samples_per_pixel=1,
        number_of_frames=1, photometric_interpretation="MONOCHROME2", pixel_representation=0,
        pixel_keyword="PixelData", transfer_syntax_uid=UID(JPEG_LOSSLESS), decoding_plugin="gdcm",
    )  # fmt: skip
    return array


@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (33, 20)])
def test_another_decoder_reads_back_the_same_pixels(bits: int, shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(np.uint16)
    stream = encode_jpeg_lossless(frame, bits=bits)
    assert (_decoded(stream, rows=shape[0], columns=shape[1], bits=bits) == frame).all()


def test_the_largest_steps_survive() -> None:
    frame = np.array([[0, 65535, 0, 32768], [32768, 0, 1, 65534], [65535, 65535, 0, 0]], np.uint16)
    assert (_decoded(encode_jpeg_lossless(frame, bits=16), rows=3, columns=4, bits=16) == frame).all()


def test_a_smooth_picture_gets_smaller() -> None:
    frame = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint16)
    assert len(encode_jpeg_lossless(frame, bits=12)) < frame.nbytes / 2
