"""The part of an ultrasound picture that shows tissue: around it stand names, scales and curves.

Only SequenceOfUltrasoundRegions says where it lies and how large its pixels are. Source: PS3.3 C.8.5.5, C.8.5.6.1.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from scans.tags import Field, Reader

REGIONS = 0x00186011
FORMAT, DATA_TYPE, UNITS_X, UNITS_Y = 0x00186012, 0x00186014, 0x00186024, 0x00186026
FIRST_X, FIRST_Y, LAST_X, LAST_Y = 0x00186018, 0x0018601A, 0x0018601C, 0x0018601E
DELTA_X, DELTA_Y = 0x0018602C, 0x0018602E
PLANE, TISSUE, CENTIMETRES = 1, 1, 3
MM_PER_CM = 10.0
Told = Literal["", "tissue", "untold", "outside", "none"]
WHY: Mapping[str, str] = MappingProxyType({
    "tissue": "SequenceOfUltrasoundRegions",
    "untold": "SequenceOfUltrasoundRegions is absent",
    "outside": "SequenceOfUltrasoundRegions lies outside the picture",
})  # fmt: skip
PARTS: Mapping[str, str] = MappingProxyType({  # the third value of ImageType
    "ABDOMINAL": "abdomen", "RETROPERITONEAL": "abdomen", "BREAST": "breast", "CHEST": "chest", "EPICARDIAL": "heart",
    "INTRACARDIAC": "heart", "TEE": "heart", "TTE": "heart", "NEONATAL HEAD": "head", "TRANSCRANIAL": "head",
    "THYROID": "neck", "PELVIC": "pelvis", "GYNECOLOGY": "pelvis", "OBSTETRICAL": "fetus", "FETAL HEART": "fetus",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Region:
    """Fields of a header that tell which part of a picture is read."""

    region_told: Told = ""
    crop: tuple[int, ...] = ()  # first row, first column, behind the last row, behind the last column
    spacing_mm: tuple[float, float] | None = None  # between rows, between columns


def read_region(reader: Reader, rows: int, columns: int) -> Region:
    """Return the largest two-dimensional region of tissue, the first of equals.

    Args:
        reader: Of the whole object.
        rows: Of the picture.
        columns: Of the picture.
    """
    items = [Reader(item) for item in reader.items(REGIONS)]
    if not items:
        return Region("untold")
    tissue = [_region(item) for item in items if (_word(item, FORMAT), _word(item, DATA_TYPE)) == (PLANE, TISSUE)]
    if not tissue:
        return Region("none")
    region = max(tissue, key=lambda one: (one.crop[2] - one.crop[0]) * (one.crop[3] - one.crop[1]))
    top, left, bottom, right = region.crop
    if not (0 <= top < bottom <= rows + 1 and 0 <= left < right <= columns + 1):  # some count the last one from 1
        return Region("outside")
    return Region("tissue", (top, left, min(bottom, rows), min(right, columns)), region.spacing_mm)


def _region(item: Reader) -> Region:
    left, top, right, bottom = (_place(item, number) for number in (FIRST_X, FIRST_Y, LAST_X, LAST_Y))
    across, down = (item.value(Field("", number, "double", 0)) for number in (DELTA_X, DELTA_Y))
    is_measured = _word(item, UNITS_X) == _word(item, UNITS_Y) == CENTIMETRES and bool(across and down)
    spacing_mm = (abs(down) * MM_PER_CM, abs(across) * MM_PER_CM) if is_measured else None
    return Region("tissue", (top, left, bottom + 1, right + 1), spacing_mm)


def _word(item: Reader, number: int) -> int:
    return int(item.value(Field("", number, "short", 0)))


def _place(item: Reader, number: int) -> int:
    value = item.value(Field("", number, "index", 0))
    return -1 if value is None else int(value)
