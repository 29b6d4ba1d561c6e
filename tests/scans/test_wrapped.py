"""What may hold scans is never "not DICOM, nothing to do", whatever it is called; what holds none is no alarm."""

import base64
import binascii
import bz2
import email.mime.application
import email.mime.multipart
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scans.header import read_header
from scans.outcome import Refusal

Save = Callable[..., Path]


def code_of(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    try:
        read_header(path)
    except Refusal as refused:
        return refused.code
    return ""


def tar(content: bytes, kind: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=kind) as file:
        one = tarfile.TarInfo("scan/0.dcm")
        one.size = len(content)
        file.addfile(one, io.BytesIO(content))
    return packed.getvalue()


def old_tar(content: bytes) -> bytes:
    """Return a tar as before POSIX: no mark, but the sum of the first block's bytes."""
    packed = bytearray(tar(content, tarfile.USTAR_FORMAT))
    packed[257:512] = bytes(255)
    packed[148:156] = b" " * 8
    packed[148:156] = b"%06o\0 " % sum(packed[:512])
    return bytes(packed)


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("0.dcm", content)
    return packed.getvalue()


def raw_cd(content: bytes) -> bytes:
    return bytes(16 * 2352 + 16) + b"\x01CD001\x01" + bytes(2041) + content


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar ustar": lambda c: tar(c, tarfile.USTAR_FORMAT),
    "tar gnu": lambda c: tar(c, tarfile.GNU_FORMAT),
    "tar pax": lambda c: tar(c, tarfile.PAX_FORMAT),
    "tar old": old_tar,
    "zip": zipped,
    "empty zip": lambda c: zipped(c)[-22:],
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda c: lzma.compress(c, lzma.FORMAT_ALONE),
    "iso": lambda c: bytes(32769) + b"CD001" + bytes(2042) + c,
    "udf": lambda c: bytes(32769) + b"BEA01" + bytes(2042) + c,
    "joliet": lambda c: bytes(32769 + 2048) + b"CD001" + bytes(2042) + c,
    "raw cd": raw_cd,
    "fat": lambda c: b"\xeb\x3c\x90mkfs.fat" + bytes(43) + b"FAT16   " + bytes(448) + b"\x55\xaa" + c,
    "ntfs": lambda c: b"\xeb\x52\x90NTFS    " + bytes(501) + c,
    "ext4": lambda c: bytes(1080) + b"\x53\xef\x01\0" + c,
    "zst": lambda c: b"\x28\xb5\x2f\xfd" + c,
    "zst with a frame to skip": lambda c: b"\x50\x2a\x4d\x18" + bytes(8) + c,
    "lz4": lambda c: b"\x04\x22\x4d\x18" + c,
    "7z": lambda c: b"7z\xbc\xaf\x27\x1c" + c,
    "rar": lambda c: b"Rar!\x1a\x07\0" + c,
    "rar5": lambda c: b"Rar!\x1a\x07\x01\0" + c,
    "cab": lambda c: b"MSCF\0\0\0\0" + c,
    "Z": lambda c: b"\x1f\x9d\x90" + c,
    "ar": lambda c: b"!<arch>\n" + c,
    "cpio": lambda c: b"070701" + b"0" * 104 + c,
    "lha": lambda c: b"\x20\x30-lh5-" + c,
    "sit": lambda c: b"SIT!\0\x01\0\0\0\0rLau" + c,
    "lzip": lambda c: b"LZIP\x01" + c,
    "arj": lambda c: b"\x60\xea" + c,
}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_told_by_its_content(save: Save, tmp_path: Path, name: str) -> None:
    assert code_of(tmp_path / "IM0001.dcm", PACKED[name](save().read_bytes())) == "packed"


def by_mail(content: bytes) -> bytes:
    mail = email.mime.multipart.MIMEMultipart("related")
    mail["Subject"] = "the scan"
    mail.attach(email.mime.application.MIMEApplication(content, "dicom"))
    return mail.as_bytes()


def uuencoded(content: bytes) -> bytes:
    lines = [binascii.b2a_uu(content[i : i + 45]) for i in range(0, len(content), 45)]
    return b"begin 644 scan.dcm\n" + b"".join(lines) + b"`\nend\n"


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "uuencode": uuencoded,
    "hexadecimal": lambda c: c.hex().upper().encode(),
    "xml": lambda c: b'<?xml version="1.0"?>\n<NativeDicomModel xml:space="preserve"></NativeDicomModel>',
    "multipart": lambda c: b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + c + b"\r\n--edge--\r\n",
    "web answer": lambda c: b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related\r\n\r\n--x\r\n\r\n" + c,
    "no preamble": lambda c: c[128:],
    "half a preamble": lambda c: c[64:],
    "MacBinary": lambda c: b"\0\x06IM0001" + bytes(120) + c,
    "far behind": lambda c: bytes(70_000) + c,
    "mail": by_mail,
    "base64": base64.encodebytes,
    "base64 without preamble": lambda c: base64.b64encode(c[128:]),
    "base64 of a file with a preamble": lambda c: base64.encodebytes(b"II*\0" + c[4:]),
    "the mark alone": lambda c: b"DICM",
}


@pytest.mark.parametrize("content", [bytes(4000) + b"koly" + bytes(508), b"LRZI\0\6" + bytes(99)])
def test_an_image_of_an_apple_disk_and_an_lrzip_are_packed(tmp_path: Path, content: bytes) -> None:
    assert code_of(tmp_path / "file", content) == "packed"


@pytest.mark.parametrize("name", WRAPPED)
def test_a_file_within_something_else_is_for_a_person_to_look_at(save: Save, tmp_path: Path, name: str) -> None:
    assert code_of(tmp_path / "scan", WRAPPED[name](save().read_bytes())) == "not-conformant"


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(file, kind)
    return file.getvalue()


ORDINARY: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"Archive of scans, see DICM in PS3.10\n" * 99,
    "words in hexadecimal": lambda: b"The mark of DICOM is 4449434D.\n" * 9,
    "xml": lambda: b'<?xml version="1.0"?><Study/>',
    "pdf": lambda: b"%PDF-1.7\n" + bytes(3000),
    "jpeg": lambda: picture("JPEG"),
    "png": lambda: picture("PNG"),
    "tiff": lambda: picture("TIFF"),
    "gif": lambda: picture("GIF"),
    "program": lambda: Path(sys.executable).resolve().read_bytes()[:200_000],
    "script": lambda: b"#!/bin/sh\necho DICM\n",
    "table": lambda: b"070701;5;6\n" * 200,
    "words": lambda: b"BZh is no word, ZOO is one: SIT! EGGA\n" * 60,
    "zeros": lambda: bytes(40_000),
    "noise": lambda: np.random.default_rng(1).bytes(40_000),
    "html": lambda: b"<!doctype html>" * 50,
    "sqlite": lambda: b"SQLite format 3\0" + bytes(4000),
    "mp4": lambda: b"\0\0\0\x20ftypisom" + bytes(4000),
    "mark in a text": lambda: b"DICM is the mark of a DICOM file\n",
    "source": lambda: Path(__file__).read_bytes(),
    "base64": lambda: base64.encodebytes(np.random.default_rng(2).bytes(9000)),
    "nifti": lambda: b"\x5c\x01\0\0" + bytes(5000),
    "lists of numbers": lambda: b"123 456 12345  0 99\n" * 200,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_file_is_no_alarm(tmp_path: Path, name: str) -> None:
    assert code_of(tmp_path / "file", ORDINARY[name]()) == "not-dicom"


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"MZ", b"\x1f\x8b"])
def test_a_good_file_may_bear_anything_in_its_preamble(save: Save, tmp_path: Path, start: bytes) -> None:
    assert code_of(tmp_path / "good", start + save().read_bytes()[len(start) :]) == ""
