"""Files that are no DICOM file themselves and hold some: archives, images of disks, mails and web answers.

Told by content alone, from a few places at the start: a name ends in whatever people like.
"""

import re

from scans.outcome import NotConformant, PackedFiles

STARTS = (  # of archives and of packed single files
    b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"\x1f\x8b", b"\x1f\x9d", b"\x1f\xa0", b"\x1f\x1e",
    b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"RE~^", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
    b"\x02\x21\x4c\x18", b"LZIP\x01", b"\x89LZO\x00\r\n\x1a\n", b"MSCF\0\0\0\0", b"ISc(", b"\x60\xea",
    b"!<arch>\n", b"\xc7\x71", b"\x71\xc7", b"StuffIt (c)", b"MSWIM\0\0\0", b"xar!\0", b"hsqs", b"sqsh",
    b"\xed\xab\xee\xdb", b"\xff\x06\x00\x00sNaPpY", b"7kSt\xa0", b"ALZ\x01", b"EGGA\0", b"SZDD\x88\xf0",
    b"KWAJ\x88\xf0", b"conectix", b"KDMV\x01\0\0\0", b"QFI\xfb", b"vhdxfile", b"LRZI",
    b"(This file must be converted with BinHex",
)  # fmt: skip
AT = (  # further marks and where they stand
    (0, re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")),
    (0, re.compile(rb"07070[12][0-9A-Fa-f]{104}|070707[0-7]{70}")),  # cpio
    (0, re.compile(rb"ZOO \d\.\d\d Archive|SIT!.{6}rLau", re.DOTALL)),
    (0, re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")),  # zstd and lz4: a frame to skip
    (0, re.compile(rb"\x5d\0\0..(?:\xff{8}|.{5}\0\0\0)", re.DOTALL)),  # lzma
    (2, re.compile(rb"-l[hz][0-9sd]-")),  # lha
    (7, re.compile(rb"\*\*ACE\*\*")),
    (3, re.compile(rb"NTFS    |EXFAT   ")),
    (54, re.compile(rb"FAT1[26]   ")),
    (82, re.compile(rb"FAT32   ")),
    (1080, re.compile(rb"\x53\xef[\x01-\x04]\0")),  # ext2 to ext4
)
SECTOR, VOLUME = 2048, 16  # ECMA-119 6.1.2, 6.2.1: sector 16 describes the volume
RAW_SECTOR, RAW_HEADS = 2352, (16, 24)  # of a copy of a CD with its error correction; bytes in front of the 2048
DESCRIPTORS = (b"CD001", b"BEA01", b"NSR02", b"NSR03", b"BOOT2", b"CDW02", b"TEA01")  # ECMA-119 8.1.2, ECMA-167 2/9.1
MOST_DESCRIPTORS = 8
TAR_BLOCK, TAR_SUM = 512, slice(148, 156)
# The mark and the first element of the meta information behind it, group length or version: PS3.10 7.1.
MARK = re.compile(rb"DICM\x02\0[\0-\xff]\0(?:UL\x04\0|OB\0\0|UI|[\x01-\x80]\0\0\0)")
MARK_IN_BASE64 = (b"ESUNNAgA", b"RElDTQIA")  # the same at byte 128, or at the start; mails wrap lines elsewhere
TEXTS = (  # that hold an object, and what they are
    (re.compile(rb"\A\s*(?:<[?!][^>]*>\s*)*<(?:\w+:)?NativeDicomModel\b"), "an object written as XML"),  # PS3.19 A.1
    (re.compile(rb"\bbegin [0-7]{3} .*!\$24--", re.DOTALL), "a DICOM file written by uuencode"),
    (re.compile(rb"4449434d0200[0-9a-f]{2}00", re.IGNORECASE), "a DICOM file written as hexadecimal digits"),
)
DISK_END, DISK_TRAILER = b"koly", 512  # of Apple's images of disks, and how many bytes before the end
PREAMBLE = 128  # bytes
HEAD = 512  # bytes that tell a text


def refuse_wrapped(content: bytes) -> None:
    """Refuse what is no DICOM file and holds or may hold some.

    Raises:
        PackedFiles: An archive, or the image of a disk.
        NotConformant: The mark of a DICOM file stands somewhere else than at byte 128.
    """
    if is_packed(content):
        raise PackedFiles()
    if content.rstrip(b"\0\r\n ") == b"DICM":
        raise NotConformant(f"nothing but the mark DICM, at byte 0 in place of {PREAMBLE}")
    if found := MARK.search(content):
        raise NotConformant(f"the mark DICM stands at byte {found.start()}, at {PREAMBLE} is wanted")
    if content[:HEAD].isascii() and any(mark in content for mark in MARK_IN_BASE64):
        raise NotConformant("a DICOM file written as base64 text")
    if content[:HEAD].isascii() and (told := next((words for mark, words in TEXTS if mark.search(content)), "")):
        raise NotConformant(told)


def is_packed(content: bytes) -> bool:
    """Say whether bytes are an archive, something packed or the image of a disk."""
    if content.startswith(STARTS) or any(pattern.match(content, at) for at, pattern in AT):
        return True
    return _is_tar(content[:TAR_BLOCK]) or _is_disc(content) or content[-DISK_TRAILER:].startswith(DISK_END)


def _is_tar(block: bytes) -> bool:
    """Tell a tar by its first block: the sum of its bytes stands in it, also in those older than the mark "ustar"."""
    if len(block) < TAR_BLOCK or not block[0]:
        return False
    told = block[TAR_SUM].strip(b" \0")
    total = sum(block) - sum(block[TAR_SUM]) + 8 * ord(" ")
    return bool(re.fullmatch(rb"[0-7]{1,7}", told)) and int(told, 8) == total


def _is_disc(content: bytes) -> bool:
    """Tell the image of a CD or DVD (ISO 9660 or UDF) by its descriptors."""
    places = [number * SECTOR for number in range(VOLUME, VOLUME + MOST_DESCRIPTORS)]
    places += [VOLUME * RAW_SECTOR + head for head in RAW_HEADS]
    return any(content.startswith(DESCRIPTORS, place + 1) for place in places)
