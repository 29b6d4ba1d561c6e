"""Luminance by numbers worked out by hand, and of real files beside a second decoder."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

from scans.header import read_header
from scans.outcome import Colour
from scans.pixels import read_stored
from scans.sandbox.pool import Guard

US = "1.2.840.10008.5.1.4.1.1.6.1"
JPEG = "1.2.840.10008.1.2.4.50"
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 200, 30]]], dtype="u1")  # (2, 2, 3)
GREY = [[76, 150], [29, 124]]  # 76.245, 149.685, 29.07, 123.81
Save = Callable[..., Path]


@pytest.fixture
def us(save: Save) -> Callable[..., Path]:
    def write(**tags: Any) -> Path:
        told = {
            "SOPClassUID": US, "Modality": "US", "Rows": 2, "Columns": 2, "SamplesPerPixel": 3,
            "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8,
            "HighBit": 7, "PixelRepresentation": 0, "RescaleSlope": None, "RescaleIntercept": None,
            "PixelData": COLOURS.tobytes(),
        }  # fmt: skip
        return save(**(told | tags))

    return write


def grey(path: Path) -> Any:
    with Guard() as guard:  # colours are worked out by the child alone
        return read_stored(path, read_header(path), guard).values[0].tolist()


def test_red_green_and_blue_weigh_as_bt_601_says(us: Callable[..., Path]) -> None:
    assert grey(us()) == GREY
    planes = np.ascontiguousarray(COLOURS.transpose(2, 0, 1)).tobytes()
    assert grey(us(PlanarConfiguration=1, PixelData=planes)) == GREY


def test_the_first_channel_of_ybr_is_the_luminance(us: Callable[..., Path]) -> None:
    assert grey(us(PhotometricInterpretation="YBR_FULL")) == COLOURS[..., 0].tolist()
    shared = bytes([11, 12, 128, 128, 13, 14, 128, 128])  # two pixels share their colours
    assert grey(us(PhotometricInterpretation="YBR_FULL_422", PixelData=shared)) == [[11, 12], [13, 14]]


def test_colours_in_rle_are_the_same(us: Callable[..., Path]) -> None:
    path = us()
    ds = dcmread(path)
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    assert grey(path) == GREY


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB"])
def test_jpeg_is_read_in_the_colours_of_the_header(us: Callable[..., Path], photometric: str) -> None:
    """Without markers a decoder would guess; three equal channels of RGB are no grey of YBR."""
    picture = np.full((16, 16, 3), (60, 120, 200), dtype="u1")
    mode = "RGB" if photometric == "RGB" else "YCbCr"
    file = io.BytesIO()
    Image.fromarray(picture, mode).save(
        file, "JPEG", quality=100, subsampling=0, **({"keep_rgb": True} if mode == "RGB" else {})
    )
    path = us(
        Rows=16, Columns=16, PhotometricInterpretation=photometric, TransferSyntaxUID=JPEG,
        PixelData=encapsulate([file.getvalue()]),
    )  # fmt: skip
    expected = 111 if photometric == "RGB" else 60  # 0.299 * 60 + 0.587 * 120 + 0.114 * 200 is 111.2
    assert np.abs(np.array(grey(path)) - expected).max() <= 1


def test_a_palette_is_looked_up_and_its_entries_keep_their_depth(us: Callable[..., Path]) -> None:
    table = np.zeros((3, 4), dtype="<u2")
    table[:, 1], table[:, 2], table[:, 3] = (65535, 0, 0), (0, 65535, 0), (1000, 20000, 3000)
    luts = {f"{name}PaletteColorLookupTableData": table[i].tobytes() for i, name in enumerate(("Red", "Green", "Blue"))}
    for name in ("Red", "Green", "Blue"):
        luts[f"{name}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
    path = us(
        PhotometricInterpretation="PALETTE COLOR", SamplesPerPixel=1,
        PixelData=bytes([0, 1, 2, 3]), **luts,
    )  # fmt: skip
    assert grey(path) == [[0, 19595], [38469, 12381]]


def test_colours_of_other_families_and_forms_stay_refused(us: Callable[..., Path]) -> None:
    for tags in (
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1"}, {"PhotometricInterpretation": "HSV"},
        {"PixelRepresentation": 1},
    ):  # fmt: skip
        path = us(**tags)
        with pytest.raises(Colour):
            read_stored(path, read_header(path))


@pytest.mark.parametrize(
    ("name", "witness"),
    [
        ("pydicom__examples_jpeg2k.dcm", "gdcm"), ("pydicomdata__US1_J2KI.dcm", "gdcm"),
        ("pydicomdata__color-pl.dcm", ""),
        ("pydicom__ExplVR_BigEnd.dcm", ""),
    ],
)  # fmt: skip
def test_a_second_decoder_sees_the_same(shared_data: Path, name: str, witness: str) -> None:
    path = shared_data / "dicom_odd" / name
    header, ds = read_header(path), dcmread(path)
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    rgb = decoder.as_array(ds, index=header.picture_frame, decoding_plugin=witness)[0].astype(float)
    expected = rgb.reshape(header.rows, header.columns, 3) @ [0.299, 0.587, 0.114]
    found = read_stored(path, header).values[0]
    assert np.abs(found - expected).max() <= 2  # RGB of a YBR is clipped and rounded


def test_the_luminance_of_a_jpeg_film_is_what_a_second_decoder_finds(shared_data: Path) -> None:
    path = shared_data / "dicom_odd" / "pydicom__examples_ybr_color.dcm"
    header, ds = read_header(path), dcmread(path)
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    ybr = decoder.as_array(ds, index=header.picture_frame, raw=True, decoding_plugin="pillow")[0]
    assert np.abs(read_stored(path, header).values[0].astype(int) - ybr[..., 0]).max() <= 1
