"""How much a patient changed, measured against patients who did not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import Metric
from siamese.search.gallery import UNKNOWN_US, Gallery
from siamese.search.lanes import own_priors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_REFERENCES = 50
CLOSE_US = 90 * 86_400_000_000  # begins at most 90 days apart: a control, not the next year's visit
SAME_SCANNER, OTHER_SCANNER = "same-scanner", "other-scanner"


@dataclass(frozen=True)
class Change:
    """Where a distance to an own prior stands among reference pairs: no new finding, close in time."""

    code: Literal["change", "no-reference"]
    percentile: float | None  # share of reference pairs that are nearer, ties half, in percent
    n_references: int
    scanner: str  # which references


def reference_pairs(
    gallery: Gallery, present: Sequence[frozenset[str]], *, metric: Metric = "cosine"
) -> tuple[Ints, Ints, Floats]:
    """Return rows (P,), rows (P,) and distances (P,) of pairs that count as unchanged.

    One patient, two studies whose begins are known and at most 90 days apart, and no finding that is known of
    the later one alone; of studies whose order is not known, both show the same.

    Args:
        gallery: Scans of one kind of patients whose ids can be trusted.
        present: (N,) findings known to be present in each.
        metric: "cosine" or "euclidean".
    """
    found: list[tuple[int, int, float]] = []
    for row in range(len(gallery)):
        for near in own_priors(gallery, row, metric=metric):
            begins = int(gallery.from_us[row]), int(gallery.from_us[near.index])
            if UNKNOWN_US in begins or abs(begins[0] - begins[1]) > CLOSE_US:
                continue
            if near.rank is None:  # it stands in the lists of both
                is_unchanged = row < near.index and present[row] == present[near.index]
            else:
                is_unchanged = present[row] <= present[near.index]
            if is_unchanged:
                found.append((row, near.index, near.distance))
    rows, others, lengths = zip(*found, strict=True) if found else ((), (), ())
    return np.array(rows, np.int64), np.array(others, np.int64), np.array(lengths, np.float64)


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
