"""A film is one frame of it, and no other frame is looked at."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

from scans.cine import view_of
from scans.header import Header, read_header
from scans.picture import allowed, pictures
from scans.pixels import decoded_digest, read_stored
from scans.samples import LOSSY, LOSSY_ERROR, ramp, samples
from scans.sandbox.pool import Guard
from scans.sandbox.process import Limits
from scans.stack import Member, Stack, group
from scans.volume import read_volume
from siamese.recipe import recipe_for
from siamese.tensor import to_tensor

XA, ENHANCED_XA, RF = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("12.1", "12.1.1", "12.2"))
MANY, SOME = 10_000, 101  # frames
Save = Callable[..., Path]


@pytest.fixture
def film(save: Save) -> Callable[..., Path]:
    """Write an angiography of n frames of 4 x 3 pixels; a frame's pixels are its number and more to the right."""

    def write(n: int = 5, name: str = "film", **tags: Any) -> Path:
        words = np.arange(n, dtype="<i2")[:, None, None] + np.tile(np.arange(3, dtype="<i2"), (1, 4, 1))
        told = {
            "SOPClassUID": XA, "Modality": "XA", "NumberOfFrames": n, "BodyPartExamined": "HEART",
            "PositionerPrimaryAngle": "-30", "PositionerSecondaryAngle": "2", "RescaleSlope": None,
            "RescaleIntercept": None, "PixelData": words.tobytes(),
        }  # fmt: skip
        return save(name, **(told | tags))

    return write


def scan(path: Path) -> Stack:
    (stack,) = group([Member("k", path.name, read_header(path))]).stacks
    return stack


@pytest.mark.parametrize(
    ("n", "tags", "frame"),
    [(5, {}, 2), (4, {}, 2), (1, {}, 0), (5, {"RepresentativeFrameNumber": 1}, 0),
     (5, {"RepresentativeFrameNumber": 5}, 4), (5, {"RepresentativeFrameNumber": 6}, 2)],
)  # fmt: skip
def test_the_representative_frame_stands_for_a_film_else_the_middle_one(
    film: Callable[..., Path], n: int, tags: dict[str, Any], frame: int
) -> None:
    path = film(n, **tags)
    volume = read_volume(scan(path), path.parent)
    assert volume.voxels[0, 0].tolist() == [frame, frame + 1, frame + 2]
    assert volume.is_projection and volume.kind.key == "xa/heart/2d/oblique"


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"])
def test_a_frame_is_the_same_in_other_native_syntaxes(film: Callable[..., Path], syntax: str) -> None:
    plain = film(5)
    other = film(5, "other", TransferSyntaxUID=syntax)
    if syntax.endswith(".2"):
        words = np.frombuffer(dcmread(plain).PixelData, "<i2").astype(">i2")
        other = film(5, "other", TransferSyntaxUID=syntax, PixelData=words.tobytes())
    values = [read_stored(path, read_header(path)).values for path in (plain, other)]
    assert values[0].shape == (1, 4, 3) and np.array_equal(*values)


def test_ten_thousand_frames_take_the_memory_of_one(film: Callable[..., Path]) -> None:
    path = film(MANY)
    header = read_header(path)
    assert header.picture_frame == MANY // 2
    assert read_stored(path, header).values.shape == (1, 4, 3)
    with Guard(Limits(mib=256)) as guard:
        assert decoded_digest(path, header, guard) == decoded_digest(path, header)


@pytest.mark.parametrize("sample", list(samples()), ids=lambda sample: sample[1])
def test_of_a_compressed_film_one_frame_is_decoded(tmp_path: Path, sample: tuple[str, str, int, bytes]) -> None:
    """All other frames begin as pictures do and are rubbish behind: whoever decodes one of them fails."""
    uid, _, bits, content = sample
    ds = dcmread(io.BytesIO(content))
    (picture,) = generate_frames(ds.PixelData, number_of_frames=1)
    rubbish = picture[:64] if uid.endswith("1.2.5") else picture[:4]
    middle = SOME // 2
    ds.SOPClassUID, ds.Modality, ds.NumberOfFrames = UID(XA), "XA", SOME
    ds.PixelData = encapsulate([rubbish] * middle + [picture] + [rubbish] * (SOME - middle - 1))
    ds.save_as(tmp_path / "film", enforce_file_format=True)
    header = read_header(tmp_path / "film")
    with Guard() as guard:
        found = read_stored(tmp_path / "film", header, guard).values[0].astype(int)
    assert np.abs(found - ramp(bits)).max() <= (LOSSY_ERROR[bits] if uid in LOSSY else 0)


@pytest.mark.parametrize(
    ("primary", "secondary", "view"),
    [
        (0, 0, "frontal"), (-15, 15, "frontal"), (15.1, 0, "oblique"), (90, 0, "lateral"), (-75, 0, "lateral"),
        (74.9, 0, "oblique"), (105, 0, "lateral"), (-106, 0, "oblique"), (180, 0, "frontal"), (166, 0, "frontal"),
        (0, 15.1, "oblique"), (0, -30, "oblique"), (None, 0, ""), (0, None, ""), (300, 0, ""),
    ],
)  # fmt: skip
def test_the_view_is_told_by_both_angles(primary: float | None, secondary: float | None, view: str) -> None:
    assert view_of(primary, secondary) == view


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"PositionerPrimaryAngle": "0"}, "xa/heart/2d/frontal"),
        ({"PositionerPrimaryAngle": "0", "PositionerMotion": "DYNAMIC"}, "xa/heart/2d/unknown"),
        ({"PositionerPrimaryAngle": ""}, "xa/heart/2d/unknown"),
        ({"SOPClassUID": RF, "PositionerPrimaryAngle": "", "ViewPosition": "LATERAL"}, "rf/heart/2d/lateral"),
    ],
)  # fmt: skip
def test_kinds_of_angiography_and_fluoroscopy(film: Callable[..., Path], tags: dict[str, Any], kind: str) -> None:
    assert scan(film(3, **tags)).kind.key == kind


def test_an_enhanced_film_tells_the_angles_of_the_frame_that_is_read(film: Callable[..., Path]) -> None:
    def groups(primary: str) -> Dataset:
        place, group = Dataset(), Dataset()
        place.PositionerPrimaryAngle, place.PositionerSecondaryAngle = primary, "0"
        group.PositionerPositionSequence = [place]
        return group

    path = film(
        3, SOPClassUID=ENHANCED_XA, PositionerPrimaryAngle="", PositionerSecondaryAngle="",
        PerFrameFunctionalGroupsSequence=[groups("0"), groups("90"), groups("0")],
    )  # fmt: skip
    assert scan(path).kind.key == "xa/heart/2d/lateral"


def test_an_inverted_film_is_turned_and_has_a_picture_and_an_encoder(film: Callable[..., Path]) -> None:
    path = film(3, PhotometricInterpretation="MONOCHROME1")
    stack = scan(path)
    volume = read_volume(stack, path.parent)
    assert volume.voxels[0, 0].tolist() == [3, 2, 1]
    assert allowed(stack.members[0].header) and len(pictures(volume)) == 1
    assert to_tensor(volume, recipe_for("2d")).shape == (1, 128, 128)


def test_a_header_keeps_its_frame(film: Callable[..., Path]) -> None:
    header = read_header(film(5))
    assert Header.from_json(header.to_json()) == header and header.picture_frame == 2
