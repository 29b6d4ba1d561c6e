"""Scans that are everybody's neighbour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from siamese.statistics.intervals import wilson

Ints = NDArray[np.int64]

N_WORST = 10


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A scan that stands in many lists."""

    scan: Annotated[str | None, "its key; the key is left out where a row of the database outlives the scan"] = None
    times: Annotated[int, "it stands among the first ten"]
    eligible: Annotated[int, "queries it could have answered"]
    share: Annotated[float, "of these, in which it does"]


@dataclass(frozen=True)
class Hubness:
    """How unevenly lists are filled."""

    skewness: Annotated[float | None, "of the shares; 0 is even, above 1 is hubby"]
    never: Annotated[float, "share of eligible scans that no list holds"]
    worst: Annotated[tuple[Hub, ...], "by the share that each surely has: once out of one time makes no hub"]


def hubness(keys: Sequence[str], shown: Ints, n_eligible: Ints) -> Hubness:
    """Count how often each scan is a neighbour, divided by how often it was eligible.

    Args:
        keys: N scan keys.
        shown: (Q, 10) rows in the lists, -1 where a list is shorter.
        n_eligible: (N,) queries that each scan could have answered.
    """
    times = np.bincount(shown[shown >= 0], minlength=len(keys))
    asked = n_eligible > 0
    if not asked.any():
        return Hubness(None, 0.0, ())
    share = times[asked] / n_eligible[asked]
    rows = zip(np.flatnonzero(asked).tolist(), times[asked].tolist(), n_eligible[asked].tolist(), strict=True)
    hubs = [
        Hub(scan=keys[row], times=n_times, eligible=n_asked, share=n_times / n_asked) for row, n_times, n_asked in rows
    ]
    worst = sorted(hubs, key=lambda hub: (-_surely(hub), hub.scan or ""))[:N_WORST]
    skewness = float(skew(share)) if share.min() < share.max() else 0.0
    return Hubness(skewness, float(np.mean(times[asked] == 0)), tuple(worst))


def _surely(hub: Hub) -> float:
    return wilson(hub.share, hub.eligible)[0]
