"""Whether as many unrelated patients look near as are expected by chance, among patients whom the count did not see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from evaluation.cohort import Cohort, Fold
from evaluation.questions import Task
from evaluation.relevance import related
from siamese.calibration.chance import FEWEST_PATIENTS, NotCalibrated, calibrate, patient_distances
from siamese.calibration.measure import last_scans
from siamese.search.distance import Metric
from siamese.statistics.intervals import LEVEL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPECTED = (0.003, 0.01, 0.03, 0.1, 0.3)  # shares of unrelated patients at which the promise is checked
FEWEST_WITHIN = 5  # pairs of the calibrating half within the distance; below it nothing was promised
N_RESAMPLES = 300  # of both halves; each sorts all pairs anew
MOST_PATIENTS = 400  # of a kind: pairs grow with the square, and patients decide the width


@dataclass(frozen=True)
class Checked:
    """One distance: which share of unrelated patients was expected within it, and which was seen."""

    expected: Annotated[float, "share of unrelated patients"]
    observed: Annotated[float, "share that was seen"]
    low: Annotated[float, "95 % interval, of patients drawn anew in both halves"]
    high: Annotated[float, "95 % interval"]


@dataclass(frozen=True)
class Reliability:
    """Expected by chance against observed, on the patients of an evaluation."""

    points: Annotated[tuple[Checked, ...], "distances that were checked"]
    n_patients: Annotated[int, "on whom"]
    why_not: Annotated[str, "why there are no points, or empty"]


@dataclass(frozen=True, eq=False)
class _Half:
    """Distances between the patients of one half, sorted once; two ends each."""

    distances: Floats  # (n,) ascending
    left: Ints  # (n,) place of the asking patient
    right: Ints
    n_patients: int

    def shares(self, weights: Floats) -> Floats:
        """Return the share of pairs up to each distance, (n,), every pair as often as both ends were drawn."""
        sums = np.cumsum(weights[self.left] * weights[self.right])
        return np.asarray(sums / sums[-1] if sums.size and sums[-1] > 0 else np.ones(len(sums)), np.float64)


@dataclass(frozen=True, eq=False)
class _Check:
    made: _Half  # what was counted
    seen: _Half  # and where it has to hold
    limits: Floats  # (levels,) distances within which each share is expected, NaN: too fine to say


def reliability(
    cohort: Cohort, folds: Sequence[Fold], *, task: Task, metric: Metric = "cosine", seed: int = 0
) -> Reliability:
    """Calibrate on one half of the patients of each kind, count in the other, and the other way round.

    Args:
        cohort: As evaluated.
        folds: As evaluated; only scans of one fold are compared.
        task: "finding" leaves out pairs of patients who may share one.
        metric: "cosine" or "euclidean".
        seed: Of the halves and the resamples.
    """
    rng = np.random.default_rng(seed)
    tables = [
        _unrelated(cohort, fold, rows, task, metric, rng)
        for fold in folds
        for rows in cohort.rows_by_kind(fold.rows).values()
    ]
    checks: list[_Check] = []
    n_patients = 0
    for table in tables:
        places = rng.permutation(len(table))
        parts = [table[np.ix_(half, half)] for half in (places[0::2], places[1::2])]
        try:
            limits = [_limits(part) for part in parts]
        except NotCalibrated:
            continue
        one, other = (_sorted(part) for part in parts)
        checks += [_Check(one, other, limits[0]), _Check(other, one, limits[1])]
        n_patients += len(table)
    if not checks:
        return Reliability((), 0, f"no kind has {2 * FEWEST_PATIENTS} patients, half to count and half to check")
    return Reliability(_points(checks, rng), n_patients, "")


def _unrelated(cohort: Cohort, fold: Fold, rows: Ints, task: Task, metric: Metric, rng: np.random.Generator) -> Floats:
    """Return from each patient's last scan the distance to each unrelated one's nearest scan, (P, P)."""
    patients = np.unique(cohort.patient_codes[rows])
    if len(patients) > MOST_PATIENTS:
        patients = rng.choice(patients, MOST_PATIENTS, replace=False)
    rows = rows[np.isin(cohort.patient_codes[rows], patients)]
    place = np.full(len(cohort), -1, np.int64)
    place[fold.rows] = np.arange(len(fold.rows))
    listed = rows.tolist()
    gallery = cohort.gallery(rows, fold.vectors[place[rows]])
    names = [cohort.patients[row] for row in listed]
    last = last_scans(gallery)
    codes = {name: int(cohort.patient_codes[row]) for name, row in zip(names, listed, strict=True)}
    queries = np.array([last[codes[name]] for name in sorted(codes)], np.int64)
    pairs = np.eye(len(queries), dtype=bool)
    if task == "finding":
        pairs |= related([cohort.present[row] for row in listed], [cohort.absent[row] for row in listed], names)[1]
    return patient_distances(gallery, queries, pairs, metric=metric)


def _limits(table: Floats) -> Floats:
    """Return the distances within which each share is expected, (levels,), NaN where that is too fine to say."""
    curve = calibrate(table)
    found = np.interp(EXPECTED, curve.shares, curve.distances)
    n_within = np.array(EXPECTED) * int(np.isfinite(table).sum())
    return np.where(n_within >= FEWEST_WITHIN, found, np.nan)


def _sorted(table: Floats) -> _Half:
    left, right = np.nonzero(np.isfinite(table))
    order = np.argsort(table[left, right], kind="stable")
    return _Half(table[left, right][order], left[order], right[order], len(table))


def _points(checks: Sequence[_Check], rng: np.random.Generator) -> tuple[Checked, ...]:
    observed = _pooled(checks, [c.limits for c in checks], [np.ones(c.seen.n_patients) for c in checks])
    drawn = np.stack([_redrawn(checks, rng) for _ in range(N_RESAMPLES)])  # (B, levels)
    found = []
    for level, expected in enumerate(EXPECTED):
        if np.isfinite(observed[level]):
            low, high = np.nanpercentile(drawn[:, level], LEVEL).tolist()
            found.append(Checked(expected, float(observed[level]), float(low), float(high)))
    return tuple(found)


def _redrawn(checks: Sequence[_Check], rng: np.random.Generator) -> Floats:
    """Draw patients of both halves anew: other distances are promised, and others are within them."""
    weights: dict[int, Floats] = {}
    for check in checks:
        n = check.made.n_patients
        weights[id(check.made)] = rng.multinomial(n, np.full(n, 1.0 / n)).astype(np.float64)
    limits = []
    for check in checks:
        steps = np.searchsorted(check.made.shares(weights[id(check.made)]), EXPECTED)
        steps = np.minimum(steps, len(check.made.distances) - 1)
        limits.append(np.where(np.isfinite(check.limits), check.made.distances[steps], np.nan))
    return _pooled(checks, limits, [weights[id(check.seen)] for check in checks])


def _pooled(checks: Sequence[_Check], limits: Sequence[Floats], weights: Sequence[Floats]) -> Floats:
    """Return the share seen within each level's limits, all kinds and both directions together, (levels,)."""
    hits, pairs = np.zeros(len(EXPECTED)), np.zeros(len(EXPECTED))
    for check, limit, weight in zip(checks, limits, weights, strict=True):
        seen, known = check.seen, np.isfinite(limit)
        sums = np.concatenate([[0.0], np.cumsum(weight[seen.left] * weight[seen.right])])
        within = np.searchsorted(seen.distances, np.where(known, limit, -1.0), side="right")
        hits += np.where(known, sums[within], 0.0)
        pairs += np.where(known, sums[-1], 0.0)
    return np.where(pairs > 0, hits / np.where(pairs > 0, pairs, 1.0), np.nan)
