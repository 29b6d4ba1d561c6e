"""A picture shows the patient the way round that its letters say, and nothing that it should not."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from scans import picture
from scans.affine import projection_affine, row_and_column, stack_affine
from scans.header import Header, read_header
from scans.kind import Kind
from scans.picture import BOTTOM, LEFT, RIGHT, SIDE, TOP, allowed, pictures
from scans.volume import Volume

AXIAL = (1, 0, 0, 0, 1, 0)
BOX = np.s_[TOP : SIDE - BOTTOM, LEFT : SIDE - RIGHT]


def volume_of(voxels, *, affine=None, kind="mr/head/3d/t1", spacing=(1.0, 1.0, 1.0), **fields) -> Volume:
    """Return an axial volume in canonical directions unless told otherwise."""
    z, y, x = spacing
    places = [(0, 0, z * i) for i in range(len(voxels))]
    made = stack_affine(AXIAL, places, (y, x), z) if affine is None else affine
    cover = "2d" if "/2d" in kind else "3d"
    return Volume(np.asarray(voxels, dtype=np.float32), made, Kind(kind, cover, "", True), **fields)


def grey(drawn: picture.Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawn.png)))


def spot(drawn: picture.Picture) -> tuple[str, str]:
    """Return in which part of the image the brightest pixels lie."""
    box = grey(drawn)[BOX].astype(float)
    rows, columns = np.nonzero(box > 200)
    assert rows.size
    return (
        "top" if rows.mean() < box.shape[0] / 2 else "bottom",
        "left" if columns.mean() < box.shape[1] / 2 else "right",
    )


def marked(orientation=AXIAL, step_sign=1) -> Volume:
    """Return a cube of 24 mm around 0 whose left front top octant is bright, stored in some orientation."""
    row, column = row_and_column(orientation)
    normal = np.cross(row, column) * step_sign
    offsets = np.arange(24) - 11.5
    origin = sum(d * offsets[0] for d in (row, column, normal))
    affine = stack_affine(orientation, [origin + i * normal for i in range(24)], (1, 1), 1)
    z, y, x = np.indices((24, 24, 24))
    places = (affine @ np.stack([z, y, x, np.ones_like(z)]).reshape(4, -1))[:3]
    inside = (places[0] > 3) & (places[1] < -3) & (places[2] > 3)  # LPS: left, front, head
    inside |= (np.abs(places) < 1).all(axis=0)
    voxels = inside.reshape(24, 24, 24).astype(np.float32)
    near = (np.abs(places) < 1).any(axis=0).reshape(voxels.shape)  # the middle slices show it too
    outer = (places[0] > -1) & (places[1] < 1) & (places[2] > -1)
    voxels[near & outer.reshape(voxels.shape)] = 1
    return volume_of(voxels, affine=affine)


ORIENTATIONS = [
    AXIAL,
    (-1, 0, 0, 0, -1, 0),  # prone
    (1, 0, 0, 0, -1, 0),  # feet first
    (0, 1, 0, 0, 0, -1),  # sagittal
    (1, 0, 0, 0, 0, -1),  # coronal
    (0, 0, 1, 0, 1, 0),
]


@pytest.mark.parametrize("step_sign", [1, -1])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_left_front_and_head_are_where_a_radiologist_expects_them(orientation, step_sign):
    axial, coronal, sagittal = pictures(marked(orientation, step_sign))
    assert [p.plane for p in (axial, coronal, sagittal)] == ["axial", "coronal", "sagittal"]
    assert spot(axial) == ("top", "right")  # the front is on top, the patient's left on the right
    assert spot(coronal) == ("top", "right")
    assert spot(sagittal) == ("top", "left")  # the patient looks to the left


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_letters_stand_on_the_sides_that_they_name(orientation):
    axial, coronal, sagittal = pictures(marked(orientation))
    assert axial.letters == ("R", "L", "A", "P")
    assert coronal.letters == ("R", "L", "H", "F")
    assert sagittal.letters == ("A", "P", "H", "F")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_same_patient_gives_the_same_bytes_in_whatever_orientation_he_is_stored(orientation):
    assert [p.png for p in pictures(marked(orientation, -1))] == [p.png for p in pictures(marked())]


def test_an_oblique_slice_gets_two_letters():
    slanted = (1, 0, 0, 0, 0.8, -0.6)
    normal = np.cross(slanted[:3], slanted[3:])
    affine = stack_affine(slanted, [i * normal for i in range(8)], (1, 1), 1)
    voxels = np.random.default_rng(0).random((8, 8, 8))
    assert pictures(volume_of(voxels, affine=affine))[0].letters == ("R", "L", "AH", "PF")


def extent(drawn: picture.Picture) -> tuple[int, int]:
    rows, columns = np.nonzero(grey(drawn)[BOX] > 128)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_pixels_are_square_whatever_the_spacing():
    voxels = np.zeros((40, 20, 80))  # 4 x 8 x 2 mm: 160 mm all ways
    voxels[10:30, 5:15, 20:60] = 1  # a cube of 80 mm
    for drawn in pictures(volume_of(voxels, spacing=(4.0, 8.0, 2.0))):
        height, width = extent(drawn)
        assert abs(height - width) <= 3
        assert abs(height - (SIDE - TOP - BOTTOM) / 2) <= 4


def test_a_thin_volume_is_drawn_at_its_true_height():
    voxels = np.zeros((5, 100, 100))
    voxels[:, 20:80, 20:80] = 1
    _, coronal, _ = pictures(volume_of(voxels, spacing=(2.0, 1.0, 1.0)))
    height, width = extent(coronal)
    assert height / width == pytest.approx(10 / 60, rel=0.15)


def test_a_picture_is_small_grey_png():
    for drawn in pictures(marked()):
        image = Image.open(io.BytesIO(drawn.png))
        assert (image.format, image.mode, image.size) == ("PNG", "L", (SIDE, SIDE))
        assert not image.info


def steps(*values: float) -> np.ndarray:
    """Return a volume of vertical bands of these values, which ends with air and metal."""
    bands = np.repeat(np.array([*values, -1000.0, 3000.0]), 20)
    return np.broadcast_to(bands, (9, 9, bands.size)).copy()


@pytest.mark.parametrize(
    ("kind", "low", "level", "high"),
    [
        ("ct/chest/3d", -1250, -500, 250),
        ("ct/head/3d", 0, 40, 80),
        ("ct/abdomen/3d", -160, 40, 240),
        ("ct/unknown/3d", -160, 40, 240),
    ],
)
def test_ct_is_windowed_by_body_part(kind, low, level, high):
    axial = pictures(volume_of(steps(low, level, high), kind=kind))[0]
    middle = grey(axial)[TOP + (SIDE - TOP - BOTTOM) // 2, LEFT : SIDE - RIGHT].astype(int)
    at = [middle[round((i + 0.5) * (SIDE - LEFT - RIGHT) / 5)] for i in range(5)]
    assert [at[0], at[2], at[4]] == [0, 255, 255]
    assert 126 <= at[1] <= 129


def test_ct_that_is_not_in_hounsfield_units_is_still_seen():
    voxels = np.random.default_rng(0).uniform(0, 4000, (9, 60, 60))
    levels = grey(pictures(volume_of(voxels, kind="ct/head/3d"))[0])[BOX]
    assert 80 < np.median(levels) < 175


@pytest.mark.parametrize("outlier", [1e6, -1e6])
def test_one_odd_voxel_does_not_change_the_window_of_an_mr(outlier):
    voxels = np.random.default_rng(0).uniform(0, 100, (20, 40, 40))
    voxels[0, 0, 0] = outlier
    assert 80 < np.median(grey(pictures(volume_of(voxels))[0])[BOX]) < 175


def test_a_small_part_in_much_air_is_not_burnt_out():
    voxels = np.zeros((40, 40, 40))
    voxels[18:23, 18:23, 18:23] = np.random.default_rng(0).uniform(500, 1000, (5, 5, 5))
    box = grey(pictures(volume_of(voxels))[0])[BOX]
    assert np.mean(box == 255) < 0.1 * np.mean(box > 100)


def test_padding_has_no_say_in_the_window():
    voxels = np.random.default_rng(0).uniform(500, 600, (10, 40, 40))
    padding = np.zeros(voxels.shape, dtype=bool)
    padding[:, :30] = True
    voxels[padding] = 0
    levels = grey(pictures(volume_of(voxels, is_padding=padding))[0])[BOX]
    assert 80 < np.median(levels[-40:, 20:-20]) < 175
    assert levels[:100].max() == 0


def radiograph(pixels, orientation=("L", "F"), **fields) -> Volume:
    affine, is_told = projection_affine(orientation, (1.0, 1.0))
    return volume_of(
        np.asarray(pixels)[None], affine=affine, kind="xr/chest/2d/frontal", has_directions=is_told, **fields
    )


HEART = np.zeros((60, 50))
HEART[40:, 35:] = 1  # below, on the patient's left


def test_a_frontal_radiograph_hangs_with_the_left_on_the_right():
    (straight,) = pictures(radiograph(HEART))
    (mirrored,) = pictures(radiograph(HEART[:, ::-1], ("R", "F")))
    (turned,) = pictures(radiograph(HEART.T, ("F", "L")))
    assert straight.letters == ("R", "L", "H", "F")
    assert spot(straight) == ("bottom", "right")
    assert straight.png == mirrored.png == turned.png


def test_a_lateral_radiograph_has_front_and_back():
    (lateral,) = pictures(radiograph(HEART, ("A", "F")))
    assert lateral.letters == ("P", "A", "H", "F")


def test_a_radiograph_of_unknown_sides_has_no_letters():
    (unknown,) = pictures(radiograph(HEART, ()))
    assert unknown.letters == ("", "", "", "")
    known = grey(pictures(radiograph(HEART))[0])
    assert grey(unknown)[TOP : SIDE - BOTTOM, SIDE - RIGHT :].max() == 0
    assert known[TOP : SIDE - BOTTOM, SIDE - RIGHT :].max() > 0


def test_every_picture_says_that_it_is_not_for_diagnosis(monkeypatch):
    with_warning = [grey(p) for p in pictures(marked())]
    monkeypatch.setattr(picture, "WARNING", "")
    without = [grey(p) for p in pictures(marked())]
    for one, other in zip(with_warning, without, strict=True):
        assert (one[SIDE - BOTTOM :] != other[SIDE - BOTTOM :]).any()


def test_text_never_covers_the_patient(monkeypatch):
    with_text = [grey(p)[BOX] for p in pictures(marked())]
    monkeypatch.setattr(picture, "_write", lambda *_: None)
    for shown, alone in zip(with_text, pictures(marked()), strict=True):
        assert np.array_equal(shown, grey(alone)[BOX])
        outside = grey(alone).copy()
        outside[BOX] = 0
        assert outside.max() == 0


@pytest.fixture
def header() -> Header:
    return read_header(Path(get_testdata_file("CT_small.dcm", download=False)))


def test_a_plain_ct_may_be_shown(header):
    assert allowed(header)
    assert allowed(dataclasses.replace(header, burned_in="NO"))


@pytest.mark.parametrize(
    "change",
    [
        {"burned_in": "YES"},
        {"burned_in": "PERHAPS"},
        {"modality": "US"},
        {"modality": "XC"},
        {"modality": ""},
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.7"},
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.7.2"},
        {"image_type": ("DERIVED", "SECONDARY", "SCREEN SAVE")},
    ],
)
def test_what_may_carry_a_name_or_a_face_is_held_back(header, change):
    assert not allowed(dataclasses.replace(header, **change))
