"""Mosaics made in code: the slices of a volume tiled into one picture, and the same slices as a classic series."""

import struct
from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

SPACING_MM = (1.5, 2.0)  # between rows, between columns
STEP_MM = 3.6
THICKNESS_MM = 3.0
TILTED = (0.96, 0.0, -0.28, 0.0756, 0.96279, 0.2592)  # both to be made orthonormal


def orthonormal(orientation: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and normal of six numbers that nearly are direction cosines."""
    row, column = np.array(orientation, dtype=float).reshape(2, 3)
    row /= np.linalg.norm(row)
    column -= (column @ row) * row
    column /= np.linalg.norm(column)
    return row, column, np.cross(row, column)


def csa(entries: dict[str, Sequence[str]], *, is_new: bool = True) -> bytes:
    """Return a CSA header of texts; every entry has six items, as scanners write them."""
    packed = b"SV10\4\3\2\1" if is_new else b""
    packed += struct.pack("<2I", len(entries), 77)
    for name, values in entries.items():
        vr = b"FD\0\0" if any("." in text for text in values) else b"IS\0\0"
        packed += struct.pack("<64si4s3i", name.encode(), len(values), vr, 6, 6, 77)
        for text in [*values, *[""] * (6 - len(values))]:
            raw = text.encode() + b"\0" if text else b""
            first = len(raw) if is_new else len(raw) + 6
            packed += struct.pack("<4i", first, first, 77, first) + raw + b"\0" * (-len(raw) % 4)
    return packed


def mr(number: int, words: np.ndarray, position_mm: Sequence[float], orientation: Sequence[float]) -> Dataset:
    """Return a classic MR slice; the number is its UID's end, instance and acquisition number."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.Modality, ds.Manufacturer = MRImageStorage, "MR", "SIEMENS"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.8", "2.25.8.1"
    ds.SOPInstanceUID, ds.InstanceNumber, ds.AcquisitionNumber = f"2.25.8.1.{number}", number, number
    ds.PatientID, ds.PatientName, ds.StudyDate = "P8", "Canary^Carla", "20240305"
    ds.BodyPartExamined, ds.SeriesDescription, ds.ProtocolName = "HEAD", "rest bold", "rest bold"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = list(SPACING_MM), THICKNESS_MM, STEP_MM
    ds.ImagePositionPatient = [f"{mm:.9g}" for mm in position_mm]
    ds.ImageOrientationPatient = [f"{c:.9g}" for c in orientation]
    ds.Rows, ds.Columns = words.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = words.astype("<u2").tobytes()
    return ds


def tiled(volume: np.ndarray) -> np.ndarray:
    """Return slices, (n, rows, columns), side by side in one picture, written as a plain loop."""
    n, rows, columns = volume.shape
    side = ceil(sqrt(n))
    picture = np.zeros((side * rows, side * columns), dtype=volume.dtype)
    for k in range(n):
        y, x = k // side * rows, k % side * columns
        picture[y : y + rows, x : x + columns] = volume[k]
    return picture


def write_mosaic(
    path: Path,
    volume: np.ndarray,
    *,
    first_mm: Sequence[float] = (-90.0, -120.0, 30.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    sign: int = 1,
    number: int = 1,
    is_new: bool = True,
    told: dict[str, Sequence[str] | None] | None = None,
    **tags: Any,
) -> Path:
    """Write a volume as Siemens does.

    Args:
        path: The file.
        volume: (slices, rows, columns), 0 to 4095.
        first_mm: Centre of the first pixel of the first slice.
        orientation: Six numbers, made orthonormal.
        sign: Whether slices follow the normal of row and column (1), or run against it (-1).
        number: See `mr`.
        is_new: CSA2, else CSA1.
        told: Replaces entries of the CSA header; None leaves one out.
        tags: Replace elements by keyword; None removes one.
    """
    row, column, normal = orthonormal(orientation)
    n, rows, columns = volume.shape
    side = ceil(sqrt(n))
    corner = (  # of a picture as large as the mosaic around the centre of the slice
        np.array(first_mm)
        - row * (side * columns - columns) / 2 * SPACING_MM[1]
        - column * (side * rows - rows) / 2 * SPACING_MM[0]
    )
    ds = mr(number, tiled(volume), corner, [*row, *column])
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    entries: dict[str, Sequence[str] | None] = {
        "EchoLinePosition": ["32"],
        "NumberOfImagesInMosaic": [f"{n}"],
        "SliceNormalVector": [f"{sign * c:.8f}" for c in normal],
    }
    kept = {name: values for name, values in (entries | (told or {})).items() if values is not None}
    block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa(kept, is_new=is_new))
    for keyword, value in tags.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_slices(
    folder: Path,
    volume: np.ndarray,
    *,
    first_mm: Sequence[float] = (-90.0, -120.0, 30.0),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    sign: int = 1,
) -> list[Path]:
    """Write the same volume as a series of slices."""
    row, column, normal = orthonormal(orientation)
    paths = []
    for k, words in enumerate(volume):
        ds = mr(1, words, np.array(first_mm) + sign * k * STEP_MM * normal, [*row, *column])
        ds.SOPInstanceUID, ds.InstanceNumber = f"2.25.8.1.1.{k}", k + 1
        paths.append(folder / f"slice{k * 7 % 100:02d}")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths
