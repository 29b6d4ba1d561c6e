"""The learning curve: from how few patients an encoder learns, beside a classifier of the same backbone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.asking import OURS, ask_all
from evaluation.cohort import Cohort, Fold, Vectors, disjointness
from evaluation.learning_curve import CurvePoint
from evaluation.protocol import GALLERIES
from evaluation.questions import Task
from evaluation.spread import spread
from siamese.example import Example
from siamese.pairs import split
from siamese.search.distance import Metric
from siamese.search.gallery import UNKNOWN_US
from siamese.statistics.metrics import METRICS

SIZES = (8, 16, 32, 64)  # patients of training
TWIN, CLASSIFIER, UNTRAINED, CHANCE = "siamese", "classifier", "untrained", "chance"
LEARNERS = (TWIN, CLASSIFIER)
ASKED = (*LEARNERS, UNTRAINED, CHANCE)

Figures = Mapping[str, float]  # by metric


@dataclass(frozen=True)
class Point:
    """One training of each learner on equally many patients, and what both reach on the same queries."""

    patients: int  # of the train split that were learned from
    seed: int
    figures: Mapping[str, Figures]  # by ASKED, means over queries; empty when it could not be trained
    queries: int = 0
    query_patients: int = 0
    gallery: str = "open"  # "prior" where a query has an earlier scan to find
    why_not: str = ""


def with_fewer(examples: Sequence[Example], n_patients: int, seed: int) -> list[Example]:
    """Return the examples with so many patients of training, drawn by the seed; validation and test are untouched.

    The draws are nested: whoever is among the first eight is among the first sixteen.

    Raises:
        ValueError: There are not so many patients of training, or n_patients is not positive.
    """
    parts = split(examples)
    people = sorted({e.patient for e in parts["train"]})
    if not 1 <= n_patients <= len(people):
        raise ValueError(f"{n_patients} patients of training wanted, there are {len(people)}")
    chosen = {people[i] for i in np.random.default_rng(seed).permutation(len(people))[:n_patients].tolist()}
    return [e for e in parts["train"] if e.patient in chosen] + parts["validation"] + parts["test"]


def sizes_of(examples: Sequence[Example], wanted: Sequence[int] = SIZES) -> list[int]:
    """Return the numbers of patients that a curve is drawn at: those there are enough for, and all."""
    n_all = len({e.patient for e in split(examples)["train"]})
    return [*(n for n in sorted(set(wanted)) if n < n_all), n_all]


def ask_learners(
    cohort: Cohort, vectors: Mapping[str, Vectors], point: Point, seen: frozenset[str], *, task: Task, metric: Metric
) -> Point:
    """Ask the twin, the classifier and the untrained network the same queries.

    Args:
        cohort: The scans of test.
        vectors: (N, D) unit rows by name, TWIN among them; D may differ.
        point: Of these trainings, without figures.
        seen: Patients of training and validation.
        task: "finding" or "patient".
        metric: "cosine" or "euclidean".

    Returns:
        The point with figures, chance among them; without queries it says why not.

    Raises:
        PatientStraddles: Somebody who is asked about was seen.
    """
    others = {name: found for name, found in vectors.items() if name != TWIN}
    fold = Fold("test", np.arange(len(cohort)), vectors[TWIN], seen)
    disjointness(cohort, [fold])
    is_dated = bool((cohort.from_us != UNKNOWN_US).any())
    for gallery, order in GALLERIES.items():
        if order == "earlier" and not is_dated:
            continue
        asking = ask_all(cohort, [fold], others, task=task, order=order, metric=metric)
        rows = np.flatnonzero(asking.answerable)
        if rows.size:
            found = asking.figures(rows)
            means = {TWIN if name == OURS else name: _means(figures) for name, figures in found.items()}
            n_patients = len(np.unique(cohort.patient_codes[asking.queries[rows]]))
            return replace(point, figures=means, queries=len(rows), query_patients=n_patients, gallery=gallery)
    return replace(point, why_not="no query has a right answer")


def _means(figures: Mapping[str, NDArray[np.float64]]) -> Figures:
    return {name: float(np.mean(figures[name])) for name in METRICS}


def curve_of(points: Sequence[Point]) -> list[CurvePoint]:
    """Return for each number of patients mean and spread over seeds of all figures, and of the twin's lead.

    Args:
        points: Of several sizes and seeds, in any order.
    """
    return [_at([p for p in points if p.patients == size]) for size in sorted({p.patients for p in points})]


def _at(points: Sequence[Point]) -> CurvePoint:
    good = [p for p in points if p.figures]
    return CurvePoint(
        patients=points[0].patients,
        seeds=[p.seed for p in good],
        queries=max((p.queries for p in good), default=0),
        query_patients=max((p.query_patients for p in good), default=0),
        gallery=good[0].gallery if good else "open",
        figures={who: {name: spread([p.figures[who][name] for p in good]) for name in METRICS} for who in ASKED},
        lead={name: spread([p.figures[TWIN][name] - p.figures[CLASSIFIER][name] for p in good]) for name in METRICS},
        why_not=sorted({p.why_not for p in points if p.why_not}),
    )
