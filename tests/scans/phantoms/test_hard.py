"""Preset `hard`: what its people have, and that it never changes unnoticed."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency, f_oneway

from scans.phantoms.archive import write_archive
from scans.phantoms.chest import draw_chest
from scans.phantoms.cohort import Patient, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import EASY, HARD, Preset
from scans.phantoms.scanner import SCANNERS
from scans.phantoms.study import CEILING_HU, CEILING_MR, EXPOSURE, make_study

# Changing a preset is a decision: a new version and a new record in docs/decisions. A new field that leaves
# old versions as they were changes their first digest here, and neither of the other two.
NUMBERS = {"easy 1": "284983a245c0ac11", "hard 1": "ea5a7122a4b22dff"}
TRUTH = {"easy 1": "d019c8cd5768fb93", "hard 1": "605daf0254fa7a5e"}
PICTURES = {"easy 1": "d7eb7eea20f93bbc", "hard 1": "c2c0600742f9a810"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def hard() -> Draw:
    return Draw(5, "hard 1")


@pytest.fixture(scope="module")
def people(hard: Draw) -> list[Patient]:
    return draw_cohort(hard, HARD, n_patients=2000, n_visits=3)


@pytest.fixture(params=[EASY, HARD], ids=lambda preset: preset.name)
def preset(request: pytest.FixtureRequest) -> Preset:
    return request.param


def test_the_numbers_of_a_version_never_change(preset: Preset) -> None:
    assert digest(json.dumps(asdict(preset), sort_keys=True)) == NUMBERS[f"{preset.name} {preset.version}"]


def as_labels_were_first(path: Path) -> str:
    """The table without the columns that later versions of the program added: what it says stays as it was."""
    return "".join(",".join(line.split(",")[:4]) + "\n" for line in path.read_text().splitlines())


def test_a_small_archive_has_the_truth_that_its_version_always_had(tmp_path: Path, preset: Preset) -> None:
    write_archive(tmp_path, n_patients=3, n_visits=1, seed=7, preset=preset.name)
    text = (tmp_path / "truth.csv").read_text() + as_labels_were_first(tmp_path / "labels.csv")
    assert digest(text) == TRUTH[f"{preset.name} {preset.version}"]


def test_the_pictures_of_a_version_never_change(preset: Preset) -> None:
    """Means of blocks of 4 x 8 x 8 voxels, rounded to what no processor's last bits can move."""
    version = f"{preset.name} {preset.version}"
    shown = [
        make_study(Draw(7, version), preset, patient, patient.visits[0], modality).series[0].voxels
        for patient in draw_cohort(Draw(7, version), preset, n_patients=2, n_visits=1)
        for modality in ("ct", "mr", "dx")
    ]
    assert digest(" ".join(_block_means(voxels) for voxels in shown)) == PICTURES[version]


def _block_means(voxels: np.ndarray) -> str:
    unit = 1.0 if voxels.max() > 10 else 0.01  # HU or mm of water; brightness
    step = min(4, len(voxels))
    whole = voxels[: len(voxels) // step * step, : voxels.shape[1] // 8 * 8, : voxels.shape[2] // 8 * 8]
    z, y, x = whole.shape
    means = whole.reshape(z // step, step, y // 8, 8, x // 8, 8).mean(axis=(1, 3, 5), dtype=np.float64)
    return " ".join(str(number) for number in np.rint(means / unit).astype(int).ravel().tolist())


@pytest.mark.parametrize("region", ["chest", "head"])
def test_every_rare_finding_is_the_only_one_of_one_patient(people: list[Patient], region: str) -> None:
    rare = HARD.chest_rare if region == "chest" else HARD.head_rare
    sets = [[finding.name for finding in patient.findings_in(region)] for patient in people]
    assert Counter(name for names in sets for name in names if name in rare) == dict.fromkeys(rare, 1)
    assert all(len(names) == 1 for names in sets if set(names) & set(rare))


def test_at_least_three_in_ten_have_nothing_and_sizes_are_log_uniform(people: list[Patient]) -> None:
    assert np.mean([not patient.findings for patient in people]) >= 0.30
    sizes = np.array([finding.size_mm for patient in people for finding in patient.findings_in("chest")])
    shares = np.histogram(np.log(sizes), bins=4, range=np.log(HARD.chest_size_mm))[0] / len(sizes)
    assert sizes.min() >= 6 and sizes.max() <= 40 and np.abs(shares - 0.25).max() < 0.04


@pytest.mark.parametrize(
    "factor",
    {
        "sex": lambda patient: patient.sex,
        "decade of birth": lambda patient: min(6, max(2, (patient.birth_date.year - 1900) // 10)),
        "number of visits": lambda patient: len(patient.visits),
        "CT scanner": lambda patient: dict(patient.visits[0].scanner)["ct"],
    }.items(),
    ids=lambda factor: factor[0],
)
def test_findings_are_independent_of(people: list[Patient], factor) -> None:
    some = [patient for patient in people if not _has_rare(patient)]
    findings = ["+".join(finding.name for finding in patient.findings_in("chest")[:1]) for patient in some]
    values = [str(factor[1](patient)) for patient in some]
    rows, columns = sorted(set(findings)), sorted(set(values))
    counts = np.zeros((len(rows), len(columns)))
    for finding, value in zip(findings, values, strict=True):
        counts[rows.index(finding), columns.index(value)] += 1
    assert chi2_contingency(counts).pvalue > 0.001


def test_findings_are_independent_of_the_body(hard: Draw, people: list[Patient]) -> None:
    widths: dict[str, list[float]] = {}
    for patient in [patient for patient in people if not _has_rare(patient)][:600]:
        chest = draw_chest(hard.stream("anatomy", "chest", patient.index), trunks=1, twigs=0, texture=0.0)
        names = [finding.name for finding in patient.findings_in("chest")]
        widths.setdefault("+".join(names[:1]), []).append(chest.half_width)
    assert f_oneway(*widths.values()).pvalue > 0.001


def _has_rare(patient: Patient) -> bool:
    return any(finding.name in (*HARD.chest_rare, *HARD.head_rare) for finding in patient.findings)


def test_contrast_to_noise_in_the_truth_is_what_was_painted(people: list[Patient]) -> None:
    """No finding of three visits reaches the ceiling that would make it fainter than the truth says."""
    noise, size = max(scanner.noise for scanner in SCANNERS), HARD.chest_size_mm[0] / HARD.growth_per_visit[1] ** 2
    strongest = HARD.contrast_to_noise[1] * noise
    assert strongest * HARD.ct_noise_hu < CEILING_HU and strongest * HARD.mr_noise < CEILING_MR
    assert 1000 * strongest * HARD.dx_noise_mm / min(EXPOSURE.values()) / size < CEILING_HU


def test_every_lesion_has_a_mask_however_thin(hard: Draw, people: list[Patient]) -> None:
    bands = [p for p in people if [f.name for f in p.findings_in("chest")] == ["band"] and p.findings[0].size_mm < 8]
    study = make_study(hard, HARD, bands[0], bands[0].visits[0], "ct")
    assert (study.series[0].mask == 1).any()
