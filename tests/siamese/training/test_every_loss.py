"""All losses at one budget, on planted features: each learns the same, so the count is what is looked at."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from scans.atomic import private_folder
from siamese.choices import LOSSES, MINERS
from siamese.encoder import build, initialise
from siamese.training import every_loss
from siamese.training.anchored import ground_of
from siamese.training.comparison import OF_LOSS, lines_of
from siamese.training.every_loss import N_SEEDS, compare, fit_every, grid, ways
from siamese.training.kept_features import KeptFeatures
from siamese.training.settings import TrainingSettings

BACKBONE, N_FEATURES = "efficientnet-lite0-2x2", 448
QUICK = TrainingSettings(
    backbone=BACKBONE, epochs=4, steps_per_epoch=1, views=1, threads=1, loss="every", groups_per_batch=4
)
WAYS = [("contrastive", "random"), ("supcon", "")]


@pytest.fixture(scope="module")
def planted(tmp_path_factory, make_example):
    """30 people at two visits each; their features tell them apart, and so does the closed form, mostly."""
    rng, folder, examples = np.random.default_rng(0), tmp_path_factory.mktemp("kept"), []
    kept = KeptFeatures(initialise(build(BACKBONE, "2d", head="none")), folder)
    private_folder(kept.folder)
    for person in range(30):
        itself = rng.normal(size=N_FEATURES)
        for visit in (1, 2):
            example = make_example(f"p{person:02}-{visit}", kind="xr/chest/2d", number=(person * 0.618) % 1)
            rows = np.float32(itself + 2.0 * rng.normal(size=N_FEATURES) + 0.1 * rng.normal(size=(2, N_FEATURES)))
            np.save(kept.path_of(example, 1), rows)
            np.save(kept.path_of(example, 0), rows[:1])
            examples.append(example)
    return examples, folder


@pytest.fixture
def two_losses(monkeypatch):
    """One that is mined and one that is not: the others would take as long again each."""
    monkeypatch.setattr(every_loss, "LOSSES", {name: LOSSES[name] for name, _ in WAYS})


@pytest.fixture
def counted(monkeypatch):
    """The trainings that are made, as settings."""
    made = []
    train_on = every_loss.train_on

    def noted(ground, settings, *rest):
        made.append(settings)
        return train_on(ground, settings, *rest)

    monkeypatch.setattr(every_loss, "train_on", noted)
    return made


def test_every_loss_is_compared_and_triplets_by_every_miner():
    triplets = [("triplet", miner) for miner in MINERS]
    assert ways() == [("contrastive", "random"), *triplets, ("multi-similarity", ""), ("supcon", "")]


def test_each_loss_has_as_many_settings_and_the_configured_ones_are_among_them():
    for loss in LOSSES:
        settings = replace(QUICK, loss=loss)
        tried = grid(settings)
        assert len(tried) == 8 == len({repr(one) for one in tried}) and settings in tried


def test_a_margin_is_never_tried_that_no_loss_can_have():
    far = replace(QUICK, loss="triplet", margin=1.5, memory=64)
    assert max(one.margin for one in grid(far)) < 2.0 and far in grid(far)
    assert max(one.temperature for one in grid(replace(QUICK, loss="supcon", temperature=9.0))) == 10.0


def test_every_loss_is_tried_at_one_budget_and_what_was_done_is_not_done_again(planted, tmp_path, counted, two_losses):
    examples, kept = planted
    ground = ground_of(examples, cover="2d", purpose="patient", settings=QUICK, kept=kept, batch_size=1)
    contests = compare(ground, QUICK, tmp_path)
    assert [(contest.loss, contest.miner) for contest in contests] == WAYS
    epochs = Counter((s.loss, s.miner if s.loss in ("contrastive", "triplet") else "", s.epochs) for s in counted)
    for way in WAYS:  # 8 for a quarter, 4 for a half, 2 for all; then three seeds of winner and configured settings
        assert [epochs[(*way, n)] for n in (1, 2, 4)] == [8, 4, 2 + 2 * N_SEEDS]
    assert {s.seed for s in counted if s.epochs < 4} == {QUICK.seed}
    for contest in contests:
        assert contest.auc_least <= contest.auc <= contest.auc_most and 0 <= contest.stayed <= N_SEEDS
        assert contest.lead_low <= contest.lead <= contest.lead_high
    counted.clear()
    assert compare(ground, QUICK, tmp_path) == contests and counted == []


def test_the_best_is_trained_and_tells_of_all_in_a_line_each(planted, tmp_path, two_losses):
    examples, kept = planted
    few = replace(QUICK, epochs=1)
    trained = fit_every(examples, cover="2d", purpose="patient", settings=few, work=tmp_path, kept=kept)
    manifest = trained.encoder.manifest
    told = {name: figures["auc"] for name, figures in manifest.figures.items() if name.startswith(OF_LOSS)}
    assert len(told) == len(WAYS) and manifest.id == manifest.fingerprint()
    best = max(told, key=told.__getitem__)
    assert best.startswith(OF_LOSS + manifest.settings["loss"])
    assert len(lines_of(manifest)) == 1 + len(WAYS)
    assert all(line.endswith(("not kept", "better")) for line in lines_of(manifest))
