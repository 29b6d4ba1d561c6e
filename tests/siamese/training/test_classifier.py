from dataclasses import replace

import numpy as np
import pytest
import torch

from siamese.embedding import embed
from siamese.encoder import build
from siamese.pairs import split
from siamese.tensor import load_tensor
from siamese.training.classifier import UNKNOWN, class_loss, fit_classifier, targets_of
from siamese.training.fit import TooFewPairs, TrainingSettings

ENOUGH = TrainingSettings(
    dim=16, epochs=5, steps_per_epoch=8, groups_per_batch=4, scans_per_group=4, threads=1, learning_rate=3e-3
)


def test_targets_are_present_absent_or_unknown(make_example):
    train = [make_example("a-1", "x", "y"), make_example("b-1", "", "x"), make_example("c-1")]
    assert targets_of(train, "finding").tolist() == [[1, 0], [0, UNKNOWN], [UNKNOWN, UNKNOWN]]
    assert targets_of(train, "patient").tolist() == torch.eye(3).tolist()
    with pytest.raises(ValueError, match="no classes"):
        targets_of(train, "view")


def test_unknown_targets_teach_nothing():
    logits = torch.tensor([[0.0, 5.0], [3.0, 0.0]])
    told = class_loss(logits, torch.tensor([[1.0, UNKNOWN], [UNKNOWN, 0.0]]), "finding")
    assert told is not None and float(told) == pytest.approx(np.log(2.0))  # both known logits are 0: a coin
    assert class_loss(logits, torch.full((2, 2), UNKNOWN), "finding") is None


def test_one_of_all_patients_is_a_softmax():
    told = class_loss(torch.zeros(3, 4), torch.eye(4)[:3], "patient")
    assert told is not None and float(told) == pytest.approx(np.log(4.0))


def test_a_classifier_learns_and_gives_unit_vectors_of_its_features(plain_cohort):
    encoder = fit_classifier(plain_cohort, cover="2d", purpose="finding", settings=replace(ENOUGH, learning_rate=1e-3))
    asked = split(plain_cohort)["test"]
    vectors = embed(encoder, (load_tensor(e.tensor, encoder.recipe) for e in asked))
    assert vectors.shape == (len(asked), build("small", "2d", 16).head.in_features)
    same = vectors @ vectors.T
    has = np.array(["blob" in e.present for e in asked])
    patient = np.array([e.patient for e in asked])
    np.fill_diagonal(same, -1)
    same[patient[:, None] == patient[None, :]] = -1
    assert (has[same.argmax(axis=1)] == has).mean() > 0.8


def test_equal_seeds_give_equal_classifiers(cohort):
    few = replace(ENOUGH, epochs=1, steps_per_epoch=1)
    one, two = (fit_classifier(c, cover="2d", purpose="patient", settings=few) for c in (cohort, cohort[::-1]))
    assert one.manifest.weights_sha256 == two.manifest.weights_sha256


def test_scans_that_all_have_the_same_finding_are_refused(cohort):
    same = [replace(e, present=frozenset({"blob"}), absent=frozenset()) for e in cohort]
    with pytest.raises(TooFewPairs, match="nothing to tell apart"):
        fit_classifier(same, cover="2d", purpose="finding", settings=ENOUGH)
