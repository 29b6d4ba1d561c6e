"""The map: where points lie, what they are called, and that they bear no key."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from evaluation import embedding_map as module
from evaluation.cohort import Cohort, Fold
from evaluation.embedding_map import NOTHING, SEVERAL, UNLABELLED, embedding_map, principal_axes
from siamese.search.gallery import UNKNOWN_US


@pytest.mark.parametrize("shape", [(40, 8), (2, 8), (1, 8), (9, 2), (9, 1)])
def test_places_are_principal_components_as_scikit_learn_finds_them(shape):
    vectors = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    places, shares = principal_axes(vectors)
    n = min(shape[0] - 1, shape[1], 2)
    if n:
        theirs = PCA(n).fit(vectors.astype(float))
        assert np.allclose(np.abs(places[:, :n]), np.abs(theirs.transform(vectors.astype(float))), atol=1e-6)
        assert np.allclose(shares[:n], theirs.explained_variance_ratio_)
    assert places.shape == (shape[0], 2) and np.allclose(places[:, n:], 0, atol=1e-6)


def test_axes_do_not_flip_with_the_order_of_scans():
    vectors = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    assert np.allclose(principal_axes(vectors)[0][::-1], principal_axes(vectors[::-1])[0], atol=1e-6)


def people():
    present = [frozenset({"nodule"}), frozenset(), frozenset({"nodule", "cyst"}), frozenset(), frozenset({"cyst"})]
    absent = [frozenset(), frozenset({"nodule"}), frozenset(), frozenset(), frozenset()]
    names, unknown = list("abcde"), np.full(5, UNKNOWN_US, np.int64)
    scanners = {"scanner": ["One", None, "Two", "One", "Two"]}
    cohort = Cohort(names, names, names, ["ct"] * 4 + ["mr"], unknown, unknown, present, absent, scanners)
    vectors = np.eye(5, dtype=np.float32)
    return cohort, Fold("test", np.arange(5), vectors, frozenset())


def test_only_the_commonest_kind_is_drawn_with_its_labels_and_without_a_key():
    found = embedding_map(*people())
    assert found.kind == "ct" and len(found.x) == 4
    assert sorted(zip(found.labels, found.scanners, strict=True)) == sorted(
        [("nodule", "One"), (NOTHING, "unknown"), (SEVERAL, "Two"), (UNLABELLED, "One")]
    )
    assert set(asdict(found)) == {"kind", "x", "y", "labels", "scanners", "shares", "n_left_out"}


def test_many_scans_are_thinned_and_the_rest_counted(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 3)
    found = embedding_map(*people())
    assert (len(found.x), found.n_left_out) == (3, 1)


def test_a_fold_without_scans_has_an_empty_map():
    cohort, fold = people()
    empty = replace(fold, rows=np.empty(0, np.int64), vectors=np.empty((0, 5), np.float32))
    assert embedding_map(cohort, empty).x == ()
