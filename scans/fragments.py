"""The fragments of compressed pixels: where they end, and how many pictures they hold. Source: PS3.5 A.4."""

from dataclasses import dataclass

from scans.codestream import J2K_START, JP2_START, JPEG_START, RLE_HEADER
from scans.outcome import Truncated, Unreadable

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
RLE = "1.2.840.10008.1.2.5"
MOST_RLE_SEGMENTS = 15  # PS3.5 G.5
END = b"\xff\xd9"  # of a JPEG picture as of a JPEG 2000 one
NEXT = tuple(END + fill + start for fill in (b"", b"\0") for start in (JPEG_START + b"\xff", J2K_START))


@dataclass(frozen=True, slots=True)
class Fragments:
    """One encapsulated element."""

    length: int  # bytes from its first item to behind its delimiter
    n_offsets: int  # in the basic offset table, the first item; 0: it is empty
    places: tuple[tuple[int, int], ...]  # of each fragment: where it begins and ends


def fragments_of(pixels: memoryview) -> Fragments:
    """Find the fragments of an element.

    Raises:
        Truncated: It ends before its delimiter.
        Unreadable: The fragments do not follow each other.
    """
    place = 0
    items: list[tuple[int, int]] = []
    while place + 8 <= len(pixels):
        mark, length = bytes(pixels[place : place + 4]), int.from_bytes(pixels[place + 4 : place + 8], "little")
        if mark == SEQUENCE_END:
            n_offsets = (items[0][1] - items[0][0]) // 4 if items else 0
            return Fragments(place + 8, n_offsets, tuple(items[1:]))
        if mark != ITEM:
            raise Unreadable(f"no fragment begins at byte {place} of the compressed pixels")
        items.append((place + 8, place + 8 + length))
        place += 8 + length
    raise Truncated(f"the compressed pixels end at byte {len(pixels)}, inside a fragment or before the last one")


def frames_fault(pixels: memoryview, fragments: Fragments, n_frames: int, syntax: str) -> str:
    """Return why fragments cannot be the frames that the header announces, "" if they can.

    A picture may lie in several fragments, and the offset table may be empty; but a decoder that is given two
    pictures for one frame shows the first and says nothing of the other.
    """
    if fragments.n_offsets not in (0, n_frames):
        return f"an offset table of {fragments.n_offsets} frames, {n_frames} in the header"
    if len(fragments.places) < n_frames:
        return f"{len(fragments.places)} fragments for {n_frames} frames"
    begun = sum(_n_begun(pixels[start:end], syntax) for start, end in fragments.places)
    return f"{begun} compressed pictures for {n_frames} frames" if begun and begun != n_frames else ""


def _n_begun(fragment: memoryview, syntax: str) -> int:
    """Count the pictures that begin in a fragment; it may go on with one that began before."""
    head = bytes(fragment[:RLE_HEADER])
    if syntax == RLE:
        return int(_is_rle_header(head))
    if not head.startswith((JPEG_START, J2K_START, JP2_START)):
        return 0
    content = bytes(fragment)
    return 1 + sum(content.count(both) for both in NEXT)


def _is_rle_header(head: bytes) -> bool:
    """Say whether a fragment begins with the number and places of RLE segments, as every RLE picture does."""
    words = [int.from_bytes(head[i : i + 4], "little") for i in range(0, len(head), 4)]
    if len(head) < RLE_HEADER or not 1 <= words[0] <= MOST_RLE_SEGMENTS or words[1] != RLE_HEADER:
        return False
    used, unused = words[1 : words[0] + 1], words[words[0] + 1 :]
    return used == sorted(used) and not any(unused)
