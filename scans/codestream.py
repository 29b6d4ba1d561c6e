"""The size that a compressed picture announces, read before a decoder makes room for it.

Only the few bytes of one marker segment are looked at; everything else is the decoder's.
"""

from collections.abc import Iterator
from typing import NamedTuple

JPEG_START, J2K_START = b"\xff\xd8", b"\xff\x4f\xff\x51"  # SOI; SOC and SIZ (T.800 A.4.1, A.5.1)
JP2_START, BOXES = b"\0\0\0\x0cjP  \r\n\x87\n", 4096  # T.800 I.5.1; bytes in which the codestream must begin
FRAME_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment (T.81 B.1.1.3)
RLE_RATIO = 64  # two bytes stand for 128 at most (PS3.5 G.3.1)
RLE_HEADER = 64  # bytes (PS3.5 G.5)


class Size(NamedTuple):
    """What a codestream says of itself."""

    rows: int
    columns: int
    components: int


def announced_size(codestream: bytes | memoryview) -> Size | None:
    """Return the size in the head of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K codestream, None if there is none."""
    if bytes(codestream[:12]) == JP2_START:  # a whole JP2 file, which DICOM forbids and some write
        return _jpeg_2000_size(codestream[max(0, bytes(codestream[:BOXES]).find(J2K_START)) :])
    if bytes(codestream[:4]) == J2K_START:
        return _jpeg_2000_size(codestream)
    if bytes(codestream[:2]) != JPEG_START:
        return None
    for marker, place in _segments(codestream):
        if marker in FRAME_MARKERS:  # length, precision, rows, columns, components (T.81 B.2.2)
            head = bytes(codestream[place : place + 8])
            rows = _number(head, 3, 2)  # 0: told behind the first scan (T.81 B.2.5)
            return Size(rows, _number(head, 5, 2), head[7]) if len(head) == 8 and rows else None
    return None


def _jpeg_2000_size(codestream: bytes | memoryview) -> Size | None:
    """Return the size of the reference grid's image area (T.800 A.5.1)."""
    head = bytes(codestream[4:42])
    if len(head) < 38 or bytes(codestream[:4]) != J2K_START:
        return None
    columns, rows, left, top = (_number(head, at, 4) for at in (4, 8, 12, 16))
    return Size(rows - top, columns - left, _number(head, 36, 2))


def _segments(codestream: bytes | memoryview) -> Iterator[tuple[int, int]]:
    """Yield marker and place of its length, up to the first scan."""
    place = 2
    while place + 4 <= len(codestream) and codestream[place] == 0xFF:
        marker = codestream[place + 1]
        if marker == 0xFF or marker in ALONE:  # a fill byte; nothing behind it
            place += 1 if marker == 0xFF else 2
            continue
        yield marker, place + 2
        if marker in (0xDA, 0xD9):
            return
        place += 2 + max(2, _number(bytes(codestream[place + 2 : place + 4]), 0, 2))


def _number(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(content[at : at + length], "big")
