"""Dot products of queries with a block of the gallery, and how far they can lie from the cosines.

By float32; or by bfloat16, where the processor multiplies that by itself and there is enough to do: half the bytes, a
multiple of the products in a second, and a wider margin. Which of the two decides how fast it is, never what is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import float32_error

BFLOAT16_UNIT_ROUNDOFF = 2.0**-8
LEAST_WORK = 5e10  # products of two numbers, a second of two cores; loading torch may cost as much

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Products:
    """One way to multiply.

    Attributes:
        into: Writes the products of queries (Q, D) and rows (B, D) of the gallery into an array (Q, B).
        error: How far one of them can lie from the cosine of its two vectors.
    """

    into: Callable[[Vectors, Vectors, Vectors], None]
    error: float


def products_for(n_dimensions: int, deviation: float, work: float) -> Products:
    """Return the fastest way on this processor.

    Args:
        n_dimensions: D.
        deviation: The greatest difference of a vector's length from 1.
        work: Products of two numbers that will be made.
    """
    if work >= LEAST_WORK and _has_bfloat16():
        return Products(in_bfloat16, bfloat16_error(n_dimensions, deviation))
    return Products(in_float32, float32_error(n_dimensions, deviation))


def in_float32(queries: Vectors, rows: Vectors, out: Vectors) -> None:
    """Multiply as they are."""
    np.matmul(queries, rows.T, out=out)  # (Q, D) @ (D, B) -> (Q, B)


def in_bfloat16(queries: Vectors, rows: Vectors, out: Vectors) -> None:
    """Round both to bfloat16, multiply, add in float32, round to bfloat16."""
    import torch

    left, right = (torch.from_numpy(some).to(torch.bfloat16) for some in (queries, rows))
    torch.from_numpy(out).copy_(left @ right.T)


def bfloat16_error(n_dimensions: int, deviation: float) -> float:
    """Return how far a product by `in_bfloat16` can lie from the cosine of the same two vectors.

    Rounding moves each vector by at most u of its length, hence the product of the lengths by 2u + u^2
    (Cauchy-Schwarz); the sum in float32, with fused products or not, is off by twice what
    `float32_error` says, and the result by u of itself. Source: as there.
    """
    u = BFLOAT16_UNIT_ROUNDOFF
    lengths = (1.0 + deviation) ** 2
    largest = (1.0 + u) ** 2 * lengths
    added = 2.0 * float32_error(n_dimensions, 0.0) * largest
    return (2.0 * u + u**2) * lengths + added + u * (largest + added) + 2.0 * deviation + deviation**2


def _has_bfloat16() -> bool:
    from siamese.kernels import has_bf16

    return has_bf16("cpu")
