from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.statistics.metrics import METRICS, pair_metrics, ranking_metrics
from siamese.training.figures import auc


def table(*lists, width=10):
    return np.array([[*grades, *[0.0] * (width - len(grades))] for grades in lists])


def one(grades, r, ideal):
    return {name: float(v[0]) for name, v in ranking_metrics(table(grades), np.array([r]), table(ideal)).items()}


def test_figures_of_one_list_by_hand():
    found = one([0, 1, 0.5, 0, 0, 1], 4, [1, 1, 0.5, 0.5])
    assert found["p_at_1"] == 0
    assert found["p_at_5"] == 2 / 4  # over min(5, R) = 4 places
    assert found["map_at_r"] == pytest.approx((1 / 2 + 2 / 3) / 4)  # the sixth place is beyond R
    gained = 1 / np.log2(3) + 0.5 / np.log2(4) + 1 / np.log2(7)
    best = 1 + 1 / np.log2(3) + 0.5 / np.log2(4) + 0.5 / np.log2(5)
    assert found["ndcg_at_10"] == pytest.approx(gained / best)
    assert found["recall_at_10"] == 3 / 4


def test_a_perfect_list_has_one_everywhere_and_an_empty_one_nothing():
    assert set(one([1, 0.5], 2, [1, 0.5]).values()) == {1.0}
    assert set(one([], 2, [1, 0.5]).values()) == {0.0}


def slow(grades, r, ideal):
    relevant = [g > 0 for g in grades]
    places = min(5, r)
    precision = [sum(relevant[: i + 1]) / (i + 1) for i in range(len(grades))]
    gain = sum(g / np.log2(i + 2) for i, g in enumerate(grades[:10]))
    best = sum(g / np.log2(i + 2) for i, g in enumerate(ideal[:10]))
    return {
        "p_at_1": float(relevant[0]) if relevant else 0.0,
        "p_at_5": sum(relevant[:places]) / places,
        "map_at_r": sum(precision[i] for i in range(min(r, len(grades))) if relevant[i]) / r,
        "ndcg_at_10": gain / best,
        "recall_at_10": sum(relevant[:10]) / r,
    }


@st.composite
def lists(draw):
    """What a gallery's patients have, in a drawn order, perhaps cut: grades, R, the best ten."""
    grades = draw(st.lists(st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=30).filter(any))
    shown = draw(st.permutations(grades))
    ideal = sorted((g for g in grades if g > 0), reverse=True)
    return list(shown), len(ideal), ideal


@settings(deadline=None)
@given(st.lists(lists(), min_size=1, max_size=5))
def test_figures_equal_a_slow_loop(cases):
    width = max(len(shown) for shown, _, _ in cases)
    found = ranking_metrics(
        table(*[shown for shown, _, _ in cases], width=width),
        np.array([r for _, r, _ in cases]),
        table(*[ideal[:10] for _, _, ideal in cases]),
    )
    for row, (shown, r, ideal) in enumerate(cases):
        assert {name: found[name][row] for name in METRICS} == pytest.approx(slow(shown, r, ideal))


@pytest.mark.parametrize(
    ("grades", "r", "ideal", "told"),
    [
        ([1], 0, [1], "without anything relevant"),
        ([np.nan], 1, [1], "leave out"),
        ([1, 1], 1, [1], "more that is relevant"),
        ([1], 1, [0.5], "more that is relevant"),
    ],
)
def test_lists_that_cannot_be_are_refused(grades, r, ideal, told):
    with pytest.raises(ValueError, match=told):
        one(grades, r, ideal)


def test_pairs_by_hand():
    found = pair_metrics(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, False]))
    assert found == {"roc_auc": 1.0, "eer": 0.0, "tmr_at_1_percent": 1.0}
    found = pair_metrics(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, False]))
    assert found == {"roc_auc": 0.75, "eer": 0.5, "tmr_at_1_percent": 0.5}
    assert pair_metrics(np.array([1.0]), np.array([True]))["roc_auc"] is None


def test_equal_distances_of_alike_and_unlike_pairs_tell_nothing():
    found = pair_metrics(np.ones(6), np.array([True] * 3 + [False] * 3))
    assert found == {"roc_auc": 0.5, "eer": 0.5, "tmr_at_1_percent": 0.0}


def test_true_matches_are_counted_at_one_percent_false_ones():
    unlike = np.arange(200) + 0.5
    alike = np.array([0.0, 1.0, 2.0, 3.0])  # below them lie 0, 1, 2, 3 unlike pairs of 200
    found = pair_metrics(np.concatenate([alike, unlike]), np.arange(204) < 4)
    assert found["tmr_at_1_percent"] == 3 / 4  # 2 of 200 are 1 %


small = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40)


@settings(deadline=None)
@given(small)
def test_weights_count_pairs_that_often(pairs):
    distances, alike, weights = (np.array(column) for column in zip(*pairs, strict=True))
    rows = np.repeat(np.arange(len(pairs)), weights)
    heavy = pair_metrics(distances.astype(float), alike, weights.astype(float))
    assert heavy == pytest.approx(pair_metrics(distances[rows].astype(float), alike[rows]))


@settings(deadline=None)
@given(small)
def test_pair_figures_equal_slow_loops(pairs):
    distances, alike, _ = (np.array(column) for column in zip(*pairs, strict=True))
    near, far = distances[alike].astype(float), distances[~alike].astype(float)
    if not near.size or not far.size:
        return
    found = pair_metrics(distances.astype(float), alike)
    wins = [1.0 if a < u else 0.5 if a == u else 0.0 for a, u in product(near, far)]
    assert found["roc_auc"] == pytest.approx(np.mean(wins)) == pytest.approx(auc(near, far))
    points = [(0.0, 1.0)] + [(np.mean(far <= t), np.mean(near > t)) for t in range(10)]
    assert found["tmr_at_1_percent"] == pytest.approx(max(1 - fn for fm, fn in points if fm <= 0.01))
    crossing = next(i for i, (fm, fn) in enumerate(points) if fm >= fn)
    (fm0, fn0), (fm1, fn1) = points[crossing - 1], points[crossing]
    steps = np.linspace(0, 1, 200001)
    line = steps[np.argmin(np.abs((fm0 + steps * (fm1 - fm0)) - (fn0 + steps * (fn1 - fn0))))]
    assert found["eer"] == pytest.approx(fm0 + line * (fm1 - fm0), abs=1e-4)
