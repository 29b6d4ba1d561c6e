"""A head in closed form: what it is fitted to, what it tells of itself, and when there is none."""

from pathlib import Path

import numpy as np
import pytest

from siamese.embedding import embed
from siamese.encoder import load, save
from siamese.example import Example
from siamese.recipe import recipe_for
from siamese.tensor import load_tensor, save_tensor
from siamese.training.head import fit_on_trunk, starter_of
from siamese.training.sample import FIRST_NIGHT, Budget, TooFewPatients, sample_of
from siamese.training.views import view_of

BACKBONE = "efficientnet-lite0-2x2"
FEW = Budget(scans=200, viewed=100, views=4, passes=600)
NOTHING: frozenset[str] = frozenset()


def _example(name: str, patient: int, tensor: Path, number: float) -> Example:
    return Example(name, str(patient), name, "xr/chest/2d", tensor, NOTHING, NOTHING, number)


def _person(seed: int) -> np.ndarray:
    """Soft blobs at places of the person's own, (1, 320, 320)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:320, 0:320] / 320.0
    made = sum(
        np.exp(-((y - rng.random()) ** 2 + (x - rng.random()) ** 2) / (2 * (0.03 + 0.1 * rng.random()) ** 2))
        for _ in range(6)
    )
    return (made / made.max()).astype(np.float32)[None]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Twelve people, two visits each; eight are for training, two each for validation and test."""
    folder, recipe = tmp_path_factory.mktemp("people"), recipe_for("2d", BACKBONE)
    made = []
    for person in range(12):
        for visit in (0, 1):
            path = folder / f"{person:02}-{visit}{recipe.suffix}"
            save_tensor(path, view_of(_person(person), f"{person}", 90 + visit), recipe)
            made.append(_example(f"{person:02}-{visit}", person, path, (person + 0.5) / 13.0))
    return made


@pytest.fixture(scope="module")
def fitted(people: list[Example]):
    return fit_on_trunk(people, cover="2d", backbone=BACKBONE, threads=1, budget=FEW)


def test_people_never_seen_are_told_apart_better_than_by_the_trunk_alone(fitted) -> None:
    """Five draws of people gave 0.97 to 1.00 against 0.66 to 0.86."""
    tensors = [view_of(_person(person), f"{person}", visit) for person in range(100, 112) for visit in (0, 1)]

    def auc(encoder) -> float:
        """How often two visits of a person are nearer than two people are."""
        vectors = embed(encoder, tensors).astype(np.float64)
        distances = 1.0 - vectors @ vectors.T
        same = np.arange(len(vectors))[:, None] // 2 == np.arange(len(vectors))[None] // 2
        visits = distances[same & ~np.eye(len(vectors), dtype=bool)]
        return float((visits[:, None] < distances[~same]).mean())

    assert auc(fitted) > max(0.93, auc(starter_of(BACKBONE, "2d")) + 0.05)


def test_it_tells_what_it_was_fitted_to(fitted) -> None:
    manifest = fitted.manifest
    assert manifest.origin == "trained" and manifest.purpose == "patient" and manifest.dim == 448
    assert manifest.counts == {"train": {"patients": 8, "scans": 16}}
    assert manifest.trained_on == (
        "16 scans of 8 patients without a label: 4 changed views each, and 8 who came more than once"
    )
    assert manifest.settings["head"] == "within-class covariance" and manifest.provenance["licence"] == "Apache-2.0"
    assert manifest.kernels


def test_validation_and_test_never_enter(people, fitted, tmp_path: Path) -> None:
    """Other pictures of the people whom it must not see change nothing."""
    other = tmp_path / "other.npy.gz"
    save_tensor(other, _person(99), fitted.recipe)
    changed = [e if e.split_number < 0.6 else _example(e.scan, int(e.patient), other, e.split_number) for e in people]
    again = fit_on_trunk(changed, cover="2d", backbone=BACKBONE, threads=1, budget=FEW)
    assert again.manifest.weights_sha256 == fitted.manifest.weights_sha256


def test_the_order_of_the_scans_changes_nothing(people, fitted) -> None:
    again = fit_on_trunk(people[::-1], cover="2d", backbone=BACKBONE, threads=1, budget=FEW)
    assert again.manifest.id == fitted.manifest.id


def test_saved_and_loaded_it_gives_the_same_vectors(people, fitted, tmp_path: Path) -> None:
    save(fitted, tmp_path)
    tensors = [load_tensor(e.tensor, fitted.recipe) for e in people[:4]]
    assert np.array_equal(embed(fitted, tensors), embed(load(tmp_path), tensors))


def test_an_archive_of_one_patient_has_no_head(people) -> None:
    with pytest.raises(TooFewPatients, match="1 patients"):
        fit_on_trunk([_example("a", 1, people[0].tensor, 0.1)], cover="2d", backbone=BACKBONE)


@pytest.mark.parametrize("cover", ["2d", "3d"])
@pytest.mark.parametrize("n", [5, 20, 60, 100, 150, 200, 5000])
def test_a_first_night_pays_no_more_than_it_can(n: int, cover: str) -> None:
    examples = [_example(f"{i:05}", i, Path("none"), 0.5 * i / n) for i in range(n)]
    budget = FIRST_NIGHT[cover]
    sample = sample_of(examples, budget)
    assert len(sample.scans) == min(n, budget.scans) and sample.n_viewed == min(n, budget.viewed)
    assert len(sample.scans) + sample.n_viewed * sample.n_views <= budget.passes and sample.n_views >= 2
    assert [e.scan for e in sample.scans] == [f"{i:05}" for i in range(len(sample.scans))]  # the lowest numbers


def test_too_few_people_are_no_ground_for_a_head() -> None:
    with pytest.raises(TooFewPatients, match="4 patients for training, a head is fitted to at least 5"):
        sample_of([_example(str(i), i % 4, Path("none"), 0.1) for i in range(40)], FEW)
