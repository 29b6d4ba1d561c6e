"""From colour to luminance: what an encoder of grey pictures sees of an ultrasound or a photograph.

Y of ITU-R BT.601, which is also the first channel of YBR_FULL (PS3.3 C.7.6.3.1.2), in whole numbers.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from scans.header import Header
from scans.sopclass import COLOURED, family_of

PALETTE = "PALETTE COLOR"
LUMINANCE_FIRST = frozenset({"YBR_FULL", "YBR_FULL_422"})
CHANNELS = {  # samples a pixel that are read, by photometric interpretation
    PALETTE: 1, "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip
DEPTHS = (8, 16)
WEIGHTS = (299, 587, 114)  # thousandths of red, green, blue


def is_read_as_grey(header: Header) -> bool:
    """Say whether an image is in colour, and of a family and a form of which the luminance is read."""
    return (
        family_of(header.sop_class_uid) in COLOURED
        and CHANNELS.get(header.photometric) == header.samples_per_pixel
        and header.bits_allocated in DEPTHS
        and header.pixel_representation == 0
    )


def luminance(words: np.ndarray, dataset: Dataset, header: Header) -> np.ndarray:
    """Return the luminance of decoded pixels, (..., rows, columns), in the depth of the colours.

    Args:
        words: (..., rows, columns, 3), or (..., rows, columns) of a palette; the colours as the header names them,
            but of YBR_RCT and YBR_ICT, which decoders turn into RGB.
        dataset: Of the file, with its palette.
        header: Its header.
    """
    if header.photometric == PALETTE:
        kept = words.astype(f"u{words.dtype.itemsize}") & ((1 << header.bits_stored) - 1)
        words = apply_color_lut(kept.reshape(-1, header.rows, header.columns), dataset)
    if header.photometric in LUMINANCE_FIRST:
        return np.ascontiguousarray(words[..., 0])
    red, green, blue = (words[..., channel].astype(np.uint32) * WEIGHTS[channel] for channel in range(3))
    return ((red + green + blue + 500) // 1000).astype(words.dtype)
