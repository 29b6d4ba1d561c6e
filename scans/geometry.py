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
from scans.repair import MOST_TILT_DEG, NO_REPAIR, WIDEST_HOLE, most_made_up
from scans.rounding import half_unit_mm, printed_from
from scans.uneven import GAP_TOLERANCE, even_steps, gap_facts

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
    positions_mm: Sequence[Sequence[float]],
    orientation: Sequence[float],
    *,
    repair: Collection[str] = NO_REPAIR,
    regions: bool = False,
) -> Placement:
    """Order slices along their normal and prove that they are evenly spaced and not sheared, or can be mended.

    What the rounding of printed positions explains is no unevenness and no tilt, see `scans.rounding`.

    Args:
        positions_mm: ImagePositionPatient of each slice, no two at one position.
        orientation: ImageOrientationPatient of all of them, six direction cosines.
        repair: What the site allows to be mended, see `scans.repair.Repair`.
        regions: The slices are of several thicknesses, see `scans.regions`: a step twice as wide as another is no hole.

    Raises:
        Refusal: NoGeometry, SingleSlice, TooFewSlices, RepeatedPositions, Tilted, MissingSlices or
            UnevenSpacing, with the facts.
    """
    if len(positions_mm) == 1:
        raise SingleSlice("1 slice")
    if len(positions_mm) < FEWEST_SLICES:
        raise TooFewSlices(f"{len(positions_mm)} slices, at least {FEWEST_SLICES} wanted")
    along = distances_along_normal(positions_mm, orientation)
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    if gaps.min() <= SAME_PLACE_MM:
        raise RepeatedPositions("two slices at one position")
    places = np.asarray(positions_mm, dtype=np.float64)[order]  # (n, 3)
    if not _is_even_and_upright(places, orientation):
        places = printed_from(places, orientation)
    repairs: list[str] = []
    tilt_deg = _allowed_tilt_deg(places, orientation, repair, repairs)
    n_steps, n_missing = _steps(places, orientation, repair, repairs, regions)
    _require_straight(places, orientation)
    step = float(along[order[-1]] - along[order[0]]) / n_steps
    return Placement(
        order=tuple(int(i) for i in order),
        spacing_z_mm=round(step, 6),
        coverage_mm=round(step * (n_steps + 1), 6),
        largest_gap_mm=round(float(gaps.max()), 6),
        tilt_deg=round(tilt_deg, 4),
        plane=plane_of(orientation),
        smallest_gap_mm=round(float(gaps.min()), 6),
        n_missing=n_missing,
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


def _is_even_and_upright(places: np.ndarray, orientation: Sequence[float]) -> bool:
    """Say whether slices are one even, straight stack as they are."""
    gaps = np.diff(places @ np.cross(*row_and_column(orientation)))
    is_straight = bool(_shifts(places, orientation).max() <= _most_sideways(gaps))
    return _is_even(gaps) and is_straight and _tilt_deg(places, orientation) <= LARGEST_TILT_DEG


def _is_even(gaps: np.ndarray) -> bool:
    step = float(np.median(gaps))
    return bool((np.abs(gaps - step) <= GAP_TOLERANCE * step).all())


def _allowed_tilt_deg(
    places: np.ndarray, orientation: Sequence[float], repair: Collection[str], repairs: list[str]
) -> float:
    """Return the tilt; one that is mended is noted, one that cannot be is refused."""
    tilt_deg = _tilt_deg(places, orientation)
    if tilt_deg > LARGEST_TILT_DEG:
        facts = f"{tilt_deg:.1f} degrees"
        if "tilt" not in repair:
            raise Tilted(f"{facts} between the slices' normal and their step, at most {LARGEST_TILT_DEG}")
        if tilt_deg > MOST_TILT_DEG:
            raise Tilted(f"{facts}, a repair mends at most {MOST_TILT_DEG:g}")
        repairs.append(f"tilt: {facts}")
    return tilt_deg


def _tilt_deg(places: np.ndarray, orientation: Sequence[float]) -> float:
    """Return the largest angle between the normal and the way from the first slice to a later one."""
    row, column = row_and_column(orientation)
    way = places - places[0]
    sideways = np.hypot(way @ row, way @ column)
    along = way @ np.cross(row, column)
    far = along > 0.5 * along[-1]  # over a short way, rounding of the positions looks like an angle
    return float(np.degrees(np.arctan2(sideways[far], along[far])).max())


def _steps(
    places: np.ndarray, orientation: Sequence[float], repair: Collection[str], repairs: list[str], regions: bool
) -> tuple[int, int]:
    """Return how many steps of the even grid lead from the first slice to the last, and how many slices are missing.

    As many as there are gaps, unless a repair is allowed and noted.
    """
    gaps = np.diff(places @ np.cross(*row_and_column(orientation)))
    if _is_even(gaps):
        return len(gaps), 0
    multiples, step = _multiples(gaps)
    if multiples is not None and not regions:
        missing = _missing(multiples, step, places, orientation)
        if "missing-slices" not in repair:
            raise MissingSlices(missing)
        n_all = int(multiples.sum()) + 1
        n_missing = n_all - len(places)
        if n_missing > most_made_up(n_all) or multiples.max() - 1 > WIDEST_HOLE:
            limit = f"at most {most_made_up(n_all)} of {n_all} planes, {WIDEST_HOLE} side by side"
            raise MissingSlices(f"{missing}; a repair makes up {limit}")
        repairs.append(f"missing-slices: {n_missing} of {n_all}")
        return n_all - 1, n_missing
    if "uneven-spacing" not in repair:
        raise UnevenSpacing(f"{gap_facts(gaps)} between {len(places)} slices")
    n_steps, n_missing = even_steps(gaps, bridge="missing-slices" in repair)
    repairs.append(f"uneven-spacing: {gap_facts(gaps)}")
    if n_missing:
        repairs.append(f"missing-slices: {n_missing} of {n_steps + 1}")
    return n_steps, n_missing


def _multiples(gaps: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Return the whole steps in each gap, (n - 1,) int, None if they are no whole steps; and the step, in mm."""
    step = float(np.median(gaps[gaps <= float(gaps.min()) * (1 + 2 * GAP_TOLERANCE)]))
    multiples = np.round(gaps / step)
    tolerance = step * np.minimum(GAP_TOLERANCE * multiples, 0.1)
    is_whole = bool((np.abs(gaps - multiples * step) <= tolerance).all())
    return (multiples.astype(int) if is_whole else None), step


def _require_straight(places: np.ndarray, orientation: Sequence[float]) -> None:
    """Refuse a slice that is shifted within its own plane against the others."""
    shifts = _shifts(places, orientation)
    gaps = np.diff(places @ np.cross(*row_and_column(orientation)))
    off_mm = 2 * 3**0.5 * half_unit_mm(places, float(np.median(gaps)))  # a slice and the ends of the line, each by half
    if shifts.max() > max(_most_sideways(gaps), off_mm):
        raise UnevenSpacing(f"slice {int(shifts.argmax()) + 1} is shifted by {shifts.max():.2f} mm")


def _shifts(places: np.ndarray, orientation: Sequence[float]) -> np.ndarray:
    """Return how far each slice lies off the line from the first to the last, (n,), in mm."""
    along = places @ np.cross(*row_and_column(orientation))
    line = (places[-1] - places[0]) / (along[-1] - along[0])
    shifts: np.ndarray = np.linalg.norm(places - places[0] - np.outer(along - along[0], line), axis=1)
    return shifts


def _most_sideways(gaps: np.ndarray) -> float:
    return max(SIDEWAYS_MM, 2 * GAP_TOLERANCE * float(gaps.mean()))  # of even slices; only a tolerance elsewhere


def _missing(multiples: np.ndarray, step: float, places: np.ndarray, orientation: Sequence[float]) -> str:
    """Name the first missing slice: its number from the start of the stack, and where it should lie."""
    n_missing, n_all = int((multiples - 1).sum()), int(multiples.sum()) + 1
    before = int(np.argmax(multiples > 1))  # the slice in front of the first hole
    number = int(multiples[:before].sum()) + 2
    normal = np.cross(*row_and_column(orientation))
    axis = int(np.argmax(np.abs(normal)))
    way = places[before + 1] - places[before]
    where = places[before] + step / float(way @ normal) * way
    more = f" ({n_missing} missing in all)" if n_missing > 1 else ""
    return f"slice {number} of {n_all} missing near {'xyz'[axis]} = {where[axis]:.1f} mm{more}"
