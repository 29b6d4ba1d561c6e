"""Distances of an encoder of purpose "patient" that something is wrong with: thresholds and their cost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamese.calibration.chance import NotCalibrated
from siamese.calibration.tail import tail_of
from siamese.statistics.intervals import N_RESAMPLES, NOTHING, Estimate, mean_of, resample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_PATIENTS = 50


@dataclass(frozen=True)
class WrongPatient:
    """Beyond `distance` the nearest own prior is too far: possibly another person's scan."""

    distance: float
    n_patients: int  # N: one, a scan is held against its own patient alone
    wanted_fpir: float
    fpir: Estimate  # share of true scans that are called wrong
    fnir: Estimate  # share of other people's scans that pass


@dataclass(frozen=True)
class SamePerson:
    """Within `distance` another patient is too near: possibly a duplicate, or one person under two ids."""

    distance: float | None  # None: unrelated patients come as near as anybody
    n_patients: int  # N: of the gallery
    wanted_fpir: float  # among these; by the tail of the distances where fewer were measured
    measured_patients: int  # in validation
    fpir: Estimate  # share of their searches with somebody unrelated within it, among the others of them
    fnir: Estimate  # share of scans with an own prior that lies farther: under another id it would pass


@dataclass(frozen=True)
class Alarms:
    """Both thresholds; None where there are too few patients, with the reason."""

    wrong_patient: WrongPatient | None
    same_person: SamePerson | None
    why_not: tuple[str, ...]


def alarms(
    own: Floats,
    own_patients: Ints,
    unrelated: Floats,
    patients: Ints,
    *,
    n: int,
    wanted_fpir: float,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Alarms:
    """Return the thresholds, each with its rates.

    Args:
        own: (S,) distance of a scan to its nearest own prior, scans of validation.
        own_patients: (S,) codes of their patients.
        unrelated: (Q, P) distance to every other patient's nearest scan, NaN for none.
        patients: (Q,) codes of the queries' patients.
        n: Patients in the gallery, for the second alarm; more than were measured, as a rule.
        wanted_fpir: Share of searches that may raise a false alarm.
        n_resamples: For the intervals.
        seed: Of the resamples.
    """
    reasons: list[str] = []
    wrong: WrongPatient | None = None
    same: SamePerson | None = None
    try:
        wrong = _wrong_patient(own, own_patients, unrelated, patients, wanted_fpir, n_resamples, seed)
    except NotCalibrated as reason:
        reasons.append(f"possible wrong patient: {reason}")
    try:
        same = _same_person(own, own_patients, unrelated, patients, n, wanted_fpir, n_resamples, seed)
    except NotCalibrated as reason:
        reasons.append(f"possible same person: {reason}")
    return Alarms(wrong, same, tuple(reasons))


def _wrong_patient(
    own: Floats, own_patients: Ints, unrelated: Floats, patients: Ints, wanted: float, n: int, seed: int
) -> WrongPatient:
    n_patients = len(np.unique(own_patients))
    if n_patients < FEWEST_PATIENTS:
        raise NotCalibrated(f"{n_patients} patients with an own prior, wanted at least {FEWEST_PATIENTS}")
    distance = _smallest(own, own_patients, wanted)
    false = mean_of((own > distance).astype(np.float64), resample(own_patients, n=n, seed=seed))
    known = np.isfinite(unrelated)
    passed = (known & (unrelated <= distance)).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    missed = mean_of(np.where(known.any(axis=1), passed, np.nan), resample(patients, n=n, seed=seed))
    return WrongPatient(distance, 1, wanted, false, missed if known.any() else NOTHING)


def _same_person(
    own: Floats, own_patients: Ints, unrelated: Floats, patients: Ints, among: int, wanted: float, n: int, seed: int
) -> SamePerson:
    known = np.isfinite(unrelated)
    n_patients = int(known.any(axis=1).sum())
    if n_patients < FEWEST_PATIENTS:
        raise NotCalibrated(f"{n_patients} patients with an unrelated one, wanted at least {FEWEST_PATIENTS}")
    tail = tail_of(unrelated)
    distance = None if tail is None else tail.distance_of(wanted / among)
    within = -1.0 if distance is None else distance
    nearest = np.where(known, unrelated, np.inf).min(axis=1)
    shown = np.where(known.any(axis=1), nearest <= within, np.nan)
    missed = mean_of((own > within).astype(np.float64), resample(own_patients, n=n, seed=seed))
    return SamePerson(
        distance, among, wanted, n_patients, mean_of(shown, resample(patients, n=n, seed=seed)),
        missed if own.size else NOTHING,
    )  # fmt: skip


def _smallest(own: Floats, patients: Ints, wanted: float) -> float:
    """Return the smallest measured distance beyond which at most the wanted share of scans lies."""
    ordered = np.sort(own)
    beyond = len(own) - np.searchsorted(ordered, ordered, side="right")
    return float(ordered[np.argmax(beyond <= wanted * len(own))])
