"""The assay gate: on phantoms `hard` the easy ways fail and a perfect eye succeeds."""

import numpy as np
import pytest

from benchmarks.assay import LEAST_ORACLE, MARGIN, PLAIN, Assay, assay, coarser
from benchmarks.oracle import Spot, chance_of_sharing, features, finding_chances
from scans.phantoms.preset import HARD
from siamese.statistics.intervals import Estimate

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def hard() -> Assay:
    return assay(HARD, n_patients=300)


def test_queries_are_many_and_lists_are_large(hard: Assay) -> None:
    assert hard.n_patients == 300 and hard.figures["chance"].n_patients >= 150


@pytest.mark.parametrize("name", PLAIN)
def test_an_easy_way_stays_near_chance(hard: Assay, name: str) -> None:
    assert hard.figures[name].high <= hard.figures["chance"].value + MARGIN


def test_a_perfect_eye_finds_large_lesions(hard: Assay) -> None:
    assert hard.figures["oracle, large"].value >= LEAST_ORACLE


def test_small_lesions_are_harder_but_not_hopeless(hard: Assay) -> None:
    small, chance = hard.figures["oracle, small"], hard.figures["chance"]
    assert chance.value + MARGIN < small.value < hard.figures["oracle, large"].value


def test_the_coarser_pictures_have_the_same_lesions_in_hounsfield_units() -> None:
    small = coarser(HARD)
    assert small.ct_slices * small.ct_step_mm == pytest.approx(HARD.ct_slices * HARD.ct_step_mm)
    strongest = [preset.contrast_to_noise[1] * preset.ct_noise_hu for preset in (small, HARD)]
    assert strongest[0] == pytest.approx(strongest[1])
    assert small.ct_noise_hu == pytest.approx(HARD.ct_noise_hu / 8**0.5)  # the mean of eight


def _figure(value: float, high: float) -> Estimate:
    return Estimate(value, value, high, 100, 100)


def test_every_broken_bound_is_named() -> None:
    fair = {name: _figure(0.28, 0.35) for name in PLAIN} | {
        "chance": _figure(0.28, 0.28),
        "oracle, large": _figure(0.96, 1.0),
    }
    assert Assay(400, 200, fair).faults == []
    broken = fair | {"thumbnail": _figure(0.30, 0.39), "oracle, large": _figure(0.94, 1.0)}
    found = Assay(400, 200, broken).faults
    assert len(found) == 2 and found[0].startswith("thumbnail reaches 0.300") and "oracle reaches 0.940" in found[1]
    assert len(Assay(400, 200, fair | {"histogram": Estimate(None, None, None, 0, 0)}).faults) == 1


def _spot(finding: str, bright: np.ndarray, noise: float = 1.0) -> Spot:
    """A ball of 13 voxels across in the middle of 24, as bright as told for each distance from its middle."""
    away = np.sqrt(sum((axis - 11.5) ** 2 for axis in np.ogrid[:24, :24, :24]))
    mask = away <= 6.5
    grain = np.random.default_rng(len(finding)).normal(0, noise, mask.shape)
    voxels = np.where(mask, bright[np.minimum(away, 7).astype(int)], 0.0) - 850 + grain
    return Spot(finding, 13.0, voxels.astype(np.float32), mask, (1.0, 1.0, 1.0), noise)


def test_features_tell_a_hollow_ball_from_a_full_one_whatever_the_contrast() -> None:
    full, hollow = np.full(8, 4.0), np.array([-4.0, -4, -4, 4, 4, 4, 4, 4])
    strong, faint = features(_spot("full", full)), features(_spot("full", full / 2))
    assert features(_spot("hollow", hollow))[8] < -1 < min(strong[8], faint[8])  # middle less rim
    assert strong[5] == pytest.approx(1, abs=0.1) and faint[5] == pytest.approx(1, abs=0.1)  # mean over energy


def test_the_oracle_knows_nothing_of_the_patient_it_is_asked_about() -> None:
    """A feature that names the patient helps only who was fitted on them."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 2)
    names = rng.permutation(np.repeat(["cyst", "nodule"], 30))[patients]
    rows = np.eye(60)[patients] + rng.normal(0, 0.01, (120, 60))
    told = np.array(["cyst", "nodule"])[finding_chances(rows, list(names), patients).argmax(axis=1)]
    assert np.mean(told == names) < 0.75


def test_the_chance_of_sharing_is_that_of_any_of_the_findings() -> None:
    found = chance_of_sharing(np.array([0.5, 0.2, 0.0]), np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 1.0]]))
    assert found.tolist() == pytest.approx([0.5, 1 - 0.75 * 0.9])
