"""Volumes of phantom people, task patient: how often the nearest of all scans is the same person's.

`python -m benchmarks.volumes [--json] [--backbone NAME]`: phantoms `hard`, three cohorts of sixty people with two
visits each. The head is fitted to the training patients as a first night does it; the others are asked, among the
scans of all whom it never saw. Beside it the trunk alone and thumbnails. `--no-head`, for a trunk that costs half a
minute a scan: it alone, and everybody is asked; with `--people`, `--cohorts` and `--modality` for fewer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.baselines import thumbnail_vector
from evaluation.cohort import Vectors
from scans.kind import Kind
from scans.phantoms.cohort import draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import HARD
from scans.phantoms.study import make_patient_body, make_study
from scans.volume import Volume
from siamese.choices import DEFAULT, PRETRAINED
from siamese.embedding import embed
from siamese.example import Example
from siamese.pairs import split
from siamese.recipe import recipe_for
from siamese.tensor import load_tensor, save_tensor, to_tensor
from siamese.training.figures import distance_matrix
from siamese.training.head import fit_on_trunk, starter_of

BACKBONE = DEFAULT
MODALITIES = {"mr": "head", "ct": "chest"}
SEEDS, N_PATIENTS, N_VISITS = (1, 2, 3), 60, 2
WAYS = ("head", "trunk", "thumbnail")
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    backbone: str = BACKBONE
    n_people: int = N_PATIENTS
    n_cohorts: int = len(SEEDS)
    has_head: bool = True


def main() -> None:
    """Print P@1 of each way, mean over the cohorts and lowest to highest."""
    parser = argparse.ArgumentParser(prog="benchmarks.volumes", description=__doc__)
    parser.add_argument("--backbone", default=BACKBONE, choices=[n for n, w in PRETRAINED.items() if "3d" in w.covers])
    parser.add_argument("--modality", choices=MODALITIES, nargs="+", default=list(MODALITIES))
    parser.add_argument("--people", type=int, default=N_PATIENTS)
    parser.add_argument("--cohorts", type=int, choices=SEEDS, default=len(SEEDS))
    parser.add_argument("--no-head", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    size = Size(options.backbone, options.people, options.cohorts, not options.no_head)
    found = {modality: measure(modality, size) for modality in options.modality}
    if options.json:
        print(json.dumps(found))
        return
    for modality, figures in found.items():
        for way, (mean, low, high) in figures.items():
            print(f"{modality} {way:<10} P@1 {mean:.3f} ({low:.3f} to {high:.3f})")


def measure(modality: str, size: Size = Size()) -> dict[str, tuple[float, float, float]]:
    """Return, by way, P@1: mean over the cohorts, lowest and highest."""
    found: dict[str, list[float]] = {way: [] for way in WAYS if size.has_head or way != "head"}
    for seed in SEEDS[: size.n_cohorts]:
        with tempfile.TemporaryDirectory() as folder:
            examples = list(_examples(modality, seed, Path(folder), size))
            asked = [e for name in ("validation", "test") for e in split(examples)[name]] if size.has_head else examples
            patients = np.array([example.patient for example in asked])
            for way in found:
                found[way].append(p_at_1(_vectors(way, examples, asked, size.backbone), patients))
    return {way: (float(np.mean(values)), min(values), max(values)) for way, values in found.items()}


def _vectors(way: str, examples: Sequence[Example], asked: Sequence[Example], backbone: str) -> Vectors:
    recipe = recipe_for("3d", backbone)
    tensors = (load_tensor(example.tensor, recipe) for example in asked)
    if way == "thumbnail":
        return np.stack([thumbnail_vector(tensor) for tensor in tensors])
    encoder = fit_on_trunk(examples, cover="3d", backbone=backbone) if way == "head" else starter_of(backbone, "3d")
    return embed(encoder, tensors)


def p_at_1(vectors: Vectors, patients: np.ndarray) -> float:
    """Return how often the nearest other scan is of the same patient, for those who came more than once."""
    distances = distance_matrix(vectors, metric="cosine")
    np.fill_diagonal(distances, np.inf)
    came_again = (patients[:, None] == patients).sum(axis=1) > 1
    return float(np.mean(patients[distances.argmin(axis=1)][came_again] == patients[came_again]))


def _examples(modality: str, seed: int, folder: Path, size: Size) -> Iterator[Example]:
    """Paint the first series of each visit and keep its encoder input; patients are dealt to the splits in order."""
    draw, recipe = Draw(seed, f"{HARD.name} {HARD.version}"), recipe_for("3d", size.backbone)
    preset = replace(HARD, modality_share=tuple((name, 1.0) for name, _ in HARD.modality_share))  # everybody is scanned
    for person in draw_cohort(draw, preset, n_patients=size.n_people, n_visits=N_VISITS, kinds=(modality,)):
        body = make_patient_body(draw, preset, person, MODALITIES[modality])
        for visit in person.visits:
            study = make_study(draw, preset, person, visit, modality, body=body)
            series = study.series[0]
            path = folder / f"{study.uid}{recipe.suffix}"
            volume = Volume(series.voxels, series.grid.affine, Kind(series.kind, "3d", "phantom", True))
            save_tensor(path, to_tensor(volume, recipe), recipe)
            number = (person.index + 0.5) / size.n_people  # of the splits
            yield Example(study.uid, str(person.index), study.uid, series.kind, path, NOTHING, NOTHING, number % 1.0)


if __name__ == "__main__":
    main()
