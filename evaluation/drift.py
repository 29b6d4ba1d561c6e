"""Whether a figure surely stands out from what is usual: a share, and a mean."""

import math
from dataclasses import dataclass

FEWEST = 20  # scans or files on both sides, below which nothing is said
Z = 4.0  # standard errors: one false alarm in many thousand figures
LEAST_SHIFT = 0.5  # of the usual spread: a sure but small drift wakes nobody


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values there are, their sum and the sum of their squares."""

    n: int
    total: float
    squares: float

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation; there must be a value."""
        mean = self.total / self.n
        return mean, math.sqrt(max(0.0, self.squares / self.n - mean**2))


def is_more(now: tuple[float, int], usual: tuple[float, int]) -> bool:
    """Say whether a share (hits, trials) is surely above the usual one: two proportions, pooled variance.

    A trial may be hit in part: the variance of what lies between 0 and 1 is never more than that of a proportion.
    """
    (hits, n), (usual_hits, usual_n) = now, usual
    if min(n, usual_n) < FEWEST:
        return False
    pooled = (hits + usual_hits) / (n + usual_n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / usual_n))
    return error > 0 and (hits / n - usual_hits / usual_n) / error > Z


def shift_of_mean(now: Sums, usual: Sums) -> tuple[float, float] | None:
    """Return both means where the mean has surely and visibly moved, else None."""
    if min(now.n, usual.n) < FEWEST:
        return None
    (mean, _), (usual_mean, spread) = now.moments(), usual.moments()
    error = spread * math.sqrt(1 / now.n + 1 / usual.n)
    if abs(mean - usual_mean) <= max(Z * error, LEAST_SHIFT * spread):
        return None
    return mean, usual_mean
