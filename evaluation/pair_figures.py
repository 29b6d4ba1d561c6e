"""The figures of pairs: alike or unlike, of one kind, within a fold."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Vectors
from evaluation.confounds import UNKNOWN as NO_SOURCE
from evaluation.confounds import codes_of
from evaluation.questions import Task
from evaluation.relevance import agreed
from siamese.example import Example
from siamese.pairs import ALIKE, UNKNOWN, by_kind, relations
from siamese.search.distance import DECIMALS, Metric, check_metric
from siamese.statistics.intervals import N_RESAMPLES, Estimate, pair_estimates

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SOURCES = ("site", "scanner")  # what a picture's style comes from; the first one that is known here
NO_PAIRS = "cannot tell: no unlike pairs of one source"


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of scans of known relation, of one kind each and within a fold."""

    distances: Floats  # (P,)
    alike: NDArray[np.bool_]  # (P,)
    left: Ints  # (P,) patient code of one end
    right: Ints  # (P,) of the other
    one_source: NDArray[np.bool_]  # (P,) both ends are of the same one, and it is known

    def figures(self, *, n: int = N_RESAMPLES, seed: int = 0) -> dict[str, Estimate]:
        """Return roc_auc, eer and tmr_at_1_percent, from n resamples of patients."""
        return pair_estimates(self.distances, self.alike, self.left, self.right, n=n, seed=seed)

    def within_source(self) -> "Pairs":
        """Return the alike pairs, and of the unlike ones those of one source: its style parts none of these."""
        kept = self.alike | self.one_source
        return Pairs(*(getattr(self, field.name)[kept] for field in fields(self)))


def source_of(cohort: Cohort) -> str:
    """Return which trait is taken for the source of a scan: "site" where any is known, else "scanner"."""
    return next((trait for trait in SOURCES if any(cohort.traits.get(trait, ()))), SOURCES[-1])


def known_pairs(
    cohort: Cohort, folds: Sequence[Ints], vectors: Sequence[Vectors], task: Task, *, metric: Metric = "cosine"
) -> Pairs:
    """Return all pairs of known relation, folds pooled.

    Args:
        cohort: All scans.
        folds: Rows (n,) of the cohort for each fold; of a kind at most `pairs.MOST_COMPARED` scans count.
        vectors: (n, D) for each fold; distances are made within a fold only.
        task: What makes a pair alike.
        metric: "cosine" or "euclidean".
    """
    sources = codes_of(cohort.traits.get(source_of(cohort), [None] * len(cohort)))
    lengths, alike, left, right = [np.empty(0)], [np.empty(0, bool)], [np.empty(0, int)], [np.empty(0, int)]
    together = [np.empty(0, bool)]
    for rows, space in zip(folds, vectors, strict=True):
        place = {cohort.keys[row]: i for i, row in enumerate(rows.tolist())}
        for listed in by_kind([_example(cohort, row) for row in rows.tolist()]).values():
            some = np.array([place[e.scan] for e in listed], np.int64)
            relation = relations(listed, task)
            one, other = np.nonzero(np.triu(relation != UNKNOWN, 1))
            patients, source = cohort.patient_codes[rows[some]], sources[rows[some]]
            lengths.append(all_distances(space[some], metric)[one, other])
            alike.append(relation[one, other] == ALIKE)
            left.append(patients[one])
            right.append(patients[other])
            together.append((source[one] == source[other]) & (source[one] != NO_SOURCE))
    return Pairs(*(np.concatenate(parts) for parts in (lengths, alike, left, right, together)))


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
