"""A map of an encoder's space: scans of one kind as points on two axes, with their label and scanner."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Fold
from evaluation.relevance import agreed

MOST_POINTS = 1200  # more would be a blot
DECIMALS = 3  # finer than a pixel, and far too coarse to know a vector by
NOTHING = "none of the findings"
SEVERAL = "several findings"
UNLABELLED = "not labelled"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Map:
    """Points without keys; place i of each field is the same scan, in an order that says nothing."""

    kind: Annotated[str, "of all these scans"]
    x: Annotated[tuple[float, ...], "along the first principal component"]
    y: Annotated[tuple[float, ...], "along the second"]
    labels: Annotated[tuple[str, ...], "what is known to be there"]
    scanners: Annotated[tuple[str, ...], "what made them"]
    shares: Annotated[tuple[float, float], "of all variance, along x and y"]
    n_left_out: Annotated[int, "scans of the kind that would be too many"]


def embedding_map(cohort: Cohort, fold: Fold, *, seed: int = 0) -> Map:
    """Lay the scans of a fold's commonest kind on the two axes along which their vectors differ most.

    Principal components of the vectors (mean removed). The larger end of each axis is arbitrary and kept
    the same from run to run.

    Args:
        cohort: As evaluated.
        fold: Of one encoder; two encoders' spaces have no common map.
        seed: Which scans are shown where there are too many, and in which order.
    """
    kinds = cohort.rows_by_kind(fold.rows)
    if not kinds:
        return Map("", (), (), (), (), (0.0, 0.0), 0)
    kind = max(sorted(kinds), key=lambda name: len(kinds[name]))
    inside = np.isin(fold.rows, kinds[kind])
    places, shares = principal_axes(fold.vectors[inside])
    chosen = np.random.default_rng(seed).permutation(len(places))[:MOST_POINTS]
    rows = fold.rows[inside][chosen].tolist()
    scanners = cohort.traits.get("scanner", [None] * len(cohort))
    return Map(
        kind,
        tuple(np.round(places[chosen, 0], DECIMALS).tolist()),
        tuple(np.round(places[chosen, 1], DECIMALS).tolist()),
        tuple(_label(cohort, row) for row in rows),
        tuple(scanners[row] or UNKNOWN for row in rows),
        shares,
        len(places) - len(chosen),
    )


def principal_axes(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return places (N, 2) of vectors (N, D) along their two principal components, and the variance of each.

    Variances are shares of the whole; the entry of a component that is farthest from 0 is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)  # axes (min(N, D), D)
    axes = np.pad(axes, ((0, max(0, 2 - len(axes))), (0, 0)))[:2]
    lengths = np.pad(lengths, (0, max(0, 2 - len(lengths))))
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    total = float((lengths**2).sum()) or 1.0
    return centred @ (axes * signs[:, None]).T, (float(lengths[0] ** 2 / total), float(lengths[1] ** 2 / total))


def _label(cohort: Cohort, row: int) -> str:
    present, absent = agreed(cohort.present[row], cohort.absent[row])
    if len(present) > 1:
        return SEVERAL
    return next(iter(present), NOTHING if absent else UNLABELLED)
