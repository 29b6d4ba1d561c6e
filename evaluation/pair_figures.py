"""The figures of pairs: alike or unlike, of one kind, within a fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Vectors
from evaluation.questions import Task
from evaluation.relevance import agreed
from siamese.example import Example
from siamese.pairs import ALIKE, UNKNOWN, by_kind, relations
from siamese.search.distance import DECIMALS, Metric, check_metric
from siamese.statistics.intervals import N_RESAMPLES, Estimate, pair_estimates

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of scans of known relation, of one kind each and within a fold."""

    distances: Floats  # (P,)
    alike: NDArray[np.bool_]  # (P,)
    left: Ints  # (P,) patient code of one end
    right: Ints  # (P,) of the other


def pair_figures(
    cohort: Cohort,
    folds: Sequence[Ints],
    vectors: Sequence[Vectors],
    task: Task,
    *,
    metric: Metric = "cosine",
    n: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return roc_auc, eer and tmr_at_1_percent over all pairs of known relation, folds pooled.

    Args:
        cohort: All scans.
        folds: Rows (n,) of the cohort for each fold; of a kind at most `pairs.MOST_COMPARED` scans count.
        vectors: (n, D) for each fold; distances are made within a fold only.
        task: What makes a pair alike.
        metric: "cosine" or "euclidean".
        n: Number of resamples.
        seed: Of the resamples.
    """
    found = known_pairs(cohort, folds, vectors, task, metric=metric)
    return pair_estimates(found.distances, found.alike, found.left, found.right, n=n, seed=seed)


def known_pairs(
    cohort: Cohort, folds: Sequence[Ints], vectors: Sequence[Vectors], task: Task, *, metric: Metric = "cosine"
) -> Pairs:
    """Return all pairs of known relation, folds pooled; arguments as for `pair_figures`."""
    lengths, alike, left, right = [np.empty(0)], [np.empty(0, bool)], [np.empty(0, int)], [np.empty(0, int)]
    for rows, space in zip(folds, vectors, strict=True):
        place = {cohort.keys[row]: i for i, row in enumerate(rows.tolist())}
        for listed in by_kind([_example(cohort, row) for row in rows.tolist()]).values():
            some = np.array([place[e.scan] for e in listed], np.int64)
            relation = relations(listed, task)
            one, other = np.nonzero(np.triu(relation != UNKNOWN, 1))
            patients = cohort.patient_codes[rows[some]]
            lengths.append(all_distances(space[some], metric)[one, other])
            alike.append(relation[one, other] == ALIKE)
            left.append(patients[one])
            right.append(patients[other])
    return Pairs(*(np.concatenate(parts) for parts in (lengths, alike, left, right)))


def all_distances(vectors: Vectors, metric: Metric) -> NDArray[np.float64]:
    """Return `figures.distance_matrix` (N, N) by one product, for counting: a last decimal may differ."""
    check_metric(metric)
    exact = vectors.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    cosine = np.clip(1.0 - exact @ exact.T, 0.0, 2.0)  # (N, D) @ (D, N)
    return np.asarray(np.round(cosine if metric == "cosine" else np.sqrt(2.0 * cosine), DECIMALS))


def _example(cohort: Cohort, row: int) -> Example:
    present, absent = agreed(cohort.present[row], cohort.absent[row])
    return Example(
        cohort.keys[row], cohort.patients[row], cohort.studies[row], cohort.kinds[row], Path(), present, absent, 0.0
    )
