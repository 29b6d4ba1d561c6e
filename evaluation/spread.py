"""The same figure from several seeds: its mean, and how far the seeds lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

FEWEST_SEEDS = 3  # a figure that is quoted anywhere is the mean of at least so many


@dataclass(frozen=True)
class Spread:
    """One figure over the seeds in which it is known; None where it is known in none."""

    mean: Annotated[float | None, "over seeds"]
    low: Annotated[float | None, "the smallest"]
    high: Annotated[float | None, "the largest"]
    deviation: Annotated[float | None, "standard deviation of a sample, n - 1; 0 of one seed"]
    n: Annotated[int, "seeds in which the figure is known"]


def spread(values: Sequence[float | None]) -> Spread:
    """Return mean and spread of a figure over seeds; None and what is not finite counts nowhere."""
    known = np.array([value for value in values if value is not None and np.isfinite(value)], np.float64)
    if not known.size:
        return Spread(None, None, None, None, 0)
    deviation = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return Spread(float(known.mean()), float(known.min()), float(known.max()), deviation, len(known))
