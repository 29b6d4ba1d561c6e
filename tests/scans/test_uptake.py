"""SUV by numbers worked out by hand: of 370 MBq half is left after one half life, 74 kg over 185 MBq are 0.0004."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from scans.header import Header, read_header
from scans.picture import allowed, pictures
from scans.stack import Grouping, Member, group
from scans.volume import Volume, read_volume
from siamese.recipe import recipe_for
from siamese.tensor import to_tensor

PET = "1.2.840.10008.5.1.4.1.1.128"
FACTOR = 0.0004


def drug(**tags: Any) -> list[Dataset]:
    item = Dataset()
    told = {
        "Radiopharmaceutical": "FDG -- fluorodeoxyglucose", "RadionuclideTotalDose": "370000000",
        "RadionuclideHalfLife": "3600", "RadiopharmaceuticalStartTime": "090000",
    }  # fmt: skip
    for keyword, value in (told | tags).items():
        if value is not None:
            setattr(item, keyword, value)
    return [item]


PROVEN = {
    "SOPClassUID": PET, "Modality": "PT", "Units": "BQML", "CorrectedImage": ["DECY", "ATTN", "SCAT"],
    "DecayCorrection": "START", "PatientWeight": "74", "SeriesDate": "20240305", "SeriesTime": "100000",
    "AcquisitionDate": "20240305", "AcquisitionTime": "100000", "RescaleIntercept": 0, "RescaleSlope": 1,
    "RadiopharmaceuticalInformationSequence": drug(), "BodyPartExamined": "WHOLEBODY",
}  # fmt: skip
Save = Callable[..., Path]


@pytest.fixture
def pet(save: Save) -> Callable[..., Header]:
    def read(**tags: Any) -> Header:
        told = {name: value for name, value in (PROVEN | tags).items() if value != ""}
        return read_header(save(**told))

    return read


@pytest.fixture
def series(save: Save, tmp_path: Path) -> Callable[..., tuple[Grouping, Path]]:
    """Write three slices; a list holds a value for each."""

    def write(**tags: Any) -> tuple[Grouping, Path]:
        members = []
        for z in range(3):
            own = {name: v[z] if isinstance(v, tuple) else v for name, v in (PROVEN | tags).items()}
            words = np.arange(12, dtype="<i2").reshape(4, 3) + z
            name = f"slice{z}"
            path = save(name, index=z, position_mm=(0, 0, 4 * z), **own, PixelData=words.tobytes())
            members.append(Member(name, name, read_header(path)))
        return group(members), tmp_path

    return write


def volume_of(grouped: tuple[Grouping, Path]) -> Volume:
    (stack,) = grouped[0].stacks
    return read_volume(stack, grouped[1])


def test_activity_becomes_suv_by_weight_and_the_dose_that_was_left(pet: Callable[..., Header]) -> None:
    header = pet()
    assert (header.uptake, header.uptake_why) == ("suv", "")
    assert header.suv_per_unit == pytest.approx(FACTOR, rel=1e-8)


@pytest.mark.parametrize(
    ("tags", "factor"),
    [
        ({"DecayCorrection": "ADMIN"}, 74000 / 370e6),
        ({"Units": "GML", "PatientWeight": ""}, 1.0),
        ({"Units": "GML", "SUVType": "BW"}, 1.0),
        ({"RadiopharmaceuticalInformationSequence": drug(RadiopharmaceuticalStartDateTime="20240305090000.0")}, FACTOR),
        (
            {"RadiopharmaceuticalInformationSequence": drug(RadiopharmaceuticalStartDateTime="20240304233000"),
             "SeriesTime": "003000", "AcquisitionTime": "003100"}, FACTOR,
        ),  # over midnight
        (
            {"RadiopharmaceuticalInformationSequence": drug(RadiopharmaceuticalStartDateTime="20240305080000+0000"),
             "TimezoneOffsetFromUTC": "+0100"}, FACTOR,
        ),
    ],
)  # fmt: skip
def test_what_proves_suv(pet: Callable[..., Header], tags: dict[str, Any], factor: float) -> None:
    assert pet(**tags).suv_per_unit == pytest.approx(factor, rel=1e-8)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"PatientWeight": ""}, "PatientWeight is absent"), ({"PatientWeight": "0"}, "PatientWeight is impossible"),
        ({"PatientWeight": "-74"}, "impossible"), ({"PatientWeight": "74000"}, "impossible"),
        ({"Units": "CNTS"}, "Units CNTS"), ({"Units": ""}, "Units is absent"), ({"Units": "PROPCPS"}, "Units PROPCPS"),
        ({"Units": "GML", "SUVType": "LBM"}, "SUVType"), ({"Units": "CANARY"}, "Units is absent or none"),
        ({"CorrectedImage": ["ATTN"]}, "DECY"), ({"CorrectedImage": ""}, "CorrectedImage"),
        ({"DecayCorrection": "NONE"}, "DecayCorrection"), ({"RescaleSlope": None, "RescaleIntercept": None}, "Rescale"),
        ({"SeriesTime": ""}, "SeriesTime is absent"), ({"SeriesTime": "110000"}, "begins after the acquisition"),
        ({"RadiopharmaceuticalInformationSequence": ""}, "0 items"),
        ({"RadiopharmaceuticalInformationSequence": drug() + drug()}, "2 items"),
        *[
            ({"RadiopharmaceuticalInformationSequence": drug(**item)}, why)
            for item, why in (
                ({"RadionuclideTotalDose": "0"}, "Dose is impossible"), ({"RadionuclideTotalDose": "-1"}, "impossible"),
                ({"RadionuclideTotalDose": "370"}, "Dose is impossible"), ({"RadionuclideTotalDose": None}, "absent"),
                ({"RadionuclideHalfLife": "0"}, "HalfLife is impossible"), ({"RadionuclideHalfLife": None}, "absent"),
                ({"RadiopharmaceuticalStartTime": "100001"}, "injection is after"),
                ({"RadiopharmaceuticalStartTime": None}, "injection is absent"),
                ({"RadiopharmaceuticalStartDateTime": "20230305090000"}, "half lives"),
                ({"RadiopharmaceuticalStartDateTime": "20240305090000+0100"}, "offset"),
            )
        ],
    ],
)  # fmt: skip
def test_impossible_tags_leave_the_values_relative_and_say_why(
    pet: Callable[..., Header], tags: dict[str, Any], why: str
) -> None:
    header = pet(**tags)
    assert (header.uptake, header.suv_per_unit) == ("relative", None)
    assert why in header.uptake_why


def test_counts_of_philips_bring_their_own_factor(save: Save) -> None:
    def philips(creator: str, factor: str) -> Header:
        path = save(**(PROVEN | {"Units": "CNTS"}))
        ds = dcmread(path)
        ds.add_new(0x70530010, "LO", creator)
        ds.add_new(0x70531000, "DS", factor)
        ds.save_as(path, enforce_file_format=True)
        return read_header(path)

    assert philips("Philips PET Private Group", "0.25").suv_per_unit == 0.25
    assert philips("Philips PET Private Group", "0").suv_per_unit is None
    assert philips("Somebody else", "0.25").suv_per_unit is None


def test_a_volume_is_in_suv_and_stands_apart_from_relative_ones(series: Callable[..., Any]) -> None:
    slopes = (1000, 2000, 500)  # of each slice
    grouped = series(RescaleSlope=slopes)
    volume = volume_of(grouped)
    for z, slope in enumerate(slopes):
        for pixel, value in enumerate(volume.voxels[z].reshape(-1).tolist()):
            assert value == pytest.approx((pixel + z) * slope * FACTOR, rel=1e-6)
    assert volume.kind.key == "pt/wholebody/3d/fdg/suv"
    relative = volume_of(series(RescaleSlope=slopes, PatientWeight="0"))
    assert relative.kind.key == "pt/wholebody/3d/fdg/relative"
    assert "PatientWeight is impossible" in relative.kind.rule
    assert relative.voxels[1, 0, 0] == 2000


def test_without_attenuation_correction_a_pet_is_of_another_kind(series: Callable[..., Any]) -> None:
    assert volume_of(series(CorrectedImage=["DECY"])).kind.key == "pt/wholebody/3d/fdg/nac"
    assert volume_of(series(CorrectedImage="", AttenuationCorrected="NO")).kind.key == "pt/wholebody/3d/fdg/nac"


def test_slices_that_do_not_agree_are_relative_together(series: Callable[..., Any]) -> None:
    volume = volume_of(series(AcquisitionTime=("100000", "095959", "100000")))
    assert volume.kind.key == "pt/wholebody/3d/fdg/relative" and "do not agree" in volume.kind.rule
    assert volume.voxels[:, 0, 0].tolist() == [0, 1, 2]


def test_an_unknown_tracer_is_held_back_and_maps_are_set_aside(series: Callable[..., Any]) -> None:
    grouped, _ = series(RadiopharmaceuticalInformationSequence=drug(Radiopharmaceutical="Solution"))
    assert [(s.kind.key, s.kind.known) for s in grouped.stacks] == [("pt/wholebody/3d/unknown/suv", False)]
    grouped, _ = series(Units="MLMINML")
    assert {(e.code, e.why) for e in grouped.endings} == {("derived", "Units MLMINML")}


def test_units_of_one_volume_are_one(series: Callable[..., Any]) -> None:
    grouped, _ = series(Units=("BQML", "BQML", "CNTS"))
    assert {e.code for e in grouped.endings} == {"mixed-encoding"}


def test_header_keeps_neither_weight_nor_dose_nor_times_of_injection(pet: Callable[..., Header]) -> None:
    header = pet(PatientWeight="73.25", RadiopharmaceuticalInformationSequence=drug(RadionuclideTotalDose="371234567"))
    assert Header.from_json(header.to_json()) == header
    assert not any(text in header.to_json() for text in ("73.25", "371234567", "090000"))


def test_a_pet_has_a_picture_in_suv_and_an_encoder_takes_it(series: Callable[..., Any]) -> None:
    grouped, root = series()
    volume = volume_of((grouped, root))
    assert allowed(grouped.stacks[0].members[0].header) and len(pictures(volume)) == 3
    for recipe in (recipe_for("3d"), recipe_for("3d", "efficientnet-lite0")):
        assert to_tensor(volume, recipe).shape == (1, *recipe.shape)


def test_a_real_slice_of_pet_tells_its_suv(shared_data: Path) -> None:
    header = read_header(shared_data / "dicom_odd" / "fodicom__GH184.dcm")
    left_bq = 474592928 * 0.5 ** ((11 * 3600 + 36 - 9 * 3600 - 32 * 60) / 6588)
    assert header.suv_per_unit == pytest.approx(90000 / left_bq, rel=1e-8)


def test_why_values_are_relative_makes_neither_another_scan_nor_a_conflict(
    series: Callable[..., Any], pet: Callable[..., Header]
) -> None:
    reasons: tuple[dict[str, Any], ...] = ({"PatientWeight": "0"}, {"DecayCorrection": "NONE"})
    digests = {series(**tags)[0].stacks[0].digest for tags in reasons}
    assert len(digests) == 1
    members = [Member(f"file{i}", f"p{i}", pet(**tags)) for i, tags in enumerate(reasons)]
    assert members[0].header.uptake_why != members[1].header.uptake_why
    assert sorted(e.code for e in group(members).endings) == ["duplicate", "single-slice"]
