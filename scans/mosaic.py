"""Slices of a volume that were tiled into one picture: how many there are, and where each of them lies.

Siemens writes one of n tiles into a grid of ceil(sqrt(n)) by ceil(sqrt(n)), row after row from the top left. Its
ImagePositionPatient is the corner that a single slice as large as the picture would have around the same centre
(nibabel, doc/theory, "Siemens mosaic"). United Imaging tells the position of each tile, and leaves out rows of the grid
that would be empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from pydicom.dataelem import RawDataElement

from scans.affine import row_and_column
from scans.csa import csa_values, protocol_slices
from scans.frame import Frame
from scans.outcome import NoGeometry
from scans.private import MOSAIC_TAGS, SIEMENS_IMAGE, SIEMENS_SERIES, SIEMENS_TILES, UIH_FRAMES, UIH_TILES, Private
from scans.tags import Field, Reader

MOSAIC_FAULT = "mosaic: "  # begins what is wrong with one, among the faults of a header
TILED = frozenset({"MOSAIC", "VFRAME"})  # values of ImageType
MOST_TILES = 4096
PARALLEL = 0.999  # cosine between two directions that are to be one
SLICE_STEP = 0x00180088  # SpacingBetweenSlices
MOSAIC_NEEDS = (SLICE_STEP, *MOSAIC_TAGS)
N_TILES, NORMAL = "NumberOfImagesInMosaic", "SliceNormalVector"


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The tiles of a picture as frames, how many lie below each other and side by side, and why there are none."""

    frames: tuple[Frame, ...] = ()
    grid: tuple[int, int] | tuple[()] = ()  # rows, columns of tiles
    fault: str = ""


class _Unclear(Exception):
    """What is wrong, as its text."""


def read_mosaic(reader: Reader, values: Mapping[str, Any]) -> Mosaic:
    """Return the tiles of an MR picture whose ImageType says that it is a mosaic.

    Args:
        reader: Of the file, read for `MOSAIC_NEEDS`.
        values: The fields of its header.
    """
    try:
        united = reader.items(UIH_FRAMES.tag_in(reader))
        numbers = _united_numbers(reader, len(united)) if united else _siemens_numbers(reader)
        n_tiles = _agreed(numbers)
        across = isqrt(n_tiles - 1) + 1
        grid = (-(-n_tiles // across) if united else across, across)
        for name, n_of_them in zip(("rows", "columns"), grid, strict=True):
            if values[name] % n_of_them:
                told = f"{n_tiles} tiles, {grid[0]} by {grid[1]}"
                raise _Unclear(f"{told}, do not divide {values[name]} {name}")
        positions = _united(united) if united else _siemens(reader, values, n_tiles, across)
    except _Unclear as unclear:
        return Mosaic(fault=f"{MOSAIC_FAULT}{unclear}")
    except NoGeometry as refusal:
        return Mosaic(fault=f"{MOSAIC_FAULT}{refusal.facts}")
    return Mosaic(tuple(Frame(position_mm=position) for position in positions), grid)


def untiled(pictures: np.ndarray, grid: Sequence[int], n_tiles: int) -> np.ndarray:
    """Return the tiles of pictures, (n_tiles, rows, columns), and check that what is behind them is empty.

    Args:
        pictures: (1, down x rows, across x columns), any type.
        grid: Tiles below each other, and side by side.
        n_tiles: How many of them are slices.

    Raises:
        ValueError: A tile behind the last slice shows something.
    """
    down, across = grid
    rows, columns = pictures.shape[1] // down, pictures.shape[2] // across
    tiles = pictures.reshape(down, rows, across, columns).swapaxes(1, 2).reshape(-1, rows, columns)
    if tiles[n_tiles:].any():
        raise ValueError(f"a tile behind the last of {n_tiles} slices is not empty")
    return np.ascontiguousarray(tiles[:n_tiles])


def _agreed(numbers: Sequence[int]) -> int:
    told = sorted(set(numbers))
    if len(told) != 1:
        raise _Unclear(f"contradicting numbers of tiles: {', '.join(map(str, told))}" if told else "no number of tiles")
    if not 2 <= told[0] <= MOST_TILES:
        raise _Unclear(f"{told[0]} tiles, 2 to {MOST_TILES} are possible")
    return told[0]


def _siemens_numbers(reader: Reader) -> list[int]:
    """Return what tells the number of tiles; the protocol counts the slabs of a 3-D scan, so it is asked last."""
    number = reader.value(Field("", SIEMENS_TILES.tag_in(reader), "short", 0))
    told = csa_values(_bytes(reader, SIEMENS_IMAGE), (N_TILES,)).get(N_TILES, ())
    numbers = [number] if number else []
    numbers += [int(text) for text in told[:1] if text.isascii() and text.isdigit() and len(text) <= 6]
    if not numbers and (slices := protocol_slices(_bytes(reader, SIEMENS_SERIES))) is not None:
        numbers = [slices]
    return numbers


def _siemens(
    reader: Reader, values: Mapping[str, Any], n_tiles: int, per_side: int
) -> list[tuple[float, float, float]]:
    position, orientation, spacing = values["position_mm"], values["orientation"], values["pixel_spacing_mm"]
    if position is None or orientation is None or spacing is None:
        raise _Unclear("position, orientation or pixel spacing is absent")
    row, column = row_and_column(orientation)
    normal = _along(np.cross(row, column), csa_values(_bytes(reader, SIEMENS_IMAGE), (NORMAL,)).get(NORMAL, ()))
    step_mm = reader.value(Field("", SLICE_STEP, "number", 0))
    if step_mm is None or step_mm <= 0:  # the thickness is none: slices may have gaps
        raise _Unclear("SpacingBetweenSlices is absent or impossible")
    rest = (per_side - 1) / (2 * per_side)  # of the picture, on either side of a slice around its centre
    first = np.array(position) + rest * (row * values["columns"] * spacing[1] + column * values["rows"] * spacing[0])
    places = first + np.outer(np.arange(n_tiles) * step_mm, normal)
    return [_rounded(place) for place in places]


def _along(normal: np.ndarray, told: Sequence[str]) -> np.ndarray:
    """Return the normal of the slices in the direction in which the tiles run."""
    try:
        direction = np.array([float(text) for text in told])
    except ValueError:
        direction = np.array([])
    if direction.shape != (3,) or not np.isfinite(direction).all():
        raise _Unclear(f"no {NORMAL}: nothing tells in which direction the tiles run")
    cosine = float(normal @ direction)
    if abs(abs(cosine) - 1) > 1 - PARALLEL or abs(np.linalg.norm(direction) - 1) > 1 - PARALLEL:
        raise _Unclear(f"{NORMAL} is not the normal of ImageOrientationPatient")
    return normal if cosine > 0 else -normal


def _united_numbers(reader: Reader, n_items: int) -> list[int]:
    number = reader.value(Field("", UIH_TILES.tag_in(reader), "number", 0))
    return [n_items] if number is None else [n_items, int(number)]


def _united(items: Sequence[Any]) -> list[tuple[float, float, float]]:
    places = [Reader(item).value(Field("", 0x00200032, "numbers", 3)) for item in items]
    if None in places:
        raise _Unclear(f"{places.count(None)} of {len(places)} tiles do not tell their position")
    return [_rounded(np.array(place)) for place in places]


def _bytes(reader: Reader, private: Private) -> bytes:
    element = reader.elements.get(private.tag_in(reader))
    value = element.value if isinstance(element, RawDataElement) else None
    return value if isinstance(value, bytes) else b""


def _rounded(place: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(mm), 6) for mm in place)
    return x, y, z
