"""Hostile files: each would fill the memory, hang, crash or mislead a reader that believes what it reads.

All are X-rays of 64 x 64 pixels but for the one thing that is wrong, so that nothing else refuses them.
"""

import os
import socket
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import DigitalXRayImageStorageForPresentation, MediaStorageDirectoryStorage

from scans.dicomfile import LARGEST_FILE
from scans.phantoms.scanner import DEFLATED, EXPLICIT_LITTLE, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE, Storage
from scans.phantoms.stored import add_pixels, pixel_data
from scans.phantoms.template import whole_file

SIDE, BITS = 64, 12
HUGE = 30_000  # 30000 x 30000 pixels are below what one file may have
LONG = 60_000  # the most rows that a JPEG can announce is 65535
DEEP = 5_000  # sequences in each other
INFLATED_STEP, INFLATED_STEPS = 1 << 24, 160  # 2.5 GiB of zeros
ITEM, ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
PREAMBLES = {
    "pe": b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(9),
    "zip": b"PK\x03\x04\x14" + bytes(25),
}


@dataclass(frozen=True)
class Damage:
    """One hostile file and the code that it must end with; "used": its image is right, whatever else it is."""

    name: str
    code: str
    content: bytes


def hostile_files() -> Iterator[Damage]:
    """Yield every hostile kind that is a file's content."""
    yield Damage("deflate-bomb", "too-large", _deflate_bomb())
    yield from _codestreams()
    yield Damage("rle-bomb", "codestream-differs", _xray("rle-bomb", RLE, Rows=15_000, Columns=15_000))
    yield Damage("lying-rows", "truncated", _xray("lying-rows", Rows=LONG, Columns=10_000))
    yield Damage("lying-frames", "too-large", _xray("lying-frames", NumberOfFrames=2_000_000_000))
    yield Damage("lying-frames-within-limits", "truncated", _xray("lying-frames-within-limits", NumberOfFrames=9))
    yield Damage("lying-fragment", "truncated", _lying_fragment())
    yield Damage("endless-sequence", "unreadable", _with_sequences((ITEM + ITEM_END) * 2_000, is_last=True))
    yield Damage("slow-sequence", "took-too-long", _with_sequences(ITEM * 200_000))
    yield Damage("deep-sequence", "nested-too-deep", _with_sequences((ITEM + _opened_sequence()) * DEEP))
    yield Damage("giant-element", "truncated", _giant_element())
    for number, uid in enumerate(("../../../etc/passwd", "/etc/passwd", "..", "1.2/../../3")):
        name = f"path-in-uid-{number}"
        plain = _xray(name, SOPInstanceUID=(stand_in := "9" * len(uid)))
        yield Damage(name, "missing-uid", plain.replace(stand_in.encode(), uid.encode()))
    yield Damage("path-in-dicomdir", "dicomdir", _dicomdir())
    for kind, preamble in PREAMBLES.items():
        plain = _xray(f"polyglot-{kind}")
        yield Damage(f"polyglot-{kind}", "used", preamble.ljust(128, b"\0") + plain[128:])


def write_hostile_files(folder: Path) -> dict[str, str]:
    """Write every hostile kind, links, pipes, sockets and devices as well; returns the code of each by name."""
    folder.mkdir(parents=True, exist_ok=True)
    codes = {}
    for damage in hostile_files():
        (folder / damage.name).write_bytes(damage.content)
        codes[damage.name] = damage.code
    with open(folder / "giant-file", "wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    return codes | {"giant-file": "too-large"} | dict.fromkeys(_write_special(folder), "not-a-regular-file")


def _write_special(folder: Path) -> list[str]:
    """Make what is no regular file; devices only where this account may."""
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "link-to-nothing").symlink_to("nothing")
    (folder / "link-to-itself").symlink_to("link-to-itself")
    (folder / "link-to-folder").symlink_to("/", target_is_directory=True)
    os.mkfifo(folder / "fifo")
    made = ["link", "link-to-nothing", "link-to-itself", "link-to-folder", "fifo"]
    with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):  # the path may be too long for one
        listener.bind(str(folder / "socket"))
        made.append("socket")
    with suppress(OSError):
        os.mknod(folder / "device", stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero never ends
        made.append("device")
    return made


def _xray(name: str, syntax: str = EXPLICIT_LITTLE, **changes: Any) -> bytes:
    """Return the file of an X-ray; changes by keyword are made after the pixels were encoded."""
    dataset = _dataset(name)
    add_pixels(dataset, _picture(), Storage(syntax, bits_stored=BITS))
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    return whole_file(dataset, syntax)


def _dataset(name: str) -> Dataset:
    number = zlib.crc32(name.encode())
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = DigitalXRayImageStorageForPresentation, "DX"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"2.25.{number}", f"2.25.{number}.1"
    dataset.SOPInstanceUID = f"2.25.{number}.1.1"
    dataset.PatientID, dataset.PatientName, dataset.PatientSex = f"H{number}", "Hostile^File", "O"
    dataset.StudyDate, dataset.AcquisitionDate, dataset.AcquisitionTime = "20240305", "20240305", "101500"
    dataset.ImageType, dataset.BodyPartExamined, dataset.ViewPosition = ["ORIGINAL", "PRIMARY"], "CHEST", "PA"
    dataset.ImagerPixelSpacing = ["2", "2"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.Rows, dataset.Columns = SIDE, SIDE
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    return dataset


def _picture() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.asarray(2 * y + x, dtype=np.uint16)


def _codestreams() -> Iterator[Damage]:
    """Yield pictures whose codestream announces more than the header, and such where both announce too much."""
    for name, syntax, rows_at, columns_at, wide in (
        ("jpeg", JPEG_LOSSLESS, (b"\xff\xc3", 5), (b"\xff\xc3", 7), 2),
        ("jpeg-ls", JPEG_LS, (b"\xff\xf7", 5), (b"\xff\xf7", 7), 2),
        ("jpeg-2000", JPEG_2000, (b"\xff\x51", 10), (b"\xff\x51", 6), 4),
    ):
        for kind, code, side, header in (
            ("bomb", "codestream-differs", LONG, SIDE),
            ("huge", "too-much-memory", HUGE, HUGE),
        ):
            dataset = _dataset(f"{name}-{kind}")
            codestream = bytearray(_encoded(syntax))
            for marker, place in (rows_at, columns_at):
                at = codestream.index(marker) + place
                codestream[at : at + wide] = side.to_bytes(wide, "big")
            dataset.Rows = dataset.Columns = header
            dataset.PixelData = encapsulate([bytes(codestream)])
            dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
            yield Damage(f"{name}-{kind}", code, whole_file(dataset, syntax))


def _encoded(syntax: str) -> bytes:
    """Return the codestream of the picture, without the item around it."""
    value = pixel_data(_picture(), Storage(syntax, bits_stored=BITS))
    return next(generate_frames(value, number_of_frames=1))


def _lying_fragment() -> bytes:
    content = _xray("lying-fragment", JPEG_2000)
    at = content.index(b"\xff\x4f\xff\x51") - 4
    return content[:at] + struct.pack("<I", 0xFFFFFF00) + content[at + 4 :]


def _opened_sequence() -> bytes:
    return struct.pack("<HH2sHI", 0x0040, 0x0555, b"SQ", 0, 0xFFFFFFFF)  # AcquisitionContextSequence


def _with_sequences(content: bytes, *, is_last: bool = False) -> bytes:
    """Return an X-ray with a sequence that never ends before its pixels, or in their place."""
    plain = _xray(f"sequence of {len(content)}")
    at = plain.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    return plain[:at] + _opened_sequence() + content + (b"" if is_last else plain[at:])


def _giant_element() -> bytes:
    plain = _xray("giant-element")
    at = plain.index(struct.pack("<HH2s", 0x7FE0, 0x0010, b"OW"))
    return plain[:at] + struct.pack("<HH2sHI", 0x0042, 0x0011, b"OB", 0, 0xFFFFFFF0) + plain[at:]


def _deflate_bomb() -> bytes:
    """Return a deflated X-ray with 2.5 GiB of zeros behind it, in 2.6 MB."""
    plain = _xray("deflate-bomb")
    head = whole_file(_dataset("deflate-bomb"), DEFLATED)
    start = plain.index(struct.pack("<HH2s", 0x0008, 0x0008, b"CS"))
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    stream = squeezer.compress(plain[start:]) + squeezer.flush(zlib.Z_FULL_FLUSH)
    step = squeezer.compress(bytes(INFLATED_STEP)) + squeezer.flush(zlib.Z_FULL_FLUSH)  # forgets what was before
    return head[: _end_of_meta(head)] + stream + step * INFLATED_STEPS + squeezer.flush(zlib.Z_FINISH)


def _end_of_meta(content: bytes) -> int:
    return 144 + int(struct.unpack_from("<I", content, 140)[0])  # by the group length, PS3.10 7.1


def _dicomdir() -> bytes:
    """Return a directory of a medium that points outside of it."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MediaStorageDirectoryStorage, "2.25.1"
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["XX", "XX", "ETC", "PASSWD"]
    record.ReferencedSOPInstanceUIDInFile = "2.25.2"
    dataset.DirectoryRecordSequence = DicomSequence([record])
    return whole_file(dataset, EXPLICIT_LITTLE).replace(b"XX\\XX", b"..\\..")  # pydicom would not write it
