"""A value that is there and cannot be understood is a fault of its tag, never an absent value and never a default."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import frame, item, write_enhanced
from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from scans.header import read_header
from scans.outcome import Refusal
from scans.screen import screen
from scans.stack import Member, group

Save = Callable[..., Path]
CUBE = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
WORDS = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")


def written(path: Path, keyword: str, vr: str, value: Any) -> Path:
    """Put a value into an element as it is, whatever its VR should be."""
    ds = dcmread(path)
    ds[keyword] = DataElement(keyword, vr, value, validation_mode=0)
    dcmwrite(path, ds)
    return path


def end(path: Path) -> tuple[str, str]:
    """Return code and facts of what refuses a file by its header alone, ("", "") if nothing does."""
    try:
        refusal = screen(read_header(path))
    except Refusal as refused:
        refusal = refused
    return (refusal.code, refusal.facts) if refusal else ("", "")


@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("text", ["-1024,0", "NaN", "inf", "1e400", "HU", "1_0", "0x10", "1\\2", "1 0", "\u0661"])
def test_a_rescale_that_is_no_number_is_refused_by_name(save: Save, keyword: str, text: str) -> None:
    code, facts = end(written(save(SpecificCharacterSet="ISO_IR 192"), keyword, "LO", text))
    assert code == "bad-value" and facts.startswith(f"{keyword} reads like '")


@pytest.mark.parametrize("sop_class", [MRImageStorage, ComputedRadiographyImageStorage])
def test_a_damaged_rescale_is_refused_where_none_is_needed(save: Save, sop_class: str) -> None:
    tags = {"SOPClassUID": sop_class, "Modality": "MR"}
    assert end(save(**tags, RescaleSlope=None, RescaleIntercept=None)) == ("", "")
    assert end(written(save(**tags), "RescaleSlope", "LO", "0,5"))[0] == "bad-value"


@pytest.mark.parametrize("text", [" 1.50 ", "+1.5", "1.5e0", "15E-1", "1.5\0", ".15e1"])
def test_every_form_of_a_decimal_number_is_one(save: Save, text: str) -> None:
    header = read_header(written(save(), "RescaleSlope", "LO", text))
    assert (header.rescale_slope, header.faults) == (1.5, ())


@pytest.mark.parametrize(("vr", "value"), [("FD", 1.0), ("US", 0x2031), ("SL", 1), ("OB", b"1 ")])
def test_a_binary_number_where_text_belongs_is_refused(save: Save, vr: str, value: Any) -> None:
    assert end(written(save(), "RescaleSlope", vr, value)) == (
        "bad-value",
        f"RescaleSlope has the VR {vr}, text is wanted",
    )


@pytest.mark.parametrize("keyword", WORDS)
@pytest.mark.parametrize("vr_value", [("IS", "16"), ("US", [16, 16]), ("UL", 16), ("US", None)])
def test_a_word_of_another_vr_or_length_or_none_is_refused_by_name(
    save: Save, keyword: str, vr_value: tuple[str, Any]
) -> None:
    code, facts = end(written(save(), keyword, *vr_value))
    assert code == "bad-value" and facts.startswith(keyword)


@pytest.mark.parametrize("keyword", [keyword for keyword in WORDS if keyword != "BitsAllocated"])  # pydicom needs it
def test_a_word_that_every_image_must_have_is_not_made_up(save: Save, keyword: str) -> None:
    assert end(save(**{keyword: None})) == ("bad-value", f"{keyword} is absent")


@pytest.mark.parametrize("value", [2, 0x0100, 65535])
def test_a_sign_that_is_neither_is_refused(save: Save, value: int) -> None:
    assert end(save(PixelRepresentation=value)) == ("bad-value", f"PixelRepresentation is {value}, 0 or 1 is wanted")


@pytest.mark.parametrize(
    "bits", [(16, 17, 16), (16, 0, 15), (12, 12, 11), (4096, 16, 15), (16, 12, 10), (16, 12, 16), (1, 1, 0)]
)
def test_bits_that_cannot_be_are_refused_by_the_header_alone(save: Save, bits: tuple[int, int, int]) -> None:
    tags = dict(zip(("BitsAllocated", "BitsStored", "HighBit"), bits, strict=True))
    assert end(save(PixelData=bytes(12 * 512), **tags))[0] == "bad-value"


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("PixelSpacing", "0.5\\abc"), ("PixelSpacing", "0.5"), ("PixelSpacing", "0,5\\0,5"),
        ("ImagePositionPatient", "1\\2"), ("ImagePositionPatient", "1\\2\\nan"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\1"), ("ImageOrientationPatient", "1\\0\\0\\0\\1\\0\\0"),
        ("NumberOfFrames", "one"), ("NumberOfFrames", "1.5"), ("NumberOfFrames", "-1"), ("NumberOfFrames", "1\\1"),
    ],
)  # fmt: skip
def test_a_damaged_place_or_count_is_refused_by_name(save: Save, keyword: str, text: str) -> None:
    code, facts = end(written(save(), keyword, "LO", text))
    assert code == "bad-value" and facts.startswith(keyword)


@pytest.mark.parametrize("tags", [("PixelPaddingValue",), ("PixelPaddingRangeLimit",)])
def test_damaged_padding_is_refused(save: Save, tags: tuple[str]) -> None:
    assert end(written(save(PixelPaddingValue=-2000), tags[0], "IS", "-2000"))[0] == "bad-value"


def test_half_a_range_of_padding_is_refused(save: Save) -> None:
    assert end(save(PixelPaddingRangeLimit=-2000))[1] == "PixelPaddingRangeLimit without PixelPaddingValue"


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient"])
def test_a_projection_needs_no_place(save: Save, keyword: str) -> None:
    path = save(SOPClassUID=ComputedRadiographyImageStorage, Modality="CR")
    assert end(written(path, keyword, "LO", "damaged")) == ("", "")


def test_the_detector_s_spacing_is_needed_where_there_is_no_other(save: Save) -> None:
    tags = {"SOPClassUID": ComputedRadiographyImageStorage, "Modality": "CR"}
    assert end(written(save(**tags), "ImagerPixelSpacing", "LO", "wide")) == ("", "")
    assert end(written(save(**tags, PixelSpacing=None), "ImagerPixelSpacing", "LO", "wide"))[0] == "bad-value"


@pytest.mark.parametrize(
    "keyword",
    ["SliceThickness", "KVP", "EchoTime", "InstanceNumber", "WindowCenter", "PatientWeight", "GantryDetectorTilt"],
)
def test_a_damaged_hint_costs_no_scan(save: Save, keyword: str) -> None:
    assert end(written(save(), keyword, "LO", "-1,5 mm")) == ("", "")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "secondary-capture"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "derived"),
    ],
)
def test_what_is_no_scan_stays_what_it_is(save: Save, tags: dict[str, Any], code: str) -> None:
    assert end(written(save(**tags), "RescaleSlope", "LO", "0,5"))[0] == code


def test_facts_hold_neither_text_nor_digits_of_what_was_found(save: Save) -> None:
    _, facts = end(written(save(), "RescaleIntercept", "LO", "Canary 19600229"))
    assert facts == "RescaleIntercept reads like 'aaaaaa 99999999', 1 decimal number wanted"


@pytest.mark.parametrize("tags", [{"RescaleSlope": None}, {"RescaleIntercept": None}])
@pytest.mark.parametrize("sop_class", [None, MRImageStorage])
def test_half_a_rescale_is_none(save: Save, tags: dict[str, None], sop_class: str | None) -> None:
    more = {"SOPClassUID": sop_class, "Modality": "MR"} if sop_class else {}
    code, facts = end(save(**tags, **more))
    assert code == "bad-value" and "both or none are wanted" in facts


def test_a_ct_without_a_rescale_is_not_in_hounsfield_units_for_all_that_is_known(save: Save) -> None:
    code, facts = end(save(RescaleSlope=None, RescaleIntercept=None))
    assert (code, facts) == ("bad-value", "RescaleSlope and RescaleIntercept are absent: nothing says what is 0 HU")


@pytest.mark.parametrize("pair", [("0", "-1024"), ("-1e4", "1024"), ("1e6", "0"), ("1e-9", "0"), ("1", "1e9")])
def test_a_rescale_that_gives_no_hounsfield_units_is_refused(save: Save, pair: tuple[str, str]) -> None:
    assert end(save(RescaleSlope=pair[0], RescaleIntercept=pair[1]))[0] == "bad-value"


@pytest.mark.parametrize("text", ["0,5", "nan", "1\\2"])
def test_a_damaged_rescale_of_one_frame_costs_the_whole_object_and_names_the_frame(tmp_path: Path, text: str) -> None:
    frames = [frame((10, 20, 3.0 * z), CUBE[z]) for z in range(4)]
    frames[2][0].PixelValueTransformationSequence[0]["RescaleSlope"] = DataElement("RescaleSlope", "LO", text)
    code, facts = end(write_enhanced(tmp_path / "mr", frames))
    assert code == "bad-value" and facts.startswith("RescaleSlope reads like") and "in frame 3 of 4" in facts


@pytest.mark.parametrize("where", [0, 3])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_frame_without_the_rescale_of_the_others_costs_the_whole_object(
    tmp_path: Path, modality: str, where: int
) -> None:
    frames = [frame((10, 20, 3.0 * z), CUBE[z]) for z in range(4)]
    del frames[where][0].PixelValueTransformationSequence
    path = write_enhanced(tmp_path / "object", frames, Modality=modality, RescaleSlope="1", RescaleIntercept="0")
    assert end(path) == ("bad-value", "a rescale in 3 of 4 frames")


def test_a_shared_rescale_is_every_frame_s(tmp_path: Path) -> None:
    frames = [frame((10, 20, 3.0 * z), CUBE[z]) for z in range(4)]
    for one, _ in frames:
        del one.PixelValueTransformationSequence
    path = write_enhanced(tmp_path / "ct", frames, Modality="CT")
    assert end(path)[0] == "bad-value"
    ds = dcmread(path)
    shared = item(RescaleSlope="2", RescaleIntercept="-1024", RescaleType="HU")
    ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence = shared
    ds.save_as(path)
    assert end(path) == ("", "") and {f.rescale_slope for f in read_header(path).frames} == {2.0}


def test_an_mr_of_which_one_slice_has_no_rescale_is_refused_as_a_whole(
    make_members: Callable[..., list[Member]],
) -> None:
    plain = {"sop_class_uid": MRImageStorage, "modality": "MR", "frame_of_reference_uid": "1.2"}
    scaled = {**plain, "rescale_slope": 2.0, "rescale_intercept": 0.0}
    members = make_members([0, 1, 2], **scaled) + make_members([3], start=3, **plain)
    assert {(e.code, e.why) for e in group(members).endings} == {("mixed-encoding", "a rescale in 3 of 4 slices")}
    for alike in (plain, scaled):
        assert len(group(make_members([0, 1, 2, 3], **alike)).stacks) == 1


def element(number: int, vr: bytes, value: bytes) -> bytes:
    """Return an element of explicit little endian."""
    return struct.pack("<HH2sH", number >> 16, number & 0xFFFF, vr, len(value)) + value


def with_behind(path: Path, *elements: bytes) -> Path:
    """Add elements behind the pixels, against the order of tags."""
    path.write_bytes(path.read_bytes() + b"".join(elements))
    return path


SLOPE, INTERCEPT = element(0x00281053, b"DS", b"2 "), element(0x00281052, b"DS", b"-7")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, DeflatedExplicitVRLittleEndian])
def test_a_rescale_behind_the_pixels_is_read(save: Save, syntax: str) -> None:
    path = save(RescaleSlope=None, RescaleIntercept=None)
    if syntax != ExplicitVRLittleEndian:
        ds = dcmread(path)
        if syntax == RLELossless:
            ds.compress(syntax)
        ds.save_as(path)
    if syntax != DeflatedExplicitVRLittleEndian:
        with_behind(path, SLOPE, INTERCEPT)
    else:
        content = path.read_bytes()
        start = content.index(element(0x00080008, b"CS", b"")[:6])
        meta = content[:start].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
        at = meta.index(b"UI", meta.index(b"\x02\0\x10\0"))
        meta = meta[: at + 2] + struct.pack("<H", 22) + meta[at + 4 :]
        at = meta.index(b"UL\x04\0") + 4
        meta = meta[:at] + struct.pack("<I", len(meta) - at - 4) + meta[at + 4 :]
        squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        path.write_bytes(meta + squeeze.compress(content[start:] + SLOPE + INTERCEPT) + squeeze.flush())
    header = read_header(path)
    assert (header.rescale_slope, header.rescale_intercept, header.faults) == (2.0, -7.0, ())
    assert header.transfer_syntax_uid == syntax


def test_what_the_file_says_twice_is_refused(save: Save) -> None:
    assert end(with_behind(save(), SLOPE)) == ("bad-value", "RescaleSlope stands there twice")
    path = save()
    content, words = path.read_bytes(), element(0x00280100, b"US", b"\x10\0")
    path.write_bytes(content.replace(words, words + words))
    assert end(path) == ("bad-value", "BitsAllocated stands there twice")


@pytest.mark.parametrize("keyword", ["PixelData", "FloatPixelData"])
def test_two_images_in_one_object_are_refused(save: Save, keyword: str) -> None:
    path = save()
    number, content = {"PixelData": 0x7FE00010, "FloatPixelData": 0x7FE00008}[keyword], bytes(24)
    with_behind(path, struct.pack("<HH2sHI", number >> 16, number & 0xFFFF, b"OW", 0, 24) + content)
    assert end(path) == ("bad-value", "pixels stand there twice")


@pytest.mark.parametrize("rest", [bytes(512), b"\n", bytes(range(256)), b"end of file\n" * 9, b"\xff" * 64])
def test_bytes_behind_the_pixels_that_are_no_elements_cost_no_scan(save: Save, rest: bytes) -> None:
    assert end(with_behind(save(), rest)) == ("", "")


def test_a_rescale_behind_the_pixels_that_is_cut_off_is_never_an_absent_one(save: Save) -> None:
    path = save(SOPClassUID=MRImageStorage, Modality="MR", RescaleSlope=None, RescaleIntercept=None)
    whole = with_behind(path, SLOPE, INTERCEPT).read_bytes()
    for n_cut in (1, 2, len(INTERCEPT) - 1, len(INTERCEPT) + 1, len(INTERCEPT) + 2):
        path.write_bytes(whole[:-n_cut])
        assert end(path)[0] in ("truncated", "bad-value"), n_cut
