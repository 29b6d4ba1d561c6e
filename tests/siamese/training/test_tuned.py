"""The last blocks of the real trunk learn; all before them, and the head behind them, stay bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from siamese.backbones import backbone_named
from siamese.choices import PRETRAINED
from siamese.encoder import build, load, save
from siamese.recipe import recipe_for
from siamese.tensor import save_tensor
from siamese.training.anchored import ground_of
from siamese.training.comparison import RIVAL, lines_of
from siamese.training.make import make_encoder
from siamese.training.settings import TrainingSettings
from siamese.training.tuned import fit_tuned, last_blocks, pulling

QUICK = TrainingSettings(
    backbone="efficientnet-lite0-2x2", loss="triplet", miner="random", margin=1.0, tuned_blocks=2, views=1, epochs=2,
    steps_per_epoch=4, groups_per_batch=4, learning_rate=3e-5, threads=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory, make_example):
    """Thirty people at two visits; a person has a brightness, and half of them fine stripes from corner to corner."""
    folder, examples = tmp_path_factory.mktemp("pictures"), []
    y, x = np.mgrid[:320, :320]
    for person in range(30):
        words = ("stripes", "plain") if person % 2 else ("plain", "stripes")
        for visit in (1, 2):
            rng = np.random.default_rng([person, visit])
            picture = 0.3 + 0.4 * rng.random() + 0.05 * rng.standard_normal((320, 320))
            picture += 0.03 * np.sin((x + y if person % 2 else x - y) * 0.8)
            example = make_example(f"p{person:02}-{visit}", *words, kind="xr/chest/2d", number=(person * 0.618) % 1)
            example = replace(example, tensor=folder / f"{person}-{visit}.npy")
            save_tensor(example.tensor, np.float32(picture.clip(0, 1))[None], recipe_for("2d", QUICK.backbone))
            examples.append(example)
    return examples


def fit(people, work, settings=QUICK, **more):
    return fit_tuned(people, cover="2d", purpose="finding", settings=settings, work=work, kept=kept_of(people), **more)


def kept_of(people):
    """Where what the trunk says of these pictures is kept for all tests of this file."""
    return people[0].tensor.parent


def weights(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_only_the_last_blocks_learn_and_the_encoder_says_so(people, tmp_path):
    ground = ground_of(people, cover="2d", purpose="finding", settings=QUICK, kept=kept_of(people), batch_size=1)
    before = weights(ground.closed_form)
    trained = fit(people, tmp_path / "work")
    learned = {f"backbone.blocks.4.{number}" for number in (9, 10)}
    moved = {name for name, tensor in weights(trained.encoder).items() if not torch.equal(tensor, before[name])}
    assert trained.record.best_epoch > 0, "no epoch was better: nothing can be seen of what moved"
    assert moved and {".".join(name.split(".")[:4]) for name in moved} == learned
    manifest = trained.encoder.manifest
    assert manifest.settings["tuned_blocks"] == 2 and manifest.dim == 448
    assert manifest.figures["validation"]["auc"] >= manifest.figures[RIVAL]["auc"]
    assert "last 2 blocks" in lines_of(manifest)[0]
    save(trained.encoder, tmp_path / "kept")
    assert load(tmp_path / "kept").manifest.id == manifest.id


def test_a_killed_run_goes_on_to_the_same_weights(people, tmp_path):
    short = replace(QUICK, steps_per_epoch=2)
    whole = fit(people, tmp_path / "whole", short)

    def kill(epoch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(people, tmp_path / "cut", short, on_epoch=kill)
    again = fit(people, tmp_path / "cut", short)
    assert again.record.resumed_after == 1 and whole.record.resumed_after is None
    assert again.encoder.manifest.weights_sha256 == whole.encoder.manifest.weights_sha256


def test_weights_are_pulled_by_the_gradient_of_their_distance():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    listed = list(layers.parameters())
    start = [weight.detach().clone() for weight in listed]
    pull = pulling(listed, 0.7)
    with torch.no_grad():
        for weight in listed:
            weight.add_(torch.randn_like(weight))
    held = sum(((w - s) ** 2).sum() for w, s in zip(listed, start, strict=True))
    wanted = torch.autograd.grad(0.7 * held / sum((s**2).sum() for s in start), listed)
    for weight in listed:
        weight.grad = torch.zeros_like(weight)
    pull()
    for weight, gradient in zip(listed, wanted, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_the_settings_reach_it(people, tmp_path):
    encoder = make_encoder(
        people,
        cover="2d",
        purpose="finding",
        settings=replace(QUICK, epochs=1, steps_per_epoch=1),
        work=tmp_path,
        kept=kept_of(people),
        device="cpu",
    )
    assert encoder.manifest.trained_on.endswith("the last 2 blocks of the trunk")


def test_more_blocks_than_there_are_are_refused():
    trunk = build("efficientnet-lite0-2x2", "2d")
    assert len(last_blocks(trunk, 11)) == 11
    with pytest.raises(ValueError, match="tuned_blocks = 12: backbone efficientnet-lite0-2x2 has 11 blocks"):
        last_blocks(trunk, 12)
    with pytest.raises(ValueError, match="backbone small has 0 blocks"):
        last_blocks(build("small", "2d"), 1)


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_settings_know_how_many_blocks_a_backbone_has(name):
    backbone = backbone_named(name)
    network, _ = backbone.architecture(3)
    assert len(backbone.blocks(network)) == PRETRAINED[name].n_blocks
