import numpy as np
import pytest

from evaluation.confounds import audit, chance_shares, codes_of, label_links
from siamese.statistics.intervals import resample


def test_chance_is_a_mean_over_patients_not_scans():
    codes = codes_of(["a", "a", "a", "b", None])
    patients = np.array([0, 0, 0, 1, 2])
    may = np.array([[True] * 5, [False, False, False, True, True], [False] * 5])
    found = chance_shares(codes, np.array([0, 0, 0]), may, patients)
    assert found[:2].tolist() == [0.5, 0.0]  # one of two known patients; none of one
    assert np.isnan(found[2])
    assert np.isnan(chance_shares(codes, np.array([-1]), may[:1], patients)[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_chance_equals_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    codes, patients, may = rng.integers(-1, 3, 30), rng.integers(0, 9, 30), rng.random((5, 30)) < 0.5
    found = chance_shares(codes, np.full(5, 1), may, patients)
    for query in range(5):
        shares = []
        for patient in set(patients):
            some = [codes[i] == 1 for i in range(30) if may[query, i] and patients[i] == patient and codes[i] >= 0]
            shares += [np.mean(some)] if some else []
        assert found[query] == pytest.approx(np.mean(shares))


def marks(values):
    present = [frozenset({"x"}) if v else frozenset() for v in values]
    return present, [frozenset({"x"}) - p for p in present]


def test_a_finding_that_follows_a_trait_is_strongly_linked():
    present, absent = marks([True] * 20 + [False] * 20)
    scanner = ["a"] * 20 + ["b"] * 20
    ((finding, strength, p),) = label_links(scanner, present, absent, np.arange(40))
    assert (finding, strength) == ("x", pytest.approx(1.0))
    assert p < 1e-6
    ((_, strength, p),) = label_links(["a", "b"] * 20, present, absent, np.arange(40))
    assert (strength, p) == (0.0, 1.0)


def test_many_scans_of_few_patients_are_no_evidence():
    present, absent = marks([True] * 50 + [False] * 50)
    assert label_links(["a"] * 50 + ["b"] * 50, present, absent, np.arange(100) // 25) == []


def test_shortcut_needs_both_a_link_and_lists_that_share_it():
    values = ["a"] * 20 + ["b"] * 20
    queries = np.arange(40)
    same = np.array([[(q + 1) % 20 + 20 * (q // 20)] for q in queries])
    other = np.array([[(q + 20) % 40] for q in queries])
    draws, expected = resample(queries), np.full(40, 0.5)
    linked, loose = [("x", 1.0, 1e-9)], [("x", 0.0, 0.8)]
    named = audit("scanner", values, same, queries, expected, draws, linked)
    assert named.is_shortcut and named.followed_by == "x"
    assert (named.shown.value, named.by_chance.value, named.excess.value) == (1.0, 0.5, 0.5)
    assert not audit("scanner", values, same, queries, expected, draws, loose).is_shortcut
    assert not audit("scanner", values, other, queries, expected, draws, linked).is_shortcut


def test_unknown_values_count_nowhere():
    shown = np.array([[1, 2, -1]])
    found = audit("sex", ["F", None, "F"], shown, np.array([0]), np.array([0.5]), resample(np.array([0])), [])
    assert found.shown.value == 1.0
    assert (
        audit("sex", [None, "F", "F"], shown, np.array([0]), np.array([0.5]), resample(np.array([0])), []).shown.n == 0
    )
