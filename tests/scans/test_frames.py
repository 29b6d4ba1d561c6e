"""The frames of an enhanced object are the slices that a classic series would hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import frame, write_enhanced
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, RLELossless

from scans.header import Header, read_header
from scans.outcome import EnhancedUnsupported
from scans.stack import Grouping, Member, group
from scans.volume import Volume, read_volume

CUBE = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def slices(order: Any = range(4), words: np.ndarray = CUBE, **fields: Any) -> list[Any]:
    return [frame((10, 20, 3.0 * z), words[z], **fields) for z in order]


def grouped(path: Path) -> Grouping:
    return group([Member("file", path.name, read_header(path))])


def volumes(path: Path) -> list[Volume]:
    return [read_volume(stack, path.parent) for stack in grouped(path).stacks]


def codes(path: Path) -> list[str]:
    return [ending.code for ending in grouped(path).endings]


def test_frames_are_ordered_by_position_whatever_their_order_in_the_file(tmp_path):
    (volume,) = volumes(write_enhanced(tmp_path / "mr", slices([2, 0, 3, 1])))
    assert volume.voxels.tolist() == CUBE.tolist()
    assert volume.spacing_mm == (3.0, 0.5, 2.0)
    assert volume.affine[:3, 3].tolist() == [10.0, 20.0, 0.0]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_frames_give_the_same_volume(tmp_path, syntax):
    words = np.arange(4 * 40 * 50, dtype=np.int16).reshape(4, 40, 50)
    path = write_enhanced(tmp_path / "mr", slices([2, 0, 3, 1], words))
    ds = dcmread(path)
    ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(path)
    (volume,) = volumes(path)
    assert volume.voxels.tolist() == words.tolist()


def test_each_frame_has_its_own_rescale(tmp_path):
    frames = [frame((0, 0, z), CUBE[z], slope=z + 1, intercept=-10 * z) for z in range(4)]
    (volume,) = volumes(write_enhanced(tmp_path / "ct", frames, Modality="CT"))
    assert volume.voxels.tolist() == [(CUBE[z] * (z + 1.0) - 10 * z).tolist() for z in range(4)]


def test_echoes_b_values_times_and_stacks_of_one_file_are_scans_of_their_own(tmp_path):
    for name, first, second in (
        ("echo", {"echo_ms": 10.0}, {"echo_ms": 80.0}),
        ("b", {"b_value": 0.0}, {"b_value": 1000.0}),
        ("time", {"time": 1}, {"time": 2}),
        ("type", {}, {"image_type": ("ORIGINAL", "PRIMARY", "T2", "NONE")}),
    ):
        frames = [f for z in range(4) for f in (*slices([z], **first), *slices([z], CUBE + 500, **second))]
        found = volumes(write_enhanced(tmp_path / name, frames))
        assert sorted(float(v.voxels.min()) for v in found) == [0.0, 500.0], name


def test_two_parallel_stacks_are_two_scans_and_not_one_with_a_hole(tmp_path):
    upper = [frame((10, 20, 100.0 + 3 * z), CUBE[z] + 500, stack="2") for z in range(4)]
    found = volumes(write_enhanced(tmp_path / "mr", slices() + upper))
    assert sorted(v.affine[2, 3] for v in found) == [0.0, 100.0]


def test_dimension_indices_tell_apart_what_nothing_else_does(tmp_path):
    from enhanced import item

    frames = slices() + slices(words=CUBE + 500)
    for number, (one, _) in enumerate(frames):
        one.FrameContentSequence[0].DimensionIndexValues = [number % 4 + 1, number // 4 + 1]
    in_stack, other = item(DimensionIndexPointer=0x00209057), item(DimensionIndexPointer=0x00189073)
    path = write_enhanced(tmp_path / "mr", frames, DimensionIndexSequence=in_stack + other)
    assert sorted(float(v.voxels.min()) for v in volumes(path)) == [0.0, 500.0]


def test_one_volume_of_a_film_in_one_file_stands_for_it(tmp_path):
    frames = [f for time in (3, 1, 2, 6, 4, 5) for f in slices(words=CUBE + 10 * time, time=time)]
    path = write_enhanced(tmp_path / "mr", frames)
    (volume,) = volumes(path)
    assert (volume.voxels == CUBE + 60).all()  # the last one, which lies fourth in the file
    assert grouped(path).unused == {"file": "20 of 24 frames are not used: time-point"}


def test_repeated_frames_that_nothing_tells_apart_are_refused(tmp_path):
    assert codes(write_enhanced(tmp_path / "mr", slices() + slices())) == ["repeated-positions"]


def test_a_missing_frame_is_named(tmp_path):
    (ending,) = grouped(write_enhanced(tmp_path / "mr", slices([0, 1, 3]))).endings
    assert (ending.code, ending.why) == ("missing-slices", "slice 3 of 4 missing near z = 6.0 mm")


@pytest.mark.parametrize("fields", [{"part": "PHASE"}, {"image_type": ("DERIVED", "PRIMARY", "T1", "ADC")}])
def test_computed_frames_are_set_aside_and_the_file_says_how_many(tmp_path, fields):
    path = write_enhanced(tmp_path / "mr", slices() + slices(words=CUBE + 500, **fields))
    found = grouped(path)
    assert [s.members[0].frame for s in found.stacks] == [0] and found.endings == []
    assert found.unused == {"file": "4 of 8 frames are not used: derived"}


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"PerFrameFunctionalGroupsSequence": None, "SharedFunctionalGroupsSequence": None}, "4 frames without"),
        ({"PerFrameFunctionalGroupsSequence": []}, "groups of 0 frames, 4 frames"),
    ],
)
def test_an_object_without_functional_groups_is_refused(tmp_path, tags, why):
    path = write_enhanced(tmp_path / "mr", slices(), **tags)
    try:
        (ending,) = grouped(path).endings
        assert ending.code == "enhanced-unsupported" and why in ending.why
    except EnhancedUnsupported as refusal:
        assert why in refusal.facts


def test_frames_without_positions_have_no_geometry(tmp_path):
    frames = slices()
    for one, _ in frames:
        del one.PlanePositionSequence
    assert codes(write_enhanced(tmp_path / "mr", frames)) == ["no-geometry"]


def test_enhanced_pet_is_a_volume_of_relative_values(tmp_path):
    path = write_enhanced(tmp_path / "pt", slices(), SOPClassUID="1.2.840.10008.5.1.4.1.1.130", Modality="PT")
    (stack,) = grouped(path).stacks
    assert stack.kind.key == "pt/head/3d/unknown/relative" and len(stack.members) == len(slices())


def test_a_header_with_frames_comes_back_from_its_text(tmp_path):
    header = read_header(write_enhanced(tmp_path / "mr", slices(b_value=5.0)))
    assert len(header.frames) == 4 and header.frames[1].position_mm == (10.0, 20.0, 3.0)
    assert Header.from_json(header.to_json()) == header


def test_the_digest_changes_with_the_geometry_of_a_frame(tmp_path):
    (before,) = grouped(write_enhanced(tmp_path / "a", slices())).stacks
    (after,) = grouped(write_enhanced(tmp_path / "b", slices(orientation=(0, 1, 0, -1, 0, 0)))).stacks
    assert before.digest != after.digest


def test_a_second_copy_is_a_duplicate_and_one_with_other_places_is_a_conflict(tmp_path):
    one = write_enhanced(tmp_path / "a", slices())
    moved = write_enhanced(tmp_path / "b", slices(orientation=(0, 1, 0, -1, 0, 0)))
    for other, wanted in ((one, ["duplicate"]), (moved, ["uid-conflict", "uid-conflict"])):
        members = [Member(key, path.name, read_header(path)) for key, path in (("1", one), ("2", other))]
        assert [ending.code for ending in group(members).endings] == wanted


def test_a_series_converted_by_another_library_gives_the_classic_volume(make_series, tmp_path):
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    words = [np.full((4, 3), value, "<i2") + np.arange(12, dtype="<i2").reshape(4, 3) for value in (5, 30, 90)]
    wanted_by_highdicom = {"FrameOfReferenceUID": "2.25.1", "StudyID": "1", "AccessionNumber": "1", "SeriesNumber": 1}
    folder = make_series(positions_mm=[4.0, 0.0, 2.0], values=[1, 1, 1], StudyTime="101010", **wanted_by_highdicom)
    datasets = []
    for path, pixels in zip(sorted(folder.iterdir()), words, strict=True):
        ds = dcmread(path)
        ds.PixelData = pixels.tobytes()
        ds.save_as(path)
        datasets.append(ds)
    converted = LegacyConvertedEnhancedCTImage(datasets, "2.25.9", 1, "2.25.9.1", 1)
    converted.save_as(tmp_path / "converted")
    members = [Member(p.name, f"series/{p.name}", read_header(p)) for p in folder.iterdir()]
    (classic,) = group(members).stacks
    (volume,) = volumes(tmp_path / "converted")
    wanted = read_volume(classic, tmp_path)
    assert np.array_equal(volume.voxels, wanted.voxels) and np.allclose(volume.affine, wanted.affine)


@pytest.mark.parametrize(
    ("words", "told", "kind", "rule"),
    [
        ("Serie 7", "T2_STAR", "mr/head/3d/t2star", "AcquisitionContrast"),
        ("Serie 7", "FLUID_ATTENUATED", "mr/head/3d/flair", "AcquisitionContrast"),
        ("Serie 7", "UNKNOWN", "mr/head/3d/unknown", ""),
        ("Serie 7", "MIXED", "mr/head/3d/unknown", ""),
        ("Serie 7", "T1", "mr/head/3d/unknown", ""),  # scanners write it for field maps too
        ("T1 3D", "T2", "mr/head/3d/t1", "SeriesDescription"),  # a protocol's name says more than a default
    ],
)
def test_a_frame_tells_its_contrast_where_words_do_not(tmp_path, words, told, kind, rule):
    frames = slices()
    for group_of_one, _ in frames:
        group_of_one.MRImageFrameTypeSequence[0].AcquisitionContrast = told
    path = write_enhanced(tmp_path / "mr", frames, SeriesDescription=words)
    (stack,) = grouped(path).stacks
    assert stack.kind.key == kind
    assert stack.kind.rule.endswith(rule)
