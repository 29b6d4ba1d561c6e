"""Adding a loss, a miner or a backbone is a function somewhere and one line; nothing else has to know its name."""

import pytest
import torch

from evaluation.baselines import untrained
from siamese import backbones, choices
from siamese.backbones import Backbone
from siamese.choices import BACKBONES, LOSSES, MINERS, chosen
from siamese.encoder import build, initialise, load, save
from siamese.limits import LIMITS, refusal
from siamese.training import losses
from siamese.training.classifier import fit_classifier
from siamese.training.fit import fit
from siamese.training.losses import LossRule, build_loss
from siamese.training.run import begin
from siamese.training.settings import TrainingSettings

FEW = {"epochs": 1, "steps_per_epoch": 1, "threads": 1}


def squared(numbers):
    """A loss that nobody built yet: the squared triplet loss."""
    plain = losses.TRIPLET.make(numbers)
    return lambda vectors, triplets, references: plain(vectors, triplets, references) ** 2


@torch.no_grad()
def fill(network):
    """Weights that a network brought along from elsewhere."""
    for parameter in network.parameters():
        parameter.mul_(0.5)


@pytest.fixture
def own_weights(monkeypatch):
    monkeypatch.setattr(backbones, "OWN", Backbone(backbones.SMALL.architecture, fill), raising=False)
    monkeypatch.setitem(BACKBONES, "own", "siamese.backbones:OWN")


@pytest.mark.parametrize("choices", [BACKBONES, LOSSES, MINERS])
def test_every_choice_stands_at_its_place(choices):
    assert all(chosen("name", choices, name) is not None for name in choices)


def test_a_loss_is_one_function_and_one_line(monkeypatch, plain_cohort, tmp_path):
    monkeypatch.setattr(losses, "SQUARED", LossRule(squared), raising=False)
    assert "wanted one of contrastive, triplet" in refusal("loss", "squared")
    monkeypatch.setitem(choices.LOSSES, "squared", "siamese.training.losses:SQUARED")
    vectors, triplets = torch.eye(4), (torch.tensor([0]), torch.tensor([1]), torch.tensor([2]))
    assert float(build_loss("squared", margin=0.5, metric="cosine")(vectors, triplets, vectors)) == pytest.approx(0.25)
    settings = TrainingSettings(loss="squared", **FEW)
    trained = fit(plain_cohort, cover="2d", purpose="finding", settings=settings, work=tmp_path)
    assert trained.encoder.manifest.settings["loss"] == "squared"


def test_a_backbone_with_weights_of_its_own_is_one_entry_and_one_line(own_weights, tmp_path):
    assert "own" in LIMITS["backbone"].allowed
    begun = initialise(build("own", "2d", 16, seed=1))
    drawn = build("own", "2d", 16, seed=1)
    assert begun.manifest.origin == "initialised" and begun.manifest.id != drawn.manifest.id
    save(begun, tmp_path)
    assert load(tmp_path).manifest.weights_sha256 == begun.manifest.weights_sha256


def test_the_untrained_baseline_never_has_weights_that_a_backbone_brought_along(own_weights):
    begun = initialise(build("own", "2d", 16, seed=0))
    rng = torch.Generator().manual_seed(0)
    tensors = [torch.rand((1, *begun.recipe.shape), generator=rng).numpy() for _ in range(3)]
    plain = untrained(build("small", "2d", 16, seed=0), tensors).vectors
    assert (untrained(begun, tensors).vectors == plain).all()
    assert not torch.equal(begun.backbone.state_dict()["conv1.weight"], build("small", "2d").backbone.conv1.weight)


def test_a_training_begins_with_them_and_is_held_against_the_drawn_ones(own_weights, plain_cohort, tmp_path):
    settings = TrainingSettings(backbone="own", **FEW)
    plain = TrainingSettings(**FEW)
    begun = begin(plain_cohort, cover="2d", purpose="finding", settings=settings, work=tmp_path / "a").encoder
    drawn = begin(plain_cohort, cover="2d", purpose="finding", settings=plain, work=tmp_path / "b").encoder
    assert torch.equal(begun.backbone.conv1.weight, drawn.backbone.conv1.weight * 0.5)
    figures = [
        fit(plain_cohort, cover="2d", purpose="finding", settings=s, work=tmp_path / name).record.figures["untrained"]
        for name, s in (("c", settings), ("d", plain))
    ]
    assert figures[0] == figures[1]
    assert fit_classifier(plain_cohort, cover="2d", purpose="finding", settings=settings).manifest.backbone == "own"


def test_a_backbone_without_weights_of_its_own_begins_with_those_that_were_drawn():
    encoder = build("small", "2d", seed=2)
    before = encoder.manifest
    assert initialise(encoder).manifest is before and before.origin == "untrained"
