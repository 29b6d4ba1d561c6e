"""How seldom unrelated patients are very near: the lower tail of their distances, and a distance that is rarer still.

Validation has a few hundred patients, the archive thousands: a distance that one search in two hundred passes among
thousands lies below nearly all that were measured. Near zero the share of pairs within d falls as a power of d, as it
does for points in a space of any number of dimensions; level and power are read off the nearest pairs.
"""

from dataclasses import dataclass
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

APART = 8  # times more distances within the farther of the two that the power is read between
LEVEL = 1.645  # standard errors that the power is taken smaller by: a one-sided 95 % bound, towards fewer alarms


@dataclass(frozen=True)
class Tail:
    """F(d) = share * (d / distance) ** power, for d up to `distance`."""

    distance: float
    share: float  # of unrelated pairs within `distance`
    power: float  # the lower end of its 95 % interval

    def distance_of(self, share: float) -> float:
        """Return the distance that this share of unrelated pairs lies within, at most that of the tail."""
        return self.distance * min(1.0, float((share / self.share) ** (1.0 / self.power)))


def tail_of(unrelated: Floats) -> Tail | None:
    """Return the tail of the distances between unrelated patients; None where it has no power above zero.

    As many distances count as there are patients. The nearest eighth of these says no more than where the power is
    read: a few people who stand there twice, under two ids, move it little.

    Args:
        unrelated: (P, P) distance from each patient to each other one's nearest scan, NaN where there is none.
    """
    known = np.sort(unrelated[np.isfinite(unrelated)])
    many = int(np.isfinite(unrelated).any(axis=1).sum())
    few = many // APART
    if few < 1:
        return None
    far, near = float(known[many - 1]), float(known[few - 1])
    if not 0.0 < near < far:
        return None
    error = sqrt(2 / few - 2 / many) / log(many / few)  # relative, as of log ratios; each pair is there from both ends
    power = log(many / few) / log(far / near) * max(0.0, 1.0 - LEVEL * error)
    return Tail(far, many / len(known), power) if 0.0 < power < inf else None
