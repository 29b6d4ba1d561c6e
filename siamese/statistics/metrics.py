"""The figures of one ranked list, and of many pairs.

A ranked list holds one entry a patient, nearest first; an entry's grade is above 0 when it is
relevant. All functions take many lists at once and give one number a list.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEEPEST = 10  # of nDCG and recall
METRICS = ("p_at_1", "p_at_5", "map_at_r", "ndcg_at_10", "recall_at_10")
MOST_FALSE = 0.01  # share of false matches at which true matches are counted


def ranking_metrics(grades: Floats, n_relevant: Ints, ideal: Floats) -> dict[str, Floats]:
    """Return the figures of Q lists, each (Q,).

    Args:
        grades: (Q, L) relevance of each entry, 0 where irrelevant or where the list has ended.
        n_relevant: (Q,) R: patients who have something relevant in the gallery, at least 1.
        ideal: (Q, 10) the best grades the gallery has, one a patient, largest first, 0 where it has fewer.

    Raises:
        ValueError: Shapes differ, R is below 1, a list is shorter than R and cut off, or ideal is smaller
            than what was found.
    """
    _check(grades, n_relevant, ideal)
    wide = np.pad(grades, ((0, 0), (0, max(0, DEEPEST - grades.shape[1]))))
    relevant = wide > 0
    return {
        "p_at_1": relevant[:, 0].astype(np.float64),
        "p_at_5": precision_at(relevant, np.minimum(5, n_relevant)),
        "map_at_r": average_precision_at_r(relevant, n_relevant),
        "ndcg_at_10": ndcg(wide[:, :DEEPEST], ideal),
        "recall_at_10": relevant[:, :DEEPEST].sum(axis=1) / n_relevant,
    }


def precision_at(relevant: Flags, depth: Ints) -> Floats:
    """Return the share of relevant entries among the first `depth` (Q,) of lists (Q, L)."""
    hits = np.cumsum(relevant, axis=1)
    last = np.minimum(depth, relevant.shape[1]) - 1
    return np.asarray(hits[np.arange(len(hits)), last] / depth, np.float64)


def average_precision_at_r(relevant: Flags, n_relevant: Ints) -> Floats:
    """Return AP@R of lists (Q, L): the mean over the first R places of precision where the place is relevant.

    Source: Musgrave, Belongie, Lim, A Metric Learning Reality Check, 2020, section 3.2.
    """
    places = np.arange(1, relevant.shape[1] + 1)
    precision = np.cumsum(relevant, axis=1) / places
    counted = relevant & (places <= n_relevant[:, None])
    return np.asarray((precision * counted).sum(axis=1) / n_relevant, np.float64)


def ndcg(grades: Floats, ideal: Floats) -> Floats:
    """Return the discounted gain of lists (Q, L) over the best possible one (Q, L); the gain is the grade."""
    return np.asarray((grades @ discounts(grades.shape[1])) / (ideal @ discounts(ideal.shape[1])), np.float64)


def discounts(n_places: int) -> Floats:
    """Return 1 / log2(place + 1) of places 1 to n."""
    return np.asarray(1.0 / np.log2(np.arange(2, n_places + 2)), np.float64)


def _check(grades: Floats, n_relevant: Ints, ideal: Floats) -> None:
    if grades.ndim != 2 or n_relevant.shape != grades.shape[:1] or ideal.shape != (len(grades), DEEPEST):
        raise ValueError(f"grades {grades.shape}, n_relevant {n_relevant.shape} and ideal {ideal.shape} do not fit")
    if n_relevant.size and n_relevant.min() < 1:
        raise ValueError("a query without anything relevant in the gallery has no such figures")
    if not (np.isfinite(grades).all() and (grades >= 0).all()):
        raise ValueError("grades must be 0 or more; leave out of the list what is unknown")
    found = -np.sort(-grades, axis=1)[:, :DEEPEST]
    if (found > ideal[:, : found.shape[1]] + 1e-9).any() or ((grades > 0).sum(axis=1) > n_relevant).any():
        raise ValueError("a list holds more that is relevant than the gallery has")


def pair_metrics(distances: Floats, alike: Flags, weights: Floats | None = None) -> Mapping[str, float | None]:
    """Return roc_auc, eer and tmr_at_1_percent of pairs (P,); None without alike or unlike ones.

    A pair is a match when its distance is at most a threshold. The equal error rate is read where the
    straight lines between the thresholds cross; the true-match rate is the largest at a threshold with
    at most 1 % false matches.

    Args:
        distances: (P,) of the pairs.
        alike: (P,) which are alike.
        weights: (P,) how often each counts.
    """
    return PairRanks(distances, alike).metrics(np.ones(len(distances)) if weights is None else weights)


PAIR_METRICS = ("roc_auc", "eer", "tmr_at_1_percent")


class PairRanks:
    """Pairs sorted once, so that they can be weighed many times."""

    def __init__(self, distances: Floats, alike: Flags) -> None:
        from scipy.stats import rankdata  # scipy.stats is 600 modules: only who computes with it pays for them

        places = (rankdata(distances, method="dense") - 1).astype(np.int64)
        self._n_places = int(places.max(initial=-1)) + 1
        self._rows = tuple(
            rows[np.argsort(places[rows], kind="stable")] for rows in map(np.flatnonzero, (alike, ~alike))
        )
        self._places = tuple(places[rows] for rows in self._rows)  # rising, so that counting them runs through memory

    def metrics(self, weights: Floats) -> dict[str, float | None]:
        """Return the figures of `pair_metrics` with these weights (P,)."""
        true, false = (
            np.bincount(places, weights.take(rows), self._n_places)
            for places, rows in zip(self._places, self._rows, strict=True)
        )
        if true.sum() <= 0 or false.sum() <= 0:
            return dict.fromkeys(PAIR_METRICS, None)
        tmr, fmr = _shares(true), _shares(false)
        auc = float(np.sum(np.diff(fmr) * (tmr[1:] + tmr[:-1]) / 2.0))  # a tie counts as half
        best = int(np.searchsorted(fmr, MOST_FALSE + 1e-12, side="right")) - 1
        return {"roc_auc": auc, "eer": _equal_error(fmr, 1.0 - tmr), "tmr_at_1_percent": float(tmr[best])}


def _shares(counts: NDArray[Any]) -> Floats:
    """Return the share of all that lies before each threshold, from none (0) to all (1)."""
    sums = np.zeros(len(counts) + 1)
    np.cumsum(counts, out=sums[1:])
    return np.asarray(sums / sums[-1], np.float64)


def _equal_error(fmr: Floats, fnmr: Floats) -> float:
    """Return where rising false matches meet falling false non-matches, both from threshold 'none' on."""
    after = int(np.argmax(fmr >= fnmr))  # fmr ends at 1, fnmr at 0; they begin at 0 and 1
    rise, fall = fmr[after] - fmr[after - 1], fnmr[after - 1] - fnmr[after]
    share = (fnmr[after - 1] - fmr[after - 1]) / (rise + fall)
    return float(fmr[after - 1] + share * rise)
