"""What an encoder that knows nothing would reach, computed and not drawn.

It puts the items of a list (patients, or for task "patient" also own scans) in random order, each
shown by a scan of its own drawn at random.
"""

import numpy as np
from numpy.typing import NDArray

from evaluation.questions import Truth
from siamese.statistics.metrics import DEEPEST, discounts

Floats = NDArray[np.float64]


def chance_metrics(truth: Truth) -> dict[str, Floats]:
    """Return the expected figures of `ranking_metrics` for each query, (Q,); R must be at least 1."""
    n, r = truth.n_items.astype(np.float64), truth.n_relevant.astype(np.float64)
    if (r < 1).any():
        raise ValueError("a query without anything relevant in the gallery has no such figures")
    one = truth.chance_relevant / n  # chance that the item at a place is relevant
    pairs = np.maximum(n * (n - 1), 1)
    both = (truth.chance_relevant**2 - truth.chance_squares) / pairs  # that those at two places are
    gain = np.array([discounts(DEEPEST)[: int(m)].sum() for m in np.minimum(n, DEEPEST)])
    return {
        "p_at_1": one,
        "p_at_5": one,  # min(5, R) places, all of which exist
        "map_at_r": _average_precision(one, both, truth.n_relevant),
        "ndcg_at_10": truth.chance_grade / n * gain / (truth.ideal @ discounts(DEEPEST)),
        "recall_at_10": one * np.minimum(n, DEEPEST) / r,
    }


def _average_precision(one: Floats, both: Floats, n_relevant: NDArray[np.int64]) -> Floats:
    """Return E[1/R sum over i <= R of rel_i (1 + sum over j < i of rel_j) / i]."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n_relevant.max(initial=0) + 1))])[n_relevant]
    return np.asarray((one * harmonic + both * (n_relevant - harmonic)) / n_relevant, np.float64)
