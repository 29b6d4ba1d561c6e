"""Uneven slices get an even grid that is no finer than they are, or are refused as slices with holes."""

import numpy as np
import pytest

from scans.geometry import place
from scans.outcome import UnevenSpacing
from scans.uneven import even_steps

THIN_AND_THICK = [4.0] * 13 + [1.08] + [7.0] * 13  # a head: the base of the skull, then the rest


def step(*gaps: float) -> float:
    """The distance between planes, where a slice may be missing."""
    return sum(gaps) / even_steps(np.array(gaps), bridge=True)[0]


@pytest.mark.parametrize(
    ("gaps", "step_mm"),
    [
        ((2, 3, 2, 2.5), 9.5 / 4),  # 2 is regular: 4.75 steps of it, and never finer
        (THIN_AND_THICK, (13 * 4 + 1.08 + 13 * 7) / 36),
        ([2.0] * 10 + [6.0] * 10, 80 / 26),  # 3 mm, half of the widest gap: one plane at most between two slices
        ((1.0, 1.3, 1.7, 2.2, 2.8), 9.0 / 5),  # none is regular: the median
        ([5.0, 5.1, 4.9, 5.0, 5.1], 25.1 / 5),
    ],
)
def test_planes_lie_a_regular_gap_apart_and_never_finer_than_half_of_the_widest(gaps, step_mm) -> None:
    assert step(*gaps) == pytest.approx(step_mm)


@pytest.mark.parametrize("seed", range(20))
def test_every_plane_has_a_slice_within_a_step_and_one_plane_at_most_lies_between_two_slices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gaps = np.repeat(rng.uniform(1, 3, 4), 6)
    gaps *= rng.uniform(0.98, 1.02, len(gaps))
    places = np.concatenate([[0.0], np.cumsum(gaps)])
    mm = places[-1] / even_steps(gaps, bridge=True)[0]
    planes = np.arange(round(places[-1] / mm) + 1) * mm
    assert np.abs(planes[:, None] - places).min(axis=1).max() <= mm
    n_between = np.histogram(planes, places)[0]
    assert n_between.max() <= 3  # two ends and one between them
    assert len(planes) <= 1.6 * len(places)


@pytest.mark.parametrize(
    ("gaps", "facts"),
    [
        ((1, 1, 1, 11.5), r"no gap wider than 3 regular ones, 1\.00 mm"),
        ((1, 1.5, 2.9, 1), r"0 holes of one slice in 5 planes, there are 1"),
        ((1, 1.3, 2.3, 1.1, 1), r"0 holes of one slice in 6 planes, there are 1"),
        ((1, 1, 1.9), "there are 1"),
        ([1.0] * 70 + [1.9] + [1.0] * 70 + [1.9, 1.0, 1.0, 1.9], "2 holes of one slice in 148 planes, there are 3"),
        ([1.0] * 70 + [2.1] + [1.0] * 70, "2 holes of one slice in 136 planes, there are 1"),  # a hole of more than one
        ([5.0, 5.0, 0.4, 5.0, 5.0], r"no slices nearer than 0\.1 of the regular gap, 5\.00 mm"),
        ([0.02, 4.98, 0.02, 4.98, 0.02], "no gap wider than 3 regular ones"),  # every place twice
    ],
)
def test_slices_with_holes_or_seen_twice_are_refused(gaps: list[float], facts: str) -> None:
    with pytest.raises(UnevenSpacing, match=facts):
        step(*gaps)


def test_a_hole_of_one_slice_is_bridged_in_a_long_stack_where_a_slice_may_be_missing() -> None:
    gaps = np.array([1.0] * 70 + [1.9] + [1.0] * 70)
    assert even_steps(gaps, bridge=True) == (142, 1)
    with pytest.raises(UnevenSpacing, match="a repair mends 0 holes of one slice in 143 planes, there are 1"):
        even_steps(gaps, bridge=False)


def test_a_bridged_hole_is_told() -> None:
    z = np.concatenate([[0.0], np.cumsum([1.0] * 70 + [1.8] + [1.0] * 70)])
    found = place([(0.0, 0.0, float(v)) for v in z], (1, 0, 0, 0, 1, 0), repair=["uneven-spacing", "missing-slices"])
    assert found.repairs == "uneven-spacing: gaps from 1.00 to 1.80 mm; missing-slices: 1 of 142"
    assert found.n_missing == 1
