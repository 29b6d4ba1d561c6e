"""Kinds from vectors: named rightly, not at all, or the family is refused; held to a slow loop and to counts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from siamese.kinds.classifier import DamagedClassifier, FamilyModel, KindClassifier, load
from siamese.kinds.learning import AIMED_AT, ToldScans, _least_margin, learn

DIM = 6
HEAD, CHEST, KNEE = "ct/head/3d", "ct/chest/3d", "ct/knee/3d"
AXES = {HEAD: 0, CHEST: 1, KNEE: 2}


def vectors_of(kinds: Sequence[str], *, noise: float = 0.05) -> NDArray[np.float32]:
    """Unit vectors along one axis a kind, with a little noise: nearest means are far beyond any rounding."""
    drawn = np.random.default_rng(1).normal(scale=noise, size=(len(kinds), DIM))
    drawn += np.eye(DIM)[[AXES[kind] for kind in kinds]]
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def told(counts: dict[str, int], *, mislabelled: int = 0, per_patient: int = 1, noise: float = 0.05) -> ToldScans:
    """Patients by kind, a fifth of them for test; the tags of the first few of test and head say chest."""
    kinds = [kind for kind, n in counts.items() for _ in range(n * per_patient)]
    patients = [f"{kind}-{i // per_patient}" for kind, n in counts.items() for i in range(n * per_patient)]
    numbers = [(i // per_patient + 0.5) / n for n in counts.values() for i in range(n * per_patient)]
    said = list(kinds)
    of_test = [i for i, (kind, number) in enumerate(zip(kinds, numbers, strict=True)) if kind == HEAD and number > 0.8]
    for i in of_test[:mislabelled]:
        said[i] = CHEST
    return ToldScans(vectors_of(kinds, noise=noise), said, patients, numbers)


@pytest.fixture(scope="module")
def model() -> FamilyModel:
    found, figures = learn("ct", told({HEAD: 1000, CHEST: 1000}))
    assert found is not None, figures.refused
    return found


def test_what_looks_like_a_kind_is_named_and_what_looks_like_none_or_two_is_not(model: FamilyModel) -> None:
    axes = np.eye(DIM, dtype=np.float32)
    between = (axes[0] + axes[1]) / np.sqrt(2, dtype=np.float32)
    assert model.decide(np.stack([axes[0], axes[1], axes[2], between, -axes[0]])) == [HEAD, CHEST, "", "", ""]


def test_what_is_near_two_kinds_alike_is_not_named(model: FamilyModel) -> None:
    near_both = replace(model, limit=np.inf)
    between = (np.eye(DIM)[0] + np.eye(DIM)[1]) / np.sqrt(2)
    assert near_both.decide(between[None, :]) == [""]
    assert replace(near_both, margin=0.0).decide(between[None, :]) != [""]


def test_distances_are_those_of_a_slow_loop(model: FamilyModel) -> None:
    vectors = vectors_of([HEAD, KNEE, CHEST])
    scans = told({HEAD: 1000, CHEST: 1000}).of("train")
    within = np.zeros((DIM, DIM))
    for name in (HEAD, CHEST):
        rows = scans.vectors[[kind == name for kind in scans.likenesses]].astype(np.float64)
        within += np.cov(rows.T, bias=True) / 2
    covariance = (within + np.trace(within) / DIM * np.eye(DIM)) / 2
    for vector, row in zip(vectors, model.distances(vectors), strict=True):
        for mean, found in zip(model.means, row, strict=True):
            away = vector.astype(np.float64) - mean
            assert found == pytest.approx(away @ np.linalg.inv(covariance) @ away / DIM, rel=1e-6, abs=1e-6)


def test_a_vector_is_decided_alike_whatever_stands_beside_it(
    model: FamilyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = vectors_of([HEAD, CHEST, KNEE] * 5)
    together = model.distances(vectors)
    monkeypatch.setattr("siamese.kinds.classifier.MOST_TERMS", 1)
    assert (model.distances(vectors) == together).all()


def test_figures_count_the_scans_of_patients_left_out() -> None:
    _, figures = learn("ct", told({HEAD: 1000, CHEST: 1000}, mislabelled=1))
    by_kind = {row.kind: row for row in figures.kinds}
    chest = by_kind[CHEST]
    assert (figures.scans, figures.patients, figures.refused) == (400, 400, "")
    assert (chest.scans, chest.wrong, chest.patients) == (201, 1, 1001)
    assert by_kind[HEAD].wrong == 0 and figures.wrong == 1 and figures.error == 1 / figures.named
    assert all(row.right + row.wrong + row.abstained == row.scans for row in figures.kinds)
    assert figures.named == sum(row.right + row.wrong for row in figures.kinds)


def test_a_kind_that_is_often_wrong_is_given_to_nobody_and_a_family_without_figures_is_refused() -> None:
    found, figures = learn("ct", told({HEAD: 1000, CHEST: 1000}, mislabelled=5))
    assert found is None and "300 are needed" in figures.refused  # what looks like a head is not named any more
    assert [row.kind for row in figures.kinds if row.given] == [CHEST]
    assert figures.wrong == 0


def test_no_error_on_a_few_scans_is_no_evidence() -> None:
    found, figures = learn("ct", told({HEAD: 100, CHEST: 100}))
    assert found is None and figures.error == 0 and figures.named <= 40 and "300 are needed" in figures.refused
    assert figures.upper is not None and figures.upper > 0.05


def test_many_scans_of_few_patients_are_few_trials() -> None:
    found, figures = learn("ct", told({HEAD: 100, CHEST: 100}, per_patient=10))
    assert found is not None and figures.named > 300
    assert figures.upper is not None and figures.upper > 0.05


def test_one_kind_with_patients_enough_is_told_apart_from_nothing() -> None:
    found, figures = learn("ct", told({HEAD: 1000, CHEST: 15}))
    assert found is None and figures.refused.startswith("1 kinds with 10 patients")


def test_a_kind_of_too_few_patients_is_no_class_and_wrong_whenever_it_is_named() -> None:
    scans = told({HEAD: 1000, CHEST: 1000, KNEE: 9})
    rows = [i for i, kind in enumerate(scans.likenesses) if kind == KNEE]
    vectors, numbers = scans.vectors.copy(), list(scans.numbers)
    for row in rows:  # all of test, and in the middle of the heads
        vectors[row], numbers[row] = np.eye(DIM, dtype=np.float32)[AXES[HEAD]], 0.9
    found, figures = learn("ct", ToldScans(vectors, scans.likenesses, scans.patients, numbers))
    assert found is None and [row.kind for row in figures.kinds if row.given] == [CHEST]


def test_the_margin_is_the_least_that_keeps_the_error() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        margins = rng.integers(0, 30, 300) / 10
        is_wrong = rng.random(300) < 0.1 * (margins < 1)
        fits = [m for m in sorted(set(margins.tolist())) if is_wrong[margins >= m].mean() <= AIMED_AT]
        assert _least_margin(margins, is_wrong) == (fits[0] if fits else None)
    assert _least_margin(np.array([1.0, 2.0]), np.array([True, True])) is None


def test_a_classifier_is_read_as_it_was_written_and_refused_when_it_is_another(model: FamilyModel, tmp_path) -> None:
    mine = KindClassifier("enc", "3d", {"ct": model})
    mine.save(tmp_path)
    again = load(tmp_path, mine.id)
    vectors = vectors_of([HEAD, CHEST, KNEE])
    assert again.id == mine.id and again.look("ct", vectors) == mine.look("ct", vectors) == [HEAD, CHEST, ""]
    assert again.look("mr", vectors) == ["", "", ""]
    assert KindClassifier("other", "3d", {"ct": model}).id != mine.id
    for wanted, folder in (("0" * 16, tmp_path), (mine.id, tmp_path / "none")):
        with pytest.raises(DamagedClassifier):
            load(folder, wanted)


def test_learning_twice_gives_the_same_classifier() -> None:
    ids = set()
    for _ in range(2):
        found, _ = learn("ct", told({HEAD: 1000, CHEST: 1000}))
        assert found is not None
        ids.add(KindClassifier("enc", "3d", {"ct": found}).id)
    assert len(ids) == 1
