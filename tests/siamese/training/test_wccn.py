"""Within-class covariance normalisation against the formula written out, and what it must not be given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.training.wccn import NothingDiffers, fit_head


def _slow(kinds, ridge: float) -> np.ndarray:
    """(S + r t I)^(-1/2) by a loop over pairs and an eigendecomposition of the whole matrix."""
    n = kinds[0][0].shape[1]
    total = np.zeros((n, n))
    for groups in kinds:
        covariance = np.zeros((n, n))
        for group in groups:
            mean = sum(group) / len(group)
            for row in group:
                covariance += np.outer(row - mean, row - mean)
        total += covariance / np.trace(covariance)
    values, vectors = np.linalg.eigh(total + ridge * np.trace(total) / n * np.eye(n))
    return vectors @ np.diag(values**-0.5) @ vectors.T


@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 3.0]))
@settings(max_examples=25, deadline=None)
def test_the_head_is_the_formula(seed: int, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = [[rng.normal(size=(n, 6)) for n in (2, 3, 5)], [rng.normal(size=(2, 6)) * 9 for _ in range(3)]]
    head = fit_head(rng.normal(size=6), kinds, ridge=ridge)
    assert np.allclose(head.weight, _slow(kinds, ridge), rtol=1e-9, atol=1e-12)
    assert np.array_equal(head.weight, head.weight.T)


def test_few_differences_leave_the_other_directions_alike() -> None:
    """Two scans that differ along one axis only: that axis is made short, all others are treated alike."""
    group = np.zeros((2, 4))
    group[:, 1] = (1.0, -1.0)
    weight = fit_head(np.zeros(4), [[group]]).weight
    diagonal = np.diag(weight)
    assert np.allclose(weight, np.diag(diagonal))
    assert np.allclose(diagonal, [2.0, 1 / np.sqrt(1.25), 2.0, 2.0])  # 1 / sqrt(0 + 1/4), 1 / sqrt(1 + 1/4)


def test_each_reason_to_be_alike_weighs_the_same_whatever_its_scale() -> None:
    rng = np.random.default_rng(0)
    views, visits = [rng.normal(size=(4, 5)) for _ in range(3)], [rng.normal(size=(2, 5)) for _ in range(6)]
    once = fit_head(np.zeros(5), [views, visits]).weight
    again = fit_head(np.zeros(5), [[1000.0 * group for group in views], visits]).weight
    assert np.allclose(once, again)


def test_groups_of_one_say_nothing() -> None:
    rng = np.random.default_rng(1)
    views = [rng.normal(size=(4, 5)) for _ in range(3)]
    alone = fit_head(np.zeros(5), [views, []]).weight
    assert np.allclose(alone, fit_head(np.zeros(5), [views, [np.ones((1, 5))]]).weight)


@pytest.mark.parametrize("kinds", [[], [[]], [[np.ones((3, 4))]], [[np.ones((1, 4))], [np.ones((2, 4))]]])
def test_scans_that_do_not_differ_are_no_ground_for_a_head(kinds) -> None:
    with pytest.raises(NothingDiffers, match="equal features"):
        fit_head(np.zeros(4), kinds)
