"""Features of a trunk: seen once, kept on disk, never taken for those of another trunk."""

import numpy as np
import pytest

from siamese.embedding import embed, features
from siamese.encoder import build, initialise
from siamese.tensor import load_tensor, save_tensor
from siamese.training import kept_features
from siamese.training.head import with_head
from siamese.training.kept_features import KeptFeatures
from siamese.training.views import view_of
from siamese.training.wccn import Head

BACKBONE = "efficientnet-lite0-2x2"


@pytest.fixture(scope="module")
def trunk():
    return initialise(build(BACKBONE, "2d", head="none"))


@pytest.fixture
def scan(trunk, tmp_path, make_example):
    picture = np.random.default_rng(1).random((1, *trunk.recipe.shape), np.float32)
    path = tmp_path / f"scan{trunk.recipe.suffix}"
    save_tensor(path, picture, trunk.recipe)
    return make_example("p-1", kind="xr/chest/2d", tensor=path)


def refuse(*_args, **_kwargs):
    raise AssertionError("the trunk was asked")


def test_a_scan_and_its_views_are_seen_once_and_kept(trunk, scan, tmp_path, monkeypatch):
    rows = KeptFeatures(trunk, tmp_path).of(scan, 2)
    tensor = load_tensor(scan.tensor, trunk.recipe)
    seen = [tensor, view_of(tensor, "p-1", 0), view_of(tensor, "p-1", 1)]
    assert np.array_equal(rows, features(trunk, seen)) and rows.shape == (3, 448)
    monkeypatch.setattr(kept_features, "features", refuse)
    assert np.array_equal(KeptFeatures(trunk, tmp_path).of(scan, 2), rows)  # by another run


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY torn", None])
def test_a_damaged_file_is_made_anew(trunk, scan, tmp_path, damage):
    kept = KeptFeatures(trunk, tmp_path)
    path = kept.path_of(scan, 0)
    rows = kept.of(scan, 0)
    if damage is None:
        np.save(path, np.full_like(rows, np.nan))
    else:
        path.write_bytes(damage)
    assert np.array_equal(KeptFeatures(trunk, tmp_path).of(scan, 0), rows)
    assert np.array_equal(np.load(path), rows)


def test_features_of_another_trunk_are_made_anew(trunk, scan, tmp_path):
    kept = KeptFeatures(trunk, tmp_path)
    again = KeptFeatures(build(BACKBONE, "2d", seed=1, head="none"), tmp_path)
    assert kept.folder != again.folder
    assert not np.array_equal(kept.of(scan, 0), again.of(scan, 0))


def test_vectors_by_kept_features_are_those_of_the_whole_encoder(trunk, scan, tmp_path, monkeypatch):
    weight = np.eye(448) + 0.01 * np.random.default_rng(0).normal(size=(448, 448))
    encoder = with_head(trunk, Head(weight, np.full(448, 0.1)))
    kept, tensor = KeptFeatures(trunk, tmp_path), load_tensor(scan.tensor, trunk.recipe)
    views = [tensor, view_of(tensor, "p-1", 0), view_of(tensor, "p-1", 1)]
    kept.of(scan, 0), kept.of(scan, 2)
    whole = embed(encoder, views)
    stranger = build(BACKBONE, "2d", 16, seed=3)
    by_itself = embed(stranger, views[:1])
    with monkeypatch.context() as patch:
        patch.setattr(kept_features, "features", refuse)
        patch.setattr(kept_features, "embed", refuse)
        plain = kept.vectors(encoder, [scan], n_views=1, seed=0)
        changed = kept.vectors(encoder, [scan, scan], n_views=2, seed=0)
    assert np.abs(np.concatenate([plain, changed]) - whole).max() < 1e-5
    assert np.array_equal(kept.vectors(stranger, [scan], n_views=1, seed=0), by_itself)  # of another trunk: from scans
