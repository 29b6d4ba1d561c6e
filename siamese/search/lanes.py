"""The questions that can be asked of a gallery: both lanes, and whose list a new scan changes.

Filters come before ranking. Everything here is a function of the vectors, dates, patients and keys alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import (
    Metric,
    check_metric,
    distances_of_known,
    float32_error,
    least_similarity,
    squared_lengths,
)
from siamese.search.gallery import NEVER_US, UNKNOWN_US, Gallery, Order, check_intervals, check_order, check_rows
from siamese.search.nearest import Queries, find_nearest

Ints = NDArray[np.int64]

NOBODY = -1  # the patient of a scan whose patient is not known; a gallery's codes are 0 or more
QUERIES_AT_ONCE = 256  # with blocks of 65,536 rows: 64 MiB of scores
PRODUCTS_AT_ONCE = 1 << 23  # in may_enter: 32 MiB of scores


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of a lane."""

    index: int  # row of the gallery
    distance: float
    rank: int | None  # from 1; None when the order in time is not known


def nearest_priors(
    gallery: Gallery,
    queries: Ints,
    *,
    k: int,
    order: Order = "earlier",
    metric: Metric = "cosine",
    block: int = 65536,
) -> list[list[Neighbour]]:
    """Return the others' lane of scans of the gallery: their nearest priors of other patients.

    Each patient gives its nearest prior alone; equal distances go by key. A list is shorter than k
    only when fewer patients have an eligible prior.

    Args:
        gallery: Where to look.
        queries: (Q,) rows of the gallery.
        k: Length of a list at most, from 1.
        order: "earlier": a prior is over when the query begins, and an unknown date is never earlier
            than anything. "any": dates across patients mean nothing, every other patient's scan counts.
        metric: "cosine" or "euclidean".
        block: Rows compared at a time; changes speed and memory only.

    Returns:
        A list for each query, in the order given, nearest first.

    Example:
        Three patients; the scan asked about was made last, and its own patient's earlier scan is not listed.

        >>> keys, patients = ["a", "b", "c", "d"], np.array([0, 1, 2, 0])
        >>> vectors = np.array([[1, 0], [0.6, 0.8], [0, 1], [0.8, 0.6]], np.float32)
        >>> begin = np.array([10, 20, 30, 40])
        >>> gallery = Gallery(keys, vectors, patients, begin, begin + 1)
        >>> [(gallery.keys[prior.index], round(prior.distance, 3)) for prior in nearest_priors(gallery, [3], k=5)[0]]
        [('b', 0.04), ('c', 0.4)]
    """
    queries = check_rows(gallery, queries)
    lists: list[list[Neighbour]] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[start : start + QUERIES_AT_ONCE]
        asked = Queries(
            gallery.vectors[some],
            gallery.squares[some],
            gallery.patients[some],
            _before(gallery.from_us[some], order),
        )
        lists += _nearest(gallery, asked, k=k, metric=metric, block=block)
    return lists


def nearest_to(
    gallery: Gallery,
    vector: NDArray[np.float32],
    *,
    patient: int | None,
    from_us: int,
    k: int,
    order: Order = "earlier",
    metric: Metric = "cosine",
    block: int = 65536,
) -> list[Neighbour]:
    """Return the others' lane of a scan that is not in the gallery.

    Args:
        gallery: Where to look.
        vector: (D,) float32 unit vector.
        patient: Code of its patient, whose scans are left out; None leaves out nobody.
        from_us: When it was acquired, or UNKNOWN_US.
        k: As in `nearest_priors`.
        order: As in `nearest_priors`.
        metric: As in `nearest_priors`.
        block: As in `nearest_priors`.
    """
    vectors = _one_vector(gallery, vector)
    who = np.array([NOBODY if patient is None else patient], dtype=np.int64)
    before = _before(np.array([from_us], dtype=np.int64), order)
    asked = Queries(vectors, squared_lengths(vectors), who, before)
    return _nearest(gallery, asked, k=k, metric=metric, block=block)[0]


def own_priors(gallery: Gallery, query: int, *, metric: Metric = "cosine") -> list[Neighbour]:
    """Return the own lane of a scan of the gallery: the patient's scans from other studies, latest first.

    Scans that begin after it is over are not listed. Those that overlap it in time, or of which either
    date is unknown, are listed without a rank: their order is not known.
    """
    row = int(check_rows(gallery, np.array([query]))[0])
    rows = gallery.rows_of(int(gallery.patients[row]))
    same = rows == row if gallery.studies is None else gallery.studies[rows] == gallery.studies[row]
    interval = int(gallery.from_us[row]), int(gallery.until_us[row])
    lengths = _lengths(gallery, rows[~same], gallery.vectors[row], gallery.squares[row], metric)
    return _own(gallery, rows[~same], lengths, interval)


def own_priors_of(
    gallery: Gallery,
    vector: NDArray[np.float32],
    *,
    patient: int,
    from_us: int,
    until_us: int,
    study: int | None = None,
    metric: Metric = "cosine",
) -> list[Neighbour]:
    """Return the own lane of a scan that is not in the gallery; see `own_priors`."""
    check_intervals(np.array([from_us]), np.array([until_us]))
    vectors = _one_vector(gallery, vector)
    rows = gallery.rows_of(patient)
    if study is not None and gallery.studies is not None:
        rows = rows[gallery.studies[rows] != study]
    lengths = _lengths(gallery, rows, vectors[0], squared_lengths(vectors)[0], metric)
    return _own(gallery, rows, lengths, (from_us, until_us))


def eligible_priors(gallery: Gallery, query: int, *, order: Order = "earlier") -> Ints:
    """Return the rows of other patients' scans that the list of a scan of the gallery may hold, ascending."""
    row = check_rows(gallery, np.array([query]))
    before = _before(gallery.from_us[row], order)
    return np.flatnonzero((gallery.end_us <= before) & (gallery.patients != gallery.patients[row]))


def eligible_patients(gallery: Gallery, queries: Ints, *, order: Order = "earlier") -> Ints:
    """Return how many other patients have an eligible prior for each query: (Q,) from rows (Q,)."""
    queries = check_rows(gallery, queries)
    return _count_patients(gallery, gallery.patients[queries], _before(gallery.from_us[queries], order))


def eligible_patients_of(gallery: Gallery, *, patient: int | None, from_us: int, order: Order = "earlier") -> int:
    """Return how many other patients have an eligible prior for a scan that is not in the gallery."""
    who = np.array([NOBODY if patient is None else patient], dtype=np.int64)
    return int(_count_patients(gallery, who, _before(np.array([from_us], dtype=np.int64), order))[0])


def may_enter(
    gallery: Gallery,
    new: Ints,
    queries: Ints,
    *,
    kth_distance: NDArray[np.float64],
    order: Order = "earlier",
    metric: Metric = "cosine",
) -> NDArray[np.bool_]:
    """Return whose others' lane a new scan may change; the lists of the rest stay as they are.

    Never misses a list; may name one that stays (the margin of float32, a patient already in it).

    Args:
        gallery: Holds the new scans and the queries.
        new: (M,) rows of the new scans.
        queries: (Q,) rows of the scans whose lists are known.
        kth_distance: (Q,) distance of the last entry of each list, inf where the list is short.
        order: As the lists were made.
        metric: As the lists were made.

    Returns:
        (Q,) bool.
    """
    check_metric(metric)
    new, queries = check_rows(gallery, new), check_rows(gallery, queries)
    if kth_distance.shape != queries.shape or np.isnan(kth_distance).any():
        raise ValueError(f"kth_distance must be {queries.shape} without NaN, got {kth_distance.shape}")
    before = _before(gallery.from_us[queries], order)
    floor = least_similarity(kth_distance, metric, float32_error(gallery.vectors.shape[1], gallery.deviation))
    enters = np.zeros(len(queries), dtype=bool)
    step = max(1, PRODUCTS_AT_ONCE // max(1, len(new)))
    reached = np.flatnonzero(before >= gallery.end_us[new].min(initial=NEVER_US))
    for start in range(0, len(reached), step):
        some = reached[start : start + step]
        scores = gallery.vectors[queries[some]] @ gallery.vectors[new].T  # (B, D) @ (D, M) -> (B, M)
        may = scores >= floor[some, None]
        may &= gallery.end_us[new] <= before[some, None]
        may &= gallery.patients[new] != gallery.patients[queries[some], None]
        enters[some] = may.any(axis=1)
    return enters


def _nearest(gallery: Gallery, asked: Queries, *, k: int, metric: Metric, block: int) -> list[list[Neighbour]]:
    check_metric(metric)
    if k < 1 or block < 1:
        raise ValueError(f"k and block must be at least 1, got k={k}, block={block}")
    lists = find_nearest(gallery, asked, k=k, metric=metric, block=block)
    return [
        [Neighbour(row, length, rank) for rank, (row, length) in enumerate(zip(*lane, strict=True), 1) if row >= 0]
        for lane in zip(lists.rows.tolist(), lists.distances.tolist(), strict=True)
    ]


def _before(from_us: Ints, order: Order) -> Ints:
    """Return by when a prior must be over, (Q,): at an unknown time nothing is."""
    check_order(order)
    return from_us if order == "earlier" else np.full_like(from_us, NEVER_US)


def _one_vector(gallery: Gallery, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    if vector.dtype != np.float32 or vector.shape != gallery.vectors.shape[1:]:
        wanted = gallery.vectors.shape[1:]
        raise ValueError(f"the vector must be {wanted} float32, got {vector.dtype} of shape {vector.shape}")
    return np.ascontiguousarray(vector[None])


def _lengths(
    gallery: Gallery, rows: Ints, vector: NDArray[np.float32], square: np.float64, metric: Metric
) -> NDArray[np.float64]:
    squares = gallery.squares[rows]
    return distances_of_known(gallery.vectors[rows], vector, squares, np.full_like(squares, square), metric)


def _own(gallery: Gallery, rows: Ints, lengths: NDArray[np.float64], interval: tuple[int, int]) -> list[Neighbour]:
    start, end = interval
    starts = gallery.from_us[rows]
    earlier = gallery.end_us[rows] <= start
    later = (starts >= end) if end != UNKNOWN_US else np.zeros(len(rows), dtype=bool)
    latest_first = np.lexsort((gallery.key_rank[rows], ~starts))  # ~ turns the order without overflow
    lane: list[Neighbour] = []
    rank = 0
    for place in latest_first[~later[latest_first]].tolist():
        rank += int(earlier[place])
        lane.append(Neighbour(int(rows[place]), float(lengths[place]), rank if earlier[place] else None))
    return lane


def _count_patients(gallery: Gallery, patients: Ints, before_us: Ints) -> Ints:
    """Count the patients whose earliest scan is over in time, less the query's own: O((N + Q) log N)."""
    if not len(gallery):
        return np.zeros(len(patients), dtype=np.int64)
    codes, starts = np.unique(gallery.sorted_patients, return_index=True)
    earliest = np.minimum.reduceat(gallery.end_us[gallery.by_patient], starts)  # (patients,)
    count = np.searchsorted(np.sort(earliest), before_us, side="right")
    own = np.minimum(np.searchsorted(codes, patients), len(codes) - 1)
    counted = (codes[own] == patients) & (earliest[own] <= before_us)
    return np.asarray(count - counted)
