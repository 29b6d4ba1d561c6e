"""The stored pixel values of one file, before they mean anything."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scans.colour import is_read_as_grey
from scans.decoder import DECODERS, LITTLE_ENDIAN, SELF_DESCRIBING, can_decode, decode, syntax_name
from scans.dicomfile import open_regular, read_bytes
from scans.header import Header
from scans.needed import bits_fault
from scans.outcome import (
    BadValue,
    Colour,
    DecodeFailed,
    StillArriving,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)
from scans.pixelbytes import BIG_ENDIAN

MAX_BYTES = 2 << 30  # of one file's decoded pixels; a header that claims more lies


@dataclass(frozen=True, eq=False)
class Stored:
    """Pixel values as stored, with their sign, before rescale."""

    values: np.ndarray  # (frames, rows, columns), integers; of a film the one frame that stands for it
    is_padding: np.ndarray | None  # same shape, bool; None: nothing is padding


class Opener(Protocol):
    """Who opens a file whose content has to be understood: children of `scans.sandbox.pool`, for files from outside."""

    def decode(self, path: Path, header: Header) -> np.ndarray:
        """Decode the pixels of a file, as `decode_file`."""

    def table(self, path: Path, header: Header) -> np.ndarray:
        """Read the Modality LUT of a file, as `scans.values.lookup_table`."""


def read_stored(path: Path, header: Header, opener: Opener | None = None) -> Stored:
    """Read the pixel values of one file, of an ultrasound or a photograph in colour the luminance.

    Args:
        path: The file that the header was read from.
        header: What the header pass learned: plain pixels are taken from their offset, not parsed again.
        opener: Who reads all others; None: this very process.

    Raises:
        Colour: More than one sample a pixel, or a palette, of another family.
        BadValue: A size or a depth that no image has, or values that need more bits than the header says.
        TooLarge: The header claims more pixels than any scan has.
        UnsupportedSyntax: No decoder here reads the transfer syntax, or not at this depth.
        Truncated: Fewer pixels than the header promises.
        DecodeFailed: The decoder gave up.
        CodestreamDiffers: The compressed pixels are of another size than the header says.
        Gone, NotARegularFile, NoPermission, StillArriving: No longer the file whose header was read.
        OSError: The disk or the share failed, which is worth another try.
    """
    _check(header)
    order = _order(header)
    is_colour = is_read_as_grey(header)
    if order and header.pixel_offset is not None and not is_colour:
        words = _at_offset(path, header, header.pixel_offset, order)
    else:
        words = (opener.decode if opener else decode_file)(path, header)
    if words.size != n_pixels(header):
        raise DecodeFailed(f"{words.size} pixels decoded, {n_pixels(header)} expected")
    words = words.reshape(n_read(header), header.rows, header.columns)
    is_self_describing = DECODERS.get(header.transfer_syntax_uid) in SELF_DESCRIBING
    values = words if is_self_describing or is_colour else _meaningful_bits(words, header)
    is_padding = _padding(words, values, header)
    if values is not words:
        _require_no_other_bits(words, is_padding, header)
    return Stored(values, is_padding)


def decoded_digest(path: Path, header: Header, opener: Opener | None = None) -> str:
    """Return a digest that grey-scale copies of one image share, however losslessly they are compressed.

    Raises:
        Refusal: As `read_stored`.
        OSError: The disk or the share failed, which is worth another try.
    """
    values = read_stored(path, header, opener).values
    shape = (header.photometric, *values.shape)
    return hashlib.sha256(repr(shape).encode() + values.astype("<i8").tobytes()).hexdigest()


def decode_file(path: Path, header: Header) -> np.ndarray:
    """Decode the pixels of a file, see `scans.decoder.decode`; for hostile files, in a child process.

    Raises:
        Refusal: As `read_stored`.
        OSError: The disk or the share failed, which is worth another try.
    """
    content = read_bytes(path)
    if len(content) != header.size_bytes:
        raise _changed(header, len(content))
    return decode(content, header)


def _changed(header: Header, size: int) -> StillArriving:
    return StillArriving(f"{header.size_bytes} bytes when the header was read, {size} now")


def _check(header: Header) -> None:
    """Refuse what the header alone rules out, before a byte of the pixels is read."""
    is_grey = header.samples_per_pixel == 1 and header.photometric in ("MONOCHROME1", "MONOCHROME2")
    if not is_grey and not is_read_as_grey(header):
        raise Colour(f"{header.samples_per_pixel} samples a pixel")
    if fault := bits_fault(header.bits_allocated, header.bits_stored, header.high_bit):
        raise BadValue(fault)
    if n_pixels(header) < 1:
        raise BadValue(f"{header.n_frames} frames of {header.rows} x {header.columns} pixels")
    if n_pixels(header) * header.bits_allocated // 8 > MAX_BYTES:
        raise TooLarge(f"{header.n_frames} frames of {header.rows} x {header.columns} pixels")
    if not can_decode(header.transfer_syntax_uid):
        raise UnsupportedSyntax(syntax_name(header))


def n_read(header: Header) -> int:
    """Return how many frames are read: all that the header announces, or the one that stands for a film."""
    return header.n_frames if header.picture_frame is None else min(header.n_frames, 1)


def n_pixels(header: Header) -> int:
    """Return how many pixels are read."""
    return n_read(header) * header.rows * header.columns


def _order(header: Header) -> str:
    """Return the byte order of pixels that stand in the file as they are, "" where that has to be worked out."""
    if header.transfer_syntax_uid in LITTLE_ENDIAN:
        return "<"
    # Samples of 8 bits may have been swapped in pairs, and those of 32 as two words (PS3.5 A.3).
    return ">" if header.transfer_syntax_uid == BIG_ENDIAN and header.bits_allocated == 16 else ""


def _at_offset(path: Path, header: Header, offset: int, order: str) -> np.ndarray:
    dtype = np.dtype(f"{order}{'iu'[header.pixel_representation != 1]}{header.bits_allocated // 8}")
    offset += (header.picture_frame or 0) * header.rows * header.columns * dtype.itemsize
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size != header.size_bytes:
            raise _changed(header, size)
        there = max(0, size - offset) // dtype.itemsize
        if there < n_pixels(header):
            raise Truncated(f"{there} of {n_pixels(header)} pixels are there")
        file.seek(offset)
        words = np.fromfile(file, dtype, n_pixels(header))
    if len(words) < n_pixels(header):
        raise StillArriving(f"{len(words)} of {n_pixels(header)} pixels could be read")
    return words.astype(dtype.newbyteorder("="), copy=False)


def _meaningful_bits(words: np.ndarray, header: Header) -> np.ndarray:
    """Keep the stored bits only, with their sign: the others may hold overlays or rubbish (PS3.5 8.1.1)."""
    below = header.high_bit + 1 - header.bits_stored
    above = header.bits_allocated - header.high_bit - 1
    if above == 0 and below == 0:
        return words
    return (words << above) >> (above + below)  # on signed words the right shift brings the sign along


def _require_no_other_bits(words: np.ndarray, is_padding: np.ndarray | None, header: Header) -> None:
    """Refuse words whose other bits are neither clear, nor the sign, nor an overlay's, nor padding.

    Such a value is larger than the header allows, or the high bit is another one: cut to the stored bits, both
    would be a wrong number. A writer that extends the sign does so in every pixel (PS3.5 8.1.1, 8.1.2).
    """
    all_bits, top = (1 << header.bits_allocated) - 1, 1 << header.high_bit
    stored = ((1 << header.bits_stored) - 1) << (header.high_bit + 1 - header.bits_stored)
    other = all_bits & ~stored & ~sum(1 << bit for bit in header.overlay_bits)
    plain = words.view(f"u{words.dtype.itemsize}")
    if is_padding is not None:
        plain = plain[~is_padding]
    found = plain & other
    if not found.any():
        return
    expected = np.zeros_like(found)
    if header.pixel_representation == 1:
        extension = other & ~(top - 1)
        is_negative = (plain & top) != 0
        if (is_negative & (found == extension)).any():
            expected[is_negative] = extension
    if n_wrong := int((found != expected).sum()):
        raise BadValue(
            f"{n_wrong} pixels with bits outside the {header.bits_stored} stored ones below {header.high_bit + 1}"
        )


def padding_of(values: np.ndarray, header: Header) -> np.ndarray | None:
    """Return where stored values are what a header calls padding, same shape, bool; None: nowhere."""
    return _padding(values, values, header)


def _padding(words: np.ndarray, values: np.ndarray, header: Header) -> np.ndarray | None:
    """Return where the padding value stands, (frames, rows, columns) bool, or None.

    Some scanners write it over all allocated bits, others within the stored ones, and the tag often has the
    wrong sign, 63536 for -2000 (vtk-dicom#128). Source: PS3.3 C.7.5.1.1.2.
    """
    if header.padding_value is None:
        return None
    first = _as_word(header.padding_value, words.dtype)
    last = first if header.padding_limit is None else _as_word(header.padding_limit, words.dtype)
    low, high = min(first, last), max(first, last)
    is_padding = (words >= low) & (words <= high)
    if values is not words:
        is_padding |= (values >= low) & (values <= high)
    return is_padding if is_padding.any() else None


def _as_word(number: int, dtype: np.dtype) -> int:
    """Return a number as its bits read in the signedness of the pixels."""
    bits = 8 * dtype.itemsize
    word = number & ((1 << bits) - 1)
    return word - (1 << bits) if dtype.kind == "i" and word >> (bits - 1) else word
