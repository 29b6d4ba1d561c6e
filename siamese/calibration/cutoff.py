"""The distance beyond which the answer is "no sufficiently similar case".

It is set per search and not per pair, as in ISO/IEC 19795-1: the false-positive identification rate
(FPIR) is the share of searches without a right answer that find somebody within it among N patients, and
the miss rate (FNIR) the share of searches with a right answer that do not show it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from siamese.calibration.chance import NotCalibrated
from siamese.statistics.intervals import N_RESAMPLES, NOTHING, Estimate, mean_of, resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FEWEST_PATIENTS = 50
LONGEST = 10  # places among which a right answer is looked for


@dataclass(frozen=True)
class Cutoff:
    """A distance with what it costs."""

    distance: float | None  # None: even the nearest distance is passed too often
    n_patients: int  # N that the rate holds for
    wanted_fpir: float
    fpir: Estimate
    fnir: Estimate


def fpir(unrelated: Floats, distance: float, n: int) -> Floats:
    """Return for each query the chance of a false positive among n unrelated patients, (Q,).

    All subsets of n of the patients measured are counted, by their number. A query with fewer than n is NaN.

    Args:
        unrelated: (Q, P) distance to each unrelated patient's nearest scan, NaN where related or absent.
        distance: At most it is a positive.
        n: Patients in the gallery, at least 1.
    """
    known = np.isfinite(unrelated)
    total = known.sum(axis=1).astype(np.float64)
    far = total - (known & (unrelated <= distance)).sum(axis=1)
    none = np.zeros(len(total))  # chance that all n are farther: C(far, n) / C(total, n)
    some = far >= n
    none[some] = np.exp(_log_choose(far[some], n) - _log_choose(total[some], n))
    return np.where(total >= n, 1.0 - np.minimum(none, 1.0), np.nan)


def _log_choose(total: Floats, n: int) -> Floats:
    return np.asarray(gammaln(total + 1) - gammaln(n + 1) - gammaln(total - n + 1))


def choose_cutoff(
    unrelated: Floats,
    patients: Ints,
    right: Floats,
    right_patients: Ints,
    *,
    n: int,
    wanted_fpir: float,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Cutoff:
    """Return the greatest distance whose FPIR among n patients is at most the wanted one.

    Args:
        unrelated: (Q, P) as in `fpir`, of searches in validation.
        patients: (Q,) codes of the queries' patients.
        right: (S,) of each search with a right answer the distance at which its list shows the first
            one, inf where its first ten places show none.
        right_patients: (S,) codes of their patients.
        n: Patients in the gallery.
        wanted_fpir: In (0, 1).
        n_resamples: For the intervals.
        seed: Of the resamples.

    Raises:
        NotCalibrated: Fewer than 50 patients have n unrelated ones.
        ValueError: The wanted rate is outside (0, 1), or n below 1.
    """
    if not 0.0 < wanted_fpir < 1.0 or n < 1:
        raise ValueError(f"wanted_fpir {wanted_fpir} and n {n}: wanted a rate in (0, 1) and at least 1 patient")
    enough = np.isfinite(unrelated).sum(axis=1) >= n
    n_patients = len(np.unique(patients[enough]))
    if n_patients < FEWEST_PATIENTS:
        raise NotCalibrated(f"{n_patients} patients with {n} unrelated ones, wanted at least {FEWEST_PATIENTS}")
    table, draws = unrelated[enough], resample(patients[enough], n=n_resamples, seed=seed)
    distance = _greatest(table, n, wanted_fpir)
    reached = fpir(table, -1.0 if distance is None else distance, n)
    missed = (right > (-1.0 if distance is None else distance)).astype(np.float64)
    right_draws = resample(right_patients, n=n_resamples, seed=seed)
    fnir = mean_of(missed, right_draws) if missed.size else NOTHING
    return Cutoff(distance, n, wanted_fpir, mean_of(reached, draws), fnir)


@dataclass(frozen=True)
class Abstention:
    """What a cut-off did on searches it was not chosen on."""

    distance: float | None
    gallery_patients: float | None  # median N of the searches without a right answer
    fpir: Estimate  # share of searches without a right answer that found somebody within it
    fnir: Estimate  # share of searches with one whose first ten places show none within it


def abstention(
    distance: float | None, distances: Floats, grades: Floats, answerable: Flags, n_patients: Ints, patients: Ints
) -> Abstention:
    """Return the rates of a cut-off on test searches, those without a right answer included.

    Args:
        distance: The cut-off; None: nothing is ever near enough.
        distances: (Q, L) of each list, inf where it has ended.
        grades: (Q, L).
        answerable: (Q,) which searches have a right answer.
        n_patients: (Q,) patients in each search's gallery; a search among nobody counts nowhere.
        patients: (Q,) codes of the queries' patients.
    """
    near = -1.0 if distance is None else distance
    draws, asked = resample(patients), n_patients > 0
    shown = np.where(asked & ~answerable, distances[:, 0] <= near, np.nan)
    missed = np.where(asked & answerable, first_right(distances, grades) > near, np.nan)
    among = n_patients[asked & ~answerable]
    return Abstention(
        distance, float(np.median(among)) if among.size else None, mean_of(shown, draws), mean_of(missed, draws)
    )


def first_right(distances: Floats, grades: Floats) -> Floats:
    """Return the distance of the first relevant of the first ten places of each list (Q, L), inf for none."""
    relevant = grades[:, :LONGEST] > 0
    first = np.argmax(relevant, axis=1)
    return np.where(relevant.any(axis=1), distances[np.arange(len(first)), first], np.inf)


def _greatest(table: Floats, n: int, wanted: float) -> float | None:
    """Return the greatest measured distance with mean FPIR at most the wanted one, by halving."""
    steps = np.unique(table[np.isfinite(table)])
    good, bad = -1, len(steps)
    while bad - good > 1:
        middle = (good + bad) // 2
        if float(np.mean(fpir(table, float(steps[middle]), n))) <= wanted:
            good = middle
        else:
            bad = middle
    return float(steps[good]) if good >= 0 else None
