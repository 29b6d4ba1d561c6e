"""What the encoder receives, from the bytes of a file on, by numbers worked out by hand: docs/values.md."""

import numpy as np
import pytest
from enhanced import item
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from scans.header import read_header
from scans.stack import Member, group
from scans.volume import read_volume
from siamese.recipe import Recipe, Spacing, Window
from siamese.tensor import to_tensor

SAME_GRID = Recipe(
    "same", "3d", (3, 2, 2), (Spacing("", (5.0, 2.0, 2.0)),), (Window("ct", "value", -1000.0, 1000.0),), 1
)
FLAT = Recipe("flat", "2d", (2, 4), (), (Window("", "percentile", 0.0, 100.0),), 1)


def write(path, words, *, bits=16, sop_class=CTImageStorage, number=0, overlays=(), **tags):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"2.25.1.{number + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = "2.25.2", "2.25.3", "P"
    ds.Modality, ds.BodyPartExamined, ds.StudyDate = (
        ("CT" if sop_class == CTImageStorage else "DX"),
        "CHEST",
        "20240101",
    )
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = words.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = int(words.dtype.kind == "i")
    ds.PixelSpacing = [2.0, 2.0]
    ds.PixelData = words.tobytes()
    ds["PixelData"].VR = "OW"
    for plane, bit in enumerate(overlays):
        ds.add_new(0x60000102 + 0x20000 * plane, "US", bit)  # OverlayBitPosition
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)
    return Member(path.name, path.name, read_header(path))


RESCALE = {"RescaleSlope": "1", "RescaleIntercept": "0"}


def ct(tmp_path, *slices, **tags):
    members = [
        write(tmp_path / f"{z}", np.array(words, dtype="<i2"), number=z, ImagePositionPatient=[0, 0, 5 * z],
              ImageOrientationPatient=[1, 0, 0, 0, 1, 0], **(RESCALE | tags | own))
        for z, (words, own) in enumerate(slices)
    ]  # fmt: skip
    (stack,) = group(members).stacks
    return read_volume(stack, tmp_path)


def test_stored_ct_values_become_shares_of_the_window_each_slice_by_its_own_rescale(tmp_path):
    volume = ct(
        tmp_path,
        ([[-2000, 0], [1024, 3000]], {"RescaleSlope": "1", "RescaleIntercept": "-1024", "PixelPaddingValue": -2000}),
        ([[0, 512], [1024, 512]], {"RescaleSlope": "2", "RescaleIntercept": "-1024"}),
        ([[10, 20], [30, 40]], {"RescaleSlope": "-10", "RescaleIntercept": "0"}),
    )
    hu = [[[-1000, -1024], [0, 1976]], [[-1024, 0], [1024, 0]], [[-100, -200], [-300, -400]]]
    assert volume.voxels.tolist() == hu
    share = [[[0, 0], [0.5, 1]], [[0, 0.5], [1, 0.5]], [[0.45, 0.4], [0.35, 0.3]]]
    assert to_tensor(volume, SAME_GRID)[0] == pytest.approx(np.array(share), abs=1e-6)


def test_what_is_meant_for_the_eye_changes_nothing(tmp_path):
    slices = [([[z, 100], [200, 300]], {}) for z in range(3)]
    plain = ct(tmp_path, *slices)
    lut = item(LUTExplanation="inverse")
    lut[0].add_new("LUTDescriptor", "US", [2, 0, 16])
    lut[0].add_new("LUTData", "OW", np.array([900, 0], "<u2").tobytes())
    shown = ct(tmp_path, *slices, WindowCenter="40", WindowWidth="80", VOILUTFunction="SIGMOID", VOILUTSequence=lut,
               PresentationLUTShape="INVERSE")  # fmt: skip
    assert shown.voxels.tolist() == plain.voxels.tolist()


def test_twelve_signed_bits_below_an_overlay_keep_sign_and_lose_the_overlay(tmp_path):
    words = np.array([[0xF001, 0x1FFF], [0x0800, 0x07FF]], dtype="<u2").view("<i2")
    volume = ct(tmp_path, *[(words, {}) for _ in range(3)], bits=12, overlays=range(12, 16))
    assert volume.voxels[0].tolist() == [[1, -1], [-2048, 2047]]


@pytest.mark.parametrize(
    ("photometric", "wanted"),
    [("MONOCHROME2", [[0, 0.25, 0.5, 1], [0, 0, 0, 1]]), ("MONOCHROME1", [[1, 0.75, 0.5, 0], [0, 0, 1, 0]])],
)
def test_a_projection_is_dense_bright_and_its_padding_dark_in_either_polarity(tmp_path, photometric, wanted):
    """Stored 100 to 140, 999 is padding."""
    words = np.array([[100, 110, 120, 140], [999, 999, 100, 140]], dtype="<u2")
    member = write(
        tmp_path / "dx", words, sop_class=DigitalXRayImageStorageForPresentation, PhotometricInterpretation=photometric,
        PixelPaddingValue=999, ViewPosition="PA", PatientOrientation=["L", "F"],
    )  # fmt: skip
    (stack,) = group([member]).stacks
    tensor = to_tensor(read_volume(stack, tmp_path), FLAT)
    assert tensor.shape == (1, 2, 4)
    assert tensor[0] == pytest.approx(np.array(wanted), abs=1e-6)
