"""How much a patient changed, measured against patients who did not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_REFERENCES = 50
SAME_SCANNER, OTHER_SCANNER = "same-scanner", "other-scanner"


@dataclass(frozen=True)
class Change:
    """Where a distance to an own prior stands among reference pairs: no new finding, close in time."""

    code: Literal["change", "no-reference"]
    percentile: float | None  # share of reference pairs that are nearer, ties half, in percent
    n_references: int
    scanner: str  # which references


def references(
    distances: Floats, same_scanner: Sequence[bool | None], patients: NDArray[np.int64]
) -> dict[str, tuple[float, ...]]:
    """Return sorted reference distances for same and other scanner, one a patient.

    A patient with many reference pairs gives the one of middle distance: people who are scanned again
    soon are the ill ones, and must not outvote the others.

    Args:
        distances: (P,) of pairs of one patient, of two acquisitions close in time without a new finding.
        same_scanner: (P,) whether both are of one scanner; None: unknown, counted nowhere.
        patients: (P,) codes.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, wanted in ((SAME_SCANNER, True), (OTHER_SCANNER, False)):
        rows = np.array([same is wanted for same in same_scanner], bool)
        middles = [_middle(distances[rows & (patients == patient)]) for patient in np.unique(patients[rows])]
        found[name] = tuple(sorted(middles))
    return found


def _middle(values: Floats) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def change(distance: float, known: Mapping[str, Sequence[float]], *, same_scanner: bool | None) -> Change:
    """Return the percentile of a distance, or that there are fewer than 50 references for it."""
    if same_scanner is None:
        return Change("no-reference", None, 0, "")
    name = SAME_SCANNER if same_scanner else OTHER_SCANNER
    ordered = np.asarray(known.get(name, ()), np.float64)
    if ordered.size < FEWEST_REFERENCES:
        return Change("no-reference", None, int(ordered.size), name)
    below = np.searchsorted(ordered, distance, side="left") + np.searchsorted(ordered, distance, side="right")
    return Change("change", float(50.0 * below / ordered.size), int(ordered.size), name)
