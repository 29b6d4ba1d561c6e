import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from siamese.backbones import build_backbone
from siamese.choices import BACKBONES, PRETRAINED
from siamese.encoder import build, load, save, sign
from siamese.manifest import EncoderMismatch, Manifest
from siamese.recipe import RECIPES, recipe_for


@pytest.fixture(scope="module")
def encoder():
    return build("small", "2d", seed=3)


def scans_of(cover, n=2, seed=0, backbone=""):
    return torch.rand((n, 1, *recipe_for(cover, backbone).shape), generator=torch.Generator().manual_seed(seed))


LARGE = ("i3resnet152-ct",)  # minutes: test_i3resnet.py
DIMS = {name: (2,) if name in PRETRAINED else (2, 3) for name in BACKBONES if name not in LARGE}


@pytest.mark.parametrize(("name", "cover"), [(name, f"{n}d") for name, dims in DIMS.items() for n in dims])
def test_every_backbone_gives_unit_vectors_of_the_asked_size(name, cover):
    with torch.inference_mode():
        vectors = build(name, cover, dim=16)(scans_of(cover, backbone=name))
    assert vectors.shape == (2, 16)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


@pytest.mark.parametrize("name", DIMS)
def test_no_layer_mixes_the_scans_of_a_batch(name):
    network, _ = build_backbone(name, n_dims=DIMS[name][-1])
    assert not [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def test_both_scans_of_a_pair_go_through_the_same_weights(encoder):
    left, right = scans_of("2d", seed=1), scans_of("2d", seed=2)
    first, second = encoder.twin(left, right)
    swapped_second, swapped_first = encoder.twin(right, left)
    assert torch.equal(first, swapped_first)
    assert torch.equal(second, swapped_second)
    assert not torch.equal(first, second)


def test_equal_seeds_give_equal_encoders_and_leave_torchs_generator_alone():
    before = torch.random.get_rng_state()
    one, same, other = (
        build("small", "2d", seed=5),
        build("small", "2d", seed=5),
        build("small", "2d", seed=6),
    )
    assert one.manifest.id == same.manifest.id != other.manifest.id
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_built_encoder_is_in_eval_mode(encoder):
    assert not encoder.training


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("vgg", "2d"), "'vgg'.*small"), (("small", "4d"), "'4d'"), (("small", "2d", -1), "dim -1")],
)
def test_unknown_names_are_refused_with_what_is_known(arguments, words):
    with pytest.raises(ValueError, match=words):
        build(*arguments)


def test_saved_encoder_comes_back_whole(encoder, tmp_path):
    manifest = save(encoder, tmp_path / "e")
    loaded = load(tmp_path / "e")
    assert loaded.manifest == manifest == encoder.manifest
    assert not loaded.training
    with torch.inference_mode():
        assert torch.equal(loaded(scans_of("2d")), encoder(scans_of("2d")))
    assert sorted(p.name for p in (tmp_path / "e").iterdir()) == ["manifest.json", "weights.safetensors"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", "patient"), ("settings", {"seed": 4}), ("data_digest", "x"), ("recipe_digest", "x"),
        ("backbone", "resnet10"), ("dim", 64), ("weights_sha256", "x"), ("cover", "3d"),
    ],
)  # fmt: skip
def test_fingerprint_covers_all_that_makes_an_encoder(encoder, field, value):
    assert replace(encoder.manifest, **{field: value}).fingerprint() != encoder.manifest.fingerprint()


def test_fingerprint_does_not_cover_when_it_was_made(encoder):
    assert replace(encoder.manifest, created_utc="2001", versions={}).fingerprint() == encoder.manifest.id


def test_changed_weights_change_the_id():
    encoder = build("small", "2d", seed=3)
    before = encoder.manifest.id
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-6
    assert sign(encoder, encoder.manifest).id != before


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "weights flipped": (lambda f: flip_a_byte(f / "weights.safetensors"), "sha256"),
    "weights cut": (lambda f: os.truncate(f / "weights.safetensors", 1000), "damaged"),
    "weights empty": (lambda f: os.truncate(f / "weights.safetensors", 0), "damaged"),
    "weights gone": (lambda f: (f / "weights.safetensors").unlink(), "missing"),
    "manifest cut": (lambda f: os.truncate(f / "manifest.json", 40), "manifest.json"),
    "manifest edited": (lambda f: edit(f / "manifest.json", purpose="patient"), "edited or damaged"),
    "manifest foreign": (lambda f: (f / "manifest.json").write_text("[]"), "no manifest of schema"),
    "key too many": (lambda f: edit(f / "manifest.json", extra=1), "extra"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folder_is_refused_with_the_next_step(encoder, tmp_path, damage):
    save(encoder, tmp_path)
    harm, words = DAMAGES[damage]
    harm(tmp_path)
    with pytest.raises(EncoderMismatch, match=words) as caught:
        load(tmp_path)
    assert "train again" in str(caught.value)


def test_encoder_of_other_preprocessing_is_refused_naming_both(encoder, tmp_path, monkeypatch):
    save(encoder, tmp_path)
    newer = replace(recipe_for("2d"), version=2)
    monkeypatch.setattr("siamese.encoder.RECIPES", {**RECIPES, newer.name: newer})
    with pytest.raises(EncoderMismatch, match=f"{encoder.manifest.recipe_digest}.*{newer.digest()}.*Train a new"):
        load(tmp_path)


def test_weights_of_another_backbone_are_refused(encoder, tmp_path):
    save(encoder, tmp_path)
    wrong = replace(encoder.manifest, backbone="resnet10")
    (tmp_path / "manifest.json").write_text(replace(wrong, id=wrong.fingerprint()).to_json())
    with pytest.raises(EncoderMismatch, match="do not fit backbone 'resnet10'"):
        load(tmp_path)


def test_empty_folder_is_no_encoder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no manifest"):
        load(tmp_path)


def test_half_saved_encoder_is_no_encoder(encoder, tmp_path, monkeypatch):
    def killed(path, content):
        if path.name == "manifest.json":
            raise KeyboardInterrupt
        path.write_bytes(content)

    monkeypatch.setattr("siamese.encoder.write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        save(encoder, tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_nothing_is_pickled(encoder, tmp_path):
    save(encoder, tmp_path)
    header = (tmp_path / "weights.safetensors").read_bytes()
    assert int.from_bytes(header[:8], "little") < len(header)  # safetensors: length of a JSON header
    assert header[8:9] == b"{"


def test_manifest_survives_json(encoder):
    manifest = replace(encoder.manifest, curve=({"loss": 0.5},), figures={"test": {"auc": None}})
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_building_a_backbone_fetches_nothing(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in BACKBONES:
        assert build_backbone(name, n_dims=DIMS.get(name, (3,))[0])[1] > 0
