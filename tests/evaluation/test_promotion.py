import pytest

from evaluation.promotion import decide
from siamese.statistics.intervals import Estimate


def of(value, low, high, patients=100):
    return Estimate(value, low, high, patients, patients)


GOOD = {"chance": of(0.2, 0.1, 0.3), "thumbnail": of(0.1, 0.01, 0.2)}
EVEN = of(0.0, -0.04, 0.04)


def test_a_better_candidate_replaces_the_active_one():
    found = decide(GOOD, EVEN, {"sex F": of(0.01, 0.0, 0.05)})
    assert (found.promote, found.provisional) == (True, False)
    assert found.reasons == ("better than every baseline, not worse than the active one",)
    assert decide(GOOD, None, {}).promote


@pytest.mark.parametrize(
    ("lift", "difference", "told"),
    [
        (GOOD | {"thumbnail": of(0.1, 0.0, 0.2)}, EVEN, "lift over thumbnail +0.100"),
        (GOOD, of(-0.01, -0.02, 0.0), "below the active encoder"),
        (GOOD, of(0.01, -0.05, 0.1), "may lose more"),
        (GOOD, of(None, None, None, 0), "no query"),
        ({}, EVEN, "no lift"),
    ],
)
def test_each_condition_blocks_and_is_told(lift, difference, told):
    found = decide(lift, difference, {})
    assert not found.promote
    assert told in found.reasons[0]
    assert found.provisional == (lift != GOOD)


def test_a_subgroup_blocks_only_when_shown_worse():
    shown = decide(GOOD, EVEN, {"sex F": of(-0.1, -0.2, -0.01, 30)})
    assert not shown.promote and "worse for sex F" in shown.reasons[0]
    for unclear in (of(-0.1, -0.2, -0.01, 29), of(-0.1, -0.2, 0.01, 300)):
        found = decide(GOOD, EVEN, {"sex F": unclear})
        assert found.promote and "cannot tell for sex F" in found.reasons[-1]


def test_a_baseline_that_cannot_be_computed_is_told():
    found = decide(GOOD, EVEN, {}, unavailable={"demographics": "no age, no sex"})
    assert found.promote and "no age, no sex" in found.reasons[-1]
