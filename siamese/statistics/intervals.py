"""How sure a figure is: 95 % intervals by resampling query patients, the gallery fixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from siamese.statistics.metrics import PAIR_METRICS, PairRanks, pair_metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

N_RESAMPLES = 2000
LEVEL = (2.5, 97.5)  # percentiles
Z = 1.959963984540054  # of the normal distribution at 97.5 %
MOST_PAIRS = 40_000  # that are resampled, since patients decide the width; the figure itself is of all pairs


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; None where there was nothing to count."""

    value: Annotated[float | None, "the figure"]
    low: Annotated[float | None, "lower end"]
    high: Annotated[float | None, "upper end"]
    n: Annotated[int, "searches, or pairs"]
    n_patients: Annotated[int, "whose they are"]


NOTHING = Estimate(None, None, None, 0, 0)


@dataclass(frozen=True, eq=False)
class Resamples:
    """Which patients were drawn how often, the same draws for every figure of a run."""

    weights: Floats  # (B, P) how often each patient was drawn, rows sum to P
    codes: Ints  # (Q,) the patient of each query, 0 to P - 1

    def __len__(self) -> int:
        """Return the number of resamples."""
        return len(self.weights)


def resample(patients: Ints, *, n: int = N_RESAMPLES, seed: int = 0) -> Resamples:
    """Draw n times as many patients as there are, with replacement, from the queries' patients (Q,)."""
    found, codes = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng(seed)
    if not len(found):
        return Resamples(np.zeros((n, 0)), np.empty(0, np.int64))
    weights = rng.multinomial(len(found), np.full(len(found), 1.0 / len(found)), size=n)
    return Resamples(weights.astype(np.float64), np.asarray(codes, np.int64).reshape(-1))


def mean_of(values: Floats, draws: Resamples, *, bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """Return the mean over queries with its interval.

    Where all values stand on one bound, resamples cannot differ and Wilson's interval is taken, with
    the patients as its trials.

    Args:
        values: (Q,) one a query, NaN where it does not count.
        draws: Of these queries' patients.
        bounds: Least and greatest possible value: (-1, 1) for differences.
    """
    return means_of([values], draws, bounds=bounds)


def means_of(groups: Sequence[Floats], draws: Resamples, *, bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """Return the mean of several means (macro), each over the queries that are not NaN in its group.

    A resample in which a group has no query is a mean of the others.
    """
    used = [values for values in groups if np.isfinite(values).any()]
    if not used:
        return NOTHING
    counted = np.any([np.isfinite(values) for values in used], axis=0)
    n_patients = len(np.unique(draws.codes[counted]))
    value = float(np.mean([np.nanmean(values) for values in used]))
    every = np.concatenate([values[np.isfinite(values)] for values in used])
    if every.min() == every.max() and every[0] in bounds:
        low, high = _wilson_at(value, n_patients, bounds)
    else:
        sampled = _mean_without_nan(np.stack([_resampled_mean(values, draws) for values in used]))
        low, high = np.percentile(sampled[np.isfinite(sampled)], LEVEL).tolist()
    return Estimate(value, float(low), float(high), int(counted.sum()), n_patients)


def _resampled_mean(values: Floats, draws: Resamples) -> Floats:
    """Return the mean in each resample, (B,), NaN where none of the patients was drawn."""
    good = np.isfinite(values)
    n_patients = draws.weights.shape[1]
    sums = np.bincount(draws.codes[good], values[good], n_patients)
    counts = np.bincount(draws.codes[good], minlength=n_patients)
    drawn = draws.weights @ counts  # (B, P) @ (P,)
    with np.errstate(invalid="ignore"):
        return np.asarray((draws.weights @ sums) / np.where(drawn > 0, drawn, np.nan), np.float64)


def _mean_without_nan(rows: Floats) -> Floats:
    n_good = np.isfinite(rows).sum(axis=0)
    return np.where(n_good > 0, np.nansum(rows, axis=0) / np.maximum(n_good, 1), np.nan)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of n independent trials."""
    if n < 1:
        return 0.0, 1.0
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * float(np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def _wilson_at(value: float, n: int, bounds: tuple[float, float]) -> tuple[float, float]:
    span = bounds[1] - bounds[0]
    low, high = wilson((value - bounds[0]) / span, n)
    return bounds[0] + span * low, bounds[0] + span * high


def pair_estimates(
    distances: Floats,
    alike: Flags,
    left: Ints,
    right: Ints,
    *,
    n: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return the figures of `pair_metrics` with intervals over patients.

    A pair of two patients counts as often as both were drawn, a pair within one patient as often as
    that one was: a patient's copies are never paired with each other.

    Args:
        distances: (P,) of the pairs.
        alike: (P,) which are alike.
        left: (P,) patient of one end.
        right: (P,) patient of the other end.
        n: Number of resamples.
        seed: Of the draws.
    """
    values = pair_metrics(distances, alike)
    n_patients = len(np.unique(np.concatenate([left, right])))
    if any(value is None for value in values.values()):
        return {name: Estimate(None, None, None, len(distances), n_patients) for name in PAIR_METRICS}
    rows = _fewer(alike, np.random.default_rng(seed))
    sampled = _resampled_pairs(distances[rows], alike[rows], left[rows], right[rows], n, seed)
    found = {}
    for name in PAIR_METRICS:
        value, drawn = float(values[name] or 0.0), sampled[name]
        low, high = np.percentile(drawn, LEVEL).tolist() if drawn.size else (0.0, 1.0)
        if low == high and value in (0.0, 1.0):
            low, high = wilson(value, n_patients)
        found[name] = Estimate(value, float(low), float(high), len(distances), n_patients)
    return found


def pair_difference(
    ours: Sequence[Floats],
    theirs: Floats,
    alike: Flags,
    left: Ints,
    right: Ints,
    *,
    n: int = N_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return our AUC less theirs, on the same pairs and in the same resamples of patients.

    Args:
        ours: (P,) distances of the pairs, once a run: our AUC is the mean of theirs.
        theirs: (P,) distances of the same pairs.
        alike: (P,) which are alike.
        left: (P,) patient of one end.
        right: (P,) patient of the other end.
        n: Number of resamples.
        seed: Of the draws.
    """
    n_patients = len(np.unique(np.concatenate([left, right])))
    if alike.all() or not alike.any():
        return Estimate(None, None, None, len(alike), n_patients)
    rows = _fewer(alike, np.random.default_rng(seed))
    found, drawn = [], []
    for distances in (*ours, theirs):
        found.append(float(pair_metrics(distances, alike)["roc_auc"] or 0.0))
        resampled = _resampled_pairs(distances[rows], alike[rows], left[rows], right[rows], n, seed)
        drawn.append(resampled["roc_auc"])
    leads = np.mean(drawn[:-1], axis=0) - drawn[-1]
    low, high = np.percentile(leads, LEVEL).tolist() if leads.size else (-1.0, 1.0)
    return Estimate(float(np.mean(found[:-1]) - found[-1]), float(low), float(high), len(alike), n_patients)


def _resampled_pairs(distances: Floats, alike: Flags, left: Ints, right: Ints, n: int, seed: int) -> dict[str, Floats]:
    draws = resample(np.concatenate([left, right]), n=n, seed=seed)
    one, other = draws.codes[: len(left)], draws.codes[len(left) :]
    ranks = PairRanks(distances, alike)
    other = np.where(one == other, draws.weights.shape[1], other)  # a pair within one patient counts once a draw
    rows = []
    for weights in draws.weights:
        both = np.append(weights, 1.0)
        found = ranks.metrics(both.take(one) * both.take(other))
        if found["roc_auc"] is not None:
            rows.append([found[name] for name in PAIR_METRICS])
    table = np.array(rows, np.float64).reshape(-1, len(PAIR_METRICS))
    return {name: table[:, place] for place, name in enumerate(PAIR_METRICS)}


def _fewer(alike: Flags, rng: np.random.Generator) -> Ints:
    """Return at most MOST_PAIRS rows, of each sort at most half of them."""
    chosen = []
    for rows in (np.flatnonzero(alike), np.flatnonzero(~alike)):
        most = MOST_PAIRS // 2
        chosen.append(rng.choice(rows, most, replace=False) if len(rows) > most else rows)
    return np.sort(np.concatenate(chosen))
