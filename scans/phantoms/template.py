"""Many files that differ in a few elements: what they share is encoded once.

Writing a slice of a CT through pydicom costs several milliseconds, nearly all of it for elements that
are the same in every slice.
"""

import struct
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from scans.phantoms.scanner import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE

IMPLEMENTATION_UID = "2.25.305323148160212346402513526254018123470"
IMPLEMENTATION_NAME = "SCANTWIN_PHANTOM"


class Template:
    """A dataset with places that are filled anew for every file."""

    def __init__(self, dataset: Dataset, changing: Sequence[str], transfer_syntax: str) -> None:
        """Encode what stays.

        Args:
            dataset: Everything; values of the changing elements do not matter.
            changing: Keywords of the elements that change.
            transfer_syntax: A UID; not the deflated one, which has no pieces.
        """
        if transfer_syntax == DEFLATED:
            raise ValueError("a deflated file is one piece and has no template")
        self._syntax = transfer_syntax
        self._class_uid = str(dataset.SOPClassUID)
        self._keywords = sorted(changing, key=Tag)
        self._pieces = self._encode_pieces(dataset)

    def fill(self, values: Dataset) -> bytes:
        """Return a DICOM Part 10 file; `values` holds all changing elements."""
        parts = [_file_head(self._class_uid, str(values.SOPInstanceUID), self._syntax), self._pieces[0]]
        for keyword, piece in zip(self._keywords, self._pieces[1:], strict=True):
            one = Dataset()
            one.add(values[keyword])
            parts += [self._encode(one), piece]
        return b"".join(parts)

    def _encode_pieces(self, dataset: Dataset) -> list[bytes]:
        """Encode the runs of elements before, between and after the changing ones."""
        pieces = []
        bounds = [Tag(0), *(Tag(keyword) for keyword in self._keywords), Tag(0xFFFFFFFF)]
        for low, high in pairwise(bounds):
            run = Dataset()
            for element in dataset:
                if low < element.tag < high:
                    run.add(element)
            pieces.append(self._encode(run))
        return pieces

    def _encode(self, dataset: Dataset) -> bytes:
        buffer = DicomBytesIO()
        buffer.is_little_endian = self._syntax != EXPLICIT_BIG
        buffer.is_implicit_VR = self._syntax == IMPLICIT_LITTLE
        write_dataset(buffer, dataset)
        return buffer.getvalue()


def whole_file(dataset: Dataset, transfer_syntax: str) -> bytes:
    """Return a DICOM Part 10 file of any dataset, in any transfer syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID(IMPLEMENTATION_UID), IMPLEMENTATION_NAME
    dataset.file_meta = meta
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _file_head(class_uid: str, instance_uid: str, transfer_syntax: str) -> bytes:
    """Return preamble and file meta information. Source: PS3.10 7.1."""
    elements = b"".join(
        (
            struct.pack("<HH2s2xIH", 2, 0x0001, b"OB", 2, 0x0100),
            _meta(0x0002, b"UI", class_uid),
            _meta(0x0003, b"UI", instance_uid),
            _meta(0x0010, b"UI", transfer_syntax),
            _meta(0x0012, b"UI", IMPLEMENTATION_UID),
            _meta(0x0013, b"SH", IMPLEMENTATION_NAME),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def _meta(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode() + (b"\x00" if vr == b"UI" else b" ") * (len(text) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
