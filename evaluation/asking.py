"""All questions of an evaluation, put to an encoder and to everything it is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.answers import Answers, ask, joined
from evaluation.baselines import chance_metrics
from evaluation.cohort import Cohort, Fold, Vectors
from evaluation.confounds import chance_shares, codes_of
from evaluation.questions import Question, Task, Truth, blocks, may_answer, questions, truth_of
from siamese.search.distance import Metric
from siamese.search.gallery import Order
from siamese.statistics.metrics import ranking_metrics

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

OURS = "encoder"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Q queries with their truth, and the lists of everyone who was asked; row i is query i."""

    queries: Ints  # (Q,) rows of the cohort; those without a right answer included
    truth: Truth
    answers: Mapping[str, Answers]  # by name; "encoder" is ours
    questions: tuple[Question, ...]

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Which queries have something relevant in their gallery, (Q,)."""
        return np.asarray(self.truth.n_relevant > 0)

    def figures(self, rows: Ints) -> dict[str, dict[str, Floats]]:
        """Return the figures of each query (n,) among these answerable ones, by name, chance included."""
        truth = self.truth[rows]
        found = {"chance": chance_metrics(truth)}
        for name, answers in self.answers.items():
            found[name] = ranking_metrics(answers.grades[rows], truth.n_relevant, truth.ideal)
        return found


def ask_all(
    cohort: Cohort,
    folds: Sequence[Fold],
    others: Mapping[str, Vectors],
    *,
    task: Task,
    order: Order,
    metric: Metric = "cosine",
) -> Comparison:
    """Ask each fold's scans of each other, within the fold, and put the answers together.

    Args:
        cohort: All scans.
        folds: Ours; scans of two folds are never compared.
        others: Vectors (N, D) of all the cohort's scans, by name: baselines, the active encoder.
        task: "finding" or "patient".
        order: "earlier" for the prior gallery, "any" for the open one.
        metric: "cosine" or "euclidean".
    """
    asked, truths = [], []
    answers: dict[str, list[Answers]] = {name: [] for name in (OURS, *others)}
    for number, fold in enumerate(folds):
        place = np.full(len(cohort), -1, np.int64)
        place[fold.rows] = np.arange(len(fold.rows))
        for question in questions(cohort, fold.rows, number, task):
            truth = truth_of(cohort, question, order)
            asked.append(question)
            truths.append(truth)
            for name, parts in answers.items():
                rows = question.rows
                vectors = fold.vectors[place[rows]] if name == OURS else others[name][rows]
                parts.append(ask(cohort, question, truth, vectors, order=order, metric=metric))
    queries = [question.rows[question.queries] for question in asked]
    return Comparison(
        np.concatenate([*queries, np.empty(0, np.int64)]),
        _joined_truth(truths),
        {name: joined(parts) for name, parts in answers.items()},
        tuple(asked),
    )


def _joined_truth(parts: Sequence[Truth]) -> Truth:
    if not parts:
        counts, sums = np.empty(0, np.int64), np.empty(0)
        return Truth(counts, np.empty((0, 10)), counts, counts, sums, sums, sums)
    return Truth(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


@dataclass(frozen=True, eq=False)
class Opportunity:
    """What could have been shown."""

    n_eligible: Ints  # (N,) queries that each scan of the cohort could have answered
    shares: Mapping[str, Floats]  # trait -> (Q,) share of same value that random lists would have


def opportunity(cohort: Cohort, asking: Comparison, order: Order) -> Opportunity:
    """Count over all questions who could have answered whom, and what random lists would share."""
    n_eligible = np.zeros(len(cohort), np.int64)
    codes = {trait: codes_of(values) for trait, values in cohort.traits.items()}
    shares: dict[str, list[Floats]] = {trait: [np.empty(0)] for trait in codes}
    for question in asking.questions:
        for queries in blocks(question):
            others, own = may_answer(cohort, question, queries, order)
            listed = others | own if question.grades is None else others  # lists of task "patient" hold both
            n_eligible[question.rows] += listed.sum(axis=0)
            for trait, of in codes.items():
                here = of[question.rows]
                patients = cohort.patient_codes[question.rows]
                shares[trait].append(chance_shares(here, here[queries], others, patients))
    return Opportunity(n_eligible, {trait: np.concatenate(parts) for trait, parts in shares.items()})
