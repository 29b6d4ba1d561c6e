"""Are phantoms `hard` a fair test? The easy ways must fail on them, and a perfect eye must succeed.

`python -m benchmarks.assay [--json] [--patients 400] [--seed 1]`. P@1 of the finding task on CT: among earlier scans of
other patients, does the nearest one share a finding? Galleries of 50 patients and more; 95 % intervals by
resampling query patients.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from benchmarks.oracle import chance_of_sharing, features, finding_chances, see_spots
from evaluation.asking import Comparison, ask_all
from evaluation.baselines import Baseline, by_columns, by_pictures, untrained
from evaluation.cohort import Cohort, Fold
from evaluation.protocol import SMALL_GALLERY
from evaluation.questions import may_answer
from scans.kind import Kind
from scans.phantoms.body import Body
from scans.phantoms.cohort import Patient, Visit, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.instances import age_years
from scans.phantoms.preset import HARD, Preset
from scans.phantoms.study import Study, make_patient_body, make_study
from scans.volume import Volume
from siamese.encoder import build
from siamese.recipe import recipe_for
from siamese.statistics.intervals import Estimate, mean_of, resample
from siamese.tensor import to_tensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED, N_PATIENTS, N_VISITS = 1, 400, 2
MARGIN = 0.10  # above chance, that no easy way's interval may pass
LARGE_MM, LEAST_ORACLE = 11.0, 0.95
PLAIN = ("metadata", "demographics", "histogram", "thumbnail", "untrained")
COARSER = 2  # pictures are painted with voxels twice as wide: they are shrunk further before anyone looks
DAY_US = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Ward:
    """What was painted of a cohort: everything the easy ways and the oracle look at."""

    cohort: Cohort
    plain: Mapping[str, Baseline]
    sizes_mm: Floats  # (N,) of each scan's largest lesion; 0 without
    chances: Floats  # (N, findings) the oracle's: how likely each scan shows each finding


@dataclass(frozen=True, eq=False)
class Assay:
    """P@1 of everyone, on the same queries."""

    n_scans: int
    n_patients: int
    figures: Mapping[str, Estimate]  # "chance", the easy ways, and "oracle" by size

    @property
    def faults(self) -> list[str]:
        """Say which bounds are broken; none: the cohort is a fair test."""
        chance = _number(self.figures["chance"].value)
        found = [
            f"{name} reaches {_told(self.figures[name])}, allowed is an upper end of {chance + MARGIN:.3f}"
            for name in PLAIN
            if not _number(self.figures[name].high) <= chance + MARGIN  # unknown is a fault, too
        ]
        oracle = self.figures["oracle, large"]
        if not _number(oracle.value) >= LEAST_ORACLE:
            found.append(f"the oracle reaches {_told(oracle)} of lesions from {LARGE_MM:g} mm, wanted {LEAST_ORACLE}")
        return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.assay", description=__doc__)
    parser.add_argument("--patients", type=int, default=N_PATIENTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = assay(HARD, n_patients=options.patients, seed=options.seed)
    if options.json:
        figures = {name: asdict(figure) for name, figure in found.figures.items()}
        print(json.dumps({"schema": 1, "figure": "assay", "p_at_1": figures, "faults": found.faults}))
        return
    print(
        f"phantoms {HARD.name} {HARD.version}, seed {options.seed}: {found.n_scans} CT of {found.n_patients} patients"
    )
    for name, figure in found.figures.items():
        print(f"  {name:<16}{_told(figure)}  {figure.n} queries of {figure.n_patients} patients")
    print("\n".join(found.faults) or "fair")


def assay(preset: Preset, *, n_patients: int = N_PATIENTS, n_visits: int = N_VISITS, seed: int = SEED) -> Assay:
    """Paint a cohort and ask everyone.

    Args:
        preset: Its numbers.
        n_patients: How many.
        n_visits: Planned for each.
        seed: Of the cohort.
    """
    ward = paint(preset, n_patients=n_patients, n_visits=n_visits, seed=seed)
    return ask_everyone(ward)


def paint(preset: Preset, *, n_patients: int, n_visits: int, seed: int) -> Ward:
    """Paint the CT scans of a cohort; nothing is written.

    The easy ways see coarser voxels than the files have, with as much noise as the mean of uncorrelated ones
    keeps, hence rather less than the mean of the files' voxels. The oracle sees the files' voxels.
    """
    draw = Draw(seed, f"{preset.name} {preset.version}")
    people = draw_cohort(draw, preset, n_patients=n_patients, n_visits=n_visits, kinds=("ct",))
    coarse = {person.index: person for person in draw_cohort(
        draw, coarser(preset), n_patients=n_patients, n_visits=n_visits, kinds=("ct",))}  # fmt: skip
    studies, tensors, spots = [], [], []
    for person in people:
        body = make_patient_body(draw, preset, person, "chest")
        for visit in person.visits:
            study, tensor = _seen_coarsely(draw, coarser(preset), coarse[person.index], visit, body)
            studies.append(replace(study, series=()))
            tensors.append(tensor)
            spots.append(see_spots(draw, preset, person, visit, body))
    sizes_mm = np.array([max((spot.size_mm for spot in found), default=0.0) for found in spots])
    lesions = [(row, spot) for row, found in enumerate(spots) for spot in found]
    rows = np.array([features(spot) for _, spot in lesions])
    patients = np.array([studies[row].patient.index for row, _ in lesions])
    by_lesion = finding_chances(rows, [spot.finding for _, spot in lesions], patients)
    none = np.ones((len(studies), by_lesion.shape[1]))
    np.multiply.at(none, [row for row, _ in lesions], 1.0 - by_lesion)
    return Ward(_cohort(preset, studies), _plain_ways(studies, tensors), sizes_mm, 1.0 - none)


def coarser(preset: Preset) -> Preset:
    """Return the preset with CT voxels COARSER times as wide, and contrasts as they were in Hounsfield units."""
    factor = COARSER**1.5
    low, high = preset.contrast_to_noise
    return replace(
        preset,
        ct_slices=preset.ct_slices // COARSER,
        ct_matrix=preset.ct_matrix // COARSER,
        ct_step_mm=preset.ct_step_mm * COARSER,
        ct_noise_hu=preset.ct_noise_hu / factor,
        contrast_to_noise=(low * factor, high * factor),
    )


def _seen_coarsely(
    draw: Draw, preset: Preset, patient: Patient, visit: Visit, body: Body
) -> tuple[Study, NDArray[np.float32]]:
    study = make_study(draw, preset, patient, visit, "ct", body=body)
    soft = study.series[0]
    volume = Volume(soft.voxels, soft.grid.affine, Kind(soft.kind, "3d", "phantom", True))
    return study, to_tensor(volume, recipe_for("3d"))


def _cohort(preset: Preset, studies: list[Study]) -> Cohort:
    names = frozenset((*preset.chest_cards, *preset.chest_rare))
    present = [frozenset(finding.name for finding in study.findings) for study in studies]
    from_us = np.array([int(study.when.replace(tzinfo=UTC).timestamp() * 1_000_000) for study in studies])
    return Cohort(
        keys=[study.uid for study in studies],
        patients=[study.patient.patient_id for study in studies],
        studies=[study.uid for study in studies],
        kinds=["ct/chest/3d"] * len(studies),
        from_us=from_us,
        until_us=from_us + 1_000_000,
        present=present,
        absent=[names - has for has in present],
    )


def _plain_ways(studies: list[Study], tensors: list[NDArray[np.float32]]) -> dict[str, Baseline]:
    grids = [ct_size(study) for study in studies]
    metadata: dict[str, list[str | float | None]] = {
        "scanner": [study.scanner.name for study in studies],
        "kernel": [study.scanner.kernels[0] for study in studies],
        "step": [step for step, _ in grids],
        "pixel": [pixel for _, pixel in grids],
        "field of view": [study.scanner.fov_mm[0] for study in studies],
        "noise": [study.scanner.noise for study in studies],
    }
    people: dict[str, list[str | float | None]] = {
        "age": [age_years(study) for study in studies],
        "sex": [study.patient.sex for study in studies],
    }
    return {
        "metadata": by_columns("metadata", metadata),
        "demographics": by_columns("demographics", people),
        **by_pictures(tensors),
        "untrained": untrained(build("small", "3d"), tensors),
    }


def ct_size(study: Study) -> tuple[float, float]:
    """Return distance of slices and width of pixels, relative to the preset's."""
    return study.scanner.step, study.scanner.fov_mm[0] / study.scanner.matrix


def ask_everyone(ward: Ward) -> Assay:
    """Return P@1 of the easy ways and of the oracle, on the same queries."""
    vectors = {name: ward.plain[name].vectors for name in PLAIN}
    known = {name: found for name, found in vectors.items() if found is not None}
    fold = Fold("all", np.arange(len(ward.cohort)), known["histogram"], frozenset())
    asking = ask_all(ward.cohort, [fold], known, task="finding", order="earlier")
    rows = np.flatnonzero(asking.answerable & (asking.truth.n_patients >= SMALL_GALLERY))
    hits = {name: figures["p_at_1"] for name, figures in asking.figures(rows).items()}
    oracle, sizes_mm = oracle_hits(ward, asking)[rows], ward.sizes_mm[asking.queries[rows]]
    hits = {name: hits[name] for name in ("chance", *PLAIN)} | {
        "oracle": oracle,
        "oracle, large": np.where(sizes_mm >= LARGE_MM, oracle, np.nan),
        "oracle, small": np.where(sizes_mm < LARGE_MM, oracle, np.nan),
    }
    draws = resample(ward.cohort.patient_codes[asking.queries[rows]])
    figures = {name: mean_of(values, draws) for name, values in hits.items()}
    return Assay(len(ward.cohort), len(set(ward.cohort.patients)), figures)


def oracle_hits(ward: Ward, asking: Comparison) -> Floats:
    """Return for each query, (Q,), whether the scan most likely to share a finding does, NaN without any."""
    found = np.full(len(asking.queries), np.nan)
    start = 0
    for question in asking.questions:
        others, _ = may_answer(ward.cohort, question, question.queries, "earlier")
        for place, query in enumerate(question.queries.tolist()):
            if others[place].any() and question.grades is not None:
                likely = chance_of_sharing(ward.chances[question.rows[query]], ward.chances[question.rows])
                best = int(np.where(others[place], likely, -1.0).argmax())
                found[start + place] = question.grades[best] > 0
        start += len(question.queries)
    return found


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _told(figure: Estimate) -> str:
    return f"{_number(figure.value):.3f} ({_number(figure.low):.3f} to {_number(figure.high):.3f})"


if __name__ == "__main__":
    main()
