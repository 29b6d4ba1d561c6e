"""Volumes equal those of two other readers, highdicom and dcm2niix, or the difference is explained.

Both are turned to NIfTI's canonical directions first, so that only the order of axes may differ, never a place.
"""

import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
)
from scipy import ndimage

from scans.header import read_header
from scans.nifti import save_nifti
from scans.outcome import Refusal
from scans.pixels import read_stored
from scans.stack import Member, Stack, group
from scans.volume import read_volume

DCM2NIIX = Path(sys.executable).with_name("dcm2niix")  # beside the interpreter: .venv/bin need not be on PATH
AIR_HU = -1000.0
MOVES = list(np.ndindex(3, 3, 3))  # by -1, 0 or 1 voxel, each 1 too large
AGREE_MM = 0.001  # NIfTI keeps the affine in single precision, 500 mm from the origin that is 0.00006
DOCUMENT = Path(__file__).parents[2] / "docs" / "operate.md"
Image = nibabel.Nifti1Image


def members_of(folder: Path) -> list[Member]:
    members = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        try:
            members.append(Member(name, name, read_header(path)))
        except Refusal:
            continue
    return members


def at(image: Image, voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return an image's values at the places of other voxels, (..., 3) by their affine; air beyond its edges."""
    mm = voxels @ affine[:3, :3].T + affine[:3, 3]
    inverse = np.linalg.inv(image.affine)
    where = np.moveaxis(mm @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    return np.asarray(ndimage.map_coordinates(image.get_fdata(), where, order=1, cval=AIR_HU))


def affine_of(slice_: Dataset) -> np.ndarray:
    """Return (4, 4), NIfTI's directions: from column, row and 0 to mm, by the standard's equation C.7.6.2.1-1."""
    row, column = np.array(slice_.ImageOrientationPatient, dtype=float).reshape(2, 3)
    down, across = slice_.PixelSpacing
    axes = np.column_stack([row * across, column * down, np.cross(row, column), slice_.ImagePositionPatient])
    return np.vstack([np.diag([-1.0, -1, 1]) @ axes.astype(float), [0, 0, 0, 1]])


def ours(stack: Stack, folder: Path, out: Path) -> Image:
    path = out / f"{stack.digest}.nii"
    save_nifti(read_volume(stack, folder), path)
    return nibabel.as_closest_canonical(nibabel.load(path))


def by_dcm2niix(members: Sequence[Member], folder: Path, out: Path) -> list[Image]:
    """Convert files with dcm2niix; a film becomes one image a point in time."""
    source, target = out / "in", out / "out"
    for place in (source, target):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    for number, path in enumerate(sorted({member.path for member in members})):
        shutil.copy(folder / path, source / f"{number:05d}.dcm")
    words = [str(DCM2NIIX), "-z", "n", "-b", "n", "-p", "n", "-f", "%s", "-o", str(target), str(source)]
    assert subprocess.run(words, capture_output=True).returncode in (0, 2)  # 2: nothing that it reads
    images = [nibabel.as_closest_canonical(nibabel.load(path)) for path in sorted(target.glob("*.nii"))]
    return [one for image in images for one in (nibabel.four_to_three(image) if image.ndim == 4 else [image])]


def by_highdicom(stack: Stack, folder: Path) -> Image:
    import highdicom

    paths = sorted({member.path for member in stack.members})
    datasets = [dcmread(folder / path) for path in paths]
    for dataset in datasets:
        if "FrameOfReferenceUID" not in dataset:  # without one it reads nothing
            dataset.FrameOfReferenceUID = "2.25.1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(stack.members) > len(paths):
            volume = highdicom.Image.from_dataset(datasets[0]).get_volume()
        else:
            volume = highdicom.get_volume_from_series(datasets)
    affine = np.diag([-1.0, -1, 1, 1]) @ volume.affine @ np.eye(4)[[2, 1, 0, 3]]
    return nibabel.as_closest_canonical(Image(np.asarray(volume.array, np.float64).transpose(2, 1, 0), affine))


def agree(one: Image, other: Image) -> bool:
    if one.shape != other.shape or not np.allclose(one.affine, other.affine, atol=AGREE_MM):
        return False
    values = other.get_fdata()
    return np.allclose(one.get_fdata(), values, rtol=1e-6, atol=1e-6 * np.abs(values).max())


def rotation(*degrees: float) -> np.ndarray:
    """Return (3, 3): turned about x, then y, then z."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        turn = one @ turn
    return turn


def write_phantom(folder: Path, *, sop_class: str, turn: np.ndarray, syntax: str) -> None:
    """Write seven slices of noise, 2.5 mm apart, of pixels of 0.5 mm by 0.75 mm, turned in space."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    row, column = turn @ [1, 0, 0], turn @ [0, 1, 0]
    for number in range(7):
        ds = Dataset()
        ds.file_meta = read_meta(syntax)
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"2.25.3.{number + 1}"
        ds.Modality = "CT" if sop_class == CTImageStorage else "MR"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.1", "2.25.2", "2.25.4"
        ds.PatientID, ds.StudyDate, ds.StudyTime, ds.SeriesNumber = "P1", "20240305", "101010", 1
        ds.ImageType, ds.InstanceNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], 7 - number
        ds.ImagePositionPatient = [f"{v:.6f}" for v in np.array([-30.0, 12, 40]) + turn @ [0, 0, 2.5 * number]]
        ds.ImageOrientationPatient = [f"{v:.9f}" for v in (*row, *column)]
        ds.PixelSpacing, ds.SliceThickness = [0.5, 0.75], 2.5
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 48, 64, 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        if ds.Modality == "CT":
            ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        words = rng.integers(0, 4096, (48, 64)).astype(">u2" if syntax == ExplicitVRBigEndian else "<u2")
        ds.PixelData = words.tobytes()
        ds["PixelData"].VR = "OW"
        if syntax in (RLELossless, JPEG2000Lossless, JPEGLSLossless):
            ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(folder / f"{number * 7919 % 101:03d}", enforce_file_format=True)


def read_meta(syntax: str) -> Dataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    return meta


TURNS = {"axial": (0, 0, 0), "coronal": (90, 0, 0), "oblique": (25, -17, 10), "head down": (170, 5, 0)}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("sop_class", [CTImageStorage, MRImageStorage])
def test_phantoms_however_they_lie_are_read_alike(tmp_path, sop_class, turn):
    folder = tmp_path / "phantom"
    write_phantom(folder, sop_class=sop_class, turn=rotation(*TURNS[turn]), syntax=ExplicitVRLittleEndian)
    members = members_of(folder)
    (stack,) = group(members).stacks
    mine = ours(stack, folder, tmp_path)
    assert agree(mine, by_highdicom(stack, folder))
    (other,) = by_dcm2niix(members, folder, tmp_path)
    assert agree(mine, other)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless,
     JPEGLSLossless],
)  # fmt: skip
def test_phantoms_in_every_lossless_syntax_are_read_alike(tmp_path, syntax):
    folder = tmp_path / "phantom"
    write_phantom(folder, sop_class=CTImageStorage, turn=rotation(25, -17, 10), syntax=syntax)
    members = members_of(folder)
    (stack,) = group(members).stacks
    mine = ours(stack, folder, tmp_path)
    assert agree(mine, by_highdicom(stack, folder))
    others = by_dcm2niix(members, folder, tmp_path)
    if syntax == DeflatedExplicitVRLittleEndian:
        assert others == []  # see the table in docs/operate.md
    else:
        assert agree(mine, others[0])


SERIES = (
    "ct_head_small_93", "mr_t1_siemens7t_384", "mr_t1sag_siemens_hfp_35", "mr_t1sag_siemens_hfs_35",
    "mr_enhanced_philips_fmap_1x64", "mr_enhanced_siemens_xa10_4x6", "mr_fmri_ge_150",
)  # fmt: skip
REFUSED = (
    "ct_head_ge_tilt_28", "ct_chest_priors_5x2", "stack_notavolume_4", "stack_sliceincrement_4",
)  # fmt: skip
HIGHDICOM_CANNOT = ("mr_enhanced_philips_fmap_1x64",)


@pytest.mark.parametrize("name", SERIES)
def test_real_stacks_are_read_alike(unpack: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    folder = unpack(name)
    members = members_of(folder)
    stacks = group(members).stacks
    others = by_dcm2niix(members, folder, tmp_path)
    assert stacks
    for stack in stacks:
        mine = ours(stack, folder, tmp_path)
        assert sum(agree(mine, other) for other in others) == 1
        if name not in HIGHDICOM_CANNOT:
            assert agree(mine, by_highdicom(stack, folder))


@pytest.mark.parametrize("name", REFUSED)
def test_what_dcm2niix_converts_and_we_refuse_is_explained(unpack: Callable[[str], Path], tmp_path, name) -> None:
    folder = unpack(name)
    members = members_of(folder)
    assert group(members).stacks == []
    assert by_dcm2niix(members, folder, tmp_path)
    assert f"`{name}`" in table()


def test_a_tilted_head_lies_where_dcm2niix_says(unpack: Callable[[str], Path], tmp_path: Path) -> None:
    """Both resample, each in its own way: values are near, and moved by one voxel in any direction they are farther."""
    folder = unpack("ct_head_ge_tilt_28")
    members = members_of(folder)
    (stack,) = group(members, repair=("tilt", "uneven-spacing")).stacks
    mine = ours(stack, folder, tmp_path)
    assert mine.shape == (512, 611, 37) and np.allclose(np.linalg.norm(mine.affine[:3, 2]), 4, atol=0.01)
    (other,) = (image for image in by_dcm2niix(members, folder, tmp_path) if image.shape[2] > len(members))
    wanted = other.get_fdata()
    x, y = np.mgrid[60:450:3, 60:550:3]
    for z in range(3, wanted.shape[2] - 3, 10):
        there = np.maximum(wanted[x, y, z], AIR_HU)
        voxels = np.stack([x, y, np.full_like(x, z)], -1)
        off = [np.abs(at(mine, voxels + np.array(move) - 1, other.affine) - there).mean() for move in MOVES]
        assert MOVES[int(np.argmin(off))] == (1, 1, 1) and min(off) < 20


def test_a_slice_of_a_tilted_head_that_no_plane_lies_beside_keeps_its_values_at_its_place(
    unpack: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = unpack("ct_head_ge_tilt_28")
    (stack,) = group(members_of(folder), repair=("tilt", "uneven-spacing")).stacks
    mine = ours(stack, folder, tmp_path)
    y, x = np.mgrid[40:470:3, 40:470:3]
    n_seen = 0
    for member in stack.members[1:-1]:
        affine = affine_of(dcmread(folder / member.path))
        number = (np.linalg.inv(mine.affine) @ affine[:, 3])[2]
        if abs(number - round(number)) > 0.02:
            continue  # between two planes: its values are mixed with those of its neighbour
        there = np.maximum(read_stored(folder / member.path, member.header).values[0][y, x], AIR_HU)
        voxels = np.stack([x, y, np.zeros_like(x)], -1)
        off = {m: np.abs(at(mine, voxels + np.array(m) - 1, affine) - there).mean() for m in MOVES if m[2] == 1}
        assert min(off, key=lambda move: off[move]) == (1, 1, 1) and off[1, 1, 1] < 10
        n_seen += 1
    assert n_seen > 5


def test_every_difference_stands_in_one_table():
    assert all(f"`{name}`" in table() for name in (*REFUSED, *HIGHDICOM_CANNOT))
    assert "Deflated" in table()


def table() -> str:
    return DOCUMENT.read_text().split("## Where other readers differ")[1].split("\n## ")[0]
