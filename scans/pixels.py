"""The stored pixel values of one file, before they mean anything."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scans.decoder import DECODERS, LITTLE_ENDIAN, SELF_DESCRIBING, can_decode, decode, syntax_name
from scans.dicomfile import open_regular, read_bytes
from scans.header import Header
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

DEPTHS = (8, 16, 32)  # Bits Allocated of samples that fill whole bytes
MAX_BYTES = 2 << 30  # of one file's decoded pixels; a header that claims more lies


@dataclass(frozen=True, eq=False)
class Stored:
    """Pixel values as stored, with their sign, before rescale."""

    values: np.ndarray  # (frames, rows, columns), integers
    is_padding: np.ndarray | None  # same shape, bool; None: nothing is padding


class Opener(Protocol):
    """Who opens a file whose content has to be understood: children of `scans.guard`, for files from outside."""

    def decode(self, path: Path, header: Header) -> np.ndarray:
        """Decode the pixels of a file, as `decode_file`."""

    def table(self, path: Path, header: Header) -> np.ndarray:
        """Read the Modality LUT of a file, as `scans.values.lookup_table`."""


def read_stored(path: Path, header: Header, opener: Opener | None = None) -> Stored:
    """Read the pixel values of one grey-scale file.

    Args:
        path: The file that the header was read from.
        header: What the header pass learned: plain pixels are taken from their offset, not parsed again.
        opener: Who reads all others; None: this very process.

    Raises:
        Colour: More than one sample a pixel, or a palette.
        BadValue: A size or a depth that no image has.
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
    if order and header.pixel_offset is not None:
        words = _at_offset(path, header, header.pixel_offset, order)
    else:
        words = (opener.decode if opener else decode_file)(path, header)
    if words.size != n_pixels(header):
        raise DecodeFailed(f"{words.size} pixels decoded, {n_pixels(header)} expected")
    words = words.reshape(header.n_frames, header.rows, header.columns)
    is_self_describing = DECODERS.get(header.transfer_syntax_uid) in SELF_DESCRIBING
    values = words if is_self_describing else _meaningful_bits(words, header)
    return Stored(values, _padding(words, values, header))


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
    if header.samples_per_pixel != 1 or header.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise Colour(f"{header.samples_per_pixel} samples a pixel")
    if header.bits_allocated not in DEPTHS or not 1 <= header.bits_stored <= header.bits_allocated:
        raise BadValue(f"{header.bits_stored} bits stored of {header.bits_allocated} allocated")
    if not header.bits_stored <= header.high_bit + 1 <= header.bits_allocated:
        raise BadValue(f"high bit {header.high_bit} with {header.bits_stored} bits stored")
    if n_pixels(header) < 1:
        raise BadValue(f"{header.n_frames} frames of {header.rows} x {header.columns} pixels")
    if n_pixels(header) * header.bits_allocated // 8 > MAX_BYTES:
        raise TooLarge(f"{header.n_frames} frames of {header.rows} x {header.columns} pixels")
    if not can_decode(header.transfer_syntax_uid):
        raise UnsupportedSyntax(syntax_name(header))


def n_pixels(header: Header) -> int:
    """Return how many pixels the header announces."""
    return header.n_frames * header.rows * header.columns


def _order(header: Header) -> str:
    """Return the byte order of pixels that stand in the file as they are, "" where that has to be worked out."""
    if header.transfer_syntax_uid in LITTLE_ENDIAN:
        return "<"
    # Samples of 8 bits may have been swapped in pairs, and those of 32 as two words (PS3.5 A.3).
    return ">" if header.transfer_syntax_uid == BIG_ENDIAN and header.bits_allocated == 16 else ""


def _at_offset(path: Path, header: Header, offset: int, order: str) -> np.ndarray:
    dtype = np.dtype(f"{order}{'iu'[header.pixel_representation != 1]}{header.bits_allocated // 8}")
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
