"""From voxels to the numbers in a file, and from those to the bytes of a transfer syntax."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from scans.phantoms.losslessjpeg import encode_jpeg_lossless
from scans.phantoms.scanner import EXPLICIT_BIG, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE, Storage

ENCODERS = {
    JPEG_LS: (JPEGLSLossless, "pyjpegls"),
    JPEG_2000: (JPEG2000Lossless, "pylibjpeg"),
    RLE: (RLELossless, "gdcm"),  # twenty times as fast as pydicom's own,
}
MR_UNIT = {12: 2200.0, 16: 9000.0}  # stored number of brightness 1, by bits stored: scanners do not agree
DX_RANGE_MM = (-60.0, 220.0)  # of water after processing: black to white


@dataclass(frozen=True)
class StoredRange:
    """The numbers that a storage can hold."""

    low: int
    high: int


def stored_range(storage: Storage) -> StoredRange:
    """Return the smallest and largest number of this storage."""
    if storage.signed:
        return StoredRange(-(1 << (storage.bits_stored - 1)), (1 << (storage.bits_stored - 1)) - 1)
    return StoredRange(0, (1 << storage.bits_stored) - 1)


def to_stored(voxels: np.ndarray, modality: str, storage: Storage) -> np.ndarray:
    """Return stored numbers, (z, y, x) of int16 or uint16 in the machine's byte order.

    Args:
        voxels: (z, y, x); HU for "ct", brightness for "mr", processed mm of water for "dx".
        modality: "ct", "mr" or "dx".
        storage: How this scanner stores it.
    """
    limits = stored_range(storage)
    if modality == "ct":
        numbers = voxels - np.float32(storage.intercept)
    elif modality == "mr":
        numbers = voxels * np.float32(MR_UNIT[storage.bits_stored])
    else:
        low, high = DX_RANGE_MM
        numbers = (voxels - np.float32(low)) * np.float32(limits.high / (high - low))
    stored = np.clip(np.rint(numbers), limits.low, limits.high).astype(np.int16 if storage.signed else np.uint16)
    if storage.photometric == "MONOCHROME1":
        stored = (limits.high - stored).astype(np.uint16)
    if storage.padding is not None:
        stored[:, _outside_circle(stored.shape[1:])] = storage.padding
    return stored


def pixel_data(frame: np.ndarray, storage: Storage) -> bytes:
    """Return the value of PixelData for one frame (rows, columns) in the storage's transfer syntax."""
    syntax = storage.transfer_syntax
    if syntax == JPEG_LOSSLESS:
        return encapsulate([encode_jpeg_lossless(frame, bits=storage.bits_stored)])
    if syntax in ENCODERS:
        uid, plugin = ENCODERS[syntax]
        encoded = get_encoder(uid).encode(
            _bytes(frame, "<"),
            encoding_plugin=plugin,
            rows=frame.shape[0],
            columns=frame.shape[1],
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=16,
            bits_stored=storage.bits_stored,
            photometric_interpretation=storage.photometric,
            pixel_representation=int(storage.signed),
        )
        return encapsulate([encoded])
    return _bytes(frame, ">" if syntax == EXPLICIT_BIG else "<")


def add_pixels(dataset: Dataset, frame: np.ndarray, storage: Storage) -> None:
    """Fill the image pixel module for one frame."""
    dataset.PixelData = pixel_data(frame, storage)
    dataset["PixelData"].VR = "OW"
    if storage.transfer_syntax in (JPEG_LOSSLESS, *ENCODERS):
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True


def describe_pixels(dataset: Dataset, shape: Sequence[int], storage: Storage) -> None:
    """Set the attributes that tell how pixels are stored. Source: PS3.3 C.7.6.3."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = storage.photometric
    dataset.Rows, dataset.Columns = shape[-2], shape[-1]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, storage.bits_stored, storage.bits_stored - 1
    dataset.PixelRepresentation = int(storage.signed)
    if storage.padding is not None:
        dataset.add_new(0x00280120, "SS" if storage.signed else "US", storage.padding)


def _bytes(frame: np.ndarray, order: Literal["<", ">"]) -> bytes:
    return frame.astype(frame.dtype.newbyteorder(order)).tobytes()


def _outside_circle(shape: tuple[int, ...]) -> np.ndarray:
    """Return (rows, columns) bool: outside the round field of view."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    middle_y, middle_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    return np.asarray((y - middle_y) ** 2 + (x - middle_x) ** 2 > (min(shape) / 2) ** 2)
