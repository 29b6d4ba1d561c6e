"""Slices are as even as the text of their positions allows, and no more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.affine import row_and_column
from scans.geometry import place
from scans.outcome import Tilted, UnevenSpacing
from scans.rounding import printed_from

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def slanted(x_deg: float, y_deg: float) -> tuple[float, ...]:
    """An axial direction, turned about x, then about y."""
    a, b = np.radians([x_deg, y_deg])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return (*(about_y @ [1, 0, 0]), *(about_y @ [0, np.cos(a), np.sin(a)]))


def line(orientation: tuple[float, ...], n: int, step_mm: float, start: tuple[float, ...]) -> np.ndarray:
    return np.array(start) + np.outer(np.arange(n) * step_mm, np.cross(*row_and_column(orientation)))


def test_a_slanted_stack_of_seven_millimetres_printed_to_a_tenth_is_even() -> None:
    orientation = slanted(-22, 17)
    places = np.round(line(orientation, 22, 7.0, (-110.43, -98.77, -31.16)), 1)
    gaps = np.diff(places @ np.cross(*row_and_column(orientation)))
    assert gaps.min() < 6.93 or gaps.max() > 7.07  # beyond one percent
    found = place(places.tolist(), orientation)
    assert found.repairs == "" and found.n_missing == 0
    assert found.spacing_z_mm == pytest.approx(7.0, abs=0.17 / 21)
    assert found.largest_gap_mm == pytest.approx(gaps.max(), abs=1e-6)  # the passport tells what is printed


@given(
    st.floats(-30, 30), st.floats(-30, 30), st.floats(1.0, 12), st.integers(3, 60),
    st.tuples(*[st.floats(-200, 200)] * 3), st.sampled_from([1, 2, 3]),
)  # fmt: skip
def test_whatever_even_stack_is_printed_it_is_even(x_deg, y_deg, step_mm, n, start, decimals) -> None:
    orientation = slanted(x_deg, y_deg)
    places = np.round(line(orientation, n, step_mm + 0.001, start), decimals)
    assert place(places.tolist(), orientation).repairs == ""


@pytest.mark.parametrize(
    "z",
    [
        (0, 6, 14, 20, 28),  # whole millimetres
        (0, 12, 24, 37, 49, 61),  # within half a millimetre of a line
        (0, 7, 14, 21, 28.3),  # a tenth, and off by three
        (0.0, 0.5, 1.1, 1.6, 2.1, 2.6),  # within 0.04 mm of a line, more than a twentieth of its step
        (0, 5, 10.02, 15, 20.07),
    ],
)
def test_what_rounding_does_not_explain_is_uneven(z) -> None:
    with pytest.raises(UnevenSpacing):
        place([(-10.0, -20.0, float(v)) for v in z], AXIAL)


def test_a_slant_that_rounding_explains_is_no_tilt() -> None:
    drift = [(0.0, 0.0, 0.0), (0.0, 0.0, 2.0), (0.1, 0.0, 4.0)]  # 1.4 degrees; x may be 0.05 throughout
    assert place(drift, AXIAL).tilt_deg == 0.0
    with pytest.raises(Tilted):
        place([(0.0, 0.0, 0.0), (0.1, 0.0, 2.0), (0.2, 0.0, 4.0)], AXIAL)


def test_a_missing_slice_is_told_apart_from_rounding() -> None:
    orientation = slanted(9, -14)
    places = np.round(line(orientation, 60, 5.0, (-110.43, -98.77, -31.16)), 1)
    found = place(np.delete(places, 31, axis=0).tolist(), orientation, repair=["missing-slices"])
    assert found.repairs == "missing-slices: 1 of 60"


def test_a_line_is_found_exactly_when_a_search_of_all_lines_finds_one() -> None:
    """Slopes and starts on a fine grid, for heights that are and are not on a line printed to a tenth."""
    rng = np.random.default_rng(5)
    n_straight = 0
    for _ in range(60):
        z = np.round(3.0 * np.arange(6) + rng.uniform(0, 0.25, 6), 1)
        places = np.stack([np.full(6, 0.1), np.full(6, 0.1), z], axis=1)
        slopes, starts = np.meshgrid(np.linspace(2.9, 3.1, 201), z[0] + np.linspace(-0.05, 0.05, 101))
        off = np.abs(starts[..., None] + slopes[..., None] * np.arange(6) - z).max(axis=-1)
        straight = printed_from(places, AXIAL)
        is_even = np.allclose(np.diff(straight[:, 2]), (z[-1] - z[0]) / 5)
        assert is_even or off.min() > 0.05
        assert not is_even or off.min() < 0.0512
        n_straight += is_even
    assert 5 < n_straight < 55


def test_thin_and_thick_slices_printed_to_a_tenth_are_straight() -> None:
    orientation = slanted(-22, 17)
    along = np.concatenate([2.0 * np.arange(12), 22 + 4.0 * np.arange(1, 12)])
    places = np.array([-110.43, -98.77, -31.16]) + np.outer(along, np.cross(*row_and_column(orientation)))
    found = place(np.round(places, 1).tolist(), orientation, repair=["uneven-spacing"])
    assert found.repairs.startswith("uneven-spacing: gaps from 1.")
