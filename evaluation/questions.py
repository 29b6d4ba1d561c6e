"""What is asked of a gallery, and what the right answers are: the same for an encoder and every baseline."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Vectors
from evaluation.relevance import agreed, grades
from siamese.search.gallery import NEVER_US, UNKNOWN_US, Gallery, Order
from siamese.statistics.metrics import DEEPEST

Task = Literal["finding", "patient"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COMPARED_AT_ONCE = 1 << 22  # queries times scans: 32 MiB of grades


@dataclass(frozen=True, eq=False)
class Truth:
    """What the gallery holds for each of Q queries, whatever an encoder says; row i is query i.

    A query's items are what a list can hold: other patients, and for task "patient" also its own
    patient's scans.
    """

    n_relevant: Ints  # (Q,) R, items that hold something relevant; 0: unanswerable
    ideal: Floats  # (Q, 10) best grades, one an item, largest first
    n_patients: Ints  # (Q,) N, other patients of whom something is known
    n_items: Ints  # (Q,)
    chance_relevant: Floats  # (Q,) sum over items of the share of its scans that are relevant
    chance_squares: Floats  # (Q,) sum of the squares of these shares
    chance_grade: Floats  # (Q,) sum over items of its scans' mean grade

    def __getitem__(self, rows: Ints) -> "Truth":
        """Return the truth of these queries, in this order."""
        return Truth(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Question:
    """Queries that look into one gallery with one idea of what is relevant."""

    fold: int
    kind: str
    rows: Ints  # (G,) of the cohort: the gallery, queries included
    queries: Ints  # (q,) places in `rows`
    grades: Floats | None  # (G,) of each scan for these queries; None: same patient is relevant


def questions(cohort: Cohort, rows: Ints, fold: int, task: Task) -> Iterator[Question]:
    """Yield the questions that scans of one fold ask of each other, kind by kind.

    Scans whose relevance is unknown are left out of the gallery before anything is ranked. For task
    "finding" a scan without any label asks nothing; one that is labelled and has no finding asks, and
    has no right answer.
    """
    for kind, same in cohort.rows_by_kind(rows).items():
        if task == "patient":
            yield Question(fold, kind, same, np.arange(len(same)), None)
        else:
            yield from _by_findings(cohort, same, fold, kind)


def _by_findings(cohort: Cohort, rows: Ints, fold: int, kind: str) -> Iterator[Question]:
    labels = [agreed(cohort.present[row], cohort.absent[row]) for row in rows.tolist()]
    present, absent = [p for p, _ in labels], [a for _, a in labels]
    is_labelled = np.array([bool(p or a) for p, a in labels], bool)
    for findings in sorted(set(present), key=sorted):
        asks = np.array([p == findings for p in present], bool) & is_labelled
        if not asks.any():
            continue
        relevance = grades(findings, present, absent)
        known = np.isfinite(relevance)
        queries = np.flatnonzero(asks[known])
        yield Question(fold, kind, rows[known], queries, relevance[known])


def gallery_of(cohort: Cohort, question: Question, vectors: Vectors, order: Order) -> Gallery:
    """Return the question's gallery with these vectors (G, D); without dates where order is "any"."""
    rows = question.rows
    unknown = np.full(len(rows), UNKNOWN_US, np.int64)
    return Gallery(
        [cohort.keys[row] for row in rows.tolist()],
        np.ascontiguousarray(vectors),
        cohort.patient_codes[rows],
        unknown if order == "any" else cohort.from_us[rows],
        unknown if order == "any" else cohort.until_us[rows],
        cohort.study_codes[rows],
    )


def truth_of(cohort: Cohort, question: Question, order: Order) -> Truth:
    """Return what is right for the question's queries, by a full look at dates, patients and labels."""
    parts = [_truth(cohort, question, queries, order) for queries in blocks(question)]
    if not parts:
        return _truth(cohort, question, question.queries, order)
    return Truth(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def blocks(question: Question) -> Iterator[Ints]:
    """Yield the question's queries in blocks that can be compared with the whole gallery at once."""
    step = max(1, COMPARED_AT_ONCE // max(1, len(question.rows)))
    for start in range(0, len(question.queries), step):
        yield question.queries[start : start + step]


def may_answer(cohort: Cohort, question: Question, queries: Ints, order: Order) -> tuple[Flags, Flags]:
    """Return which scans of the gallery may answer each query: of other patients, and of its own, (Q, G) each.

    A query's own study never answers.
    """
    rows, asked = question.rows, question.rows[queries]
    may = cohort.study_codes[rows][None, :] != cohort.study_codes[asked][:, None]
    if order == "earlier":
        ends = np.where(cohort.until_us[rows] == UNKNOWN_US, NEVER_US, cohort.until_us[rows])
        may &= ends[None, :] <= cohort.from_us[asked][:, None]
    own = cohort.patient_codes[rows][None, :] == cohort.patient_codes[asked][:, None]
    return may & ~own, may & own


def _truth(cohort: Cohort, question: Question, queries: Ints, order: Order) -> Truth:
    others, own = may_answer(cohort, question, queries, order)
    by_patient = np.argsort(cohort.patient_codes[question.rows], kind="stable")
    patients, starts = np.unique(cohort.patient_codes[question.rows[by_patient]], return_index=True)
    others = others[:, by_patient]
    n_scans = np.add.reduceat(others, starts, axis=1, dtype=np.float64)  # (q, patients)
    n_patients = (n_scans > 0).sum(axis=1)
    if question.grades is None:
        n_own = own.sum(axis=1)
        ideal = (np.arange(DEEPEST)[None, :] < n_own[:, None]).astype(np.float64)
        sums = n_own.astype(np.float64)
        return Truth(n_own, ideal, n_patients, n_patients + n_own, sums, sums, sums)
    graded = np.where(others, question.grades[by_patient][None, :], 0.0)  # (q, G)
    best = np.maximum.reduceat(graded, starts, axis=1)  # (q, patients)
    share = np.add.reduceat(graded > 0, starts, axis=1, dtype=np.float64) / np.maximum(n_scans, 1)
    mean_grade = np.add.reduceat(graded, starts, axis=1) / np.maximum(n_scans, 1)
    ideal = np.zeros((len(queries), DEEPEST))
    ideal[:, : len(patients)] = -np.sort(-best, axis=1)[:, :DEEPEST]
    return Truth(
        (best > 0).sum(axis=1),
        ideal,
        n_patients,
        n_patients,
        share.sum(axis=1),
        (share**2).sum(axis=1),
        mean_grade.sum(axis=1),
    )
