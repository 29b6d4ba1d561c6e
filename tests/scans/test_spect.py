"""SPECT: frames that vectors number, placed by one position, a spacing with a sign and the normal."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from scans.header import Header, read_header
from scans.picture import allowed, pictures
from scans.stack import Grouping, Member, group
from scans.volume import read_volume
from siamese.recipe import recipe_for
from siamese.tensor import to_tensor

NM = "1.2.840.10008.5.1.4.1.1.20"
AXIAL = [1, 0, 0, 0, 1, 0]
Write = Callable[..., Path]


def item(**tags: Any) -> list[Dataset]:
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return [ds]


@pytest.fixture
def spect(save: Callable[..., Path]) -> Write:
    """Write a tomography; the pixels of a frame begin with ten times its number."""

    def write(vector: Sequence[int] = (1, 2, 3, 4), **tags: Any) -> Path:
        n = len(vector)
        words = 10 * np.arange(1, n + 1, dtype="<i2")[:, None, None] + np.arange(12, dtype="<i2").reshape(4, 3)
        told = {
            "SOPClassUID": NM, "Modality": "NM", "NumberOfFrames": n, "SliceVector": list(vector),
            "NumberOfSlices": max(vector), "SpacingBetweenSlices": "5", "BodyPartExamined": "HEART",
            "ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"], "ImagePositionPatient": None,
            "ImageOrientationPatient": None, "PixelSpacing": [4, 4], "RescaleSlope": None, "RescaleIntercept": None,
            "DetectorInformationSequence": item(ImagePositionPatient=[-8, -6, 100], ImageOrientationPatient=AXIAL),
            "RadiopharmaceuticalInformationSequence": item(Radiopharmaceutical="Tc-99m sestamibi"),
            "PixelData": words.tobytes(),
        }  # fmt: skip
        return save(**{name: value for name, value in (told | tags).items() if value != ""} | {})

    return write


def grouped(path: Path) -> Grouping:
    return group([Member("k", path.name, read_header(path))])


def firsts(path: Path) -> list[float]:
    """Return the first value of each slice, feet first."""
    (stack,) = grouped(path).stacks
    return [float(value) for value in read_volume(stack, path.parent).to_canonical().voxels[:, 0, 0]]


def test_slices_follow_the_normal_by_the_sign_of_their_spacing(spect: Write) -> None:
    assert firsts(spect()) == [10, 20, 30, 40]
    assert firsts(spect(SpacingBetweenSlices="-5")) == [40, 30, 20, 10]
    assert firsts(spect((2, 1, 4, 3))) == [20, 10, 40, 30]  # the vector counts, not the order of the frames


def test_places_are_those_of_a_slow_loop(spect: Write) -> None:
    oblique = [0.8, 0.6, 0, 0, 0, -1]  # the normal is (-0.6, 0.8, 0)
    detector = item(ImagePositionPatient=[1, 2, 3], ImageOrientationPatient=oblique)
    header = read_header(spect(DetectorInformationSequence=detector))
    for k, frame in enumerate(header.frames):
        assert frame.position_mm == pytest.approx((1 - 0.6 * 5 * k, 2 + 0.8 * 5 * k, 3))
    assert Header.from_json(header.to_json()) == header


def test_a_spect_has_a_kind_a_picture_and_an_encoder(spect: Write) -> None:
    path = spect()
    (stack,) = grouped(path).stacks
    assert (stack.kind.key, stack.kind.known) == ("nm/heart/3d/mibi", True)
    assert stack.passport.spacing_z_mm == 5 and stack.passport.orientation == "axial"
    volume = read_volume(stack, path.parent)
    assert allowed(stack.members[0].header) and len(pictures(volume)) == 3
    assert to_tensor(volume, recipe_for("3d")).shape == (1, 32, 64, 64)


def test_time_slots_are_volumes_of_their_own(spect: Write) -> None:
    path = spect(
        (1, 2, 3) * 2, TimeSlotVector=[1, 1, 1, 2, 2, 2], ImageType=["ORIGINAL", "PRIMARY", "RECON GATED TOMO"]
    )
    stacks = grouped(path).stacks
    assert sorted([m.frame for m in stack.members] for stack in stacks) == [[0, 1, 2], [3, 4, 5]]


def test_energy_windows_are_volumes_of_their_own(spect: Write) -> None:
    stacks = grouped(spect((1, 2, 3) * 2, EnergyWindowVector=[1, 1, 1, 2, 2, 2])).stacks
    assert sorted([m.frame for m in stack.members] for stack in stacks) == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "tags",
    [
        {"SliceVector": [1, 2, 3]}, {"SliceVector": ""}, {"SpacingBetweenSlices": ""}, {"SpacingBetweenSlices": "0"},
        {"DetectorInformationSequence": ""}, {"NumberOfSlices": 3}, {"SliceVector": [0, 1, 2, 3]},
        {"DetectorInformationSequence": item(ImagePositionPatient=[0, 0, 0])},
        {"DetectorInformationSequence": item(ImagePositionPatient=[0] * 3, ImageOrientationPatient=[1, 0, 0] * 2)},
    ],
)  # fmt: skip
def test_without_a_full_vector_and_geometry_nothing_is_placed(spect: Write, tags: dict[str, Any]) -> None:
    grouping = grouped(spect(**tags))
    assert not grouping.stacks and [e.code for e in grouping.endings] == ["no-geometry"]


@pytest.mark.parametrize(
    ("what", "code", "why"),
    [
        ("WHOLE BODY", "modality-unsupported", "ImageType WHOLE BODY: planar"),
        ("GATED TOMO", "modality-unsupported", "ImageType GATED TOMO: projections of a tomography"),
        ("CANARY", "modality-unsupported", "ImageType names no reconstructed slices"),
    ],
)
def test_what_is_not_reconstructed_says_so(spect: Write, what: str, code: str, why: str) -> None:
    grouping = grouped(spect(ImageType=["ORIGINAL", "PRIMARY", what, "EMISSION"]))
    assert [(e.code, e.why) for e in grouping.endings] == [(code, why)]


def test_a_transmission_is_a_map(spect: Write) -> None:
    grouping = grouped(spect(ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "TRANSMISSION"]))
    assert [e.code for e in grouping.endings] == ["derived"]
