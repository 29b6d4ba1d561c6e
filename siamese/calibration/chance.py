"""How many unrelated patients would look this near by chance.

F(d) is the share of unrelated patients whose nearest scan lies within d of a query; among N eligible
patients N x F(d) are expected there. Pairs that share a patient are not independent: a jackknife over
patients says how many independent pairs the measured ones are worth, and nothing finer than one of
those is ever claimed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import Metric
from siamese.search.gallery import Gallery
from siamese.search.lanes import nearest_priors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Code = Literal["estimate", "fewer-than", "not-calibrated"]

FEWEST_PATIENTS = 50  # unrelated to somebody; below it nothing is calibrated
FEWEST_WITHIN = 40  # distances within d before a jackknife is believed; nearer ones borrow that of here
N_STEPS = 256  # distances at which F is kept


class NotCalibrated(ValueError):
    """Too few patients of validation for a statement on chance; the message says how few."""


@dataclass(frozen=True)
class Calibration:
    """F(d) of one encoder and kind, at ascending distances; JSON values."""

    n_patients: int
    n_pairs: int  # two patients each
    distances: tuple[float, ...]
    shares: tuple[float, ...]  # F
    independent: tuple[float, ...]  # pairs that the measured ones are worth, at each distance


@dataclass(frozen=True)
class Share:
    """F(d) of one match: what is stored with it. Times N it is an expected number of patients."""

    code: Code
    share: float | None  # the estimate; None where it is finer than the data can say
    below: float | None  # one-sided 95 % upper bound, for "fewer than"
    low: float | None  # 95 % interval
    high: float | None

    def among(self, n_patients: int) -> "Expected":
        """Return how many of N eligible unrelated patients are expected within the distance."""
        scaled = [None if x is None else x * n_patients for x in (self.share, self.below, self.low, self.high)]
        return Expected(self.code, n_patients, *scaled)


@dataclass(frozen=True)
class Expected:
    """How many of N unrelated patients would look this near by chance (an E-value)."""

    code: Code
    n_patients: int
    value: float | None  # for "estimate"
    fewer_than: float | None  # for "fewer-than"
    low: float | None
    high: float | None


UNCALIBRATED = Share("not-calibrated", None, None, None, None)


def patient_distances(
    gallery: Gallery, queries: Ints, related: NDArray[np.bool_], *, metric: Metric = "cosine"
) -> Floats:
    """Return from each query patient the distance to every other one's nearest scan, (P, P) float64.

    Args:
        gallery: Scans of one kind of the patients of validation.
        queries: (P,) rows of the gallery, one a patient.
        related: (P, P) pairs of patients who share a finding, or of whom it is not known that they share
            none; they are NaN, as is the diagonal.
        metric: "cosine" or "euclidean".
    """
    patients = gallery.patients[queries]
    if len(set(patients.tolist())) != len(queries) or related.shape != (len(queries), len(queries)):
        raise ValueError(f"{len(queries)} queries of {len(set(patients.tolist()))} patients, related {related.shape}")
    place = {patient: i for i, patient in enumerate(patients.tolist())}
    table = np.full((len(queries), len(queries)), np.nan)
    lanes = nearest_priors(gallery, queries, k=max(1, len(gallery)), order="any", metric=metric)
    for query, lane in enumerate(lanes):
        for found in lane:
            other = place.get(int(gallery.patients[found.index]))
            if other is not None:
                table[query, other] = found.distance
    table[related] = np.nan
    return table


def calibrate(nearest: Floats) -> Calibration:
    """Return F(d) from the distances between unrelated patients.

    Args:
        nearest: (P, P) from each patient to each other one's nearest scan, NaN where they are related.

    Raises:
        NotCalibrated: Fewer than 50 patients have somebody unrelated.
    """
    known = np.isfinite(nearest)
    n_patients = int((known | known.T).any(axis=1).sum())
    if n_patients < FEWEST_PATIENTS:
        raise NotCalibrated(f"{n_patients} unrelated patients in validation, wanted at least {FEWEST_PATIENTS}")
    steps = _steps(np.sort(nearest[known]))
    n_pairs = int(np.triu(known | known.T, 1).sum())
    shares = np.array([float((nearest[known] <= step).mean()) for step in steps])
    worth = np.array([_independent(nearest, known, step) for step in steps])
    reliable = shares * known.sum() >= FEWEST_WITHIN
    worth[~reliable] = worth[reliable][0] if reliable.any() else n_patients // 2
    worth = np.clip(worth, n_patients // 2, n_pairs)
    return Calibration(n_patients, n_pairs, tuple(steps.tolist()), tuple(shares.tolist()), tuple(worth.tolist()))


def _steps(ordered: Floats) -> Floats:
    """Return the distances to keep: more of the near ones, by equal steps of log rank."""
    ranks = np.unique(np.geomspace(1, len(ordered), N_STEPS).round().astype(np.int64)) - 1
    return np.unique(ordered[ranks])


def _independent(nearest: Floats, known: NDArray[np.bool_], step: float) -> float:
    """Return how many independent pairs would vary as much as the share within a distance does."""
    within = known & (nearest <= step)
    hits, pairs = (table.sum(axis=0) + table.sum(axis=1) for table in (within, known))  # of each patient
    left = (within.sum() - hits) / np.maximum(known.sum() - pairs, 1)  # without each patient
    n = len(left)
    variance = (n - 1) / n * float(((left - left.mean()) ** 2).sum())
    share = float(within.sum() / known.sum())
    return share * (1 - share) / variance if variance > 0 else float(known.sum())


def share_within(calibration: Calibration | None, distance: float) -> Share:
    """Return F(d) of one distance; see `shares_within`."""
    return shares_within(calibration, np.array([distance]))[0]


def shares_within(calibration: Calibration | None, distances: Floats) -> list[Share]:
    """Return F(d) with its bounds for each of (n,) distances, or that it is not calibrated (None).

    Between two kept distances the share is read off the straight line. Bounds are Clopper's and
    Pearson's with the independent pairs as trials; less than one of these within d is "fewer than".
    """
    if calibration is None:
        return [UNCALIBRATED] * len(distances)
    from scipy.stats import beta  # scipy.stats is 600 modules: only who computes with it pays for them

    steps = np.array(calibration.distances)
    shares = np.interp(distances, steps, calibration.shares, left=0.0)
    trials = np.interp(distances, steps, calibration.independent)
    hits = shares * trials
    is_seen = hits >= 1.0
    lows = np.where(is_seen, beta.ppf(0.025, np.maximum(hits, 1.0), trials - hits + 1), 0.0)
    columns = (is_seen, shares, _upper(hits, trials, 0.95), lows, _upper(hits, trials, 0.975))
    return [
        Share("estimate", share, below, low, high) if seen else Share("fewer-than", None, below, 0.0, high)
        for seen, share, below, low, high in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _upper(hits: Floats, trials: Floats, level: float) -> Floats:
    from scipy.stats import beta

    is_all = hits >= trials
    return np.asarray(np.where(is_all, 1.0, beta.ppf(level, hits + 1, np.where(is_all, 1.0, trials - hits))))
