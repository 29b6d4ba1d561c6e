"""What vectors answer to a question, through the production search."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Vectors
from evaluation.questions import Question, Truth, gallery_of
from siamese.search.distance import Metric
from siamese.search.gallery import Gallery, Order
from siamese.search.lanes import Neighbour, nearest_priors, own_priors
from siamese.statistics.metrics import DEEPEST

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Answers:
    """The lists of Q queries, nearest first; row i is query i."""

    rows: Ints  # (Q, L) of the cohort, -1 where the list has ended
    distances: Floats  # (Q, L), inf where the list has ended
    grades: Floats  # (Q, L), 0 where the list has ended


def ask(
    cohort: Cohort,
    question: Question,
    truth: Truth,
    vectors: Vectors,
    *,
    order: Order,
    metric: Metric,
    with_own: bool = False,
) -> Answers:
    """Ask the gallery of one question, each list long enough for its figures.

    Args:
        cohort: Of the question.
        question: Its queries are asked, in their order.
        truth: Of these queries: a list holds at least R entries and 10, where there are as many.
        vectors: (G, D) unit rows of the question's gallery.
        order: "earlier" for the prior gallery, "any" for the open one.
        metric: "cosine" or "euclidean".
        with_own: Rank the query's own patient among the others, as task "patient" always does.
    """
    gallery = gallery_of(cohort, question, vectors, order)
    length = max(DEEPEST, int(truth.n_relevant.max(initial=0)))
    lanes = nearest_priors(gallery, question.queries, k=length, order=order, metric=metric)
    if with_own or question.grades is None:
        lanes = [
            _merged(gallery, int(query), lane, order, metric)[:length]
            for query, lane in zip(question.queries, lanes, strict=True)
        ]
    return _table(cohort, question, lanes, length)


def _merged(gallery: Gallery, query: int, lane: list[Neighbour], order: Order, metric: Metric) -> list[Neighbour]:
    """Return both lanes as one list by distance, equal ones by key; of the own only what is a prior."""
    own = [found for found in own_priors(gallery, query, metric=metric) if order == "any" or found.rank is not None]
    return sorted([*own, *lane], key=lambda found: (found.distance, gallery.key_rank[found.index]))


def _table(cohort: Cohort, question: Question, lanes: list[list[Neighbour]], length: int) -> Answers:
    rows = np.full((len(lanes), length), NOBODY, np.int64)
    distances, graded = np.full((len(lanes), length), np.inf), np.zeros((len(lanes), length))
    patients = cohort.patient_codes[question.rows]
    for place, (query, lane) in enumerate(zip(question.queries, lanes, strict=True)):
        found = np.array([neighbour.index for neighbour in lane], np.int64)
        rows[place, : len(lane)] = question.rows[found]
        distances[place, : len(lane)] = [neighbour.distance for neighbour in lane]
        is_own = patients[found] == patients[query]
        graded[place, : len(lane)] = is_own if question.grades is None else question.grades[found]
    return Answers(rows, distances, graded)


def joined(parts: list[Answers]) -> Answers:
    """Return the answers of several questions as one table, as wide as the widest."""
    width = max((part.rows.shape[1] for part in parts), default=DEEPEST)
    return Answers(
        _stacked([part.rows for part in parts], width, NOBODY, np.int64),
        _stacked([part.distances for part in parts], width, np.inf, np.float64),
        _stacked([part.grades for part in parts], width, 0.0, np.float64),
    )


def _stacked(tables: list[NDArray], width: int, empty: float, dtype: type) -> NDArray:  # type: ignore[type-arg]
    padded = [np.pad(t, ((0, 0), (0, width - t.shape[1])), constant_values=empty) for t in tables]
    return np.concatenate([*padded, np.empty((0, width))]).astype(dtype)
