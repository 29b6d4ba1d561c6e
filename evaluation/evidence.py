"""What a page of evidence draws: pairs, ROC, risk by coverage, expected by chance, a map, and queries to look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from evaluation.asking import OURS, Comparison, ask_all
from evaluation.cohort import Cohort, Fold
from evaluation.embedding_map import Map, embedding_map
from evaluation.pair_figures import Pairs, known_pairs
from evaluation.protocol import GALLERIES, SMALL_GALLERY
from evaluation.questions import Task
from evaluation.reliability import Reliability, reliability
from siamese.search.distance import Metric

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Points = tuple[tuple[float, float], ...]

N_BINS = 40
N_POINTS = 100  # of a curve; a finer one is not seen
N_SHEETS = 3  # queries of each sort
N_SHOWN = 4  # neighbours of a sheet


@dataclass(frozen=True)
class Neighbour:
    """One scan of a list."""

    scan: Annotated[str, "its key"]
    distance: Annotated[float, "from the scan that asks"]
    grade: Annotated[float, "how relevant it is; 0: not at all"]


@dataclass(frozen=True)
class Sheet:
    """One query with what it was answered."""

    sort: Annotated[str, "best, median or worst"]
    scan: Annotated[str, "key of the scan that asks"]
    findings: Annotated[tuple[str, ...], "that it has"]
    score: Annotated[float, "average precision at R"]
    neighbours: Annotated[tuple[Neighbour, ...], "what it was answered, nearest first"]


@dataclass(frozen=True)
class Curves:
    """What is drawn of an evaluation."""

    edges: Annotated[tuple[float, ...], "of the bins of distance"]
    alike: Annotated[tuple[int, ...], "alike pairs in each bin"]
    unlike: Annotated[tuple[int, ...], "unlike pairs in each bin"]
    roc: Annotated[Points, "share of unlike pairs within a distance, share of alike pairs within it"]
    risk: Annotated[Points, "share of searches answered, share of these whose first answer is wrong; surest first"]
    reliability: Annotated[Reliability, "expected by chance against observed"]
    map: Annotated[Map, "of the first fold: two encoders' spaces have no common map"]
    sheets: Annotated[tuple[Sheet, ...], "searches to look at"]


def curves(cohort: Cohort, folds: Sequence[Fold], *, task: Task, gallery: str, metric: Metric = "cosine") -> Curves:
    """Return what is drawn of an encoder.

    Args:
        cohort: As evaluated.
        folds: As evaluated.
        task: "finding" or "patient".
        gallery: "prior" or "open".
        metric: "cosine" or "euclidean".
    """
    pairs = known_pairs(cohort, [f.rows for f in folds], [f.vectors for f in folds], task, metric=metric)
    asking = ask_all(cohort, folds, {}, task=task, order=GALLERIES[gallery], metric=metric)
    edges = _edges(pairs.distances)
    return Curves(
        tuple(edges.tolist()),
        tuple(np.histogram(pairs.distances[pairs.alike], edges)[0].tolist()),
        tuple(np.histogram(pairs.distances[~pairs.alike], edges)[0].tolist()),
        roc(pairs),
        _risk(asking),
        reliability(cohort, folds, task=task, metric=metric),
        embedding_map(cohort, folds[0]),
        _sheets(cohort, asking),
    )


def _edges(distances: Floats) -> Floats:
    most = float(distances.max(initial=0.0))
    return np.linspace(0.0, most if most > 0 else 1.0, N_BINS + 1)


def roc(pairs: Pairs) -> Points:
    """Return for rising distances the shares of unlike and of alike pairs within; () without either sort."""
    alike, unlike = np.sort(pairs.distances[pairs.alike]), np.sort(pairs.distances[~pairs.alike])
    if not alike.size or not unlike.size:
        return ()
    steps = np.unique(np.concatenate([alike, unlike]))
    true = np.searchsorted(alike, steps, side="right") / alike.size
    false = np.searchsorted(unlike, steps, side="right") / unlike.size
    rows = _spread(len(steps))
    return ((0.0, 0.0), *zip(false[rows].tolist(), true[rows].tolist(), strict=True))


def _risk(asking: Comparison) -> Points:
    answers = asking.answers[OURS]
    asked = np.isfinite(answers.distances[:, 0])
    return risk_by_coverage(answers.distances[asked, 0], answers.grades[asked, 0] > 0)


def risk_by_coverage(distances: Floats, right: Flags) -> Points:
    """Return (coverage, risk) as the cut-off rises; searches at one distance are answered together.

    Args:
        distances: (Q,) of each search's first answer.
        right: (Q,) whether that is relevant; a search without a right answer is wrong whenever it is answered.
    """
    if not distances.size:
        return ()
    steps, counts = np.unique(distances, return_counts=True)
    order = np.argsort(distances, kind="stable")
    answered = np.cumsum(counts)
    wrong = np.cumsum(~right[order])[answered - 1]
    rows = _spread(len(steps))
    return tuple(zip((answered[rows] / len(right)).tolist(), (wrong[rows] / answered[rows]).tolist(), strict=True))


def _spread(n: int) -> Ints:
    return np.unique(np.linspace(0, n - 1, min(n, N_POINTS)).round().astype(np.int64))


def _sheets(cohort: Cohort, asking: Comparison) -> tuple[Sheet, ...]:
    """Return the best, middle and worst queries of the headline, one a patient."""
    good = np.flatnonzero(asking.answerable)
    large = good[asking.truth.n_patients[good] >= SMALL_GALLERY]
    rows = large if large.size else good
    scores = asking.figures(rows)[OURS]["map_at_r"]
    first = asking.answers[OURS].distances[rows, 0]
    ordered = np.lexsort((first, -scores)).tolist()  # best first; of equal ones the surest
    patients = cohort.patient_codes[asking.queries[rows]]
    n, owners = len(ordered), [int(patients[place]) for place in ordered]
    from_middle = sorted(range(n), key=lambda i: (abs(2 * i - n + 1), i))
    told: set[int] = set()  # a patient is shown once
    picks = {
        "worst": _one_each(range(n - 1, -1, -1), owners, told),
        "best": _one_each(range(n), owners, told),
        "median": _one_each(from_middle, owners, told),
    }
    return tuple(
        _sheet(cohort, asking, int(rows[ordered[i]]), sort, float(scores[ordered[i]]))
        for sort in ("best", "median", "worst")
        for i in sorted(picks[sort])
    )


def _one_each(order: Iterable[int], owners: Sequence[int], told: set[int]) -> list[int]:
    """Return the first places of patients who were not told of yet, N_SHEETS at most."""
    found: list[int] = []
    for place in order:
        if len(found) < N_SHEETS and owners[place] not in told:
            told.add(owners[place])
            found.append(place)
    return found


def _sheet(cohort: Cohort, asking: Comparison, row: int, sort: str, score: float) -> Sheet:
    answers, query = asking.answers[OURS], int(asking.queries[row])
    shown = [place for place in range(min(N_SHOWN, answers.rows.shape[1])) if answers.rows[row, place] >= 0]
    return Sheet(
        sort,
        cohort.keys[query],
        tuple(sorted(cohort.present[query])),
        score,
        tuple(
            Neighbour(
                cohort.keys[int(answers.rows[row, place])],
                float(answers.distances[row, place]),
                float(answers.grades[row, place]),
            )
            for place in shown
        ),
    )
