"""Which library decodes which transfer syntax.

Written here once, so that a volume never depends on what else happens to be installed or on the order of
pydicom's plugins. pydicom parses the file and cuts the frames; a library decodes one frame.
"""

import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from scans.dicomfile import quiet
from scans.header import Header
from scans.outcome import DecodeFailed, UnsupportedSyntax

LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")  # implicit, explicit
NATIVE = (*LITTLE_ENDIAN, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")  # and deflated, big endian

# One decoder for each compressed syntax and no second try. openjpeg keeps the depth of the codestream
# (pydicom#2073), gdcm loses the sign of JPEG-LS (pydicom#2009), and pydicom's RLE needs no library at all.
DECODERS: Mapping[str, str] = {
    "1.2.840.10008.1.2.5": "pydicom",  # RLE Lossless
    "1.2.840.10008.1.2.4.50": "gdcm",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51": "gdcm",  # JPEG Extended; of 8 bit only
    "1.2.840.10008.1.2.4.57": "gdcm",  # JPEG Lossless
    "1.2.840.10008.1.2.4.70": "gdcm",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": "pyjpegls",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.90": "pylibjpeg",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91": "pylibjpeg",  # JPEG 2000
    "1.2.840.10008.1.2.4.201": "pylibjpeg",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202": "pylibjpeg",  # HTJ2K Lossless RPCL
    "1.2.840.10008.1.2.4.203": "pylibjpeg",  # HTJ2K
}
SELF_DESCRIBING = ("pyjpegls", "pylibjpeg")  # pydicom applies depth and sign as the codestream has them


def can_decode(transfer_syntax_uid: str) -> bool:
    """Return whether this installation reads pixels of a transfer syntax."""
    if transfer_syntax_uid in NATIVE:
        return True
    plugin = DECODERS.get(transfer_syntax_uid)
    return plugin is not None and plugin in get_decoder(UID(transfer_syntax_uid)).available_plugins


def syntax_name(header: Header) -> str:
    """Return the standard's name of the transfer syntax; a private UID may tell where a file is from."""
    name = UID(header.transfer_syntax_uid, IGNORE).name  # it may be no UID at all
    return "a transfer syntax outside the standard" if name == header.transfer_syntax_uid else name


def decode(content: bytes, header: Header) -> np.ndarray:
    """Decode the pixels of a file by the one library that is meant for its transfer syntax.

    Args:
        content: The whole file.
        header: Its header.

    Returns:
        Integers as stored, in native byte order and the decoder's shape. Unless the codestream tells its
        own depth, bits beyond Bits Stored are still in them.

    Raises:
        DecodeFailed: Whatever it raised; only the kind of error is told, since its text may quote a tag.
        UnsupportedSyntax: It reads the transfer syntax, but not at this depth.
    """
    plugin = DECODERS.get(header.transfer_syntax_uid, "")
    try:
        with quiet():
            return _by_pydicom(content, header, plugin)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes; none may stop the night
        if plugin == "gdcm" and header.bits_stored > 8 and header.transfer_syntax_uid.endswith(".4.51"):
            raise UnsupportedSyntax(f"{syntax_name(header)}, {header.bits_stored} bit") from None
        raise DecodeFailed(f"{plugin or 'pydicom'}: {type(error).__name__}") from None


def _by_pydicom(content: bytes, header: Header, plugin: str) -> np.ndarray:
    options: dict[str, Any] = {"allow_excess_frames": False}
    if plugin not in SELF_DESCRIBING:
        options["correct_unused_bits"] = False  # padding may use them
    dataset = dcmread(io.BytesIO(content), force=not header.has_preamble)
    decoder = get_decoder(UID(header.transfer_syntax_uid))
    with _mute():
        words, _ = decoder.as_array(dataset, raw=True, decoding_plugin=plugin, **options)
    return words.astype(words.dtype.newbyteorder("="), copy=False)


@contextmanager
def _mute() -> Iterator[None]:
    """Silence decoders: libjpeg prints, pydicom logs tracebacks; what fails is raised all the same."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "pylibjpeg", "openjpeg")]
    levels = [logger.level for logger in loggers]
    stderr = _duplicate_of_stderr()
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)  # their children inherit it
        if stderr is not None:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if stderr is not None:
            os.dup2(stderr, 2)
            os.close(stderr)


def _duplicate_of_stderr() -> int | None:
    try:
        return os.dup(2)
    except OSError:  # a process that was started without one
        return None
