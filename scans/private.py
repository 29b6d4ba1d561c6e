"""Elements of makers' own that say what a scan needs to know, found by their creator (PS3.5 7.8.1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scans.tags import Field, Reader, integer_of

BLOCKS = range(0x10, 0x14)  # a file with more creators in one group is rare, and each block costs a look
LARGEST_B = 1e5  # s/mm2; no gradient reaches that in a patient


@dataclass(frozen=True, slots=True)
class Private:
    """An element of a maker: its group, who reserved the block, and its number within the block."""

    group: int
    creator: str
    element: int

    def tag_in(self, reader: Reader) -> int:
        """Return the element's tag in a file, 0 if its creator reserved none of the blocks looked at."""
        for block in BLOCKS:
            at = self.group << 16 | block
            if at in reader.elements and reader.first(at) == self.creator.upper():
                return self.group << 16 | block << 8 | self.element
        return 0


SIEMENS_TILES = Private(0x0019, "SIEMENS MR HEADER", 0x0A)  # NumberOfImagesInMosaic, US
SIEMENS_B = Private(0x0019, "SIEMENS MR HEADER", 0x0C)  # IS
SIEMENS_IMAGE = Private(0x0029, "SIEMENS CSA HEADER", 0x10)  # see scans.csa
SIEMENS_SERIES = Private(0x0029, "SIEMENS CSA HEADER", 0x20)
GE_B = Private(0x0043, "GEMS_PARM_01", 0x39)  # IS, four values; the first is the b-value, from 1e9 on
PHILIPS_B = Private(0x2001, "Philips Imaging DD 001", 0x03)  # FL
UIH_B = Private(0x0065, "Image Private Header", 0x09)  # FD
UIH_TILES = Private(0x0065, "Image Private Header", 0x50)  # DS
UIH_FRAMES = Private(0x0065, "Image Private Header", 0x51)  # MRVFrameSequence, an item a tile


def tags_of_makers(*private: Private) -> tuple[int, ...]:
    """Return the tags under which some elements and their creators may stand."""
    creators = {p.group << 16 | block for p in private for block in BLOCKS}
    return tuple(sorted(creators | {p.group << 16 | block << 8 | p.element for p in private for block in BLOCKS}))


B_VALUE_TAGS = tags_of_makers(SIEMENS_B, GE_B, PHILIPS_B, UIH_B)
MOSAIC_TAGS = tags_of_makers(SIEMENS_TILES, SIEMENS_IMAGE, SIEMENS_SERIES, UIH_TILES, UIH_FRAMES)


def maker_b_value(reader: Reader, scanning_sequence: Sequence[str]) -> float | None:
    """Return the b-value in s/mm2 that a maker's element tells, None if none does.

    GE's element holds other numbers in images that are not diffusion weighted; it is believed of echo planar ones.
    """
    told: list[float | None] = [
        reader.value(Field("", SIEMENS_B.tag_in(reader), "number", 0)),
        reader.value(Field("", PHILIPS_B.tag_in(reader), "double", 0)),
        reader.value(Field("", UIH_B.tag_in(reader), "double", 0)),
    ]
    if "EP" in scanning_sequence:
        number = integer_of(reader.raw(GE_B.tag_in(reader)))
        told.append(None if number is None else float(number % 10**9))
    values = [b for b in told if b is not None and math.isfinite(b) and 0 <= b <= LARGEST_B]
    return values[0] if values else None
