"""Curves against numbers worked out by hand and slow loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluation.cohort import Cohort, Fold
from evaluation.evidence import curves, risk_by_coverage, roc
from evaluation.pair_figures import Pairs
from siamese.search.gallery import UNKNOWN_US


def pairs(alike, unlike):
    values = np.array([*alike, *unlike], float)
    ends = np.zeros(len(values), np.int64)
    return Pairs(values, np.arange(len(values)) < len(alike), ends, ends, np.zeros(len(values), bool))


def test_the_roc_by_hand():
    assert roc(pairs([0.1, 0.3], [0.2, 0.3])) == ((0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (1.0, 1.0))
    assert roc(pairs([], [0.2])) == ()


def test_risk_by_coverage_by_hand():
    points = risk_by_coverage(np.array([0.3, 0.1, 0.2, 0.2]), np.array([False, True, True, False]))
    assert points == ((0.25, 0.0), (0.75, 1 / 3), (1.0, 0.5))
    assert risk_by_coverage(np.empty(0), np.empty(0, bool)) == ()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_risk_by_coverage_is_what_a_slow_loop_counts(searches):
    points = risk_by_coverage(np.array([float(d) for d, _ in searches]), np.array([r for _, r in searches]))
    slow = []
    for cutoff in sorted({d for d, _ in searches}):
        answered = [right for d, right in searches if d <= cutoff]
        slow.append((len(answered) / len(searches), answered.count(False) / len(answered)))
    assert np.allclose(points, slow)


def test_sheets_show_the_best_and_the_worst_query_once_a_patient():
    n = 20
    angle = np.repeat(np.arange(n) * 0.3, 2) + np.tile([0.0, 0.01], n)
    angle[1] = 3.15  # the first patient's second scan lies elsewhere
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    day = 86_400_000_000
    cohort = Cohort(
        keys=[f"s{i}" for i in range(2 * n)], patients=[f"p{i // 2}" for i in range(2 * n)],
        studies=[f"u{i}" for i in range(2 * n)], kinds=["xr"] * (2 * n),
        from_us=np.arange(2 * n) * day, until_us=np.arange(2 * n) * day + 1,
        present=[frozenset()] * (2 * n), absent=[frozenset()] * (2 * n),
    )  # fmt: skip
    fold = Fold("test", np.arange(2 * n), vectors, frozenset())
    drawn = curves(cohort, [fold], task="patient", gallery="open")
    assert [sheet.sort for sheet in drawn.sheets] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
    assert {sheet.scan for sheet in drawn.sheets if sheet.score == 0.0} <= {"s0", "s1"}
    assert drawn.sheets[-1].score == 0.0
    owners = [int(sheet.scan[1:]) // 2 for sheet in drawn.sheets]
    assert len(set(owners)) == len(owners)
    assert sum(drawn.alike) == n and sum(drawn.unlike) == 2 * n * (2 * n - 1) // 2 - n
    assert all(list(s.neighbours) == sorted(s.neighbours, key=lambda near: near.distance) for s in drawn.sheets)


def test_a_patients_worst_search_is_shown_even_where_another_one_went_well():
    """Two kinds: each patient is found again in one and never in the other, but for one whom both find."""
    n = 12
    angle = np.concatenate([np.repeat(np.arange(n) * 0.5, 2), np.tile([0.0, 3.0], n) + np.repeat(np.arange(n), 2) / 50])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    unknown = np.full(4 * n, UNKNOWN_US, np.int64)
    cohort = Cohort(
        keys=[f"s{i}" for i in range(4 * n)], patients=[f"p{i // 2 % n}" for i in range(4 * n)],
        studies=[f"u{i}" for i in range(4 * n)], kinds=["xr/one"] * (2 * n) + ["xr/two"] * (2 * n),
        from_us=unknown, until_us=unknown, present=[frozenset()] * (4 * n), absent=[frozenset()] * (4 * n),
    )  # fmt: skip
    drawn = curves(cohort, [Fold("test", np.arange(4 * n), vectors, frozenset())], task="patient", gallery="open")
    scores = {sort: [sheet.score for sheet in drawn.sheets if sheet.sort == sort] for sort in ("best", "worst")}
    assert scores == {"best": [1.0] * 3, "worst": [0.0] * 3}
