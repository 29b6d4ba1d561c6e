"""Expected by chance against observed: right when the count is, and wrong when it is made so."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation import reliability as checked
from evaluation.cohort import Cohort, Fold
from evaluation.reliability import EXPECTED, reliability
from siamese.search.gallery import UNKNOWN_US


def cohort(n, present=None):
    """One scan each of n patients."""
    names = [str(i) for i in range(n)]
    unknown = np.full(n, UNKNOWN_US, np.int64)
    none = [frozenset()] * n
    return Cohort(names, names, names, ["xr"] * n, unknown, unknown, present or none, none)


def asked(rng, n, dim=6):
    rows = rng.normal(size=(n, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Fold("test", np.arange(n), rows.astype(np.float32), frozenset())


def test_observed_is_what_a_slow_loop_counts_in_the_other_half(monkeypatch):
    monkeypatch.setattr(checked, "N_RESAMPLES", 2)
    fold = asked(np.random.default_rng(5), 120)
    found = reliability(cohort(120), [fold], task="patient")
    angles = 1.0 - fold.vectors.astype(float) @ fold.vectors.astype(float).T
    order = np.argsort([str(i) for i in range(120)])  # patients by name
    places = np.random.default_rng(0).permutation(120)
    hits = pairs = 0
    for made, seen in ((places[0::2], places[1::2]), (places[1::2], places[0::2])):
        own = [angles[order[a], order[b]] for a in made for b in made if a != b]
        limit = np.quantile(own, 0.1)
        other = [angles[order[a], order[b]] for a in seen for b in seen if a != b]
        hits, pairs = hits + sum(d <= limit for d in other), pairs + len(other)
    assert [p.expected for p in found.points] == list(EXPECTED)
    assert found.points[3].observed == pytest.approx(hits / pairs, abs=0.004)  # the curve is kept at 256 steps
    assert (found.n_patients, found.why_not) == (120, "")


def test_the_intervals_hold_what_was_expected_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(checked, "N_RESAMPLES", 120)
    rng = np.random.default_rng(1)
    held = [
        p.low <= p.expected <= p.high
        for _ in range(30)
        for p in reliability(cohort(120), [asked(rng, 120)], task="patient").points
    ]
    assert len(held) == 30 * len(EXPECTED) and np.mean(held) >= 0.9


def test_a_count_that_promises_too_little_is_seen(monkeypatch):
    def boastful(table):
        curve = right(table)
        return replace(curve, shares=tuple(share / 3 for share in curve.shares))

    right = checked.calibrate
    monkeypatch.setattr(checked, "calibrate", boastful)
    found = reliability(cohort(200), [asked(np.random.default_rng(2), 200)], task="patient")
    tenth = found.points[3]
    assert tenth.expected == 0.1 and 0.2 < tenth.observed < 0.4


def test_pairs_that_share_a_finding_are_not_counted():
    """All with the finding stand at one place: were they counted, a quarter of all pairs would be at distance 0."""
    n = 240
    ill = [frozenset({"nodule"}) if i % 2 else frozenset() for i in range(n)]
    fold = asked(np.random.default_rng(3), n)
    vectors = fold.vectors.copy()
    vectors[1::2] = vectors[1]
    well = [frozenset() if i % 2 else frozenset({"nodule"}) for i in range(n)]
    people = replace(cohort(n, ill), absent=well)
    found = reliability(people, [replace(fold, vectors=vectors)], task="finding")
    assert 0.05 < found.points[3].observed < 0.15


def test_below_a_hundred_patients_it_says_why_there_is_no_plot():
    found = reliability(cohort(99), [asked(np.random.default_rng(4), 99)], task="patient")
    assert found.points == () and "no kind has 100 patients" in found.why_not
