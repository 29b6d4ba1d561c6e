"""A repair is done only where it is allowed, is marked, and gives the numbers that a loop gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.geometry import place
from scans.header import read_header
from scans.outcome import MissingSlices, Tilted
from scans.repair import even_grid
from scans.stack import Member, group
from scans.volume import read_volume

AXIAL = (1, 0, 0, 0, 1, 0)


def stacks(folder, **options):
    members = [Member(p.name, f"series/{p.name}", read_header(p)) for p in folder.iterdir()]
    return group(members, **options)


@pytest.mark.parametrize(
    ("positions", "code"),
    [
        ([2.0 * z for z in range(60) if z != 30], "missing-slices"),
        ([0.0, 2.0, 5.0, 7.0], "uneven-spacing"),
    ],
)
def test_nothing_is_mended_unless_it_is_asked_for(make_series, positions, code):
    folder = make_series(positions_mm=positions, values=range(len(positions)))
    others = {"missing-slices", "uneven-spacing", "tilt"} - {code}
    for repair in ((), others):
        assert {e.code for e in stacks(folder, repair=repair).endings} == {code}
    assert stacks(folder, repair=[code]).endings == []


def test_a_missing_slice_is_the_middle_of_its_neighbours_and_the_passport_says_so(make_series, tmp_path):
    there = [z for z in range(50) if z != 2]
    folder = make_series(positions_mm=[2.0 * z for z in there], values=[1, 2, 6, 8, *range(10, 55)])
    (stack,) = stacks(folder, repair=["missing-slices"]).stacks
    volume = read_volume(stack, tmp_path)
    assert volume.voxels[:5, 0, 0].tolist() == [1 - 1024, 2 - 1024, 4 - 1024, 6 - 1024, 8 - 1024]
    assert volume.spacing_mm == (2.0, 0.5, 0.75)
    passport = stack.passport
    assert passport.repairs == "missing-slices: 1 of 50"
    assert (passport.n_slices, passport.n_missing, passport.smallest_gap_mm, passport.largest_gap_mm) == (49, 1, 2, 4)


def test_uneven_slices_are_resampled_onto_even_planes(make_series, tmp_path):
    folder = make_series(positions_mm=[0.0, 2.0, 5.0, 7.0, 9.0], values=[0, 20, 50, 70, 90])
    (stack,) = stacks(folder, repair=["uneven-spacing"]).stacks
    volume = read_volume(stack, tmp_path)
    assert stack.passport.repairs == "uneven-spacing: gaps from 2.00 to 3.00 mm"
    planes = volume.affine[2, 0] * np.arange(len(volume.voxels))
    assert np.allclose(volume.voxels[:, 0, 0] + 1024, 10 * planes, atol=1e-3)  # a ramp stays a ramp
    assert planes[-1] == pytest.approx(9.0)


def test_a_repaired_scan_is_another_scan_than_the_same_slices_unrepaired(make_series):
    folder = make_series(positions_mm=[0.0, 2.0, 4.0], values=[1, 2, 3])
    (plain,), (allowed,) = stacks(folder).stacks, stacks(folder, repair=["missing-slices", "tilt"]).stacks
    assert plain.digest == allowed.digest  # nothing was mended
    from scans.content import digest_of

    assert digest_of(plain.members) != digest_of(plain.members, "missing-slices: 1 of 4")


@given(degrees=st.floats(-25, 25).filter(lambda d: abs(d) > 1), step=st.floats(1, 5))
def test_a_sheared_body_stands_upright_after_the_repair(degrees, step):
    """A plane of brightness x + 2 y + 3 z in mm is linear: linear interpolation must give it back exactly."""
    n, rows, columns = 6, 20, 8
    shift = np.tan(np.radians(degrees)) * step
    positions = [(0.0, z * shift, z * step) for z in range(n)]
    y, x = np.mgrid[:rows, :columns] * 2.0
    voxels = np.stack([x + 2 * (y + p[1]) + 3 * p[2] for p in positions]).astype(np.float32)
    placement = place(positions, AXIAL, repair=["tilt"])
    noun, told, unit = placement.repairs.split()
    assert (noun, unit) == ("tilt:", "degrees")
    assert float(told) == pytest.approx(abs(degrees), abs=0.051)  # rounded to a tenth
    grid, padding, affine = even_grid(
        voxels, None, positions_mm=positions, orientation=AXIAL, spacing_mm=(2.0, 2.0),
        step_mm=placement.spacing_z_mm, is_tilted=True, fill=-1000.0,
    )  # fmt: skip
    assert np.abs(affine[:3, :3] - np.diag(np.diag(affine[:3, :3][:, ::-1]))[:, ::-1]).max() < 1e-9  # no shear
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    where = index @ affine[:3, :3].T + affine[:3, 3]
    wanted = where @ np.array([1.0, 2.0, 3.0])
    assert padding is not None and (~padding).sum() >= n * (rows - 2) * columns
    assert np.abs(grid - wanted)[~padding].max() < 0.01


def test_a_real_tilted_head_is_mended_and_keeps_its_values(unpack):
    folder = unpack("ct_head_ge_tilt_28")
    members = [Member(p.name, p.name, read_header(p)) for p in sorted(folder.iterdir())]
    assert {e.code for e in group(members).endings} == {"tilted"}
    stacks = group(members, repair=["tilt"]).stacks
    assert sum(stack.passport.n_slices for stack in stacks) == len(members)
    for stack in stacks:
        volume = read_volume(stack, folder)
        assert stack.passport.repairs.startswith("tilt: ")
        axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
        assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-6)  # right angles: no shear is left
        assert volume.is_padding is not None
        inside = volume.voxels[~volume.is_padding]
        assert inside.min() > -1100 and 500 < inside.max() < 4096


def axial(*z):
    return [(0.0, 0.0, float(value)) for value in z]


@pytest.mark.parametrize(
    ("z", "facts"),
    [
        ([*range(8), 150], r"at most 3 of 151 planes, 1 side by side"),  # one slice far away
        ([i for i in range(200) if i not in (20, 21)], r"at most 4 of 200 planes, 1 side by side"),
        ([i for i in range(60) if i % 8 or i == 0], r"at most 1 of 60 planes"),  # one in eight missing
        ([i for i in range(49) if i != 20], r"at most 0 of 49 planes"),
    ],
)
def test_a_repair_makes_up_a_small_part_only(z, facts):
    with pytest.raises(MissingSlices, match=facts):
        place(axial(*z), AXIAL, repair=["missing-slices", "uneven-spacing", "tilt"])


@pytest.mark.parametrize(("missing", "n_all"), [({20}, 50), ({5, 20}, 100), ({1}, 50), ({10, 20, 30}, 150)])
def test_a_few_missing_slices_are_made_up(missing, n_all):
    found = place(axial(*(i for i in range(n_all) if i not in missing)), AXIAL, repair=["missing-slices"])
    assert found.n_missing == len(missing)


def test_a_slant_that_no_gantry_has_is_refused():
    positions = [(0.0, 0.9 * z, float(z)) for z in range(6)]
    with pytest.raises(Tilted, match=r"42\.0 degrees, a repair mends at most 35"):
        place(positions, AXIAL, repair=["tilt"])
