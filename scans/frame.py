"""The frames of a multi-frame (enhanced) object: what each says of itself, from its functional groups.

Source: DICOM PS3.3 C.7.6.16. A frame becomes the header of a slice of its own, so that everything behind
treats it as it treats the slices of a classic series.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydicom.dataset import Dataset

from scans.needed import OF_A_FRAME, faults_in
from scans.outcome import EnhancedUnsupported
from scans.tags import MEASUREMENT_UNITS, Field, Reader

SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
DIMENSIONS, POINTER = 0x00209222, 0x00209165  # DimensionIndexSequence, DimensionIndexPointer
GROUPS = (  # the macros that hold what the fields below come from; of two that tell one field the later wins
    0x00209170, 0x00209171,  # attributes of the classic slices that an object was converted from
    0x00209113, 0x00209116, 0x00289110, 0x00209111, 0x00289145, 0x00189114, 0x00189112, 0x00189117, 0x00189115,
    0x00189118, 0x00189226, 0x00189042, 0x00189329, 0x00189504, 0x00189751, 0x00189314, 0x00209071, 0x00409096,
)  # fmt: skip
PLACES = frozenset({0x00209057, 0x00200032, 0x00200037})  # dimensions that only say where a frame lies
FIELDS = (
    Field("echo_time_ms", 0x00180081, "number", 0),
    Field("trigger_time_ms", 0x00181060, "number", 0),
    Field("inversion_time_ms", 0x00180082, "number", 0),
    Field("acquisition_number", 0x00200012, "integer", 0),
    Field("temporal_position", 0x00200100, "integer", 0),
    Field("image_type", 0x00080008, "codes", 0),
    Field("position_mm", 0x00200032, "numbers", 3),
    Field("orientation", 0x00200037, "numbers", 6),
    Field("pixel_spacing_mm", 0x00280030, "numbers", 2),
    Field("slice_thickness_mm", 0x00180050, "number", 0),
    Field("rescale_slope", 0x00281053, "number", 0),
    Field("rescale_intercept", 0x00281052, "number", 0),
    Field("rescale_type", 0x00281054, "whole", 0),
    Field("echo_time_ms", 0x00189082, "double", 0),
    Field("repetition_time_ms", 0x00180080, "number", 0),
    Field("flip_angle_deg", 0x00181314, "number", 0),
    Field("inversion_time_ms", 0x00189079, "double", 0),
    Field("b_value", 0x00189087, "double", 0),
    Field("trigger_time_ms", 0x00209153, "double", 0),
    Field("cardiac_phase", 0x00209241, "double", 0),
    Field("acquisition_number", 0x00209156, "index", 0),
    Field("temporal_position", 0x00209128, "index", 0),
    Field("stack_id", 0x00209056, "text", 0),
    Field("in_stack_position", 0x00209057, "index", 0),
    Field("dimensions", 0x00209157, "indices", 0),
    Field("image_type", 0x00089007, "codes", 0),
    Field("part", 0x00089208, "code", 0),
    Field("acquisition_contrast", 0x00089209, "code", 0),
    Field("kernel", 0x00181210, "text", 0),
    Field("receive_coil", 0x00181250, "text", 0),
    Field("region", 0x00082218, "meaning", 0),
    Field("view_code", 0x00540220, "meaning", 0),
    Field("image_laterality", 0x00209072, "code", 0),
    Field("units", MEASUREMENT_UNITS, "units", 0),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame says of itself; None where the object speaks for all of its frames. Units as in a header."""

    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    slice_thickness_mm: float | None = None
    rescale_slope: float | None = None
    rescale_intercept: float | None = None
    rescale_type: str | None = None
    units: tuple[str, ...] | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    b_value: float | None = None
    trigger_time_ms: float | None = None
    cardiac_phase: float | None = None
    acquisition_number: int | None = None
    temporal_position: int | None = None
    image_type: tuple[str, ...] | None = None
    acquisition_contrast: str | None = None
    kernel: str | None = None
    receive_coil: str | None = None
    region: str | None = None
    view_code: str | None = None
    image_laterality: str | None = None
    stack_id: str | None = None
    in_stack_position: int | None = None
    dimensions: tuple[int, ...] | None = None  # DimensionIndexValues, but for those that say where it lies

    def told(self) -> dict[str, Any]:
        """Return the values that the frame tells."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of an object, and what is wrong with what they say."""

    frames: tuple[Frame, ...] = ()  # in the order in which their pixels are stored
    faults: tuple[str, ...] = ()  # see `scans.needed`


def read_frames(reader: Reader, n_frames: int) -> Frames:
    """Return the frames of an object, none without functional groups.

    Raises:
        EnhancedUnsupported: Not every frame has its functional groups.
    """
    shared, own = reader.items(SHARED_GROUPS), reader.items(FRAME_GROUPS)
    if not shared and not own:
        return Frames()
    if len(own) != n_frames:
        raise EnhancedUnsupported(f"functional groups of {len(own)} frames, {n_frames} frames")
    faults: list[str] = []
    for_all = _values(shared[0], "", faults) if shared else {}
    is_kept = [pointer not in PLACES for pointer in _pointers(reader)]
    frames = tuple(
        _frame(for_all | _values(group, f" in frame {number} of {n_frames}", faults), is_kept)
        for number, group in enumerate(own, 1)
    )
    return Frames(frames, (*faults, *_uneven(frames)))


def _uneven(frames: Sequence[Frame]) -> list[str]:
    """Say that some frames are rescaled and others are not: then nobody knows what the others mean."""
    n_told = sum(frame.rescale_slope is not None or frame.rescale_intercept is not None for frame in frames)
    return [f"a rescale in {n_told} of {len(frames)} frames"] if 0 < n_told < len(frames) else []


def _values(group: Dataset, where: str, faults: list[str]) -> dict[str, Any]:
    """Return what the functional groups of one item say, by the fields' names; add what is wrong with it."""
    values: dict[str, Any] = {}
    for reader in _macros(group):
        faults += [fault + where for fault in faults_in(reader, OF_A_FRAME)]
        for field in FIELDS:
            if field.tag in reader.elements:
                value = reader.value(field)
                if value not in (None, "", ()):
                    values[field.name] = value
    return values


def _macros(group: Dataset) -> Iterator[Reader]:
    groups = Reader(group)
    for number in GROUPS:
        yield from (Reader(item) for item in groups.items(number)[:1])


def _frame(values: dict[str, Any], is_kept: list[bool]) -> Frame:
    part = values.pop("part", "")  # ComplexImageComponent: a frame type may leave out that it shows phases
    if part not in ("", "MAGNITUDE", "MIXED"):
        values["image_type"] = (*values.get("image_type", ("", "")), part)
    if "dimensions" in values and len(values["dimensions"]) == len(is_kept):
        values["dimensions"] = tuple(v for v, kept in zip(values["dimensions"], is_kept, strict=True) if kept)
    else:
        values.pop("dimensions", None)
    return Frame(**values)


def _pointers(reader: Reader) -> list[int]:
    pointers = [item.get(POINTER) for item in reader.items(DIMENSIONS)]
    return [int(pointer.value) if pointer is not None else 0 for pointer in pointers]
