"""A body that is known everywhere, seen by slanted and uneven slices, is found again on the even grid.

Its brightness is a sum of waves, so the error of a linear interpolation is known beforehand: at most an eighth of the
second derivative times the squared distance of the samples, along each axis that was interpolated.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.affine import row_and_column
from scans.geometry import place
from scans.repair import even_grid

ALL = ("missing-slices", "uneven-spacing", "tilt")
PIXEL_MM = (1.5, 2.0)  # rows, columns
ROWS, COLUMNS = 24, 20
WAVES = np.array([[0.09, -0.05, 0.06], [-0.04, 0.08, 0.07], [0.02, 0.05, -0.10]])  # radians per mm along x, y, z
HEIGHTS, PHASES = np.array([400.0, 250.0, 150.0]), np.array([0.3, 1.1, 2.0])
DIRECTIONS = {
    "axial, head first": (1, 0, 0, 0, 1, 0),
    "axial, feet first": (-1, 0, 0, 0, 1, 0),
    "axial, prone": (-1, 0, 0, 0, -1, 0),
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "oblique": (0.8, 0.6, 0, 0, 0, -1),
}
GAPS = {
    "even": [3.0] * 12,
    "thin and thick": [2.5] * 7 + [1.1] + [5.0] * 6,
    "jittered": [3.0, 3.2, 2.9, 3.1, 3.3, 2.8, 3.0, 3.1, 2.9],
    "one missing of 60": [1.0] * 30 + [2.0] + [1.0] * 27,
}


def brightness(place_mm: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(place_mm @ WAVES.T + PHASES) @ HEIGHTS)


def curvature(direction: np.ndarray) -> float:
    """The largest second derivative of the brightness along a direction."""
    return float(HEIGHTS @ (WAVES @ direction) ** 2)


def slices(
    orientation: Sequence[float], gaps: Sequence[float], row_deg: float, column_deg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (n, 3) and what each slice sees, (n, rows, columns); the stack slants along rows and columns."""
    row, column = row_and_column(orientation)
    slant = np.tan(np.radians(row_deg)) * row + np.tan(np.radians(column_deg)) * column
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    positions = np.array([-17.25, 8.5, -31.0]) + np.outer(along, np.cross(row, column) + slant)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    pixels = y[..., None] * PIXEL_MM[0] * column + x[..., None] * PIXEL_MM[1] * row
    return positions, brightness(positions[:, None, None] + pixels).astype(np.float32)


def upright(
    positions: np.ndarray, voxels: np.ndarray, orientation: Sequence[float]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray, str]:
    """Return grid, padding and affine of the slices, given in any order; and what was mended."""
    placement = place(positions.tolist(), orientation, repair=ALL)
    order = list(placement.order)
    grid = even_grid(
        voxels[order], None, positions_mm=positions[order].tolist(), orientation=orientation, spacing_mm=PIXEL_MM,
        step_mm=placement.spacing_z_mm, is_tilted="tilt" in placement.repairs, fill=-1000.0,
    )  # fmt: skip
    return *grid, placement.repairs


def worst_mm2(orientation: Sequence[float], gaps: Sequence[float], tilted: bool) -> float:
    row, column = row_and_column(orientation)
    along = max(gaps) ** 2 * curvature(np.cross(row, column))
    within = PIXEL_MM[0] ** 2 * curvature(column) + PIXEL_MM[1] ** 2 * curvature(row)
    return (along + within * tilted) / 8


@pytest.mark.parametrize("orientation", DIRECTIONS.values(), ids=DIRECTIONS)
@pytest.mark.parametrize("gaps", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize(("row_deg", "column_deg"), [(0, 0), (0, 18.5), (0, -18.5), (12, 0), (-12, 0), (9, -15)])
def test_a_known_body_is_found_to_within_the_error_of_interpolation(orientation, gaps, row_deg, column_deg) -> None:
    positions, voxels = slices(orientation, gaps, row_deg, column_deg)
    grid, padding, affine, repairs = upright(positions, voxels, orientation)
    assert ("tilt" in repairs) == bool(row_deg or column_deg) and bool(repairs) == bool(
        row_deg or len(set(gaps)) > 1 or column_deg
    )
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)  # right angles
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    wanted = brightness(index @ affine[:3, :3].T + affine[:3, 3])
    inside = np.ones(grid.shape, bool) if padding is None else ~padding
    assert inside.sum() >= 0.8 * len(grid) * (ROWS - 1) * (COLUMNS - 1)  # nothing that was seen is lost
    assert np.abs(grid - wanted)[inside].max() <= worst_mm2(orientation, gaps, bool(row_deg or column_deg)) + 0.01
    assert (grid[~inside] <= np.abs(voxels).max()).all() and len(np.unique(grid)) > 100


@settings(max_examples=60)
@given(
    st.floats(-25, 25), st.floats(-25, 25), st.lists(st.floats(2.0, 2.9), min_size=3, max_size=12),
    st.sampled_from(list(DIRECTIONS.values())), st.randoms(),
)  # fmt: skip
def test_the_order_of_the_slices_does_not_matter(row_deg, column_deg, gaps, orientation, random) -> None:
    positions, voxels = slices(orientation, gaps, row_deg, column_deg)
    shuffled = list(range(len(positions)))
    random.shuffle(shuffled)
    first, second = upright(positions, voxels, orientation), upright(positions[shuffled], voxels[shuffled], orientation)
    assert first[3] == second[3]
    for one, other in zip(first[:3], second[:3], strict=True):
        assert (one is None and other is None) or np.array_equal(one, other)


@given(st.floats(0.3, 12), st.integers(3, 40), st.sampled_from(list(DIRECTIONS.values())), st.floats(0, 0.4))
def test_a_straight_even_stack_is_never_mended(step_mm, n, orientation, slant_deg) -> None:
    positions, _ = slices(orientation, [step_mm] * (n - 1), slant_deg, 0.0)
    placement = place(positions.tolist(), orientation, repair=ALL)
    assert placement.repairs == "" and placement.spacing_z_mm == pytest.approx(step_mm, abs=1e-6)
