"""Where the stored pixels of a file begin and end, and what they are recognised by."""

import hashlib
from dataclasses import dataclass

import numpy as np

from scans.codestream import announced_size
from scans.dicomfile import Parsed
from scans.fragments import fragments_of, frames_fault
from scans.outcome import Truncated, Unreadable

NATIVE = frozenset({  # PS3.5 A.1, A.2, A.3, A.5: pixels as they are
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
})  # fmt: skip
BIG_ENDIAN = "1.2.840.10008.1.2.2"
MISLABELLED = "compressed pixels under the label of an uncompressed transfer syntax"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the header says that the pixels are stored."""

    rows: int
    columns: int
    n_frames: int
    samples_per_pixel: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    pixel_representation: int

    @property
    def n_bytes(self) -> int:
        """Bytes of native pixels; one bit a pixel is packed, 4:2:2 shares its colours (PS3.3 C.7.6.3.1.2)."""
        samples = self.rows * self.columns * self.n_frames * self.samples_per_pixel
        if self.photometric == "YBR_FULL_422" and self.samples_per_pixel == 3:
            samples = samples * 2 // 3
        return (samples * self.bits_allocated + 7) // 8


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """The pixels of one file as bytes."""

    offset: int | None  # in the file; None when encapsulated, deflated or absent
    length: int
    sha256: str  # "" without pixels
    fault: str = ""  # why they cannot be what the header says they are


def stored_pixels(parsed: Parsed, layout: Layout) -> StoredPixels:
    """Return place and hash of the pixels.

    The hash holds for the pixels and how they are laid out: a copy that was sent again has the same
    one, in either byte order. Bytes behind the last pixel do not count.

    Raises:
        Truncated: There are fewer bytes than the header says.
        Unreadable: There are no fragments, or the fragments of compressed pixels do not follow each other.
    """
    if not parsed.pixel_element:
        return StoredPixels(None, 0, "")
    if parsed.is_undefined_length:
        return _encapsulated(parsed, layout)
    if parsed.transfer_syntax_uid not in NATIVE:
        raise Unreadable("compressed pixels that are not in fragments")
    if len(parsed.pixels) < layout.n_bytes:
        raise Truncated(f"{len(parsed.pixels)} bytes of pixels, {layout.n_bytes} expected")
    pixels = parsed.pixels[: layout.n_bytes]
    is_swapped = parsed.transfer_syntax_uid == BIG_ENDIAN
    sha256 = _sha256(_little_endian(pixels, layout.bits_allocated) if is_swapped else pixels, layout, "native")
    return StoredPixels(parsed.pixel_offset, layout.n_bytes, sha256, _native_fault(parsed.pixels, layout))


def _encapsulated(parsed: Parsed, layout: Layout) -> StoredPixels:
    syntax = parsed.transfer_syntax_uid
    if syntax in NATIVE:
        return StoredPixels(None, len(parsed.pixels), _sha256(parsed.pixels, layout, syntax), MISLABELLED)
    fragments = fragments_of(parsed.pixels)
    pixels = parsed.pixels[: fragments.length]
    fault = frames_fault(pixels, fragments, layout.n_frames, syntax)
    return StoredPixels(None, len(pixels), _sha256(pixels, layout, syntax), fault)


def _native_fault(pixels: memoryview, layout: Layout) -> str:
    """Return why native pixels contradict the header, "" if they do not.

    Behind the last pixel stands one byte at most, which makes the length even (PS3.5 8.1.1); some writers fill up
    with zeros, and no more than a row of them can be told from an image of another size.
    """
    if announced_size(pixels) == (layout.rows, layout.columns, layout.samples_per_pixel):
        return MISLABELLED
    surplus = pixels[layout.n_bytes :]
    row = layout.columns * layout.samples_per_pixel * layout.bits_allocated // 8
    if len(surplus) > 1 and (len(surplus) > row or any(surplus)):
        return f"{len(pixels)} bytes of pixels, {layout.n_bytes} expected"
    return ""


def _little_endian(pixels: memoryview, bits_allocated: int) -> memoryview:
    if bits_allocated not in (16, 32, 64):
        return pixels
    words = np.frombuffer(pixels, dtype=f">u{bits_allocated // 8}")
    return memoryview(words.astype(words.dtype.newbyteorder("<")).tobytes())


def _sha256(pixels: memoryview, layout: Layout, syntax: str) -> str:
    digest = hashlib.sha256(repr((layout, syntax)).encode())
    digest.update(pixels)
    return digest.hexdigest()
