"""How well distances tell alike from unlike pairs, on the scans of one split.

These figures choose an epoch and draw a curve. They ask an open gallery, without dates; what an
encoder is worth to its users is measured by the evaluation protocol through the search itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from siamese.example import Example
from siamese.pairs import ALIKE, UNLIKE, Purpose, relations
from siamese.purposes import codes
from siamese.search.distance import Metric, distances
from siamese.statistics.intervals import Estimate, pair_difference

N_BINS = 40
FARTHEST = 2.0  # of unit vectors, in both metrics

Distances = npt.NDArray[np.float64]
Ends = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairDistances:
    """The distances of all known pairs of one split, and what each query found first."""

    alike: Distances  # (n,)
    unlike: Distances  # (m,)
    alike_of: Ends  # (n, 2) codes of the patients of both ends
    unlike_of: Ends  # (m, 2)
    first_is_alike: npt.NDArray[np.bool_]  # one a query that has an alike scan
    mean_distance: float  # of all pairs of a kind, known or not; near 0 after a collapse
    embedding_std: float  # mean over dimensions; 1 / sqrt(dim) for vectors that fill the sphere


def pair_distances(
    vectors: npt.NDArray[np.float32], examples: Sequence[Example], purpose: Purpose, *, metric: Metric
) -> PairDistances:
    """Compare all scans of each kind with each other.

    Args:
        vectors: (N, D) unit rows, one an example.
        examples: Sorted by kind or not; pairs across kinds are left out.
        purpose: What makes two scans alike.
        metric: "cosine" or "euclidean".
    """
    alike, unlike, firsts, every = [], [], [], []
    alike_of, unlike_of = [], []
    people = codes([e.patient for e in examples])
    kinds = np.array([e.kind for e in examples])
    for kind in sorted(set(kinds.tolist())):
        rows = np.flatnonzero(kinds == kind).tolist()
        relation = relations([examples[i] for i in rows], purpose)
        matrix = distance_matrix(vectors[rows], metric)
        upper = np.triu(np.ones(matrix.shape, bool), 1)
        alike.append(matrix[upper & (relation == ALIKE)])
        unlike.append(matrix[upper & (relation == UNLIKE)])
        every.append(matrix[upper])
        ends = np.stack(np.broadcast_arrays(people[rows, None], people[None, rows]), axis=2)
        alike_of.append(ends[upper & (relation == ALIKE)])
        unlike_of.append(ends[upper & (relation == UNLIKE)])
        firsts.append(_first_is_alike(matrix, relation))
    all_pairs = np.concatenate([*every, np.empty(0)])
    return PairDistances(
        np.concatenate([*alike, np.empty(0)]),
        np.concatenate([*unlike, np.empty(0)]),
        np.concatenate([*alike_of, np.empty((0, 2), np.int64)]),
        np.concatenate([*unlike_of, np.empty((0, 2), np.int64)]),
        np.concatenate([*firsts, np.empty(0, bool)]),
        float(all_pairs.mean()) if all_pairs.size else 0.0,
        float(vectors.std(axis=0).mean()) if len(vectors) else 0.0,
    )


def distance_matrix(vectors: npt.NDArray[np.float32], metric: Metric) -> Distances:
    """Return the distances (N, N) float64 of all pairs of rows."""
    rows = [distances(vector, vectors, metric) for vector in vectors]
    return np.stack(rows) if rows else np.empty((0, 0))


def _first_is_alike(matrix: Distances, relation: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Say for each query with an alike scan whether its nearest known scan is one; a tie is none."""
    near = np.where(relation == ALIKE, matrix, np.inf).min(axis=1, initial=np.inf)
    far = np.where(relation == UNLIKE, matrix, np.inf).min(axis=1, initial=np.inf)
    return np.asarray((near < far)[np.isfinite(near)])


def figures(pairs: PairDistances) -> dict[str, float | None]:
    """Return the numbers of one split; None where there is nothing to count."""
    firsts = pairs.first_is_alike
    return {
        "auc": auc(pairs.alike, pairs.unlike),
        "p_at_1": float(firsts.mean()) if firsts.size else None,
        "queries": float(firsts.size),
        "alike_pairs": float(pairs.alike.size),
        "unlike_pairs": float(pairs.unlike.size),
        "mean_alike": float(pairs.alike.mean()) if pairs.alike.size else None,
        "mean_unlike": float(pairs.unlike.mean()) if pairs.unlike.size else None,
        "cutoff": best_cutoff(pairs.alike, pairs.unlike),
        "mean_distance": pairs.mean_distance,
        "embedding_std": pairs.embedding_std,
    }


def auc(alike: Distances, unlike: Distances) -> float | None:
    """Return the chance that an alike pair is nearer than an unlike one, ties half; None without either."""
    n, m = alike.size, unlike.size
    if n == 0 or m == 0:
        return None
    from scipy.stats import rankdata  # scipy.stats is 600 modules: only who computes with it pays for them

    ranks = rankdata(np.concatenate([unlike, alike]))  # mean ranks of ties
    unlike_wins = ranks[:m].sum() - m * (m + 1) / 2
    return float(unlike_wins / (n * m))


def lead_of(ours: Sequence[PairDistances], theirs: PairDistances) -> Estimate:
    """Return by how much our AUC, a mean over runs, is above theirs on the same pairs; 95 % interval over patients."""
    n = len(theirs.alike)
    ends = np.concatenate([theirs.alike_of, theirs.unlike_of])
    runs, rival = [np.concatenate([p.alike, p.unlike]) for p in ours], np.concatenate([theirs.alike, theirs.unlike])
    return pair_difference(runs, rival, np.arange(len(ends)) < n, ends[:, 0], ends[:, 1])


def best_cutoff(alike: Distances, unlike: Distances) -> float | None:
    """Return the distance that best parts alike (at most it) from unlike pairs, both counted as half.

    Of several equally good the smallest; None without either.
    """
    if alike.size == 0 or unlike.size == 0:
        return None
    steps = np.unique(np.concatenate([alike, unlike]))
    hits = np.searchsorted(np.sort(alike), steps, side="right") / alike.size
    false = np.searchsorted(np.sort(unlike), steps, side="right") / unlike.size
    return float(steps[np.argmax(hits - false)])


def histogram(pairs: PairDistances) -> dict[str, Any]:
    """Return counts of alike and unlike pairs over N_BINS equal bins from 0 to FARTHEST."""
    edges = np.linspace(0.0, FARTHEST, N_BINS + 1)
    return {
        "edges": [round(float(e), 6) for e in edges],
        "alike": np.histogram(pairs.alike, edges)[0].tolist(),
        "unlike": np.histogram(pairs.unlike, edges)[0].tolist(),
    }


@dataclass(frozen=True)
class Place:
    """Where one distance stands among the pairs that an encoder was judged on."""

    alike_nearer: float | None  # share of alike pairs that are nearer
    unlike_nearer: float | None  # share of unlike pairs that are nearer
    cutoff: float | None
    is_alike: bool | None  # None: the encoder was never judged on pairs


def place_of(value: float, counts: Mapping[str, Any] | None, cutoff: float | None) -> Place:
    """Return the place of a distance, from a histogram of `histogram` and its split's cut-off."""
    if not counts or cutoff is None:
        return Place(None, None, None, None)
    alike, unlike = (_share_below(value, counts, sort) for sort in ("alike", "unlike"))
    return Place(alike, unlike, cutoff, value <= cutoff)


def _share_below(value: float, counts: Mapping[str, Any], sort: str) -> float | None:
    """Return the share of pairs below a value, evenly spread within a bin."""
    total = sum(counts[sort])
    if total == 0:
        return None
    below = np.concatenate([[0.0], np.cumsum(counts[sort])])
    return float(np.interp(value, counts["edges"], below) / total)
