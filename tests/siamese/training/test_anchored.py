"""A head that begins in closed form and is trained by a loss: features are planted, so that no trunk has to look."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from scans.atomic import private_folder
from siamese.encoder import build, initialise, load, save
from siamese.pairs import TooFewPairs
from siamese.training import anchored
from siamese.training.anchored import BehindW, fit_anchored, ground_of, pairs_on, pull_back, train_on
from siamese.training.comparison import RIVAL, comparison_of, lines_of
from siamese.training.conclude import CollapsedTraining
from siamese.training.figures import figures
from siamese.training.kept_features import KeptFeatures
from siamese.training.sample import TooFewPatients
from siamese.training.settings import TrainingSettings

BACKBONE, N_FEATURES = "efficientnet-lite0-2x2", 448
QUICK = TrainingSettings(
    backbone=BACKBONE, epochs=3, steps_per_epoch=6, views=2, threads=1, learning_rate=1e-2, patience=3, miner="random"
)


@pytest.fixture(scope="module")
def trunk():
    return initialise(build(BACKBONE, "2d", head="none"))


@pytest.fixture(scope="module")
def planted(trunk, tmp_path_factory, make_example):
    """60 people, two visits each. Features tell the person loudly and a finding softly; visits and views hardly differ.

    Returns the examples and the folder of their features.
    """
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("kept")
    kept, examples = KeptFeatures(trunk, folder), []
    private_folder(kept.folder)
    for person in range(60):
        words = ("blob", "ring") if person % 2 else ("ring", "blob")
        itself = 2.0 * rng.normal(size=N_FEATURES) * (np.arange(N_FEATURES) < 6)
        itself[50:56] = 0.7 if person % 2 else -0.7
        for visit in (1, 2):
            example = make_example(f"p{person:02}-{visit}", *words, kind="xr/chest/2d", number=(person * 0.618) % 1)
            seen = itself + 0.05 * rng.normal(size=N_FEATURES)
            rows = np.float32(seen + 0.02 * rng.normal(size=(QUICK.views + 1, N_FEATURES)))
            np.save(kept.path_of(example, QUICK.views), rows)
            np.save(kept.path_of(example, 0), rows[:1])
            examples.append(example)
    return examples, folder


def fit(planted, work, settings=QUICK, purpose="finding", **more):
    examples, kept = planted
    return fit_anchored(examples, cover="2d", purpose=purpose, settings=settings, work=work, kept=kept, **more)


def ground(planted, purpose="finding"):
    examples, kept = planted
    return ground_of(examples, cover="2d", purpose=purpose, settings=QUICK, kept=kept, batch_size=1)


@pytest.mark.parametrize("loss", ["triplet", "contrastive", "multi-similarity", "supcon"])
def test_a_loss_learns_what_the_closed_form_does_not_know(planted, tmp_path, loss):
    """Three seeds of each loss gave an AUC of 0.999 and more, against 0.66 in closed form on these features."""
    trained = fit(planted, tmp_path, replace(QUICK, loss=loss, memory=64, margin=0.5))
    measured = trained.encoder.manifest.figures
    assert measured["validation"]["auc"] > 0.9 > measured[RIVAL]["auc"] + 0.1
    assert measured["test"]["auc"] > 0.9
    assert measured[RIVAL]["lead"] == pytest.approx(measured["validation"]["auc"] - measured[RIVAL]["auc"])
    assert 0 < measured[RIVAL]["lead_low"] <= measured[RIVAL]["lead"] <= measured[RIVAL]["lead_high"]
    assert comparison_of(trained.encoder.manifest).is_won and trained.record.best_epoch > 0
    (line,) = lines_of(trained.encoder.manifest)
    assert line.startswith(loss) and line.endswith("over the closed-form head: better")


def test_epoch_0_is_the_closed_form_and_stays_where_nothing_is_better(planted, tmp_path):
    """With steps too small to change a float nothing is: the encoder is W, bit for bit."""
    trained = fit(planted, tmp_path, replace(QUICK, learning_rate=1e-30), "patient")
    closed = ground(planted, "patient").closed_form
    assert torch.equal(trained.encoder.head.weight, closed.head.weight)
    assert torch.equal(trained.encoder.head.bias, closed.head.bias)
    assert trained.record.best_epoch == 0 and len(trained.record.curve) == QUICK.epochs
    (line,) = lines_of(trained.encoder.manifest)
    assert line.startswith("triplet (random): no epoch was above the closed-form head, AUC ")
    assert not comparison_of(trained.encoder.manifest).is_won


class Killed(Exception):
    """As the machine would."""


def test_killed_and_resumed_it_gives_the_same_bits(planted, tmp_path):
    settings = replace(QUICK, memory=32)

    def kill(epoch):
        if epoch.number == 2:
            raise Killed

    whole = fit(planted, tmp_path / "whole", settings)
    with pytest.raises(Killed):
        fit(planted, tmp_path / "cut", settings, on_epoch=kill)
    resumed = fit(planted, tmp_path / "cut", settings)
    assert (resumed.record.resumed_after, whole.record.resumed_after) == (2, None)
    assert resumed.encoder.manifest.weights_sha256 == whole.encoder.manifest.weights_sha256
    assert resumed.encoder.manifest.id == whole.encoder.manifest.id


def test_a_checkpoint_behind_another_w_is_not_taken_up(planted, tmp_path):
    fit(planted, tmp_path / "work")
    examples, folder = planted[0], tmp_path / "other"
    shutil.copytree(planted[1], folder)
    kept = ground((examples, folder)).kept
    for example in examples:
        rows = kept.of(example, QUICK.views)
        np.save(kept.path_of(example, QUICK.views), rows * np.linspace(1, 2, N_FEATURES, dtype=np.float32))
    assert fit((examples, folder), tmp_path / "work").record.resumed_after is None


def test_pulling_back_is_the_gradient_of_the_distance_to_the_identity():
    weight = torch.randn((7, 7), generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    (3.0 * (weight - torch.eye(7)).square().sum() / torch.eye(7).square().sum() + weight.sum()).backward()
    expected = weight.grad.clone()
    weight.grad = torch.ones_like(weight)
    pull_back(weight, 3.0)
    assert torch.allclose(weight.grad, expected, rtol=1e-12)


def test_an_anchor_holds_the_map_near_where_it_began(planted):
    def moved(anchor):
        run, _ = train_on(ground(planted), replace(QUICK, anchor=anchor))
        run.encoder.load_state_dict(run.best_weights)
        return float((run.encoder.head.weight.detach() - torch.eye(N_FEATURES)).norm())

    assert 0.0 < moved(1e4) < 0.7 * moved(0.0)


def test_saved_and_loaded_it_tells_what_it_is(planted, tmp_path):
    trained = fit(planted, tmp_path / "work")
    save(trained.encoder, tmp_path / "kept")
    manifest = load(tmp_path / "kept").manifest
    assert (manifest.origin, manifest.purpose, manifest.dim) == ("trained", "finding", N_FEATURES)
    assert manifest.provenance["licence"] == "Apache-2.0" and not manifest.is_fitted
    assert manifest.trained_on == "72 scans of 36 patients, from the head in closed form on"
    assert manifest.counts["train"]["scans"] == 72 and manifest.settings["start"] == "within-class covariance"


def test_the_trained_head_is_the_map_behind_w(planted, tmp_path):
    """What it is judged by is what it will serve with: figures before and after the two are put together agree."""
    g = ground(planted)
    run, stopped_by = train_on(g, QUICK)
    trained = anchored.concluded(g, run, stopped_by)
    before, after = figures(pairs_on(g, QUICK, run.encoder)), trained.encoder.manifest.figures["validation"]
    assert after["mean_alike"] == pytest.approx(before["mean_alike"], abs=1e-5)
    assert after["auc"] == pytest.approx(before["auc"], abs=1e-3)


def test_a_reference_is_judged_on_the_same_scans(planted, tmp_path):
    closed = ground(planted).closed_form
    measured = fit(planted, tmp_path, reference=closed).encoder.manifest.figures
    assert measured["reference"]["auc"] == measured[RIVAL]["auc"]


def test_two_views_of_a_scan_are_never_the_same(planted):
    g = ground(planted, "view")
    inputs, encoder = BehindW(g), g.closed_form
    for seed in range(20):
        batch = [g.examples[0], g.examples[0], g.examples[2]]
        vectors = inputs.learned(encoder, batch, torch.Generator().manual_seed(seed))
        assert (vectors[0] - vectors[1]).abs().max() > 1e-3


def test_a_view_is_seen_for_a_scan_where_patients_are_learned(planted):
    """Each of a scan's versions comes up, the scan as it is among them."""
    g = ground(planted, "patient")
    inputs, example = BehindW(g), g.examples[0]
    seen = {
        tuple(inputs.learned(g.closed_form, [example], torch.Generator().manual_seed(seed))[0].tolist())
        for seed in range(60)
    }
    assert len(seen) == 1 + QUICK.views


def test_too_few_pairs_or_patients_are_refused_by_name(planted, tmp_path):
    examples, kept = planted
    once = [e for e in examples if e.scan.endswith("-1")]
    with pytest.raises(TooFewPairs, match="0 alike pairs for purpose patient in train"):
        fit((once, kept), tmp_path, purpose="patient")
    four = [e for e in examples if e.split_number < 0.6][:8]
    with pytest.raises(TooFewPatients, match="4 patients for training"):
        fit((four, kept), tmp_path, purpose="patient")


def test_a_number_that_is_none_is_a_collapse(planted, tmp_path, monkeypatch):
    monkeypatch.setattr("siamese.training.steps.learning_rate", lambda *_: float("nan"))
    with pytest.raises(CollapsedTraining, match="nan"):
        fit(planted, tmp_path)


def test_no_more_scans_are_learned_from_than_the_trunk_can_see(planted, tmp_path, monkeypatch):
    monkeypatch.setitem(anchored.MOST_LEARNED_FROM, "2d", 40)
    manifest = fit(planted, tmp_path, purpose="patient").encoder.manifest
    assert manifest.trained_on.startswith("40 scans of 20 patients")
    assert manifest.counts["train"]["scans"] == 72  # what there was: a night asks how much was added since
