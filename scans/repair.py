"""Slices that make no even grid -> a volume that is one, where the site's configuration allows it."""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from scipy import ndimage

from scans.affine import row_and_column
from scans.outcome import TooLarge

Repair = Literal["missing-slices", "uneven-spacing", "tilt"]  # the codes of what is mended are alike
NO_REPAIR: Collection[str] = frozenset()
MOST_MADE_UP = 0.02  # of the planes of a repaired volume: none of fewer than 50
WIDEST_HOLE = 1  # slices missing side by side: each has both of its neighbours
MOST_TILT_DEG = 35.0  # gantries tilt by up to 30 degrees; more is no tilt
MOST_VOXELS = 1 << 30  # of the even grid; a volume's own limit
SAME_PLANE = 1e-4  # of a step: a slice this close to a plane of the grid is that plane


def most_made_up(n_planes: int) -> int:
    """Return how many planes of a repaired volume may be made up."""
    return int(MOST_MADE_UP * n_planes)


def even_grid(
    voxels: np.ndarray,
    is_padding: np.ndarray | None,
    *,
    positions_mm: Sequence[Sequence[float]],
    orientation: Sequence[float],
    spacing_mm: tuple[float, float],
    step_mm: float,
    is_tilted: bool,
    fill: float,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Resample slices linearly onto planes of equal distance.

    Args:
        voxels: (z, y, x) float32, slices in order along their normal, padding filled.
        is_padding: Same shape, bool, or None.
        positions_mm: ImagePositionPatient of each slice.
        orientation: ImageOrientationPatient of all.
        spacing_mm: Between rows, between columns.
        step_mm: Between the planes wanted; the first plane is the first slice.
        is_tilted: Also shift slices within their planes, so that the planes stand above each other.
        fill: The value where no slice was; such voxels are padding.

    Returns:
        Voxels and padding, (planes, y, x), larger along y and x where slices were shifted; and their affine.

    Raises:
        TooLarge: The even grid has more voxels than any scan.
    """
    row, column = row_and_column(orientation)
    normal = np.cross(row, column)
    way = np.asarray(positions_mm, dtype=np.float64) - np.asarray(positions_mm[0], dtype=np.float64)
    along = way @ normal  # (n,) mm
    n_planes = round(float(along[-1]) / step_mm) + 1
    shifts = np.stack([way @ column / spacing_mm[0], way @ row / spacing_mm[1]], axis=1)  # (n, 2) pixels
    if not is_tilted:
        shifts[:] = 0
    before = np.ceil(np.maximum(0, -shifts.min(axis=0))).astype(int)
    after = np.ceil(np.maximum(0, shifts.max(axis=0))).astype(int)
    shape = tuple(int(n) for n in np.array(voxels.shape[1:]) + before + after)
    if n_planes * shape[0] * shape[1] > MOST_VOXELS:
        raise TooLarge(f"{n_planes} planes of {shape[0]} x {shape[1]} pixels after the repair")
    slices = _shifted(voxels, shape, before, shifts, fill)
    grid = _between(slices, along, step_mm, n_planes)
    padding = None
    if is_padding is not None or any(shape[axis] != voxels.shape[1 + axis] for axis in range(2)):
        outside = np.zeros(voxels.shape, np.float32) if is_padding is None else is_padding.astype(np.float32)
        padding = _between(_shifted(outside, shape, before, shifts, 1.0), along, step_mm, n_planes) > 1e-6
    step = normal * step_mm if is_tilted else way[-1] / (n_planes - 1)
    affine = np.eye(4)
    y, x = column * spacing_mm[0], row * spacing_mm[1]
    origin = np.asarray(positions_mm[0]) - before[0] * y - before[1] * x
    affine[:3] = np.stack([step, y, x, origin], axis=1)
    return grid, padding, affine


def _shifted(
    voxels: np.ndarray, shape: tuple[int, ...], before: np.ndarray, shifts: np.ndarray, fill: float
) -> np.ndarray:
    """Return slices in a larger frame, each moved by its own shift in pixels."""
    if not shifts.any():
        return voxels
    moved = np.full((len(voxels), *shape), fill, dtype=np.float32)
    rows = slice(before[0], before[0] + voxels.shape[1])
    columns = slice(before[1], before[1] + voxels.shape[2])
    for z, values in enumerate(voxels):
        moved[z, rows, columns] = values
        moved[z] = ndimage.shift(moved[z], shifts[z], order=1, mode="constant", cval=fill)
    return moved


def _between(slices: np.ndarray, along: np.ndarray, step_mm: float, n_planes: int) -> np.ndarray:
    """Return planes at whole steps, each between its two neighbouring slices."""
    planes = np.empty((n_planes, *slices.shape[1:]), dtype=np.float32)
    for k in range(n_planes):
        place = min(k * step_mm, float(along[-1]))
        low = min(int(np.searchsorted(along, place, side="right")) - 1, len(along) - 2)
        share = (place - along[low]) / (along[low + 1] - along[low])
        nearest = low + round(share)
        if abs(place - along[nearest]) <= SAME_PLANE * step_mm:
            planes[k] = slices[nearest]
        else:
            planes[k] = slices[low] * np.float32(1 - share) + slices[low + 1] * np.float32(share)
    return planes
