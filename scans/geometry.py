"""Order, spacing and direction of slices, from ImagePositionPatient and ImageOrientationPatient alone.

Source: DICOM PS3.3 C.7.6.2.1.1. InstanceNumber, SliceLocation, SliceThickness and
SpacingBetweenSlices are never looked at: they are optional and often wrong.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from scans.affine import row_and_column
from scans.outcome import (
    MissingSlices,
    RepeatedPositions,
    SingleSlice,
    Tilted,
    TooFewSlices,
    UnevenSpacing,
)
from scans.repair import MOST_TILT_DEG, NO_REPAIR, WIDEST_GAP, WIDEST_HOLE, most_made_up

GAP_TOLERANCE = 0.01  # relative to the step; what highdicom settled on as well
LARGEST_TILT_DEG = 0.5  # a shear of this size moves the far end of a 30 cm stack by 2.6 mm
FEWEST_SLICES = 3  # the gap of two slices has nothing to be compared with
SAME_PLACE_MM = 0.01  # slices closer than this lie at one position; scanners write 3 decimals and more
SIDEWAYS_MM = 0.05  # off the line from the first slice to the last; positions are written to 0.001 mm
PLANE_ANGLE_DEG = 30.0  # an oblique head scan is still called axial; halfway to the next plane is 45
PLANES = {0: "sagittal", 1: "coronal", 2: "axial"}  # by the patient axis that the normal follows


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the slices of a stack lie, once it is proven that they make one volume."""

    order: tuple[int, ...]  # indices of the slices given, along the normal
    spacing_z_mm: float
    coverage_mm: float
    largest_gap_mm: float
    tilt_deg: float
    plane: str
    smallest_gap_mm: float
    n_missing: int  # slices that an allowed repair makes up
    repairs: str  # what has to be mended, "" if nothing: then the slices are the volume


def place(
    positions_mm: Sequence[Sequence[float]], orientation: Sequence[float], *, repair: Collection[str] = NO_REPAIR
) -> Placement:
    """Order slices along their normal and prove that they are evenly spaced and not sheared, or can be mended.

    Args:
        positions_mm: ImagePositionPatient of each slice, no two at one position.
        orientation: ImageOrientationPatient of all of them, six direction cosines.
        repair: What the site allows to be mended, see `scans.repair.Repair`.

    Raises:
        Refusal: NoGeometry, SingleSlice, TooFewSlices, RepeatedPositions, Tilted, MissingSlices or
            UnevenSpacing, with the facts.
    """
    if len(positions_mm) == 1:
        raise SingleSlice("1 slice")
    if len(positions_mm) < FEWEST_SLICES:
        raise TooFewSlices(f"{len(positions_mm)} slices, at least {FEWEST_SLICES} wanted")
    places = np.asarray(positions_mm, dtype=np.float64)  # (n, 3)
    along = distances_along_normal(positions_mm, orientation)
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    if gaps.min() <= SAME_PLACE_MM:
        raise RepeatedPositions("two slices at one position")
    tilt_deg = _tilt_deg(places[order], orientation)
    repairs = []
    if tilt_deg > LARGEST_TILT_DEG:
        facts = f"{tilt_deg:.1f} degrees"
        if "tilt" not in repair:
            raise Tilted(f"{facts} between the slices' normal and their step, at most {LARGEST_TILT_DEG}")
        if tilt_deg > MOST_TILT_DEG:
            raise Tilted(f"{facts}, a repair mends at most {MOST_TILT_DEG:g}")
        repairs.append(f"tilt: {facts}")
    multiples = _multiples(gaps, along[order], places[order], orientation, repair, repairs)
    _require_straight(along[order], places[order])
    n_planes = int(multiples.sum()) + 1
    step = float(along[order[-1]] - along[order[0]]) / (n_planes - 1)
    return Placement(
        order=tuple(int(i) for i in order),
        spacing_z_mm=round(step, 6),
        coverage_mm=round(step * n_planes, 6),
        largest_gap_mm=round(float(gaps.max()), 6),
        tilt_deg=round(tilt_deg, 4),
        plane=plane_of(orientation),
        smallest_gap_mm=round(float(gaps.min()), 6),
        n_missing=n_planes - len(order) if len(multiples) == len(gaps) else 0,
        repairs="; ".join(repairs),
    )


def distances_along_normal(positions_mm: Sequence[Sequence[float]], orientation: Sequence[float]) -> np.ndarray:
    """Return each slice's distance from the origin along the normal of the slices, (n,), in mm."""
    row, column = row_and_column(orientation)
    distances: np.ndarray = np.asarray(positions_mm, dtype=np.float64) @ np.cross(row, column)
    return distances


def plane_of(orientation: Sequence[float]) -> str:
    """Return axial, coronal or sagittal, or oblique when the normal follows no axis of the patient."""
    row, column = row_and_column(orientation)
    normal = np.abs(np.cross(row, column))
    axis = int(np.argmax(normal))
    return PLANES[axis] if normal[axis] >= np.cos(np.radians(PLANE_ANGLE_DEG)) else "oblique"


def _tilt_deg(places: np.ndarray, orientation: Sequence[float]) -> float:
    """Return the largest angle between the normal and the way from the first slice to a later one."""
    row, column = row_and_column(orientation)
    way = places - places[0]
    sideways = np.hypot(way @ row, way @ column)
    along = way @ np.cross(row, column)
    far = along > 0.5 * along[-1]  # over a short way, rounding of the positions looks like an angle
    return float(np.degrees(np.arctan2(sideways[far], along[far])).max())


def _multiples(
    gaps: np.ndarray,
    along: np.ndarray,
    places: np.ndarray,
    orientation: Sequence[float],
    repair: Collection[str],
    repairs: list[str],
) -> np.ndarray:
    """Return the steps of the even grid in each gap, (n - 1,): ones, unless a repair is allowed and noted.

    Uneven slices have no step of their own: there only the sum counts, the whole way in steps of the median.
    """
    step = float(np.median(gaps))
    if (np.abs(gaps - step) <= GAP_TOLERANCE * step).all():
        return np.ones(len(gaps))
    smallest = float(gaps.min())
    step = float(np.median(gaps[gaps <= smallest * (1 + 2 * GAP_TOLERANCE)]))
    multiples = np.round(gaps / step)
    tolerance = step * np.minimum(GAP_TOLERANCE * multiples, 0.1)
    if (np.abs(gaps - multiples * step) <= tolerance).all():
        missing = _missing(multiples.astype(int), step, along, places, orientation)
        if "missing-slices" not in repair:
            raise MissingSlices(missing)
        n_all = int(multiples.sum()) + 1
        if n_all - len(along) > most_made_up(n_all) or multiples.max() - 1 > WIDEST_HOLE:
            raise MissingSlices(f"{missing}; a repair makes up {_limit(n_all)}")
        repairs.append(f"missing-slices: {n_all - len(along)} of {n_all}")
        return multiples
    facts = f"gaps from {smallest:.2f} to {gaps.max():.2f} mm"
    if "uneven-spacing" not in repair:
        raise UnevenSpacing(f"{facts} between {len(along)} slices")
    step = float(np.median(gaps))
    n_steps = max(2, round(float(along[-1] - along[0]) / step))
    if gaps.max() > WIDEST_GAP * (1 + GAP_TOLERANCE) * step or n_steps + 1 - len(along) > most_made_up(n_steps + 1):
        limit = f"no gap wider than {WIDEST_GAP:g} steps of the median, {step:.2f} mm"
        raise UnevenSpacing(f"{facts} between {len(along)} slices; a repair mends {limit}, and {_limit(n_steps + 1)}")
    repairs.append(f"uneven-spacing: {facts}")
    return np.array([n_steps])


def _limit(n_planes: int) -> str:
    return f"at most {most_made_up(n_planes)} of {n_planes} planes, {WIDEST_HOLE} side by side"


def _require_straight(along: np.ndarray, places: np.ndarray) -> None:
    """Refuse a slice that is shifted within its own plane against the others."""
    line = (places[-1] - places[0]) / (along[-1] - along[0])
    shifts = np.linalg.norm(places - places[0] - np.outer(along - along[0], line), axis=1)
    step = float(along[-1] - along[0]) / (len(along) - 1)  # of even slices; only a tolerance elsewhere
    if shifts.max() > max(SIDEWAYS_MM, 2 * GAP_TOLERANCE * step):
        raise UnevenSpacing(f"slice {int(shifts.argmax()) + 1} is shifted by {shifts.max():.2f} mm")


def _missing(
    multiples: np.ndarray, step: float, along: np.ndarray, places: np.ndarray, orientation: Sequence[float]
) -> str:
    """Name the first missing slice: its number from the start of the stack, and where it should lie."""
    n_missing, n_all = int((multiples - 1).sum()), int(multiples.sum()) + 1
    before = int(np.argmax(multiples > 1))  # the slice in front of the first hole
    number = int(multiples[:before].sum()) + 2
    axis = int(np.argmax(np.abs(np.cross(*row_and_column(orientation)))))
    share = step / float(along[before + 1] - along[before])
    where = places[before] + share * (places[before + 1] - places[before])
    more = f" ({n_missing} missing in all)" if n_missing > 1 else ""
    return f"slice {number} of {n_all} missing near {'xyz'[axis]} = {where[axis]:.1f} mm{more}"
