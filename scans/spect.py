"""The slices of a reconstructed nuclear medicine object: frames that vectors number and one position places.

Source: DICOM PS3.3 C.8.4.8 (vectors), C.8.4.11 (detector), C.8.4.15 (reconstruction). Planar pictures, and the
projections that a tomography is reconstructed from, are no slices.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from scans.affine import row_and_column
from scans.frame import Frame, Frames
from scans.outcome import NoGeometry
from scans.tags import Field, Reader

SLICES, N_SLICES, DETECTORS, SPACING = 0x00540080, 0x00540081, 0x00540022, 0x00180088
TIME_SLOTS = 0x00540070
OTHERS = (0x00540010, 0x00540020, 0x00540060)  # energy window, detector, interval from beat to beat
SPECT_TAGS = (SLICES, N_SLICES, DETECTORS, SPACING, TIME_SLOTS, *OTHERS)
POSITION, ORIENTATION = Field("", 0x00200032, "numbers", 3), Field("", 0x00200037, "numbers", 6)
RECONSTRUCTED = frozenset({"RECON TOMO", "RECON GATED TOMO"})
NO_SLICES: Mapping[str, str] = MappingProxyType({  # the third value of ImageType
    "STATIC": "planar", "DYNAMIC": "planar", "GATED": "planar", "WHOLE BODY": "planar",
    "TOMO": "projections of a tomography", "GATED TOMO": "projections of a tomography",
})  # fmt: skip


def no_slices(image_type: tuple[str, ...]) -> str:
    """Return why an object holds no reconstructed slices, "" if it does."""
    what = "".join(image_type[2:3])
    if what in RECONSTRUCTED:
        return ""
    return f"ImageType {what}: {NO_SLICES[what]}" if what in NO_SLICES else "ImageType names no reconstructed slices"


def read_slices(reader: Reader, n_frames: int) -> Frames:
    """Return the frames of a reconstructed object; where a vector or the geometry is incomplete, without positions."""
    numbers = _vector(reader, SLICES, n_frames)
    slots = _vector(reader, TIME_SLOTS, n_frames)
    others = [vector for tag in OTHERS if (vector := _vector(reader, tag, n_frames)) is not None]
    places = _places(reader)
    if numbers is None or not places.keys() >= set(numbers):
        numbers = None
    detector = [Reader(item) for item in reader.items(DETECTORS)[:1]]
    orientation = detector[0].value(ORIENTATION) if detector else None
    frames = []
    for index in range(n_frames):
        told: dict[str, Any] = {"orientation": orientation}
        if numbers is not None:
            told["position_mm"] = places.get(numbers[index])
        if slots is not None and len(set(slots)) > 1:
            told["temporal_position"] = slots[index]
        if any(len(set(vector)) > 1 for vector in others):
            told["dimensions"] = tuple(vector[index] for vector in others)
        frames.append(Frame(**told))
    return Frames(tuple(frames))


def _places(reader: Reader) -> dict[int, tuple[float, float, float]]:
    """Return the position of each slice by its number, from 1; none where the object does not tell them.

    A negative spacing stacks the slices against the normal of the first one.
    """
    detectors = [Reader(item) for item in reader.items(DETECTORS)]
    step_mm = reader.value(Field("", SPACING, "number", 0))
    n_slices = int(reader.value(Field("", N_SLICES, "short", 0)))
    if len(detectors) != 1 or not step_mm:
        return {}
    position, orientation = detectors[0].value(POSITION), detectors[0].value(ORIENTATION)
    if position is None or orientation is None:
        return {}
    try:
        normal = np.cross(*row_and_column(orientation))
    except NoGeometry:
        return {}
    steps = (np.array(position) + k * step_mm * normal for k in range(n_slices))
    return {k: (round(x, 6), round(y, 6), round(z, 6)) for k, (x, y, z) in enumerate((s.tolist() for s in steps), 1)}


def _vector(reader: Reader, number: int, n_frames: int) -> tuple[int, ...] | None:
    """Return the whole number that a vector gives each frame, None without one for every frame."""
    values = reader.words(number)
    return values if len(values) == n_frames else None
