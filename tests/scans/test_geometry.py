import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.geometry import place, plane_of
from scans.outcome import (
    MissingSlices,
    Refusal,
    RepeatedPositions,
    SingleSlice,
    Tilted,
    TooFewSlices,
    UnevenSpacing,
)

AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
CORONAL = (1, 0, 0, 0, 0, -1)


def axial(*z: float) -> list[tuple[float, float, float]]:
    return [(-100.0, -120.0, float(value)) for value in z]


def test_slices_are_ordered_along_their_normal() -> None:
    found = place(axial(6, 0, 4, 2), AXIAL)
    assert found.order == (1, 3, 2, 0)
    assert (found.spacing_z_mm, found.coverage_mm, found.largest_gap_mm, found.tilt_deg) == (
        2.0,
        8.0,
        2.0,
        0.0,
    )


def test_sagittal_slices_are_ordered_along_theirs() -> None:
    positions = [(x, -100.0, 50.0) for x in (-4.0, 4.0, 0.0)]
    found = place(positions, SAGITTAL)  # the normal of (0 1 0, 0 0 -1) is -x
    assert (found.order, found.spacing_z_mm, found.plane) == ((1, 2, 0), 4.0, "sagittal")


def test_an_oblique_stack_has_the_distance_between_its_planes() -> None:
    row, column = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
    normal = np.cross(row, column)
    positions = [tuple(np.array([5.0, 6.0, 7.0]) + 3.0 * i * normal) for i in range(4)]
    found = place(positions, (*row, *column))
    assert found.order == (0, 1, 2, 3) and found.spacing_z_mm == pytest.approx(3.0)


def test_a_missing_slice_is_named_by_number_and_place() -> None:
    z = [-485.5 + 2.0 * i for i in range(120) if i != 36]
    with pytest.raises(MissingSlices) as refused:
        place(axial(*z), AXIAL)
    assert refused.value.facts == "slice 37 of 120 missing near z = -413.5 mm"


def test_several_missing_slices_are_counted() -> None:
    with pytest.raises(MissingSlices, match=r"slice 2 of 7 missing near z = 1\.0 mm \(2 missing in all\)"):
        place(axial(0, 2, 3, 5, 6), AXIAL)


def test_most_slices_missing_is_still_told_as_such() -> None:
    with pytest.raises(MissingSlices, match="slice 2 of 12 missing"):
        place(axial(0, 9, 10, 11), AXIAL)


@pytest.mark.parametrize("z", [(0, 1, 2, 3.5), (0, 1, 2.02, 3), (0, 1.4, 2, 3.1)])
def test_uneven_spacing_is_refused(z: tuple[float, ...]) -> None:
    with pytest.raises(UnevenSpacing, match="gaps from"):
        place(axial(*z), AXIAL)


def test_gaps_within_one_percent_pass() -> None:
    assert place(axial(0, 1.0, 2.005, 3.0), AXIAL).largest_gap_mm == pytest.approx(1.005)


@pytest.mark.parametrize(("degrees", "is_refused"), [(0.4, False), (0.6, True), (18.0, True)])
def test_a_tilt_of_more_than_half_a_degree_is_refused(degrees: float, is_refused: bool) -> None:
    shift = np.tan(np.radians(degrees))
    positions = [(0.0, shift * z, float(z)) for z in range(10)]
    if is_refused:
        with pytest.raises(Tilted, match=f"{degrees:.1f} degrees"):
            place(positions, AXIAL)
    else:
        assert place(positions, AXIAL).tilt_deg == pytest.approx(degrees, abs=0.01)


def test_one_slice_shifted_in_its_plane_is_refused() -> None:
    positions = axial(*range(20))
    positions[4] = (-95.0, -120.0, 4.0)
    with pytest.raises(Refusal, match=r"slice 5 is shifted by 5\.00 mm"):
        place(positions, AXIAL)


def test_the_placement_of_ten_slices_by_hand() -> None:
    z = [-3.3 + 1.25 * i for i in range(10)]
    z[5] += 0.004
    found = place(axial(*z), AXIAL)
    assert (found.spacing_z_mm, found.coverage_mm) == (1.25, 12.5)
    assert (found.smallest_gap_mm, found.largest_gap_mm) == (1.246, 1.254)
    assert (found.tilt_deg, found.plane, found.n_missing, found.repairs) == (0.0, "axial", 0, "")


@pytest.mark.parametrize(("step_mm", "off_mm"), [(5.0, 0.04), (0.5, 0.004)])
def test_a_gap_may_differ_by_one_percent_of_the_step_whatever_the_step(step_mm: float, off_mm: float) -> None:
    for times, is_refused in ((1.0, False), (1.5, True)):
        z = [step_mm * i for i in range(9)]
        z[8] += times * off_mm
        if is_refused:
            with pytest.raises(UnevenSpacing):
                place(axial(*z), AXIAL)
        else:
            assert place(axial(*z), AXIAL).largest_gap_mm == pytest.approx(step_mm + off_mm)


def test_lengths_have_six_decimals_and_angles_four() -> None:
    found = place([(0.005 * z / 3, 0.0, z / 3) for z in range(10)], AXIAL)
    lengths = (found.spacing_z_mm, found.coverage_mm, found.largest_gap_mm, found.smallest_gap_mm)
    assert lengths == (0.333333, 3.333333, 0.333333, 0.333333)
    assert found.tilt_deg == 0.2865


def test_a_repair_of_uneven_spacing_makes_up_no_slice() -> None:
    found = place(axial(0, 1, 2, 3.4), AXIAL, repair={"uneven-spacing"})
    assert (found.n_missing, found.order) == (0, (0, 1, 2, 3))


def test_two_repairs_are_both_told() -> None:
    positions = [(0.0, 0.1 * z, float(z)) for z in range(60) if z != 7]
    found = place(positions, AXIAL, repair={"tilt", "missing-slices"})
    assert (found.repairs, found.n_missing) == ("tilt: 5.7 degrees; missing-slices: 1 of 60", 1)


def test_slices_of_several_thicknesses_have_steps_and_no_holes() -> None:
    positions = axial(0, 5, 10, 15, 25, 35, 45)
    with pytest.raises(MissingSlices):
        place(positions, AXIAL, repair={"uneven-spacing", "missing-slices"})
    found = place(positions, AXIAL, repair={"uneven-spacing"}, regions=True)
    assert (found.spacing_z_mm, found.repairs) == (5.0, "uneven-spacing: gaps from 5.00 to 10.00 mm")


@pytest.mark.parametrize(
    ("step_mm", "off_mm", "is_refused"),
    [(1.0, 0.045, False), (1.0, 0.06, True), (10.0, 0.19, False), (10.0, 0.21, True)],
)
def test_a_slice_may_lie_off_its_line_by_a_twentieth_of_a_millimetre_or_two_percent_of_the_step(
    step_mm: float, off_mm: float, is_refused: bool
) -> None:
    positions = axial(*(40.0 + step_mm * i for i in range(20)))
    positions[4] = (-100.0 + off_mm, -120.0, 40.0 + 4 * step_mm)
    if is_refused:
        with pytest.raises(UnevenSpacing, match=f"slice 5 is shifted by {off_mm:.2f} mm"):
            place(positions, AXIAL)
    else:
        assert place(positions, AXIAL).order == tuple(range(20))


@pytest.mark.parametrize("shift", [(0.02, 0.0), (0.0, 0.02), (-0.02, 0.0), (0.015, -0.015)])
def test_a_tilt_is_seen_along_rows_and_columns_and_in_both_directions(shift: tuple[float, float]) -> None:
    x, y = shift
    with pytest.raises(Tilted, match=r": 1\.[12] degrees between the slices' normal and their step, at most 0\.5$"):
        place([(x * z, y * z, float(z)) for z in range(10)], AXIAL)


def test_positions_that_are_rounded_at_the_start_of_a_stack_are_no_tilt() -> None:
    positions = [(0.0, 0.0, 0.0), (0.02, 0.0, 1.0), *[(0.0, 0.0, float(z)) for z in range(2, 12)]]
    assert place(positions, AXIAL).tilt_deg == 0.0  # the second alone lies 1.1 degrees off


@pytest.mark.parametrize(("gap_mm", "is_refused"), [(0.0101, False), (0.0099, True)])
def test_slices_nearer_than_a_hundredth_of_a_millimetre_lie_at_one_position(gap_mm: float, is_refused: bool) -> None:
    z = (0.0, gap_mm, 2 * gap_mm)
    if is_refused:
        with pytest.raises(RepeatedPositions, match=r": two slices at one position$"):
            place(axial(*z), AXIAL)
    else:
        assert place(axial(*z), AXIAL).spacing_z_mm == pytest.approx(gap_mm)


@pytest.mark.parametrize(
    ("orientation", "axis", "where"), [(SAGITTAL, 0, "x = 2.0"), (CORONAL, 1, "y = 2.0"), (AXIAL, 2, "z = 2.0")]
)
def test_the_place_of_a_missing_slice_is_told_on_the_axis_that_the_normal_follows(
    orientation: tuple[float, ...], axis: int, where: str
) -> None:
    positions = np.full((5, 3), 77.0)
    positions[:, axis] = [0, 1, 3, 4, 5]
    with pytest.raises(MissingSlices, match=rf"of 6 missing near {where} mm$"):
        place(positions.tolist(), orientation)


def test_the_first_hole_is_named_and_all_are_counted() -> None:
    with pytest.raises(MissingSlices, match=r": slice 4 of 10 missing near z = 3\.0 mm \(3 missing in all\)$"):
        place(axial(0, 1, 2, 5, 6, 8, 9), AXIAL)


def test_a_gap_of_twice_the_step_may_be_off_by_two_percent_of_the_step_but_a_long_one_by_a_tenth_at_most() -> None:
    for z in ((0, 1, 2, 4.015, 5.015), (0, 1, 2, 32.09, 33.09)):
        with pytest.raises(MissingSlices):
            place(axial(*z), AXIAL)
    for z in ((0, 1, 2, 4.03, 5.03), (0.0001, 1, 2, 32.11, 33.11)):  # four decimals: nothing is rounded to hundredths
        with pytest.raises(UnevenSpacing, match=rf"gaps from 1\.00 to {z[3] - 2:.2f} mm between 5 slices"):
            place(axial(*z), AXIAL)


def test_the_facts_say_how_many_slices_there_are_and_how_many_are_wanted() -> None:
    for n, facts in ((1, "1 slice"), (2, "2 slices, at least 3 wanted")):
        with pytest.raises(Refusal, match=f": {facts}$"):
            place(axial(*range(n)), AXIAL)
    assert place(axial(0, 1, 2), AXIAL).order == (0, 1, 2)


@pytest.mark.parametrize(
    ("degrees", "plane"), [(0, "axial"), (29, "axial"), (31, "oblique"), (59, "oblique"), (61, "coronal")]
)
def test_up_to_thirty_degrees_off_an_axis_a_plane_has_its_name(degrees: float, plane: str) -> None:
    down = np.array([0.0, np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])
    for sign in (1, -1):
        assert plane_of((1, 0, 0, *(sign * down))) == plane


def test_one_slice_two_slices_and_a_repeated_one_are_no_volume() -> None:
    for z, refusal in (((0,), SingleSlice), ((0, 1), TooFewSlices), ((0, 1, 1, 2), RepeatedPositions)):
        with pytest.raises(refusal):
            place(axial(*z), AXIAL)


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [
        (AXIAL, "axial"), (SAGITTAL, "sagittal"), (CORONAL, "coronal"), ((1, 0, 0, 0, 0.94, -0.34), "axial"),
        ((0.7071, 0.7071, 0, 0, 0, -1), "oblique"),
    ],
)  # fmt: skip
def test_the_plane_is_named_after_the_normal(orientation: tuple[float, ...], plane: str) -> None:
    assert plane_of(orientation) == plane


@given(st.permutations(range(12)), st.floats(0.3, 10), st.floats(-2000, 2000))
def test_the_placement_is_that_of_the_set_whatever_the_order(order: list[int], step: float, start: float) -> None:
    z = [start + step * i for i in order]
    found = place(axial(*z), AXIAL)
    assert [z[i] for i in found.order] == sorted(z)
    assert found.spacing_z_mm == pytest.approx(step, rel=1e-4)
