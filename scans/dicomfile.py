"""The bytes of one file, and where in them the data set and its pixels lie."""

import errno
import io
import logging
import os
import stat
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import FileDataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from scans.fragments import fragments_of
from scans.outcome import (
    Gone,
    NoPermission,
    NotARegularFile,
    Refusal,
    StillArriving,
    TooLarge,
    Truncated,
    Unreadable,
)
from scans.tags import UNDEFINED
from scans.wrapped import refuse_wrapped

LARGEST_FILE = 4 * 2**30  # bytes; a whole-body CT in one enhanced object stays below 2 GiB
LARGEST_INFLATED = 2**29  # bytes; deflate makes one byte of up to 1032
DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
DEFLATED_WITHIN = 4096  # bytes at the start of a file, in which it says that it is deflated
SQUEEZED_STEP, INFLATED_STEP = 1 << 14, 1 << 20  # bytes in and out at once
PIXEL_TAGS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
LOGGERS = ("pydicom", "pylibjpeg", "openjpeg")  # their children inherit the level
SILENT = logging.CRITICAL + 1
_ONE_AT_A_TIME = threading.RLock()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A data set without its pixels, and where those are."""

    dataset: FileDataset
    has_preamble: bool
    transfer_syntax_uid: str
    syntax_guessed: bool
    pixel_element: str  # keyword, "" if the object has no pixels
    pixels: memoryview  # from the first byte of the value on; to the end of the file if encapsulated
    pixel_offset: int | None  # in the file; None if the data set is deflated
    is_undefined_length: bool
    twice: frozenset[int]  # tags that stand in the data set more than once; its last value is the one that is kept


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file; links are not followed and pipes never block.

    Raises:
        Gone, NoPermission, NotARegularFile, TooLarge, StillArriving: What the code says.
        OSError: The disk or the share failed, which is worth another try.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise TooLarge(f"{size} bytes in the file, at most {LARGEST_FILE}")
        content = file.read()
    if len(content) != size:
        raise StillArriving(f"{size} bytes were announced, {len(content)} read")
    return content


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; links are not followed and pipes never block.

    Raises:
        Gone, NoPermission, NotARegularFile: What the code says.
        OSError: The disk or the share failed, which is worth another try.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise Gone() from None
    except PermissionError:
        raise NoPermission() from None
    except OSError as error:
        if path.is_symlink() or error.errno in (errno.ENXIO, errno.ELOOP):  # a socket; a link
            raise NotARegularFile() from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotARegularFile()
    return open(handle, "rb", buffering=0)


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Collect what pydicom warns of instead of printing or logging it.

    A warning may quote a value, and a value may be a name. One thread at a time: the filters that
    Python keeps for warnings belong to the whole process.
    """
    texts: list[str] = []
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loud = [(logger, logger.level) for logger in map(logging.getLogger, LOGGERS) if logger.level != SILENT]
        silence_libraries()
        try:
            yield texts
        finally:
            for logger, level in loud:
                logger.setLevel(level)
            texts.extend(str(warning.message) for warning in caught)


def silence_libraries() -> None:
    """Let no library that reads files log anything in this process, or until `quiet` ends."""
    for logger in map(logging.getLogger, LOGGERS):
        if logger.level != SILENT:  # to set a level empties a cache of all loggers
            logger.setLevel(SILENT)


def parse(content: bytes, tags: Sequence[int]) -> Parsed:
    """Parse the elements with the given tags, those before the pixels and those behind. Call it inside `quiet`.

    Raises:
        TooLarge: It is deflated, and far larger than it looks.
        PackedFiles: Not a DICOM file, but perhaps several.
        NotConformant: Not a DICOM file, but one within something else.
        Truncated: It ends inside an element.
        Unreadable: The structure breaks.
        Exception: Whatever pydicom raises on damaged bytes.
    """
    has_preamble = content[128:132] == b"DICM"
    if DEFLATED in content[:DEFLATED_WITHIN] and _is_deflated(content, has_preamble):
        return _deflated(content, tags, has_preamble)
    if not has_preamble:
        refuse_wrapped(content)
    file = io.BytesIO(content)
    seen = _Seen()

    def at_pixels(number: BaseTag, vr: str | None, length: int) -> bool:
        return seen.stops_at(number, length, file.tell())

    dataset = read_partial(file, at_pixels, force=not has_preamble, specific_tags=list(tags))
    syntax = str(dataset.file_meta.get("TransferSyntaxUID") or "")
    if syntax == DeflatedExplicitVRLittleEndian:
        raise Unreadable(f"a deflated file that does not say so within {DEFLATED_WITHIN} bytes")
    if not seen.pixels:
        _check_end(file, len(content), has_preamble)
    offset, length = seen.offset, seen.length
    end = len(content) if length == UNDEFINED else min(offset + length, len(content))
    pixels = memoryview(content)[offset:end]
    if seen.pixels:
        _read_behind(content, offset + _length(pixels, length), dataset, tags, seen)
    return Parsed(
        dataset=dataset,
        has_preamble=has_preamble,
        transfer_syntax_uid=syntax or _guess_syntax(dataset),
        syntax_guessed=not syntax,
        pixel_element=PIXEL_TAGS.get(seen.pixels, ""),
        pixels=pixels,
        pixel_offset=offset if seen.pixels else None,
        is_undefined_length=length == UNDEFINED,
        twice=frozenset(seen.twice),
    )


class _Seen:
    """Which tags a parser came by, and where the pixels are."""

    def __init__(self) -> None:
        self.pixels = 0  # the tag of the first pixels
        self.offset = self.length = 0
        self.tags: set[int] = set()
        self.twice: set[int] = set()

    def stops_at(self, number: int, length: int, offset: int) -> bool:
        """Note a tag of the data set itself, not of its items; stop at the pixels."""
        number = int(number)
        if number in self.tags or (number in PIXEL_TAGS and self.pixels):  # one image, in one of three elements
            self.twice.add(number)
        self.tags.add(number)
        if number in PIXEL_TAGS and not self.pixels:
            self.pixels, self.offset, self.length = number, offset, length
        return number in PIXEL_TAGS


def _length(pixels: memoryview, length: int) -> int:
    """Return how many bytes the pixels take; all that is left where they do not end as they should."""
    if length != UNDEFINED:
        return len(pixels)
    try:
        return fragments_of(pixels).length
    except Refusal:  # `scans.pixelbytes` says so, in its turn
        return len(pixels)


def _read_behind(content: bytes, start: int, dataset: FileDataset, tags: Sequence[int], seen: _Seen) -> None:
    """Add the elements that stand behind the pixels: in a file whose order is broken, what the pixels mean.

    Bytes there that are no elements are none of ours, unless there are such elements before them.

    Raises:
        Unreadable: The structure breaks behind the pixels, and the pixels may need what stood there.
    """
    rest = content[start:]
    if not rest.strip(b"\0"):
        return
    before = set(seen.tags)

    def at_pixels(number: BaseTag, vr: str | None, length: int) -> bool:
        return seen.stops_at(number, length, 0)

    try:
        is_implicit, is_little = dataset.original_encoding
        more = read_dataset(
            io.BytesIO(rest), bool(is_implicit), is_little is not False, stop_when=at_pixels, specific_tags=list(tags)
        )
        dataset.update({number: more.get_item(number) for number in more.keys() if number in tags})  # noqa: SIM118
    except Exception:  # whatever pydicom raises on what is not DICOM
        if set(tags) & (seen.tags - before):
            raise Unreadable("the structure breaks behind the pixels") from None


def _is_deflated(content: bytes, has_preamble: bool) -> bool:
    """Read the transfer syntax; refuse a data set that would fill the memory, keeping nothing of what comes out."""
    file = io.BytesIO(content)
    file.seek(132 if has_preamble else 0)
    meta = read_dataset(
        file, is_implicit_VR=False, is_little_endian=True, stop_when=lambda number, vr, length: number >> 16 != 2
    )
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return False
    inflater, n_bytes = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while (rest := file.read(SQUEEZED_STEP)) and not inflater.eof:
        while rest:
            n_bytes += len(inflater.decompress(rest, INFLATED_STEP))
            rest = inflater.unconsumed_tail
            if n_bytes > LARGEST_INFLATED:
                raise TooLarge(f"more than {LARGEST_INFLATED} bytes in a deflated file of {len(content)}")
    return True


def _deflated(content: bytes, tags: Sequence[int], has_preamble: bool) -> Parsed:
    """Parse a deflated data set; its pixels have no place in the file."""
    seen = _Seen()

    def note(number: BaseTag, vr: str | None, length: int) -> bool:
        seen.stops_at(number, length, 0)
        return False

    dataset = read_partial(io.BytesIO(content), note, force=not has_preamble, specific_tags=[*tags, *PIXEL_TAGS])
    number = next((n for n in PIXEL_TAGS if n in dataset), 0)
    value = dataset.get_item(number).value if number else b""
    return Parsed(
        dataset=dataset,
        has_preamble=has_preamble,
        transfer_syntax_uid=str(DeflatedExplicitVRLittleEndian),
        syntax_guessed=False,
        pixel_element=PIXEL_TAGS.get(number, ""),
        pixels=memoryview(value if isinstance(value, bytes) else b""),
        pixel_offset=None,
        is_undefined_length=seen.length == UNDEFINED,
        twice=frozenset(seen.twice),
    )


def _check_end(file: io.BytesIO, size: int, has_preamble: bool) -> None:
    """Refuse a data set without pixels whose parsing did not end where the file ends."""
    end = file.tell()
    if not has_preamble:
        return  # the caller refuses it: without preamble, pixels are required
    if end > size:
        raise Truncated(f"the last element ends at byte {end}, the file at {size}")
    if end < size:
        raise Unreadable(f"the structure breaks at byte {end} of {size}")


def _guess_syntax(dataset: FileDataset) -> str:
    is_implicit, is_little_endian = dataset.original_encoding
    if is_implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if is_little_endian else "1.2.840.10008.1.2.2"
