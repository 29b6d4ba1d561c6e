"""How the nearest priors are found: blocks of rough products propose, float64 decides.

The gallery is read once, in blocks. A block's dot products (siamese.search.products) name every scan that can
still be among a query's k nearest, by a margin that is proven; their distances are then computed in
float64 and enter the lists. The blocks decide how fast it is, never what is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import ROUNDING_SLACK, Metric, distances_of_known, least_similarity
from siamese.search.gallery import NUMBERS_AT_ONCE, Gallery, length_deviation
from siamese.search.products import Products, products_for

Ints = NDArray[np.int64]

FIRST_BLOCK = 128  # rows; while the lists are empty every scan is a candidate, so begin small
GROWTH = 8  # of the blocks, until they have the size that was asked for
MAX_HITS = 1 << 20  # candidates handled at a time; bounds the memory when nearly everything is equal


@dataclass(frozen=True, eq=False)
class Queries:
    """Q scans whose nearest priors are wanted."""

    vectors: NDArray[np.float32]  # (Q, D)
    squares: NDArray[np.float64]  # (Q,) |v|^2
    patients: Ints  # (Q,)
    before_us: Ints  # (Q,) a prior is over by then

    def __getitem__(self, rows: Ints) -> Queries:
        """Return these queries only, in this order."""
        return Queries(self.vectors[rows], self.squares[rows], self.patients[rows], self.before_us[rows])


@dataclass(frozen=True, eq=False)
class Lists:
    """The k nearest priors of each of Q queries, nearest first."""

    rows: Ints  # (Q, k) gallery rows, -1 where the list is short
    distances: NDArray[np.float64]  # (Q, k), inf where the list is short

    def __getitem__(self, queries: Ints) -> Lists:
        """Return the lists of these queries only, in this order."""
        return Lists(self.rows[queries], self.distances[queries])


@dataclass(frozen=True, eq=False)
class Pairs:
    """P candidates: a query, a row of the gallery, and how like they are."""

    query: Ints  # (P,)
    row: Ints  # (P,)
    value: NDArray[np.floating]  # (P,) dot product, as rough as it was made, or float64 distance

    def __getitem__(self, chosen: Ints | NDArray[np.bool_]) -> Pairs:
        """Return these pairs only, in this order."""
        return Pairs(self.query[chosen], self.row[chosen], self.value[chosen])


def find_nearest(gallery: Gallery, asked: Queries, *, k: int, metric: Metric, block: int) -> Lists:
    """Return the k nearest priors of every query, of other patients, the nearest of each patient.

    Args:
        gallery: Where to look.
        asked: The queries.
        k: Length of a list at most.
        metric: "cosine" or "euclidean".
        block: Rows of the gallery that are compared at a time.
    """
    order = np.argsort(asked.before_us, kind="stable")  # who looks back furthest comes last
    asked = asked[order]
    shape = len(order), min(k, len(gallery) or 1)
    lists = Lists(np.full(shape, -1), np.full(shape, np.inf))
    deviation = max(gallery.deviation, length_deviation(asked.squares))
    products = products_for(asked.vectors.shape[1], deviation, float(len(gallery)) * asked.vectors.size)
    for pairs in _candidates(gallery, asked, lists, metric=metric, products=products, block=block):
        eligible = pairs[_is_eligible(gallery, asked, pairs)]
        likely = _without_beaten(gallery, eligible, k=k, spread=2.0 * products.error + ROUNDING_SLACK)
        _enter(gallery, lists, _measured(gallery, asked, likely, metric))
    return lists[np.argsort(order)]


def _candidates(
    gallery: Gallery, asked: Queries, lists: Lists, *, metric: Metric, products: Products, block: int
) -> Iterator[Pairs]:
    """Yield the pairs that are near enough to enter the lists as they stand, block by block."""
    room = np.empty(min(block, len(gallery)) * len(asked.patients), dtype=np.float32)
    for start, stop in _blocks(len(gallery), block):
        # the queries are sorted: those who look back far enough for anything in the block are the last
        first = int(np.searchsorted(asked.before_us, gallery.end_us[start:stop].min()))
        vectors = asked.vectors[first:]
        scores = room[: len(vectors) * (stop - start)].reshape(len(vectors), stop - start)
        products.into(vectors, gallery.vectors[start:stop], scores)
        floor = least_similarity(lists.distances[first:, -1], metric, products.error)  # -inf while a list is short
        hits = np.flatnonzero(scores >= floor[:, None])
        for some in np.split(hits, range(MAX_HITS, len(hits), MAX_HITS)):
            query, row = np.divmod(some, stop - start)
            yield Pairs(query + first, row + start, scores[query, row])


def _blocks(n_rows: int, block: int) -> Iterator[tuple[int, int]]:
    start, size = 0, min(FIRST_BLOCK, block)
    while start < n_rows:
        yield start, min(start + size, n_rows)
        start, size = start + size, min(GROWTH * size, block)


def _is_eligible(gallery: Gallery, asked: Queries, pairs: Pairs) -> NDArray[np.bool_]:
    earlier = gallery.end_us[pairs.row] <= asked.before_us[pairs.query]
    return np.asarray(earlier & (gallery.patients[pairs.row] != asked.patients[pairs.query]))


def _without_beaten(gallery: Gallery, pairs: Pairs, *, k: int, spread: float) -> Pairs:
    """Drop pairs that lie surely behind another of the same patient, or behind those of k other patients.

    Args:
        gallery: For the patients.
        pairs: With dot products.
        k: Length of a list.
        spread: Of two pairs whose products differ by more, the greater is surely the nearer.
    """
    pairs = pairs[np.lexsort((-pairs.value, gallery.patients[pairs.row], pairs.query))]
    value = pairs.value.astype(np.float64)
    leads = _starts(pairs.query, gallery.patients[pairs.row])
    best, owner = value[leads], pairs.query[leads]  # the best of each query and patient
    ranked = np.lexsort((-best, owner))
    kth = ranked[_places(owner[ranked]) == k - 1]
    least = np.full(int(pairs.query.max(initial=-1)) + 1, -np.inf)  # the k-th patient's best, for each query
    least[owner[kth]] = best[kth]
    return pairs[value >= np.maximum(best[np.cumsum(leads) - 1], least[pairs.query]) - spread]


def _measured(gallery: Gallery, asked: Queries, pairs: Pairs, metric: Metric) -> Pairs:
    """Return the pairs with their float64 distances."""
    length = np.empty(len(pairs.row))
    step = max(1, NUMBERS_AT_ONCE // asked.vectors.shape[1])
    for start in range(0, len(pairs.row), step):
        part = slice(start, start + step)
        row, query = pairs.row[part], pairs.query[part]
        length[part] = distances_of_known(
            gallery.vectors[row], asked.vectors[query], gallery.squares[row], asked.squares[query], metric
        )
    return Pairs(pairs.query, pairs.row, length)


def _enter(gallery: Gallery, lists: Lists, new: Pairs) -> None:
    """Bring the lists up to date with new pairs: the nearest of each patient, then the k nearest.

    A list never becomes shorter, for its patients stay in what it is made of.
    """
    touched = np.unique(new.query)
    owner, place = np.nonzero(lists.rows[touched] >= 0)
    owner = touched[owner]
    both = Pairs(
        np.concatenate([owner, new.query]),
        np.concatenate([lists.rows[owner, place], new.row]),
        np.concatenate([lists.distances[owner, place], new.value]),
    )
    both = both[np.lexsort((gallery.key_rank[both.row], both.value, both.query))]
    patient = gallery.patients[both.row]
    by_patient = np.lexsort((patient, both.query))  # stable: nearest first
    nearest = by_patient[_starts(both.query[by_patient], patient[by_patient])]
    both = both[np.sort(nearest)]
    place = _places(both.query)
    both, place = both[place < lists.rows.shape[1]], place[place < lists.rows.shape[1]]
    lists.rows[both.query, place], lists.distances[both.query, place] = both.row, both.value


def _starts(*sorted_columns: Ints) -> NDArray[np.bool_]:
    """Return where a new group of equal values begins."""
    starts = np.ones(len(sorted_columns[0]), dtype=bool)
    starts[1:] = np.any([column[1:] != column[:-1] for column in sorted_columns], axis=0)
    return starts


def _places(sorted_groups: Ints) -> Ints:
    """Return the place of each element within its group, from 0."""
    return np.asarray(np.arange(len(sorted_groups)) - np.searchsorted(sorted_groups, sorted_groups))
