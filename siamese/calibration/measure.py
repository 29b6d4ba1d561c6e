"""What the distances of one encoder and kind are worth: chance, cut-off and alarms, from validation patients."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siamese.calibration.alarms import Alarms, alarms
from siamese.calibration.chance import Calibration, NotCalibrated, calibrate, patient_distances
from siamese.calibration.cutoff import Cutoff, choose_cutoff
from siamese.search.distance import Metric
from siamese.search.gallery import Gallery
from siamese.search.lanes import own_priors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER = -1.0  # a distance that nothing is within


@dataclass(frozen=True)
class Wanted:
    """What is asked for: false positives per search, each among how many patients."""

    cutoff_fpir: float  # 0: no cut-off
    cutoff_patients: int
    alarm_fpir: float
    alarm_patients: int
    has_alarms: bool  # only distances of purpose "patient" can tell persons apart


@dataclass(frozen=True)
class Worth:
    """What is known; None where nothing is, with the reasons."""

    calibration: Calibration | None
    cutoff: Cutoff | None
    alarms: Alarms | None
    why_not: tuple[str, ...]


def last_scans(gallery: Gallery) -> dict[int, int]:
    """Return patient code -> row of the patient's last scan, ties by key; the gallery's rows may have any order."""
    last: dict[int, int] = {}
    for row in np.lexsort((gallery.key_rank, gallery.end_us)).tolist():
        last[int(gallery.patients[row])] = row
    return last


def measure(
    gallery: Gallery, queries: Ints, related: NDArray[np.bool_], wanted: Wanted, *, metric: Metric = "cosine"
) -> Worth:
    """Measure distances between patients of validation, and of scans to their own priors.

    Args:
        gallery: Scans of one kind of patients of validation.
        queries: (P,) one row a patient.
        related: (P, P) pairs of patients not counted, as in `patient_distances`.
        wanted: Rates.
        metric: "cosine" or "euclidean".
    """
    unrelated = patient_distances(gallery, queries, related, metric=metric)
    patients = gallery.patients[queries]
    own, own_patients = _own(gallery, metric) if wanted.has_alarms else (np.empty(0), np.empty(0, np.int64))
    why_not: list[str] = []
    calibration: Calibration | None = None
    cutoff: Cutoff | None = None
    found: Alarms | None = None
    try:
        calibration = calibrate(unrelated)
    except NotCalibrated as reason:
        why_not.append(str(reason))
    if wanted.cutoff_fpir > 0:
        try:
            cutoff = choose_cutoff(
                unrelated, patients, own, own_patients, n=wanted.cutoff_patients, wanted_fpir=wanted.cutoff_fpir
            )
        except NotCalibrated as reason:
            why_not.append(f"cut-off: {reason}")
    if wanted.has_alarms:
        found = alarms(own, own_patients, unrelated, patients, n=wanted.alarm_patients, wanted_fpir=wanted.alarm_fpir)
        why_not += found.why_not
    return Worth(calibration, cutoff, found, tuple(why_not))


def _own(gallery: Gallery, metric: Metric) -> tuple[Floats, Ints]:
    """Return of each scan with an own prior the distance to the nearest one, (S,), and its patient, (S,)."""
    found = []
    for row in range(len(gallery)):
        ranked = [near.distance for near in own_priors(gallery, row, metric=metric) if near.rank is not None]
        if ranked:
            found.append((min(ranked), int(gallery.patients[row])))
    return np.array([d for d, _ in found], np.float64), np.array([p for _, p in found], np.int64)


def lane_code(code: str, nearest: float | None, cutoff: float | None, *, n_matches: int, k: int) -> str:
    """Return how a list of other patients ended once a cut-off is applied, or is not any more.

    Args:
        code: As it ended so far.
        nearest: Distance of its first match; None: it holds none.
        cutoff: Distance beyond which nothing is similar enough; None: no cut-off.
        n_matches: In the list.
        k: Its greatest length.
    """
    if code not in ("ok", "fewer-than-k", "no-similar-case") or nearest is None:
        return code
    if cutoff is not None and nearest > cutoff:
        return "no-similar-case"
    return "ok" if n_matches >= k else "fewer-than-k"


def own_alarm(nearest: float | None, threshold: float | None) -> str:
    """Return the alarm of a list of own priors: empty, possible-wrong-patient, or no-reference."""
    if nearest is None:
        return ""
    if threshold is None:
        return "no-reference"
    return "possible-wrong-patient" if nearest > threshold else ""


def others_alarm(nearest: float | None, threshold: float | None) -> str:
    """Return the alarm of a list of other patients: empty, possible-same-person, or no-reference."""
    if nearest is None:
        return ""
    if threshold is None:
        return "no-reference"
    return "possible-same-person" if nearest <= threshold else ""
