"""The one definition of distance between two unit vectors.

Training histograms, search, `scantwin compare` and the SQL tables all use `distances`. A distance
depends on its two vectors alone: products of float32 are exact in float64, and they are added in one
written order, so that the result is the same bit for bit whichever way round the pair is given and
wherever it stands in a block.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from siamese.limits import Metric as Metric  # others take it from here

DECIMALS = 9  # what is kept and ranked; far above the noise of float64, far below that of a scan
UNIT_TOLERANCE = 1e-4  # a float32 unit vector is off by 1e-6 at most; more means "not normalised"
ROUNDING_SLACK = 1e-8  # in cosine; covers DECIMALS under both metrics and the noise of float64
FLOAT32_UNIT_ROUNDOFF = 2.0**-24


def distances(
    left: NDArray[np.floating], right: NDArray[np.floating], metric: Metric = "cosine"
) -> NDArray[np.float64]:
    """Return the distance of each pair of unit vectors, rounded to 9 decimals.

    Cosine is 1 - cos(angle), 0 (same direction) to 2 (opposite); Euclidean is the chord between the
    same two directions, sqrt(2 * cosine), also 0 to 2. Both order pairs alike. What float32 left of
    the vectors' lengths is divided out, so that equal vectors are at 0 exactly.

    Args:
        left: (..., D) unit vectors.
        right: (..., D) unit vectors; broadcast against `left`.
        metric: "cosine" or "euclidean".

    Returns:
        Shape of the broadcast without its last axis.

    Raises:
        ValueError: Unknown metric, different D, or a vector that is not finite or not of unit length.
    """
    if left.ndim == 0 or right.ndim == 0 or left.shape[-1] != right.shape[-1]:
        raise ValueError(f"vectors of different size: {left.shape} and {right.shape}")
    return distances_of_known(left, right, squared_lengths(left), squared_lengths(right), metric)


def distance(left: NDArray[np.floating], right: NDArray[np.floating], metric: Metric = "cosine") -> float:
    """Return the distance of one pair of unit vectors, each (D,); see `distances`."""
    return float(distances(left, right, metric))


def distances_of_known(
    left: NDArray[np.floating],
    right: NDArray[np.floating],
    left_squares: NDArray[np.float64],
    right_squares: NDArray[np.float64],
    metric: Metric,
) -> NDArray[np.float64]:
    """Return `distances` of vectors (..., D) whose `squared_lengths` (...) are already known."""
    check_metric(metric)
    cosine = 1.0 - dots(left, right) / np.sqrt(left_squares * right_squares)
    cosine = np.clip(cosine, 0.0, 2.0)
    return np.asarray(np.round(cosine if metric == "cosine" else np.sqrt(2.0 * cosine), DECIMALS))


def squared_lengths(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return |v|^2 of unit vectors (..., D), or raise ValueError naming the first that is not one."""
    squares = dots(vectors, vectors)
    flat = np.sqrt(squares.reshape(-1))
    wrong = np.flatnonzero(~(np.abs(flat - 1.0) <= UNIT_TOLERANCE))  # NaN is wrong too
    if wrong.size:
        raise ValueError(f"vector {wrong[0]} has length {flat[wrong[0]]:.6g}, wanted a finite unit vector")
    return squares


def check_metric(metric: str) -> None:
    """Raise ValueError when no metric has this name."""
    if metric not in get_args(Metric):
        raise ValueError(f"metric is {metric!r}, wanted one of {', '.join(get_args(Metric))}")


def float32_error(n_dimensions: int, deviation: float) -> float:
    """Return how far a float32 dot product can lie from the cosine of the same two vectors.

    A float32 dot product of n terms, added in any order, with fused products or not, is off by at
    most n*u / (1 - n*u) times the product of the lengths (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., section 3.1). Lengths that differ from 1 by `deviation` add the rest.
    """
    relative = n_dimensions * FLOAT32_UNIT_ROUNDOFF / (1.0 - n_dimensions * FLOAT32_UNIT_ROUNDOFF)
    return relative * (1.0 + deviation) ** 2 + 2.0 * deviation + deviation**2


def least_similarity(distance: NDArray[np.float64], metric: Metric, error: float) -> NDArray[np.float32]:
    """Return the least float32 dot product that a pair at this distance, or nearer, can have.

    Args:
        distance: (Q,) rounded distances; inf gives -inf.
        metric: The metric they are in.
        error: From `float32_error`.
    """
    cosine = distance if metric == "cosine" else distance**2 / 2.0
    exact = 1.0 - cosine - error - ROUNDING_SLACK
    return np.nextafter(exact.astype(np.float32), np.float32(-np.inf))  # the cast may have rounded up


def dots(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the dot products along the last axis, in float64, added in one fixed order.

    The second half of the terms is added to the first until one is left. Only additions of whole
    arrays are used, so that no library chooses the order.
    """
    terms = left.astype(np.float64) * right.astype(np.float64)  # (..., D), exact for float32
    while terms.shape[-1] > 1:
        half = (terms.shape[-1] + 1) // 2
        rest = terms.shape[-1] - half
        terms[..., :rest] += terms[..., half:]
        terms = terms[..., :half]
    return np.asarray(terms[..., 0]) if terms.shape[-1] else np.zeros(terms.shape[:-1])
