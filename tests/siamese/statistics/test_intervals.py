import time

import numpy as np
import pytest

from siamese.statistics.intervals import (
    NOTHING,
    Resamples,
    mean_of,
    means_of,
    pair_difference,
    pair_estimates,
    resample,
    wilson,
)
from siamese.statistics.metrics import pair_metrics


def test_a_resample_draws_as_many_patients_as_there_are():
    draws = resample(np.array([7, 7, 3, 9]), n=50)
    assert draws.weights.shape == (50, 3)
    assert set(draws.weights.sum(axis=1)) == {3.0}
    assert draws.codes.tolist() == [1, 1, 0, 2]


def test_means_of_resamples_equal_a_slow_loop():
    rng = np.random.default_rng(0)
    patients, values = rng.integers(0, 8, 30), rng.random(30)
    values[rng.random(30) < 0.2] = np.nan
    draws = resample(patients, n=40, seed=1)
    slow = []
    for weights in draws.weights:
        copies = [v for c, v in zip(draws.codes, values, strict=True) for _ in range(int(weights[c]))]
        slow.append(np.nanmean(copies))
    found = mean_of(values, draws)
    assert found.value == pytest.approx(np.nanmean(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])))
    assert (found.n, found.n_patients) == (np.isfinite(values).sum(), len(np.unique(patients[np.isfinite(values)])))


def test_a_patient_with_many_queries_makes_the_interval_wide():
    values = np.array([1.0] * 50 + [0.0] * 50)
    alone = mean_of(values, resample(np.arange(100)))
    few = mean_of(values, resample(np.arange(100) // 10))
    assert few.high - few.low > 2 * (alone.high - alone.low)


def test_interval_of_a_mean_covers_its_truth():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        values = np.repeat(rng.random(60) < 0.3, 3).astype(float)  # three equal queries a patient
        found = mean_of(values, resample(np.arange(180) // 3, n=400, seed=seed))
        covered += found.low <= 0.3 <= found.high
    assert 0.90 <= covered / 200 <= 0.99


def test_at_zero_and_one_wilsons_interval_is_taken_with_patients_as_trials():
    draws = resample(np.arange(20) // 2)
    none = mean_of(np.zeros(20), draws)
    assert none.low == 0.0
    assert none.high == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    every = mean_of(np.ones(20), draws)
    assert (every.low, every.high) == pytest.approx((1 - none.high, 1.0))


def test_wilson_by_hand_is_near_the_rule_of_three():
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0.0, 100)[1] == pytest.approx(3.0 / 100, rel=0.25)
    assert wilson(0.0, 0) == (0.0, 1.0)


def test_a_difference_that_is_always_full_still_has_an_interval():
    found = mean_of(np.ones(10), resample(np.arange(10)), bounds=(-1.0, 1.0))
    assert found.value == 1.0
    assert 0.4 < found.low < 0.5


def test_no_difference_does_not_exclude_zero():
    found = mean_of(np.zeros(10), resample(np.arange(10)), bounds=(-1.0, 1.0))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_paired_differences_are_surer_than_two_figures():
    rng = np.random.default_rng(3)
    ours = rng.random(200)
    theirs = ours - 0.02
    draws = resample(np.arange(200))
    lift = mean_of(ours - theirs, draws, bounds=(-1.0, 1.0))
    assert lift.low > 0.019
    assert mean_of(ours, draws).low < mean_of(theirs, draws).high


def test_macro_is_the_mean_of_findings_however_many_queries_each_has():
    many, few = np.array([1.0] * 9 + [np.nan]), np.array([np.nan] * 9 + [0.0])
    found = means_of([many, few], resample(np.arange(10)))
    assert found.value == 0.5
    assert found.n == 10
    assert means_of([np.full(10, np.nan)], resample(np.arange(10))) == NOTHING


def test_pairs_are_weighed_by_both_ends_and_copies_are_never_paired():
    rng = np.random.default_rng(4)
    left, right = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    distances, alike = rng.random(60), rng.random(60) < 0.5
    found = pair_estimates(distances, alike, left, right, n=300, seed=5)
    draws: Resamples = resample(np.concatenate([left, right]), n=300, seed=5)
    slow = []
    for weights in draws.weights:
        rows = []
        for row, (a, b) in enumerate(zip(left, right, strict=True)):
            rows += [row] * int(weights[a] if a == b else weights[a] * weights[b])
        value = pair_metrics(distances[rows], alike[rows])["roc_auc"]
        slow += [] if value is None else [value]
    assert found["roc_auc"].value == pair_metrics(distances, alike)["roc_auc"]
    assert (found["roc_auc"].low, found["roc_auc"].high) == pytest.approx(tuple(np.percentile(slow, [2.5, 97.5])))


def pairs_of(seed, n_patients=8, n_scans=2):
    """All pairs of scans of some patients: distances, which are of one patient, and whose both ends are."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(n_patients), n_scans)
    left, right = np.triu_indices(len(of), 1)
    alike = of[left] == of[right]
    return rng.random(len(left)) + 0.3 * ~alike, alike, of[left], of[right]


def test_a_lead_equals_a_slow_loop_over_patients_drawn():
    """Two runs of ours against one rival, each resample weighing a pair as often as both its people were drawn."""
    (one, alike, left, right), (two, *_), (rival, *_) = pairs_of(0), pairs_of(1), pairs_of(2)
    found = pair_difference([one, two], rival, alike, left, right, n=30, seed=5)
    draws = resample(np.concatenate([left, right]), n=30, seed=5)

    def auc(distances, times):
        near, far = np.flatnonzero(alike), np.flatnonzero(~alike)
        wins = weight = 0.0
        for i in near:
            for j in far:
                both = (times[left[i]] if left[i] == right[i] else 0) * times[left[j]] * times[right[j]]
                wins += both * float(distances[i] < distances[j])
                weight += both
        return wins / weight if weight else None

    leads = []
    for times in draws.weights:
        ours, theirs = [auc(d, times) for d in (one, two)], auc(rival, times)
        if theirs is not None:
            leads.append(np.mean(ours) - theirs)
    full = np.ones(8)
    assert found.value == pytest.approx(np.mean([auc(one, full), auc(two, full)]) - auc(rival, full))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(leads, [2.5, 97.5])))
    assert found.n_patients == 8


def test_a_lead_over_itself_is_0_and_excludes_nothing():
    distances, alike, left, right = pairs_of(3)
    found = pair_difference([distances], distances, alike, left, right)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_lead_is_surer_than_two_figures_that_are_not_paired():
    distances, alike, left, right = pairs_of(4, n_patients=20)
    worse = distances + 0.2 * alike
    found = pair_difference([distances], worse, alike, left, right, n=500)
    alone = pair_estimates(distances, alike, left, right, n=500)["roc_auc"]
    assert found.low > 0 and found.high - found.low < alone.high - alone.low


def test_a_lead_on_pairs_of_one_sort_is_unknown():
    distances, alike, left, right = pairs_of(5)
    found = pair_difference([distances], distances, np.ones_like(alike), left, right)
    assert (found.value, found.low, found.high) == (None, None, None)


def test_pairs_of_one_sort_give_nothing():
    found = pair_estimates(np.ones(3), np.ones(3, bool), np.arange(3), np.arange(3) + 1, n=10)
    assert found["eer"].value is None


def test_two_thousand_resamples_of_two_thousand_queries_take_under_a_minute():
    rng = np.random.default_rng(6)
    start = time.perf_counter()
    draws = resample(np.arange(2000))
    for _ in range(5 * 7 * 2):  # five figures of ours and six baselines, and their lift
        mean_of(rng.random(2000), draws)
    assert time.perf_counter() - start < 60
