"""Where voxels lie in the patient.

An affine is a (4, 4) float64 matrix that maps a voxel index (z, y, x, 1) to millimetres in DICOM's patient
coordinates, LPS: +x towards the patient's left, +y towards the back (posterior), +z towards the head.
Source: DICOM PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from scans.outcome import NoGeometry

UNIT_TOLERANCE = 0.01  # direction cosines are written with few digits; beyond this they are no rotation
SECOND_LETTER = 0.25  # a direction more than 15 degrees off its main letter gets a second one
LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))  # patient axis x, y, z: (negative end, positive end)
DIRECTIONS = {
    letter: tuple(sign * (axis == i) for i in range(3))
    for axis, pair in enumerate(LETTERS)
    for letter, sign in zip(pair, (-1.0, 1.0), strict=True)
}


def row_and_column(orientation: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit vectors along a row and down a column, each (3,), from ImageOrientationPatient.

    Raises:
        NoGeometry: The two are not of unit length or not at a right angle.
    """
    row, column = np.array(orientation, dtype=np.float64).reshape(2, 3)
    lengths = np.linalg.norm([row, column], axis=1)
    if not (np.isfinite(lengths).all() and (np.abs(lengths - 1) < UNIT_TOLERANCE).all()):
        raise NoGeometry("direction cosines are not of unit length")
    if abs(row @ column) > UNIT_TOLERANCE:
        raise NoGeometry("row and column directions are not at a right angle")
    return row / lengths[0], column / lengths[1]


def stack_affine(
    orientation: Sequence[float],
    positions_mm: Sequence[Sequence[float]],
    spacing_mm: Sequence[float],
    thickness_mm: float,
) -> np.ndarray:
    """Return the affine of parallel slices that are already in order.

    The step between slices comes from the first and the last position: a sheared stack is told as it is.

    Args:
        orientation: ImageOrientationPatient, six direction cosines.
        positions_mm: ImagePositionPatient of each slice.
        spacing_mm: PixelSpacing: between rows (y), between columns (x).
        thickness_mm: The step of a single slice, which has no neighbour.

    Raises:
        NoGeometry: The numbers describe no stack.
    """
    row, column = row_and_column(orientation)
    normal = np.cross(row, column)
    places = np.array(positions_mm, dtype=np.float64)  # (z, 3)
    if not np.isfinite(places).all() or not all(s > 0 and np.isfinite(s) for s in spacing_mm):
        raise NoGeometry("a position or a pixel spacing is not a usable number")
    gaps = np.diff(places @ normal)
    if not ((gaps > 0).all() or (gaps < 0).all()):
        raise NoGeometry("the slices do not follow each other along their normal")
    step = (places[-1] - places[0]) / len(gaps) if len(gaps) else normal * thickness_mm
    return _affine(step, column * spacing_mm[0], row * spacing_mm[1], places[0])


def projection_affine(patient_orientation: Sequence[str], spacing_mm: Sequence[float]) -> tuple[np.ndarray, bool]:
    """Return the affine of a projection from PatientOrientation, and whether that tells the directions.

    Only directions and pixel size are meant: a projection has no position in the patient. The first letter
    of a value is its main direction (PS3.3 C.7.6.1.1.1): for ("L", "F") rows run to the patient's left and
    columns to the feet, which is also how an untold one is laid out.
    """
    ends = [DIRECTIONS[value[0]] for value in patient_orientation if value and value[0] in DIRECTIONS]
    is_told = len(ends) == len(patient_orientation) == 2 and np.dot(ends[0], ends[1]) == 0
    row, column = np.array(ends if is_told else (DIRECTIONS["L"], DIRECTIONS["F"]))
    affine = _affine(np.cross(row, column), column * spacing_mm[0], row * spacing_mm[1], np.zeros(3))
    return affine, is_told


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Return the distance between voxel centres along z, y, x in mm."""
    z, y, x = np.linalg.norm(affine[:3, :3], axis=0)
    return float(z), float(y), float(x)


def reoriented(affine: np.ndarray, shape: Sequence[int], order: Sequence[int], flips: Sequence[bool]) -> np.ndarray:
    """Return the affine after an array of this shape was transposed to order, then flipped along new axes."""
    move = np.zeros((4, 4))
    move[3, 3] = 1
    for new, (old, flip) in enumerate(zip(order, flips, strict=True)):
        move[old, new] = -1 if flip else 1
        move[old, 3] = shape[old] - 1 if flip else 0
    return affine @ move


def axes_towards(affine: np.ndarray, targets: np.ndarray) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return the transpose and the flips that bring each array axis closest to its target direction.

    Args:
        affine: Of the array as it is.
        targets: (3, 3), one wanted direction in LPS a row, for the new axes z, y, x.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    closeness = targets @ axes  # (3 wanted, 3 present): cosines
    wanted = np.arange(3)
    order = max(permutations(range(3)), key=lambda o: round(float(np.abs(closeness[wanted, o]).sum()), 9))
    return order, tuple(bool(closeness[i, order[i]] < 0) for i in range(3))


def upright(affine: np.ndarray) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return the transpose and the flips that show a projection, (1, rows, columns), as one hangs it.

    Head up, and seen from the front the patient's left on the viewer's right. A lateral view keeps the side
    it faces, and a view from above stays as it is: for those no single custom holds.
    """
    rows, columns = affine[:3, 1], affine[:3, 2]  # where the row index and the column index run to
    vertical = [axis for axis, run in ((1, rows), (2, columns)) if abs(run[2]) > np.abs(run[:2]).max()]
    if not vertical:
        return (0, 1, 2), (False, False, False)
    y = vertical[0]
    x = 3 - y
    is_frontal = abs(affine[0, x]) > abs(affine[1, x])
    return (0, y, x), (False, bool(affine[2, y] > 0), bool(is_frontal and affine[0, x] < 0))


def letters(direction: np.ndarray) -> str:
    """Return where a direction in LPS points: R L A P F H, the strongest letter first, at most two."""
    unit = direction / np.linalg.norm(direction)
    strongest = sorted(range(3), key=lambda axis: -round(abs(float(unit[axis])), 6))
    named = [axis for i, axis in enumerate(strongest[:2]) if i == 0 or abs(unit[axis]) > SECOND_LETTER]
    return "".join(LETTERS[axis][int(unit[axis] > 0)] for axis in named)


def _affine(z: np.ndarray, y: np.ndarray, x: np.ndarray, origin: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :] = np.stack([z, y, x, origin], axis=1)
    return affine
