import numpy as np
import pytest

from evaluation.cohort import Cohort
from evaluation.learning import ASKED, CLASSIFIER, TWIN, UNTRAINED, Point, ask_learners, curve_of, sizes_of, with_fewer
from siamese.pairs import PatientStraddles, split
from siamese.search.gallery import UNKNOWN_US
from siamese.statistics.metrics import METRICS


@pytest.fixture
def examples(make_example):
    return [make_example(f"p{i:02}-{visit}", number=i / 40) for i in range(40) for visit in (1, 2)]


def test_draws_are_nested_and_only_training_shrinks(examples):
    whole = split(examples)
    few, more = (split(with_fewer(examples, n, seed=3)) for n in (8, 16))
    people = [{e.patient for e in part["train"]} for part in (few, more)]
    assert [len(some) for some in people] == [8, 16] and people[0] < people[1]
    for name in ("validation", "test"):
        assert few[name] == more[name] == whole[name]
    assert split(with_fewer(examples, 8, seed=4))["train"] != few["train"]


def test_a_curve_ends_with_all_patients(examples):
    assert sizes_of(examples) == [8, 16, 24]
    assert sizes_of(examples, (24, 99)) == [24]
    with pytest.raises(ValueError, match="there are 24"):
        with_fewer(examples, 25, seed=0)


def made(n=12):
    labels = [frozenset({"x"}) if i % 2 else frozenset({"y"}) for i in range(n)]
    unknown = np.full(n, UNKNOWN_US)
    names = [f"s{i:02}" for i in range(n)]
    absent = [frozenset({"x", "y"}) - has for has in labels]
    return Cohort(names, names, names, ["ct/chest/3d"] * n, unknown, unknown, labels, absent)


def test_everyone_is_asked_the_same_queries_and_the_one_who_sees_is_right():
    cohort = made()
    seeing = np.array([[1.0, 0.0] if "x" in has else [0.0, 1.0] for has in cohort.present], np.float32)
    blind = np.eye(12, dtype=np.float32)  # everybody equally far
    vectors = {TWIN: seeing, CLASSIFIER: blind, UNTRAINED: blind}
    point = ask_learners(cohort, vectors, Point(8, 0, {}), frozenset({"other"}), task="finding", metric="cosine")
    assert (point.queries, point.query_patients, point.gallery) == (12, 12, "open")
    found = point.figures
    assert set(found) == set(ASKED)
    assert found[TWIN]["p_at_1"] == 1.0
    assert found["chance"]["p_at_1"] == pytest.approx(5 / 11)
    assert found[CLASSIFIER] == found[UNTRAINED]


def test_somebody_who_was_learned_from_is_never_asked_about():
    cohort = made()
    with pytest.raises(PatientStraddles):
        ask_learners(
            cohort, {TWIN: np.eye(12, dtype=np.float32)}, Point(8, 0, {}), frozenset({"s03"}), task="finding",
            metric="cosine",
        )  # fmt: skip


def test_a_curve_is_mean_and_spread_over_seeds_and_the_lead_is_paired():
    def point(seed, ours, theirs):
        figures = {who: dict.fromkeys(METRICS, 0.1) for who in ASKED}
        figures[TWIN], figures[CLASSIFIER] = dict.fromkeys(METRICS, ours), dict.fromkeys(METRICS, theirs)
        return Point(8, seed, figures, 20)

    (at,) = curve_of([point(0, 0.5, 0.4), point(1, 0.7, 0.4), Point(8, 2, {}, why_not="too few pairs")])
    assert at.figures[TWIN]["p_at_1"].mean == pytest.approx(0.6)
    assert (at.lead["p_at_1"].low, at.lead["p_at_1"].high) == (pytest.approx(0.1), pytest.approx(0.3))
    assert (at.seeds, at.queries, at.why_not) == ([0, 1], 20, ["too few pairs"])


def test_a_size_that_could_not_be_trained_says_why():
    (at,) = curve_of([Point(8, 0, {}, why_not="too few pairs")])
    assert at.figures[TWIN]["p_at_1"].mean is None and at.why_not == ["too few pairs"]
