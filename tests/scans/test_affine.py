"""Where voxels lie in the patient, against positions worked out by hand."""

import numpy as np
import pytest

from scans.affine import (
    axes_towards,
    letters,
    projection_affine,
    reoriented,
    row_and_column,
    spacing_of,
    stack_affine,
    upright,
)
from scans.outcome import NoGeometry

AXIAL = (1, 0, 0, 0, 1, 0)
CORONAL = (1, 0, 0, 0, 0, -1)
SAGITTAL = (0, 1, 0, 0, 0, -1)
HEAD_BACK_LEFT = np.eye(3)[::-1]


def place(affine, *zyx):
    return (affine @ [*zyx, 1])[:3].round(6).tolist()


def test_a_voxel_is_found_where_dicom_says():
    affine = stack_affine(SAGITTAL, [(-10, -100, 50), (-7, -100, 50)], (2.0, 0.5), 1.0)
    assert place(affine, 0, 0, 0) == [-10, -100, 50]
    assert place(affine, 1, 0, 0) == [-7, -100, 50]
    assert place(affine, 0, 4, 0) == [-10, -100, 42]  # rows lie 2 mm apart and go to the feet
    assert place(affine, 0, 0, 4) == [-10, -98, 50]  # columns lie 0.5 mm apart and go to the back


def test_pixel_spacing_is_rows_first():
    assert spacing_of(stack_affine(AXIAL, [(0, 0, 0), (0, 0, 3)], (2.0, 0.5), 1.0)) == (3.0, 2.0, 0.5)


def test_the_step_is_the_mean_of_all_gaps():
    places = [(0, 0, 0), (0, 0, 1.004), (0, 0, 1.996), (0, 0, 3)]
    assert spacing_of(stack_affine(AXIAL, places, (1, 1), 1.0))[0] == pytest.approx(1.0)


def test_a_single_slice_is_as_thick_as_told():
    assert place(stack_affine(AXIAL, [(0, 0, 7)], (1, 1), 4.0), 1, 0, 0) == [0, 0, 11]


def test_a_sheared_stack_keeps_its_shear():
    affine = stack_affine(AXIAL, [(0, 0, 0), (0, 1, 2), (0, 2, 4)], (1, 1), 1.0)
    assert place(affine, 2, 0, 0) == [0, 2, 4]


@pytest.mark.parametrize(
    ("orientation", "positions", "spacing"),
    [
        ((1, 0, 0, 0, 0.5, 0), [(0, 0, 0), (0, 0, 1)], (1, 1)),
        ((1, 0, 0, 1, 0, 0), [(0, 0, 0), (0, 0, 1)], (1, 1)),
        ((0, 0, 0, 0, 0, 0), [(0, 0, 0), (0, 0, 1)], (1, 1)),
        ((float("nan"), 0, 0, 0, 1, 0), [(0, 0, 0), (0, 0, 1)], (1, 1)),
        (AXIAL, [(0, 0, 0), (0, float("inf"), 1)], (1, 1)),
        (AXIAL, [(0, 0, 0), (0, 0, 0)], (1, 1)),
        (AXIAL, [(0, 0, 0), (0, 0, 2), (0, 0, 1)], (1, 1)),
        (AXIAL, [(0, 0, 0), (5, 0, 0)], (1, 1)),
        (AXIAL, [(0, 0, 0), (0, 0, 1)], (0, 1)),
        (AXIAL, [(0, 0, 0), (0, 0, 1)], (1, -1)),
    ],
)
def test_what_is_no_stack_is_refused(orientation, positions, spacing):
    with pytest.raises(NoGeometry):
        stack_affine(orientation, positions, spacing, 1.0)


def test_cosines_of_few_digits_are_made_unit_vectors():
    row, column = row_and_column((0.999, 0, 0.04, 0, 1.001, 0))
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(column) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, (0, -1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0)])
@pytest.mark.parametrize("step", [1, -1])
def test_a_turned_array_still_lies_where_it_lay(orientation, step):
    row, column = row_and_column(orientation)
    normal = np.cross(row, column)
    affine = stack_affine(orientation, [step * i * 3.0 * normal for i in range(4)], (2.0, 0.5), 1.0)
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    order, flips = axes_towards(affine, HEAD_BACK_LEFT)
    turned = np.flip(array.transpose(order), [axis for axis, flip in enumerate(flips) if flip])
    new = reoriented(affine, array.shape, order, flips)
    assert (np.diag(new[:3, :3][::-1]) > 0).all()  # z to the head, y to the back, x to the left
    for value in (0, 37, 119):
        old_index, new_index = np.argwhere(array == value)[0], np.argwhere(turned == value)[0]
        assert place(affine, *old_index) == place(new, *new_index)


def test_an_oblique_array_takes_the_closest_axes():
    row, column = np.array([0.8, 0.6, 0]), np.array([-0.6, 0.8, 0])
    affine = stack_affine((*row, *column), [(0, 0, 0), (0, 0, 1)], (1, 1), 1.0)
    assert axes_towards(affine, HEAD_BACK_LEFT) == ((0, 1, 2), (False, False, False))


def test_a_tie_between_axes_is_a_transpose_nevertheless():
    half = np.sqrt(0.5)
    affine = stack_affine((half, half, 0, -half, half, 0), [(0, 0, 0), (0, 0, 1)], (1, 1), 1.0)
    order, _ = axes_towards(affine, HEAD_BACK_LEFT)
    assert sorted(order) == [0, 1, 2]


@pytest.mark.parametrize(
    ("direction", "text"),
    [
        ((1, 0, 0), "L"), ((-1, 0, 0), "R"), ((0, 1, 0), "P"), ((0, -1, 0), "A"), ((0, 0, 1), "H"),
        ((0, 0, -2), "F"), ((0.1, 0, 1), "H"), ((-0.5, 0.8, 0.1), "PR"), ((0.6, 0.5, 0.4), "LP"),
    ],
)  # fmt: skip
def test_letters_name_where_a_direction_points(direction, text):
    assert letters(np.array(direction, dtype=float)) == text


@pytest.mark.parametrize(
    ("orientation", "right", "down"),
    [(("L", "F"), "L", "F"), (("R", "F"), "R", "F"), (("AR", "FP"), "A", "F"), (("F", "A"), "F", "A")],
)
def test_a_projection_takes_its_directions_from_patient_orientation(orientation, right, down):
    affine, is_told = projection_affine(orientation, (2.0, 0.5))
    assert is_told
    assert (letters(affine[:3, 2]), letters(affine[:3, 1])) == (right, down)
    assert spacing_of(affine) == (1.0, 2.0, 0.5)


@pytest.mark.parametrize("orientation", [(), ("", ""), ("L",), ("L", ""), ("L", "R"), ("X", "F"), ("L", "F", "A")])
def test_a_projection_that_tells_no_directions_is_known_as_such(orientation):
    assert not projection_affine(orientation, (1, 1))[1]


@pytest.mark.parametrize(
    ("orientation", "order", "flips"),
    [
        (("L", "F"), (0, 1, 2), (False, False, False)),
        (("R", "F"), (0, 1, 2), (False, False, True)),
        (("L", "H"), (0, 1, 2), (False, True, False)),
        (("F", "L"), (0, 2, 1), (False, False, False)),
        (("H", "R"), (0, 2, 1), (False, True, True)),
        (("A", "F"), (0, 1, 2), (False, False, False)),  # lateral: faces as it was stored
        (("P", "F"), (0, 1, 2), (False, False, False)),
        (("P", "L"), (0, 1, 2), (False, False, False)),  # from above: as it was stored
    ],
)
def test_a_projection_hangs_head_up_and_frontal_with_the_left_on_the_right(orientation, order, flips):
    assert upright(projection_affine(orientation, (1, 1))[0]) == (order, flips)
