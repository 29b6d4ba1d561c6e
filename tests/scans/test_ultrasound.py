"""Only the region of tissue of an ultrasound is read, and only where the header tells it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from scans.header import read_header
from scans.picture import allowed
from scans.stack import Grouping, Member, group
from scans.volume import read_volume
from siamese.recipe import recipe_for
from siamese.tensor import to_tensor

US, CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
ROWS, COLUMNS = 6, 8
WORDS = np.arange(ROWS * COLUMNS, dtype="u1").reshape(ROWS, COLUMNS)


def region(left: int, top: int, right: int, bottom: int, **tags: Any) -> Dataset:
    """Return a region of tissue with pixels of 2 mm across and 1 mm down; the last row and column belong to it."""
    item = Dataset()
    told = {
        "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "RegionLocationMinX0": left,
        "RegionLocationMinY0": top, "RegionLocationMaxX1": right, "RegionLocationMaxY1": bottom,
        "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.2, "PhysicalDeltaY": -0.1,
    }  # fmt: skip
    for keyword, value in (told | tags).items():
        setattr(item, keyword, value)
    return item


TISSUE = region(2, 1, 6, 4)
Grouped = Callable[..., tuple[Grouping, Path]]


@pytest.fixture
def grouped(save: Callable[..., Path]) -> Grouped:
    def write(*regions: Dataset, **tags: Any) -> tuple[Grouping, Path]:
        told = {
            "SOPClassUID": US, "Modality": "US", "Rows": ROWS, "Columns": COLUMNS, "BodyPartExamined": "HEART",
            "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "RescaleSlope": None,
            "RescaleIntercept": None, "PixelSpacing": None, "PixelData": WORDS.tobytes(),
        }  # fmt: skip
        if regions:
            told["SequenceOfUltrasoundRegions"] = list(regions)
        path = save(**(told | tags))
        return group([Member("k", path.name, read_header(path))]), path.parent

    return write


def test_a_picture_is_cut_to_its_region_and_has_its_millimetres(grouped: Grouped) -> None:
    grouping, root = grouped(TISSUE)
    (stack,) = grouping.stacks
    volume = read_volume(stack, root)
    assert volume.voxels[0].tolist() == WORDS[1:5, 2:7].tolist()
    assert volume.spacing_mm[1:] == pytest.approx((1.0, 2.0)) and volume.has_size
    assert (stack.kind.key, stack.kind.known) == ("us/heart/2d/b-mode", True)


def test_the_largest_region_of_tissue_counts(grouped: Grouped) -> None:
    wider = region(0, 0, 7, 5, RegionDataType=3)  # a spectrum
    grouping, root = grouped(region(0, 0, 1, 1), wider, TISSUE, region(3, 1, 7, 4))
    assert read_volume(grouping.stacks[0], root).voxels.shape == (1, 4, 5)


def test_a_region_may_count_its_last_row_from_one(grouped: Grouped) -> None:
    grouping, root = grouped(region(2, 1, COLUMNS, ROWS))
    assert read_volume(grouping.stacks[0], root).voxels.shape == (1, 5, 6)


@pytest.mark.parametrize("regions", [(), (region(2, 1, 30, 4),), (region(5, 1, 2, 4),)])
def test_without_a_region_in_the_picture_it_is_held_back(grouped: Grouped, regions: tuple[Dataset, ...]) -> None:
    grouping, _ = grouped(*regions)
    (stack,) = grouping.stacks
    assert (stack.kind.key, stack.kind.known) == ("us/heart/2d/unknown", False)
    assert "SequenceOfUltrasoundRegions" in stack.kind.rule


def test_a_picture_without_tissue_is_set_aside(grouped: Grouped) -> None:
    grouping, _ = grouped(region(0, 0, 7, 5, RegionDataType=3), region(0, 0, 7, 5, RegionSpatialFormat=2))
    assert [(e.code, e.why) for e in grouping.endings] == [
        ("modality-unsupported", "an ultrasound without a two-dimensional region of tissue")
    ]


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"BodyPartExamined": "", "ImageType": ["ORIGINAL", "PRIMARY", "THYROID"]}, "us/neck/2d/b-mode"),
        ({"BodyPartExamined": "", "ImageType": ["ORIGINAL", "PRIMARY", "SMALL PARTS"]}, "us/unknown/2d/b-mode"),
        ({"BodyPartExamined": "BREAST", "Laterality": "L"}, "us/breast/2d/b-mode/left"),
    ],
)  # fmt: skip
def test_kinds_of_ultrasound(grouped: Grouped, tags: dict[str, Any], kind: str) -> None:
    assert grouped(TISSUE, **tags)[0].stacks[0].kind.key == kind


def test_units_other_than_centimetres_give_no_size(grouped: Grouped) -> None:
    grouping, root = grouped(region(2, 1, 6, 4, PhysicalUnitsXDirection=4))
    assert not read_volume(grouping.stacks[0], root).has_size


def test_a_cine_is_its_middle_frame_without_a_picture_and_an_encoder_takes_it(grouped: Grouped) -> None:
    frames = np.stack([WORDS, WORDS[::-1], WORDS]).tobytes()
    grouping, root = grouped(TISSUE, SOPClassUID=CINE, NumberOfFrames=3, PixelData=frames)
    volume = read_volume(grouping.stacks[0], root)
    assert volume.voxels[0].tolist() == WORDS[::-1][1:5, 2:7].tolist()
    assert not allowed(grouping.stacks[0].members[0].header)
    assert to_tensor(volume, recipe_for("2d")).shape == (1, 128, 128)
