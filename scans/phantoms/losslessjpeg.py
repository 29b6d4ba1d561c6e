"""An encoder for JPEG Lossless, which no free library at hand writes.

Process 14, selection value 1: each pixel is predicted by its left neighbour and the difference is stored.
Source: ITU-T T.81 (1992), annexes B and H. Every category gets a code of five bits, which is valid and
simple; an optimal Huffman table would save a tenth.
"""

import struct

import numpy as np

CATEGORIES = 17  # of a difference: its length in bits, 0 to 16
CODE_BITS = 5  # 17 codes need five bits; the code of all ones stays free, as it must
LONGEST = CODE_BITS + 15  # category 16 has no further bits


def encode_jpeg_lossless(frame: np.ndarray, *, bits: int) -> bytes:
    """Return one picture as a JPEG Lossless stream.

    Args:
        frame: (rows, columns) of unsigned integers below 2 ** bits.
        bits: 2 to 16.
    """
    return _headers(*frame.shape, bits=bits) + _scan(_differences(frame, bits)) + b"\xff\xd9"


def _headers(rows: int, columns: int, *, bits: int) -> bytes:
    counts = bytes(CATEGORIES if length == CODE_BITS else 0 for length in range(1, 17))
    return (
        b"\xff\xd8"
        + _segment(0xC3, struct.pack(">BHHBBBB", bits, rows, columns, 1, 1, 0x11, 0))
        + _segment(0xC4, b"\x00" + counts + bytes(range(CATEGORIES)))
        + _segment(0xDA, struct.pack(">BBBBBB", 1, 1, 0x00, 1, 0, 0))  # predictor 1, no point transform
    )


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _differences(frame: np.ndarray, bits: int) -> np.ndarray:
    """Return pixel minus prediction, modulo 2 ** 16 into -32767 to 32768, row by row (T.81 H.1.2.1)."""
    pixels = frame.astype(np.int64)
    predicted = np.empty_like(pixels)
    predicted[:, 1:] = pixels[:, :-1]
    predicted[1:, 0] = pixels[:-1, 0]
    predicted[0, 0] = 1 << (bits - 1)
    return np.asarray((pixels - predicted + 32767) % 65536 - 32767).ravel()


def _scan(differences: np.ndarray) -> bytes:
    """Return the entropy-coded bytes, with zeros stuffed after 0xFF (T.81 F.1.2.3)."""
    category = np.frexp(np.abs(differences).astype(np.float64))[1]  # the length in bits, 0 for 0
    n_extra = np.where(category == 16, 0, category)
    extra = np.where(differences < 0, differences - 1, differences) & ((1 << n_extra) - 1)
    length = CODE_BITS + n_extra
    words = ((category << n_extra) | extra) << (LONGEST - length)  # the bits stand leftmost
    positions = np.arange(LONGEST)
    stream = ((words[:, None] >> (LONGEST - 1 - positions)) & 1)[positions < length[:, None]]
    padding = np.ones(-len(stream) % 8, stream.dtype)
    packed = np.packbits(np.concatenate([stream, padding]).astype(np.uint8)).tobytes()
    return packed.replace(b"\xff", b"\xff\x00")
