"""A volume has the right values at the right place in the patient."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
)

from scans.header import read_header
from scans.kind import Kind
from scans.outcome import (
    ConstantImage,
    Gone,
    MixedEncoding,
    MultiFrame,
    NoGeometry,
    StillArriving,
    TooLarge,
)
from scans.stack import Member, Stack, group
from scans.volume import Volume, read_volume

AXIAL = [1, 0, 0, 0, 1, 0]
CT = Kind("ct/chest/3d", "3d", "", True)
XR = Kind("xr/chest/2d/frontal", "2d", "", True)


def instance(words: np.ndarray, number: int, sop_class: str, **tags: object) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"1.2.3.{number + 1}"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.PatientID = "1.2.3", "1.2", "nobody"
    ds.BodyPartExamined = "CHEST"
    ds.Modality = {CTImageStorage: "CT", MRImageStorage: "MR"}.get(sop_class, "CR")
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = words.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = int(words.dtype.kind == "i")
    ds.PixelData = words.tobytes()
    ds["PixelData"].VR = "OW"
    if sop_class == CTImageStorage:
        ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


@pytest.fixture
def series(tmp_path):
    """Write slices of one series, in an order and under names that tell nothing; return its one stack."""

    def write(words, *, positions=None, sop_class=CTImageStorage, each=None, syntax=None, **tags) -> Stack:
        words = [np.asarray(w, dtype="<i2") for w in words]
        places = positions or [(0, 0, 3 * z) for z in range(len(words))]
        common = {"ImageOrientationPatient": AXIAL, "PixelSpacing": [2, 0.5], **tags}
        members = []
        for number in np.random.default_rng(0).permutation(len(words)):
            own = {"ImagePositionPatient": list(places[number]), "InstanceNumber": 100 - int(number)}
            ds = instance(words[number], int(number), sop_class, **common | own | (each[number] if each else {}))
            if syntax:
                ds.compress(syntax, generate_instance_uid=False)
            name = f"{number * 7919 % 101:03d}"
            ds.save_as(tmp_path / name, enforce_file_format=True)
            members.append(Member(name, name, read_header(tmp_path / name)))
        grouping = group(members)
        assert [(e.code, e.why) for e in grouping.endings] == []
        assert len(grouping.stacks) == 1
        return grouping.stacks[0]

    return write


def cube(n=3, rows=4, columns=5) -> np.ndarray:
    """Return different values everywhere, so that a swap of any two axes or directions is seen."""
    return np.arange(n * rows * columns, dtype="<i2").reshape(n, rows, columns)


def projection(tmp_path: Path, words: np.ndarray, **tags: object) -> Volume:
    ds = instance(words.astype("<u2"), 0, ComputedRadiographyImageStorage, ViewPosition="PA", **tags)
    ds.save_as(tmp_path / "cr", enforce_file_format=True)
    (stack,) = group([Member("cr", "cr", read_header(tmp_path / "cr"))]).stacks
    return read_volume(stack, tmp_path)


def test_slices_are_ordered_by_position_whatever_their_names_and_numbers(series, tmp_path):
    volume = read_volume(series(cube()), tmp_path)
    assert volume.voxels.dtype == np.float32
    assert volume.voxels.tolist() == cube().tolist()
    assert volume.spacing_mm == (3.0, 2.0, 0.5)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_slices_give_the_same_volume(series, tmp_path, syntax):
    words = cube(3, 40, 50)
    assert read_volume(series(words, syntax=syntax), tmp_path).voxels.tolist() == words.tolist()


def test_each_slice_has_its_own_slope_and_intercept(series, tmp_path):
    each = [{"RescaleSlope": str(z + 1), "RescaleIntercept": str(-10 * z)} for z in range(3)]
    volume = read_volume(series(cube(), each=each), tmp_path)
    assert volume.voxels.tolist() == [(cube()[z] * (z + 1.0) - 10 * z).tolist() for z in range(3)]


def test_padding_is_air_in_ct_after_its_rescale(series, tmp_path):
    words = cube()
    words[1, 0, :2] = -2000
    stack = series(words, PixelPaddingValue=-2000, RescaleSlope="1", RescaleIntercept="-1024")
    volume = read_volume(stack, tmp_path)
    assert volume.voxels[1, 0, :3].tolist() == [-1000.0, -1000.0, 22 - 1024]
    assert volume.is_padding is not None
    assert np.argwhere(volume.is_padding).tolist() == [[1, 0, 0], [1, 0, 1]]


def test_padding_is_the_darkest_signal_of_the_whole_volume_in_mr(series, tmp_path):
    words = cube() + 7
    words[1, 0, 0] = -1
    volume = read_volume(series(words, sop_class=MRImageStorage, PixelPaddingValue=-1), tmp_path)
    assert volume.voxels[1, 0, 0] == 7


def test_an_mr_slice_of_monochrome1_keeps_its_signal(series, tmp_path):
    stack = series(cube(), sop_class=MRImageStorage, PhotometricInterpretation="MONOCHROME1")
    assert read_volume(stack, tmp_path).voxels.tolist() == cube().tolist()


def test_a_constant_volume_is_refused(series, tmp_path):
    with pytest.raises(ConstantImage):
        read_volume(series(np.full((3, 4, 5), 9)), tmp_path)


def test_a_volume_of_nothing_but_padding_is_refused(series, tmp_path):
    with pytest.raises(ConstantImage):
        read_volume(series(np.full((3, 4, 5), 9), PixelPaddingValue=9), tmp_path)


def test_a_file_that_went_away_is_told(series, tmp_path):
    stack = series(cube())
    (tmp_path / stack.members[1].path).unlink()
    with pytest.raises(Gone):
        read_volume(stack, tmp_path)


def test_a_file_that_changed_since_its_header_was_read_is_not_used(series, tmp_path):
    stack = series(cube())
    with (tmp_path / stack.members[1].path).open("ab") as file:
        file.write(b"later")
    with pytest.raises(StillArriving):
        read_volume(stack, tmp_path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"n_frames": 2}, MultiFrame),
        ({"columns": 6}, MixedEncoding),
        ({"position_mm": None}, NoGeometry),
        ({"position_mm": (0.0, 0.0, -30.0)}, NoGeometry),
    ],
)
def test_slices_that_do_not_belong_together_are_refused(series, tmp_path, change, error):
    stack = series(cube())
    odd = dataclasses.replace(stack.members[2].header, **change)
    if "columns" in change:  # fewer rows, so that the pixels suffice
        odd = dataclasses.replace(odd, rows=3)
    members = (*stack.members[:2], dataclasses.replace(stack.members[2], header=odd))
    with pytest.raises(error):
        read_volume(dataclasses.replace(stack, members=members), tmp_path)


def test_a_volume_larger_than_any_scan_is_refused_before_memory_is_taken(series, tmp_path):
    stack = series(cube())
    huge = dataclasses.replace(stack.members[0].header, rows=32767, columns=32767)
    member = dataclasses.replace(stack.members[0], header=huge)
    with pytest.raises(TooLarge):
        read_volume(dataclasses.replace(stack, members=(member,) * 3), tmp_path)


def head(canonical: Volume) -> list[list[float]]:
    """Return where z, y and x run to, as unit vectors in LPS."""
    return (canonical.affine[:3, :3] / canonical.spacing_mm).T.round(6).tolist()


@pytest.mark.parametrize(
    ("orientation", "step"),
    [
        ([1, 0, 0, 0, 1, 0], (0, 0, 3)),  # supine, axial
        ([-1, 0, 0, 0, -1, 0], (0, 0, 3)),  # prone, axial
        ([1, 0, 0, 0, -1, 0], (0, 0, -3)),  # feet first
        ([0, 1, 0, 0, 0, -1], (-3, 0, 0)),  # sagittal
        ([1, 0, 0, 0, 0, -1], (0, 3, 0)),  # coronal
        ([0, 0, -1, 1, 0, 0], (0, 3, 0)),  # coronal, lying
    ],
)
def test_left_is_left_however_the_slices_lie(series, tmp_path, orientation, step):
    n, rows, columns = 3, 4, 5
    row, column, step = np.array(orientation[:3]), np.array(orientation[3:]), np.array(step)
    origin = np.array([10.0, -20.0, 30.0])
    words = np.zeros((n, rows, columns), dtype="<i2")
    for z, y, x in np.ndindex(words.shape):  # 10 a mm to the left, 100 a mm to the back, ...
        words[z, y, x] = np.dot(origin + z * step + y * 2 * column + x * 0.5 * row, [2, 40, 400])
    positions = [tuple(origin + z * step) for z in range(n)]
    volume = read_volume(
        series(words, positions=positions, ImageOrientationPatient=[float(v) for v in orientation]), tmp_path
    )
    canonical = volume.to_canonical()
    assert head(canonical) == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    for index in np.ndindex(canonical.voxels.shape):
        x, y, z = (canonical.affine @ [*index, 1])[:3]
        assert canonical.voxels[index] == 2 * x + 40 * y + 400 * z


def test_the_canonical_volume_of_a_canonical_volume_is_itself(series, tmp_path):
    once = read_volume(series(cube()), tmp_path).to_canonical()
    twice = once.to_canonical()
    assert np.array_equal(once.voxels, twice.voxels)
    assert np.array_equal(once.affine, twice.affine)


def test_padding_is_turned_with_its_voxels(series, tmp_path):
    words = cube()
    words[0, 0, 0] = -2000
    stack = series(
        words,
        PixelPaddingValue=-2000,
        ImageOrientationPatient=[-1, 0, 0, 0, -1, 0],
    )
    canonical = read_volume(stack, tmp_path).to_canonical()
    assert canonical.is_padding is not None
    assert np.array_equal(canonical.is_padding, canonical.voxels == -1000)
    assert canonical.is_padding[0, -1, -1]


WEDGE = np.array([[0, 1, 2], [10, 11, 12]])


def test_a_projection_is_one_slice_with_the_spacing_of_its_pixels(tmp_path):
    volume = projection(tmp_path, WEDGE, PixelSpacing=[0.2, 0.1], PatientOrientation=["L", "F"])
    assert volume.voxels.tolist() == [WEDGE.tolist()]
    assert volume.spacing_mm == (1.0, 0.2, 0.1)
    assert (volume.is_projection, volume.has_size, volume.has_directions) == (True, True, True)


def test_a_projection_without_pixel_spacing_has_that_of_its_detector(tmp_path):
    volume = projection(tmp_path, WEDGE, ImagerPixelSpacing=[0.4, 0.3])
    assert (volume.spacing_mm[1:], volume.has_size) == ((0.4, 0.3), True)


def test_a_projection_of_unknown_size_and_side_says_so(tmp_path):
    volume = projection(tmp_path, WEDGE)
    assert (volume.spacing_mm[1:], volume.has_size, volume.has_directions) == ((1.0, 1.0), False, False)
    assert volume.to_canonical().voxels.tolist() == [WEDGE.tolist()]


def test_monochrome1_is_turned_so_that_dense_is_bright(tmp_path):
    volume = projection(tmp_path, WEDGE, PhotometricInterpretation="MONOCHROME1")
    assert volume.voxels.tolist() == [(12 - WEDGE).tolist()]


def test_monochrome1_is_turned_after_its_rescale(tmp_path):
    tags = {"RescaleSlope": "2", "RescaleIntercept": "100"}
    volume = projection(tmp_path, WEDGE, PhotometricInterpretation="MONOCHROME1", **tags)
    assert volume.voxels.tolist() == [(124 - (2 * WEDGE + 100) + 100).tolist()]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_of_a_projection_is_black_in_either_polarity(tmp_path, photometric):
    words = np.array([[4095, 5, 9]])
    volume = projection(tmp_path, words, PixelPaddingValue=4095, PhotometricInterpretation=photometric)
    assert volume.voxels[0, 0, 0] == volume.voxels.min() == 5


@pytest.mark.parametrize(
    ("orientation", "shown"),
    [
        (["R", "F"], WEDGE[:, ::-1]),
        (["L", "H"], WEDGE[::-1]),
        (["F", "L"], WEDGE.T),
        (["P", "F"], WEDGE),
    ],
)
def test_a_projection_is_turned_the_way_it_is_hung(tmp_path, orientation, shown):
    assert (
        projection(tmp_path, WEDGE, PatientOrientation=orientation).to_canonical().voxels[0].tolist() == shown.tolist()
    )


@pytest.mark.parametrize(
    ("voxels", "kind"),
    [(np.zeros((2, 2), np.float32), CT), (np.zeros((2, 2, 2)), CT), (np.zeros((2, 2, 2), np.float32), XR)],
)
def test_what_is_no_volume_cannot_be_made(voxels, kind):
    with pytest.raises(ValueError, match=r"voxels are|a projection of"):
        Volume(voxels, np.eye(4), kind)


NAMED, UNNAMED = {"PixelPaddingValue": -2000}, {}


def test_padding_that_only_some_slices_of_a_ct_name_is_refused_where_others_hold_it(series, tmp_path):
    words = np.arange(4 * 60, dtype="<i2").reshape(4, 6, 10)
    words[:, 0, 0] = -2000
    with pytest.raises(MixedEncoding, match="padding"):
        read_volume(series(words, each=[NAMED, UNNAMED, NAMED, NAMED]), tmp_path)
    assert read_volume(series(words, **NAMED), tmp_path).voxels[:, 0, 0].tolist() == [-1000.0] * 4


def test_padding_that_only_some_slices_of_a_ct_name_is_theirs_where_no_other_holds_it(series, tmp_path):
    words = np.arange(4 * 60, dtype="<i2").reshape(4, 6, 10)
    words[1, 0, 0] = -2000
    volume = read_volume(series(words, each=[UNNAMED, NAMED, UNNAMED, UNNAMED]), tmp_path)
    assert volume.voxels[:, 0, 0].tolist() == [0.0, -1000.0, 120.0, 180.0]


def test_what_a_slice_of_an_mr_does_not_call_padding_is_signal(series, tmp_path):
    words = np.arange(4 * 60, dtype="<i2").reshape(4, 6, 10) + 5
    words[:, 0, 0] = 0
    one = {"PixelPaddingValue": 0}
    stack = series(words, sop_class=MRImageStorage, each=[one, {}, {}, {}], SeriesDescription="t1")
    assert read_volume(stack, tmp_path).voxels[:, 0, 0].tolist() == [0.0, 0.0, 0.0, 0.0]
