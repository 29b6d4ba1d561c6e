"""Slices of several known steps -> the steps of the even grid that they are resampled onto."""

import numpy as np

from scans.outcome import UnevenSpacing
from scans.repair import most_made_up

GAP_TOLERANCE = 0.01  # relative to the step; what highdicom settled on as well
REGULAR = 0.25  # of the gaps: so many alike are a step that was set at the scanner
WIDEST_GAP = 3.0  # regular steps; head CT has 2.5 mm at the base of the skull and 5 to 7 mm above
WIDEST_HOLE_STEPS = 2.0  # regular steps: one slice is missing, no more
HOLE = 1.5  # times the gaps on both sides: no step that was set, but a slice that is not there
NEAREST = 0.1  # regular steps: slices nearer to each other show one place twice
NEARLY = 0.1  # of a step: the last plane may lie so far off a whole number of steps before they are stretched


def even_steps(gaps: np.ndarray, *, bridge: bool) -> tuple[int, int]:
    """Return how many steps lead from the first slice to the last, and how many slices are missing on the way.

    A step is the smallest regular gap, so that thin slices keep what they show, but never finer than half of the
    widest gap: between two slices lies one plane at most, and every plane has a slice within one step.

    Args:
        gaps: (n - 1,) mm between slices in order, not all alike.
        bridge: Whether a slice may be missing.

    Raises:
        UnevenSpacing: The gaps are no such steps, or some of them are holes.
    """
    regular, widest = _regular(gaps), float(gaps.max())
    facts = f"{gap_facts(gaps)} between {len(gaps) + 1} slices; a repair mends"
    if gaps.min() < NEAREST * regular:
        raise UnevenSpacing(f"{facts} no slices nearer than {NEAREST:g} of the regular gap, {regular:.2f} mm")
    if widest > WIDEST_GAP * (1 + GAP_TOLERANCE) * regular:
        raise UnevenSpacing(f"{facts} no gap wider than {WIDEST_GAP:g} regular ones, {regular:.2f} mm")
    step = max(regular, widest / 2)
    n_steps = max(2, int(float(gaps.sum()) / step + NEARLY))
    holes = gaps[_is_hole(gaps)]
    limit = most_made_up(n_steps + 1) if bridge else 0
    if len(holes) > limit or (holes > WIDEST_HOLE_STEPS * (1 + GAP_TOLERANCE) * regular).any():
        raise UnevenSpacing(f"{facts} {limit} holes of one slice in {n_steps + 1} planes, there are {len(holes)}")
    return n_steps, len(holes)


def gap_facts(gaps: np.ndarray) -> str:
    """Return the smallest and the largest gap in words."""
    return f"gaps from {gaps.min():.2f} to {gaps.max():.2f} mm"


def _regular(gaps: np.ndarray) -> float:
    """Return the smallest gap that many are alike to, the median where none is."""
    ordered = np.sort(gaps)
    up_to = np.searchsorted(ordered, ordered * (1 + 2 * GAP_TOLERANCE), side="right")
    n_alike = up_to - np.arange(len(ordered))
    often = np.flatnonzero(n_alike >= max(2, REGULAR * len(gaps)))
    return float(np.median(ordered[often[0] : up_to[often[0]]] if len(often) else ordered))


def _is_hole(gaps: np.ndarray) -> np.ndarray:
    """Return (n - 1,) bool: gaps that stick out from both neighbours; a first or last one has one neighbour."""
    padded = np.concatenate([[0.0], gaps, [0.0]])
    holes: np.ndarray = gaps > HOLE * np.maximum(padded[:-2], padded[2:])
    return holes
