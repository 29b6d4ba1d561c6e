"""Tomosynthesis of the breast, pictures within the mouth, and photographs: kinds, values and what takes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import frame, item, write_enhanced

from scans.header import read_header
from scans.picture import allowed, pictures
from scans.stack import Grouping, Member, group
from scans.volume import read_volume
from siamese.recipe import recipe_for
from siamese.tensor import to_tensor

STORAGE = "1.2.840.10008.5.1.4.1.1."
COLOURS = np.arange(36, dtype="u1").reshape(4, 3, 3)
SAGITTAL = (0, 1, 0, 0, 0, -1)


def grouped(path: Path) -> Grouping:
    return group([Member("k", path.name, read_header(path))])


def tomosynthesis(path: Path, *, side: str = "L", **tags: Any) -> Path:
    frames = []
    for z in range(4):
        words = np.arange(12, dtype="<i2").reshape(4, 3) + z
        kind = ("DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE")
        one, pixels = frame((2.0 * z, 0, 0), words, orientation=SAGITTAL, image_type=kind)
        one.FrameAnatomySequence = item(FrameLaterality=side)
        frames.append((one, pixels))
    told = {
        "SOPClassUID": f"{STORAGE}13.1.3", "Modality": "MG", "BodyPartExamined": "BREAST",
        "ViewCodeSequence": item(CodeValue="399368009", CodeMeaning="medio-lateral oblique"),
        "ImageType": ["DERIVED", "PRIMARY", "TOMOSYNTHESIS", "NONE"],
    }  # fmt: skip
    return write_enhanced(path, frames, **(told | tags))


def test_a_tomosynthesis_is_a_volume_of_its_view_and_side(tmp_path: Path) -> None:
    path = tomosynthesis(tmp_path / "bto")
    (stack,) = grouped(path).stacks
    assert (stack.kind.key, stack.kind.known) == ("mg/breast/3d/mlo/left", True)
    volume = read_volume(stack, tmp_path)
    assert volume.voxels.shape == (4, 4, 3) and stack.passport.spacing_z_mm == 2
    assert allowed(stack.members[0].header) and len(pictures(volume)) == 3
    assert to_tensor(volume, recipe_for("3d")).shape == (1, 32, 64, 64)


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"side": "R"}, "mg/breast/3d/mlo/right"), ({"side": ""}, "mg/breast/3d/mlo/unknown"),
        ({"ViewCodeSequence": item(CodeMeaning="cranio-caudal")}, "mg/breast/3d/cc/left"),
        ({"ViewCodeSequence": []}, "mg/breast/3d/unknown/left"), ({"BodyPartExamined": ""}, "mg/breast/3d/mlo/left"),
    ],
)  # fmt: skip
def test_view_and_side_of_a_tomosynthesis_are_told_or_unknown(tmp_path: Path, tags: dict[str, Any], kind: str) -> None:
    (stack,) = grouped(tomosynthesis(tmp_path / "bto", **tags)).stacks
    assert (stack.kind.key, stack.kind.known) == (kind, "unknown" not in kind)


def test_a_picture_made_from_a_tomosynthesis_is_derived(tmp_path: Path) -> None:
    words = np.arange(12, dtype="<i2").reshape(4, 3)
    kind = ("DERIVED", "PRIMARY", "TOMOSYNTHESIS", "GENERATED_2D")
    path = write_enhanced(
        tmp_path / "2d", [frame((0, 0, 0), words, image_type=kind)], SOPClassUID=f"{STORAGE}13.1.3", Modality="MG",
        ImageType=list(kind),
    )  # fmt: skip
    assert [e.code for e in grouped(path).endings] == ["derived"]


@pytest.fixture
def picture(save: Callable[..., Path]) -> Callable[..., Path]:
    def write(sop_class: str, **tags: Any) -> Path:
        told = {
            "SOPClassUID": STORAGE + sop_class, "BodyPartExamined": "", "SamplesPerPixel": 3,
            "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8,
            "HighBit": 7, "PixelRepresentation": 0, "RescaleSlope": None, "RescaleIntercept": None,
            "PixelData": COLOURS.tobytes(),
        }  # fmt: skip
        return save(**(told | tags))

    return write


GREY = {
    "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelData": COLOURS[..., 0].tobytes(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sop_class", "tags", "kind"),
    [
        ("77.1.4", {"BodyPartExamined": "HAND", "Laterality": "L", "Modality": "XC"}, "vl/hand/2d/colour/left"),
        ("77.1.4", {"Modality": "XC"}, "vl/unknown/2d/colour"),
        ("77.1.1", {"BodyPartExamined": "ABDOMEN", "Modality": "ES"}, "es/abdomen/2d/colour"),
        ("77.1.5.1", {"ImageLaterality": "R", "Modality": "OP"}, "op/eye/2d/colour/right"),
        ("77.1.5.1", {"ImageLaterality": "R", "Modality": "OP", **GREY}, "op/eye/2d/grey/right"),
        ("77.1.5.1", {"Modality": "OP"}, "op/eye/2d/colour/unknown"),
        ("1.3", {"Modality": "IO", **GREY}, "io/teeth/2d/unknown"),
        ("1.3", {"Modality": "IO", "ViewPosition": "LAT", "BodyPartExamined": "JAW", **GREY}, "io/face/2d/lateral"),
    ],
)  # fmt: skip
def test_kinds_of_pictures(picture: Callable[..., Path], sop_class: str, tags: dict[str, Any], kind: str) -> None:
    path = picture(sop_class, **tags)
    (stack,) = grouped(path).stacks
    assert (stack.kind.key, stack.kind.known) == (kind, "unknown" not in kind)
    volume = read_volume(stack, path.parent)
    assert to_tensor(volume, recipe_for("2d")).shape == (1, 128, 128)
    assert allowed(stack.members[0].header) == (sop_class == "1.3")  # photographs show faces


def test_a_photograph_is_its_luminance(picture: Callable[..., Path]) -> None:
    path = picture("77.1.4", Modality="XC", BodyPartExamined="HAND")
    voxels = read_volume(grouped(path).stacks[0], path.parent).voxels[0]
    for y in range(4):
        for x in range(3):
            red, green, blue = (int(value) for value in COLOURS[y, x])
            assert voxels[y, x] == round(0.299 * red + 0.587 * green + 0.114 * blue)


@pytest.mark.parametrize("sop_class", ["77.1.2", "77.1.6", "6.2"])
def test_microscopy_and_ultrasound_volumes_say_what_they_are(picture: Callable[..., Path], sop_class: str) -> None:
    (ending,) = grouped(picture(sop_class)).endings
    assert ending.code == "modality-unsupported" and "Storage" in ending.why
