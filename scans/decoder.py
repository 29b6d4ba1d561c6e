"""Which library decodes which transfer syntax.

Written here once, so that a volume never depends on what else happens to be installed or on the order of
pydicom's plugins. pydicom parses the file and cuts the frames; a library decodes one frame. No frame reaches a
library that announces another size than the header.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from scans.codestream import RLE_RATIO, announced_size
from scans.colour import is_read_as_grey, luminance
from scans.dicomfile import quiet
from scans.header import Header
from scans.outcome import CodestreamDiffers, DecodeFailed, Refusal

LITTLE_ENDIAN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")  # implicit, explicit
NATIVE = (*LITTLE_ENDIAN, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")  # and deflated, big endian

# One decoder for each compressed syntax and no second try. openjpeg keeps the depth of the codestream
# (pydicom#2073), gdcm loses the sign of JPEG-LS (pydicom#2009). A slice of lossless JPEG
# by gdcm, and one of RLE by pydicom itself, took about three times as long, parsing included.
DECODERS: Mapping[str, str] = {
    "1.2.840.10008.1.2.5": "imagecodecs",  # RLE Lossless
    "1.2.840.10008.1.2.4.50": "imagecodecs",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51": "imagecodecs",  # JPEG Extended, 8 or 12 bit
    "1.2.840.10008.1.2.4.53": "imagecodecs",  # JPEG Spectral Selection, retired
    "1.2.840.10008.1.2.4.55": "imagecodecs",  # JPEG Full Progression, retired
    "1.2.840.10008.1.2.4.57": "imagecodecs",  # JPEG Lossless
    "1.2.840.10008.1.2.4.70": "imagecodecs",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": "pyjpegls",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.90": "pylibjpeg",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91": "pylibjpeg",  # JPEG 2000
    "1.2.840.10008.1.2.4.201": "pylibjpeg",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202": "pylibjpeg",  # HTJ2K Lossless RPCL
    "1.2.840.10008.1.2.4.203": "pylibjpeg",  # HTJ2K
}
RLE = "1.2.840.10008.1.2.5"
SELF_DESCRIBING = ("pyjpegls", "pylibjpeg")  # pydicom applies depth and sign as the codestream has them


def can_decode(transfer_syntax_uid: str) -> bool:
    """Return whether this installation reads pixels of a transfer syntax."""
    if transfer_syntax_uid in NATIVE:
        return True
    plugin = DECODERS.get(transfer_syntax_uid)
    if plugin == "imagecodecs":
        return find_spec("imagecodecs") is not None
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
        own depth, bits beyond Bits Stored are still in them. Of colours that are read as grey, their luminance.

    Raises:
        DecodeFailed: Whatever it raised; only the kind of error is told, since its text may quote a tag.
        CodestreamDiffers: The compressed pixels are of another size than the header says.
    """
    plugin = DECODERS.get(header.transfer_syntax_uid, "")
    try:
        with quiet():
            dataset = dcmread(io.BytesIO(content), force=not header.has_preamble)
            if plugin:
                _check_size(dataset, header)
            with _mute():
                words = _words(dataset, header, plugin)
                if is_read_as_grey(header):
                    words = luminance(words, dataset, header)
            return words.astype(words.dtype.newbyteorder("="), copy=False)
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # decoders raise anything on damaged bytes; none may stop the night
        raise DecodeFailed(f"{plugin or 'pydicom'}: {type(error).__name__}") from None


def _check_size(dataset: Dataset, header: Header) -> None:
    """Refuse frames that are not as large as the header says, before anything makes room for them."""
    if header.transfer_syntax_uid == RLE:
        native = header.n_frames * header.rows * header.columns * header.bits_allocated // 8
        if native > RLE_RATIO * len(dataset.PixelData):
            raise CodestreamDiffers(f"{len(dataset.PixelData)} bytes of RLE for {native} bytes of pixels")
        return
    for frame in _frames(dataset, header):
        size = announced_size(frame)
        if size is not None and size != (header.rows, header.columns, header.samples_per_pixel):
            raise CodestreamDiffers(
                f"{size.rows} x {size.columns} x {size.components} compressed, {header.rows} x {header.columns} x "
                f"{header.samples_per_pixel} in the header"
            )


def _frames(dataset: Dataset, header: Header) -> Iterator[bytes]:
    if header.picture_frame is None:
        return generate_frames(dataset.PixelData, number_of_frames=header.n_frames)
    return iter([get_frame(dataset.PixelData, header.picture_frame, number_of_frames=header.n_frames)])


def _words(dataset: Dataset, header: Header, plugin: str) -> np.ndarray:
    return _by_imagecodecs(dataset, header) if plugin == "imagecodecs" else _by_pydicom(dataset, header, plugin)


def _by_pydicom(dataset: Dataset, header: Header, plugin: str) -> np.ndarray:
    options: dict[str, Any] = {"allow_excess_frames": False, "index": header.picture_frame}
    if plugin not in SELF_DESCRIBING:
        options["correct_unused_bits"] = False  # padding may use them
    decoder = get_decoder(UID(header.transfer_syntax_uid))
    return np.asarray(decoder.as_array(dataset, raw=True, decoding_plugin=plugin, **options)[0])


def _by_imagecodecs(dataset: Dataset, header: Header) -> np.ndarray:
    """Decode RLE, or JPEG of 8 to 16 bit; the sign of 12 bits in 16 is not the codestream's business."""
    dtype = np.dtype(f"{'iu'[header.pixel_representation != 1]}{header.bits_allocated // 8}")
    decode_one = _by_rle if header.transfer_syntax_uid == RLE else _by_jpeg
    words = np.stack([decode_one(frame, header) for frame in _frames(dataset, header)])
    return words.astype(f"u{dtype.itemsize}", casting="safe").view(dtype)


def _by_jpeg(frame: bytes, header: Header) -> np.ndarray:
    from imagecodecs import jpeg8_decode

    if header.samples_per_pixel == 1:
        return np.asarray(jpeg8_decode(frame))
    return np.asarray(jpeg8_decode(frame, colorspace="RGB", outcolorspace="RGB"))  # as stored, whatever markers say


def _by_rle(frame: bytes, header: Header) -> np.ndarray:
    from imagecodecs import dicomrle_decode

    dtype = np.dtype(f"<u{header.bits_allocated // 8}")
    words = np.frombuffer(dicomrle_decode(frame, dtype), dtype, header.rows * header.columns * header.samples_per_pixel)
    if header.samples_per_pixel == 1:
        return words
    planes = words.reshape(header.samples_per_pixel, header.rows, header.columns)  # PS3.5 G.2
    return np.moveaxis(planes, 0, -1)


@contextmanager
def _mute() -> Iterator[None]:
    """Silence decoders that print; what fails is raised all the same."""
    stderr = _duplicate_of_stderr()
    if stderr is None:
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _duplicate_of_stderr() -> int | None:
    try:
        return os.dup(2)
    except OSError:  # a process that was started without one
        return None
