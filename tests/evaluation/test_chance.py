import numpy as np
import pytest

from evaluation.chance import chance_metrics
from evaluation.questions import Truth
from siamese.statistics.metrics import METRICS, ranking_metrics


def test_chance_is_the_mean_of_many_random_lists():
    rng = np.random.default_rng(0)
    # grades of each patient's scans; patients are drawn in random order, each shows a random scan
    patients = [[1.0], [0.5, 0.0], [0.0], [0.0, 0.0, 1.0], [0.0], [0.25], [0.0], [0.0], [0.0], [0.5], [0.0], [0.0]]
    best = sorted((max(p) for p in patients), reverse=True)[:10]
    r = sum(max(p) > 0 for p in patients)
    shares = np.array([np.mean([g > 0 for g in p]) for p in patients])
    truth = Truth(
        np.array([r]), np.array([best]), np.array([12]), np.array([12]),
        np.array([shares.sum()]), np.array([(shares**2).sum()]), np.array([sum(np.mean(p) for p in patients)]),
    )  # fmt: skip
    drawn = np.array([[rng.choice(patients[i]) for i in rng.permutation(12)] for _ in range(5000)])
    slow = ranking_metrics(drawn, np.full(len(drawn), r), np.tile(best, (len(drawn), 1)))
    found = chance_metrics(truth)
    for name in METRICS:
        assert found[name][0] == pytest.approx(slow[name].mean(), abs=0.02)
