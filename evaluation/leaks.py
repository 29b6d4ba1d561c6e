"""Whether a figure could come from a leak: labels permuted between patients, own scans put back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from evaluation.answers import ask
from evaluation.asking import OURS, Comparison
from evaluation.cohort import Cohort, Fold
from evaluation.questions import questions, truth_of
from evaluation.relevance import agreed, grade_table
from siamese.search.distance import Metric
from siamese.search.gallery import NEVER_US, UNKNOWN_US, Order
from siamese.search.lanes import nearest_priors
from siamese.statistics.intervals import LEVEL, Estimate, mean_of, resample

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

N_PERMUTATIONS = 1000
DEPTH = 50  # entries among which the first of known relevance is looked for


@dataclass(frozen=True)
class NullBand:
    """P@1 on fixed vectors when labels say nothing of the scans."""

    observed: Annotated[float | None, "with the true labels, counted in the same way"]
    low: Annotated[float | None, "95 % band of the permutations"]
    middle: Annotated[float | None, "their mean"]
    high: Annotated[float | None, "95 % band of the permutations"]
    p: Annotated[float | None, "share of permutations, the true labels included, that reach the observed one"]
    n: Annotated[int, "permutations that count"]


@dataclass(frozen=True)
class IdentityLeak:
    """How P@1 rises when the query's own patient is put back into its gallery."""

    without: Annotated[Estimate, "P@1 among other patients"]
    with_own: Annotated[Estimate, "P@1 with the patient's own scans"]
    rise: Annotated[Estimate, "of the two, paired"]


def null_band(
    cohort: Cohort,
    folds: Sequence[Fold],
    *,
    order: Order,
    metric: Metric = "cosine",
    n: int = N_PERMUTATIONS,
    seed: int = 0,
) -> NullBand:
    """Permute labels between the patients of each fold and kind, n times, and count P@1 anew.

    The lists are those of the true search. A patient's labels move together: the first scan gets the
    other's first, and so on, round again where the other has fewer. Among a list's entries the first
    of known relevance counts, so a list in which a patient's nearest scan is unlabelled and another is
    not differs from the headline's; `observed` is counted in this way too.
    """
    groups = [
        group
        for fold in folds
        for kind_rows in cohort.rows_by_kind(fold.rows).values()
        if (group := _group(cohort, fold, kind_rows, order, metric)) is not None
    ]
    rng = np.random.default_rng(seed)
    observed = _hits(groups, [group.labels for group in groups])
    drawn = np.array([_hits(groups, [_permuted(group, rng) for group in groups]) for _ in range(n)])
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(observed) or not drawn.size:
        return NullBand(None, None, None, None, None, 0)
    low, high = np.percentile(drawn, LEVEL).tolist()
    p = (1 + int((drawn >= observed - 1e-12).sum())) / (1 + len(drawn))
    return NullBand(float(observed), low, float(drawn.mean()), high, p, len(drawn))


def shuffled(cohort: Cohort, *, seed: int) -> Cohort:
    """Return the cohort with labels permuted between patients, kind by kind: to train on, and fall to chance."""
    rng = np.random.default_rng(seed)
    source = np.arange(len(cohort))
    for rows in cohort.rows_by_kind(source).values():
        source[rows] = rows[_moved(cohort.patient_codes[rows], cohort.from_us[rows], rng)]
    order = source.tolist()
    return replace(cohort, present=[cohort.present[i] for i in order], absent=[cohort.absent[i] for i in order])


def identity_leak(
    cohort: Cohort,
    folds: Sequence[Fold],
    asking: Comparison,
    *,
    order: Order,
    metric: Metric = "cosine",
    seed: int = 0,
) -> IdentityLeak:
    """Ask the same queries of task "finding" with their own patients' scans among the others'."""
    firsts = []
    for number, fold in enumerate(folds):
        place = np.full(len(cohort), -1, np.int64)
        place[fold.rows] = np.arange(len(fold.rows))
        for question in questions(cohort, fold.rows, number, "finding"):
            truth = truth_of(cohort, question, order)
            vectors = fold.vectors[place[question.rows]]
            found = ask(cohort, question, truth, vectors, order=order, metric=metric, with_own=True)
            firsts.append(found.grades[:, 0] > 0)
    good = asking.answerable
    back = np.concatenate([*firsts, np.empty(0, bool)])[good].astype(np.float64)
    without = (asking.answers[OURS].grades[good, 0] > 0).astype(np.float64)
    draws = resample(cohort.patient_codes[asking.queries[good]], seed=seed)
    return IdentityLeak(mean_of(without, draws), mean_of(back, draws), mean_of(back - without, draws, bounds=(-1, 1)))


@dataclass(frozen=True, eq=False)
class _Group:
    """The labelled scans of one fold and kind: G scans, each of them a query."""

    patients: Ints  # (G,)
    from_us: Ints  # (G,)
    end_us: Ints  # (G,)
    labels: Ints  # (G,) code of each scan's labels
    table: Floats  # (U, U) grades between codes, NaN unknown
    lists: Ints  # (G, DEPTH) places in the group, -1 at the end


def _group(cohort: Cohort, fold: Fold, rows: Ints, order: Order, metric: Metric) -> _Group | None:
    pairs = [agreed(cohort.present[row], cohort.absent[row]) for row in rows.tolist()]
    labelled = np.array([bool(p or a) for p, a in pairs], bool)
    if not labelled.any():
        return None
    rows, pairs = rows[labelled], [pair for pair in pairs if pair[0] or pair[1]]
    place = {row: i for i, row in enumerate(fold.rows.tolist())}
    patients = cohort.patient_codes[rows]
    gallery = cohort.gallery(rows, fold.vectors[[place[row] for row in rows.tolist()]])
    lanes = nearest_priors(gallery, np.arange(len(rows)), k=DEPTH, order=order, metric=metric)
    lists = np.full((len(rows), DEPTH), -1, np.int64)
    for i, lane in enumerate(lanes):
        lists[i, : len(lane)] = [found.index for found in lane]
    labels, table = grade_table([p for p, _ in pairs], [a for _, a in pairs])
    end_us = np.where(cohort.until_us[rows] == UNKNOWN_US, NEVER_US, cohort.until_us[rows])
    if order == "any":
        return _Group(patients, np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64), labels, table, lists)
    return _Group(patients, cohort.from_us[rows], end_us, labels, table, lists)


def _hits(groups: Sequence[_Group], labels: Sequence[Ints]) -> float:
    """Return P@1 over all groups with these labels of each, NaN without any answerable query."""
    hits = n = 0
    for group, codes in zip(groups, labels, strict=True):
        good = _answerable(group, codes)
        found = group.table[codes[good][:, None], codes[group.lists[good]]]  # (g, DEPTH)
        known = np.isfinite(found) & (group.lists[good] >= 0)
        first = np.argmax(known, axis=1)
        places = np.arange(len(first))
        hits += int((known[places, first] & (found[places, first] > 0)).sum())
        n += int(good.sum())
    return hits / n if n else float("nan")


def _answerable(group: _Group, codes: Ints) -> Flags:
    """Return which queries have something relevant before them in another patient, (G,)."""
    by_end = np.argsort(group.end_us, kind="stable")
    first_end, first_patient = _first(group, codes, by_end, np.ones(len(codes), bool))
    second_end, _ = _first(group, codes, by_end, group.patients[by_end] != first_patient[codes[by_end]])
    own = group.patients[:, None] == first_patient[None, :]
    there = np.where(own, second_end[None, :], first_end[None, :]) <= group.from_us[:, None]  # (G, U)
    return np.asarray((there & (group.table[codes] > 0)).any(axis=1))


def _first(group: _Group, codes: Ints, by_end: Ints, counted: Flags) -> tuple[Ints, Ints]:
    """Return for each code when its earliest counted scan is over, and whose that is; never and -1 for none."""
    rows = by_end[counted]
    found, places = np.unique(codes[rows], return_index=True)
    ends, whose = np.full(len(group.table), NEVER_US), np.full(len(group.table), -1)
    ends[found], whose[found] = group.end_us[rows[places]], group.patients[rows[places]]
    return ends, whose


def _permuted(group: _Group, rng: np.random.Generator) -> Ints:
    return group.labels[_moved(group.patients, group.from_us, rng)]


def _moved(patients: Ints, from_us: Ints, rng: np.random.Generator) -> Ints:
    """Return for each scan the scan whose labels it gets, (G,)."""
    by_patient = np.lexsort((from_us, patients))
    found, starts, counts = np.unique(patients[by_patient], return_index=True, return_counts=True)
    other = rng.permutation(len(found))
    code = np.repeat(np.arange(len(found)), counts)
    place = np.arange(len(patients)) - starts[code]
    moved = np.empty(len(patients), np.int64)
    moved[by_patient] = by_patient[starts[other[code]] + place % counts[other[code]]]
    return moved
