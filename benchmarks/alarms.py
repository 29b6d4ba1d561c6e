"""Possible same person: false alarms among thousands of unrelated people, and what is missed.

`python -m benchmarks.alarms [--json] [--people N]`: phantoms `hard`, one film each of N people, and a second one of
the first two hundred. The head is fitted and the alarm set as nights do it, with the defaults: on training patients,
and on patients of validation. All others are asked, each among all others. As fewer people are painted than
[siamese] alarm_patients, the alarm is measured in two ways: at the N that there is, and at the stated one on drawn
vectors of the same covariance as the measured ones, ten draws of validation and archive.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.site.settings import SiameseSettings
from scans.kind import Kind
from scans.phantoms.cohort import draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import HARD
from scans.phantoms.study import make_patient_body, make_study
from scans.volume import Volume
from siamese.calibration.measure import Wanted, measure
from siamese.embedding import embed
from siamese.example import Example
from siamese.pairs import split
from siamese.recipe import recipe_for
from siamese.search.gallery import Gallery
from siamese.tensor import load_tensor, save_tensor, to_tensor
from siamese.training.head import fit_on_trunk

Vectors = NDArray[np.float32]
Ints = NDArray[np.int64]

SETTINGS = SiameseSettings.model_validate({})  # the defaults
SEED, N_PEOPLE, N_TWICE = 1, 1200, 200
MOST_CALIBRATED = 500  # patients, as the nights do it
N_DRAWS = 10
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rates:
    """What an alarm did."""

    calibrated_on: int  # patients of validation
    searches: int
    gallery_patients: int
    false_alarms: float  # share of searches among unrelated people that raise one
    missed: float | None  # share of second scans whose own first one raises none (FNIR); None: there are none


def main() -> None:
    """Print the rates of the shipped encoder at the N that was painted, and of drawn vectors at the stated one."""
    parser = argparse.ArgumentParser(prog="benchmarks.alarms", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--people", type=int, default=N_PEOPLE)
    options = parser.parse_args()
    wanted = wanted_by_default()
    people = paint(options.people)
    found = [measured(people, wanted)]
    for n_validation in (100, MOST_CALIBRATED):
        found.append(drawn(people.vectors, wanted, n_validation))
    if options.json:
        print(json.dumps([asdict(rates) for rates in found]))
        return
    for rates in found:
        missed = "" if rates.missed is None else f", {rates.missed:.3f} of second scans raise none"
        print(f"calibrated on {rates.calibrated_on} patients; {rates.searches} searches among {rates.gallery_patients} "
              f"unrelated patients: {rates.false_alarms:.5f} raise a false alarm{missed} "
              f"(wanted at most {wanted.alarm_fpir} among {wanted.alarm_patients})")  # fmt: skip


def wanted_by_default() -> Wanted:
    """Return what the nights ask for."""
    s = SETTINGS
    return Wanted(s.cutoff_fpir, s.cutoff_patients, s.alarm_fpir, s.alarm_patients, True)


@dataclass(frozen=True, eq=False)
class People:
    """Vectors of people whom the head was not fitted to, and who is who."""

    vectors: Vectors  # (N, D)
    patients: Ints  # (N,)
    splits: NDArray[np.str_]  # (N,)

    def part(self, rows: NDArray[np.bool_]) -> People:
        """Return some rows."""
        return People(self.vectors[rows], self.patients[rows], self.splits[rows])


def paint(n_people: int) -> People:
    """Paint, fit the head as a first night does, and embed."""
    with tempfile.TemporaryDirectory() as folder:
        examples = list(_examples(n_people, Path(folder)))
        encoder = fit_on_trunk(examples, cover="2d", backbone=SETTINGS.backbone)
        vectors = embed(encoder, (load_tensor(e.tensor, encoder.recipe) for e in examples))
    names = {e.scan: name for name, part in split(examples).items() for e in part}
    return People(
        vectors, np.array([int(e.patient) for e in examples], np.int64), np.array([names[e.scan] for e in examples])
    )


def _examples(n_people: int, folder: Path) -> Iterator[Example]:
    draw, recipe = Draw(SEED, f"{HARD.name} {HARD.version}"), recipe_for("2d", SETTINGS.backbone)
    preset = replace(HARD, modality_share=tuple((name, 1.0) for name, _ in HARD.modality_share))
    numbers = np.random.default_rng(SEED).random(n_people)  # as sites draw them
    for person in draw_cohort(draw, preset, n_patients=n_people, n_visits=2, kinds=("dx",)):
        body = make_patient_body(draw, preset, person, "chest")
        for visit in person.visits[: 2 if person.index < N_TWICE else 1]:
            study = make_study(draw, preset, person, visit, "dx", body=body)
            series = study.series[0]
            path = folder / f"{study.uid}{recipe.suffix}"
            volume = Volume(series.voxels, series.grid.affine, Kind(series.kind, "2d", "phantom", True))
            save_tensor(path, to_tensor(volume, recipe), recipe)
            number = float(numbers[person.index])
            yield Example(study.uid, str(person.index), study.uid, series.kind, path, NOTHING, NOTHING, number)


def measured(people: People, wanted: Wanted) -> Rates:
    """Set the alarm on patients of validation and ask everybody else, each among all others."""
    validation = people.part(people.splits == "validation")
    others = people.part(people.splits != "validation")
    distance = alarm_within(validation, wanted)
    return rates_of(others, distance, len(np.unique(validation.patients)))


def alarm_within(people: People, wanted: Wanted) -> float:
    """Return the distance that the nights would raise the alarm within; -1: never."""
    at = np.arange(len(people.patients)) * 10
    keys = [f"{row:06}" for row in range(len(at))]
    gallery = Gallery(keys, people.vectors, people.patients, at, at + 1)
    last = np.array([np.flatnonzero(people.patients == p)[-1] for p in np.unique(people.patients)], np.int64)
    worth = measure(gallery, last, np.eye(len(last), dtype=bool), wanted)
    if worth.alarms is None or worth.alarms.same_person is None:
        raise SystemExit(f"no alarm could be set: {worth.why_not}")
    distance = worth.alarms.same_person.distance
    return -1.0 if distance is None else distance


def rates_of(people: People, distance: float, calibrated_on: int) -> Rates:
    """Return what an alarm within a distance does on these people."""
    first = np.unique(people.patients, return_index=True)[1]
    again = np.setdiff1d(np.arange(len(people.patients)), first)
    exact = people.vectors.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    between = exact[first] @ exact[first].T  # (P, D) @ (D, P)
    np.fill_diagonal(between, -1.0)
    nearest = 1.0 - between.max(axis=1)
    own = np.array([1.0 - exact[row] @ exact[_first_of(people.patients, row)] for row in again])
    missed = float((own > distance).mean()) if own.size else None
    return Rates(calibrated_on, len(first), len(first) - 1, float((nearest <= distance).mean()), missed)


def _first_of(patients: Ints, row: int) -> int:
    return int(np.flatnonzero(patients == patients[row])[0])


def drawn(vectors: Vectors, wanted: Wanted, n_validation: int) -> Rates:
    """Return the mean rates over draws of validation and of as many unrelated patients as are stated.

    Vectors are normal with mean and covariance of the measured ones, then set to length one. Nobody comes twice, so
    what is missed is not measured here.
    """
    rng = np.random.default_rng(SEED)
    mean, deviation = vectors.mean(axis=0), np.cov(vectors.T.astype(np.float64))
    values, axes = np.linalg.eigh(deviation)
    spread = axes * np.sqrt(np.maximum(values, 0.0))  # (D, D)

    def people(n: int) -> People:
        rows = mean + rng.standard_normal((n, len(mean))) @ spread.T
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return People(rows.astype(np.float32), np.arange(n), np.full(n, "test"))

    found = []
    for _ in range(N_DRAWS):
        distance = alarm_within(people(n_validation), wanted)
        found.append(rates_of(people(wanted.alarm_patients), distance, n_validation))
    false = float(np.mean([rates.false_alarms for rates in found]))
    return replace(found[0], searches=N_DRAWS * found[0].searches, false_alarms=false)


if __name__ == "__main__":
    main()
