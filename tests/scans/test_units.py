"""A CT that is not in Hounsfield units is a map, and a map never stands for its study."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from enhanced import frame, item, write_enhanced
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.uid import MRImageStorage

from scans.header import Header, read_header
from scans.mainscan import MainCandidate, main_scan
from scans.passport import PROJECTION, volume_passport
from scans.screen import screen
from scans.sopclass import STORAGE
from scans.stack import Member, group
from scans.units import is_monoenergetic

MakeHeader = Callable[..., Header]
MR = {"sop_class_uid": MRImageStorage, "modality": "MR", "image_type": ("ORIGINAL", "PRIMARY", "M")}


def code(header: Header) -> str:
    refusal = screen(header)
    return refusal.code if refusal else ""


@pytest.mark.parametrize("unit", ["MGML", "Z_EFF", "ED", "EDW", "PCT", "HU_MOD", "OD", "MG/ML"])
def test_a_ct_in_other_units_is_a_map(make_header: MakeHeader, unit: str) -> None:
    assert code(make_header(rescale_type=unit)) == "derived"
    assert code(make_header(has_modality_lut=True, lut_type=unit)) == "derived"


@pytest.mark.parametrize("unit", ["", "HU", "US", "HOUNSFIELD", "HOUNDSFIELD UNIT", "HOUNSFIELD UNITS", "[HNSF'U]"])
def test_hounsfield_units_by_any_name_are_a_scan(make_header: MakeHeader, unit: str) -> None:
    assert code(make_header(rescale_type=unit)) == ""


def test_a_unit_that_nobody_knows_is_for_a_person_to_look_at_and_is_not_quoted(make_header: MakeHeader) -> None:
    refusal = screen(make_header(rescale_type="CANARY"))
    assert refusal is not None and refusal.code == "bad-value" and "CANARY" not in refusal.facts


@pytest.mark.parametrize("value", [
    "MAT_SPECIFIC", "MAT_REMOVED", "MAT_FRACTIONAL", "MAT_MODIFIED", "MAT_VALUE_BASED", "EFF_ATOMIC_NUM",
    "ELECTRON_DENSITY", "ELECTRON DENSITY", "MD_IODINE", "CT_SOM5 DE VNC",
])  # fmt: skip
def test_an_image_type_of_a_material_is_a_map(make_header: MakeHeader, value: str) -> None:
    assert code(make_header(image_type=("DERIVED", "PRIMARY", "AXIAL", value))) == "derived"


@pytest.mark.parametrize("text", [
    "chest iodine", "Iodine map", "MD Iodine(Water)", "Iodine no Water[mg/ml]", "Z Effective", "Z-Eff", "Zeff 1.0",
    "Electron Density[%EDW]", "VNC", "Virtual Non Contrast", "Virtual_Unenhanced 1mm", "Rho/Z", "Lung PBV", "Uric Acid",
    "Calcium Suppression 25", "CaSupp 50",
])  # fmt: skip
def test_a_description_of_a_material_is_a_map(make_header: MakeHeader, text: str) -> None:
    assert code(make_header(series_description=text)) == "derived"


@pytest.mark.parametrize("text", [
    "CHEST 1.25 MM", "Thorax with iodine contrast", "iodine contrast i.v.", "Calcium Scoring", "SmartScore - Gated",
    "Abdomen water", "Bone density spine", "CT Rhone", "HELICAL CHEST", "Neck fat sat", "Mono 70 keV", "VMI 40keV",
])  # fmt: skip
def test_an_ordinary_description_is_a_scan(make_header: MakeHeader, text: str) -> None:
    assert code(make_header(series_description=text)) == ""


@pytest.mark.parametrize(("units", "end"), [
    ((), ""), (("[HNSF'U]",), ""), (("HU", "MG/ML"), ""), (("1",), ""), (("MG/ML",), "derived"),
    (("{CANARY}",), "derived"),
])  # fmt: skip
def test_real_world_values_tell_the_units_of_a_ct(make_header: MakeHeader, units: tuple[str, ...], end: str) -> None:
    refusal = screen(make_header(units=units))
    assert (refusal.code if refusal else "") == end and "CANARY" not in str(refusal)


@pytest.mark.parametrize(("fields", "end"), [
    ({"rescale_type": "US"}, ""), ({"rescale_type": "NORMALIZED"}, ""), ({"rescale_type": "MS"}, "derived"),
    ({"rescale_type": "HZ"}, "derived"), ({"units": ("1",)}, ""), ({"units": ("MM2/S",)}, "derived"),
    ({"units": ("UM2/S", "MM2/S")}, "derived"), ({"units": ("MM2/S", "{SIGNAL}")}, "derived"),
])  # fmt: skip
def test_an_mr_in_physical_units_is_a_map(make_header: MakeHeader, fields: dict[str, object], end: str) -> None:
    assert code(make_header(**(MR | fields))) == end


@pytest.mark.parametrize(("text", "end"), [
    ("ADC map", "derived"), ("T2 Map", "derived"), ("t1_rho map", "derived"), ("T2*-map sag", "derived"),
    ("fat fraction map", "derived"), ("t2 tse", ""), ("DWI", ""), ("mapping localised t2", ""), ("t1 vibe", ""),
])  # fmt: skip
def test_an_mr_that_is_called_a_map_is_one(make_header: MakeHeader, text: str, end: str) -> None:
    assert code(make_header(**MR, series_description=text)) == end


def test_a_unit_of_several_values_is_none(make_header: MakeHeader, save: Callable[..., Path]) -> None:
    assert code(make_header(rescale_type="HU\\MGML")) == "bad-value"
    path = save()
    ds = dcmread(path)
    ds[0x00281054] = DataElement(0x00281054, "LO", ["HU", "MGML"])
    ds.save_as(path)
    assert read_header(path).rescale_type == "HU\\MGML"


def test_a_radiograph_may_be_in_any_units(make_header: MakeHeader) -> None:
    assert code(make_header(sop_class_uid=f"{STORAGE}1", modality="CR", rescale_type="OD")) == ""


@pytest.mark.parametrize("what", [
    {"RescaleType": "MGML"}, {"FrameType": ["DERIVED", "PRIMARY", "VOLUME", "EFF_ATOMIC_NUM"]}, {"units": "mg/ml"},
])  # fmt: skip
def test_frames_of_another_unit_are_a_map_and_the_others_are_a_scan(tmp_path, what) -> None:
    words = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    frames = [frame((10, 20, 3.0 * z), words[z]) for z in range(4)]
    for z in range(4):
        one, pixels = frame((10, 20, 3.0 * z), words[z] + 500)
        if "RescaleType" in what:
            one.PixelValueTransformationSequence[0].RescaleType = what["RescaleType"]
        elif "FrameType" in what:
            one.CTImageFrameTypeSequence = item(FrameType=what["FrameType"])
        else:
            code_of_unit = item(CodeValue=what["units"], CodingSchemeDesignator="UCUM", CodeMeaning="x")
            one.RealWorldValueMappingSequence = item(MeasurementUnitsCodeSequence=code_of_unit)
        frames.append((one, pixels))
    path = write_enhanced(tmp_path / "ct", frames, Modality="CT", SeriesDescription="Chest")
    found = group([Member("file", "ct", read_header(path))])
    assert [len(stack.members) for stack in found.stacks] == [4]
    assert found.unused == {"file": "4 of 8 frames are not used: derived"}


@pytest.mark.parametrize("text", ["Mono 70 keV", "MonoE 40", "40keV", "Monoenergetic Plus 55 keV", "VMI"])
def test_what_one_energy_would_show_is_known_by_its_description(make_header: MakeHeader, text: str) -> None:
    assert is_monoenergetic(make_header(series_description=text))
    assert not is_monoenergetic(make_header(series_description=text, **MR))


@pytest.mark.parametrize("text", ["Chest", "120 kV", "Monitoring", "MONO", "Thorax 1.0 Br40"])
def test_an_ordinary_ct_is_of_all_energies(make_header: MakeHeader, text: str) -> None:
    assert not is_monoenergetic(make_header(series_description=text))


@pytest.mark.parametrize("fields", [
    {"series_description": "Mono 70 keV"}, {"image_type": ("ORIGINAL", "PRIMARY", "AXIAL", "VMI")},
])  # fmt: skip
@pytest.mark.parametrize("first", [False, True])
def test_a_monoenergetic_series_never_stands_before_the_conventional_one(make_header, fields, first) -> None:
    candidates = [
        MainCandidate(key, "ct", volume_passport([header], PROJECTION).image_type, "axial", 100.0, "", 2.0, uid)
        for key, header, uid in (
            ("conventional", make_header(series_description="Chest"), "2"),
            ("mono", make_header(**fields), "1" if first else "3"),
        )
    ]
    assert main_scan(candidates) == ("conventional", "original before derived")
