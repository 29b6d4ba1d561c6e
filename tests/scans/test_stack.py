import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.content import NOT_CONTENT, content_fields
from scans.header import Header, read_header
from scans.outcome import NoGeometry
from scans.stack import Grouping, Member, group

CR = "1.2.840.10008.5.1.4.1.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
Maker = Callable[..., list[Member]]


def codes(grouping: Grouping) -> list[str]:
    return [ending.code for ending in grouping.endings]


def files(grouping: Grouping) -> list[list[str]]:
    return sorted([member.file for member in stack.members] for stack in grouping.stacks)


def changed(member: Member, **fields: Any) -> Member:
    return replace(member, header=replace(member.header, **fields))


def test_one_series_is_one_stack_in_anatomical_order(make_members: Maker) -> None:
    grouping = group(make_members([4, 0, 2]))
    assert files(grouping) == [["file1", "file2", "file0"]]
    assert grouping.endings == []


def test_order_is_by_position_and_never_by_instance_number_or_name(make_series: Callable[..., Path]) -> None:
    folder = make_series(positions_mm=[4.0, 0.0, 2.0], values=[3, 1, 2], SliceLocation=7)
    members = [Member(p.name, p.name, read_header(p)) for p in folder.iterdir()]
    (stack,) = group(members).stacks
    assert [member.header.instance_number for member in stack.members] == [2, 3, 1]


def test_the_passport_tells_how_the_stack_lies(make_members: Maker) -> None:
    (stack,) = group(make_members([0, 2.5, 5], kernel="Br40", contrast_agent="Iomeron", rescale_slope=1.0)).stacks
    passport = stack.passport
    assert (passport.n_slices, passport.rows, passport.columns) == (3, 4, 3)
    assert (passport.spacing_z_mm, passport.spacing_y_mm, passport.spacing_x_mm) == (2.5, 0.5, 0.75)
    assert (passport.coverage_mm, passport.largest_gap_mm, passport.orientation) == (7.5, 2.5, "axial")
    assert (passport.kernel, passport.contrast, passport.rescale_slope) == ("Br40", "given", 1.0)


def test_the_passport_tells_how_the_slices_were_stored(make_members: Maker) -> None:
    members = make_members([0, 2.5, 5.02], rescale_slope=1.0, burned_in="NO", transfer_syntax_uid="1.2.840.10008.1.2.5")
    members[1] = changed(members[1], rescale_slope=2.0, transfer_syntax_uid="1.2.840.10008.1.2.1")
    (stack,) = group(members).stacks
    passport = stack.passport
    assert (passport.decoder, passport.burned_in, passport.n_files) == ("imagecodecs,native", "NO", 3)
    assert (passport.rescale_varies, passport.repairs, passport.n_missing) == (True, "", 0)
    assert (passport.smallest_gap_mm, passport.largest_gap_mm) == (2.5, 2.52)


@pytest.mark.parametrize(
    ("numbers", "order"),
    [((1, 2, 9), "rising"), ((3, 2, 1), "falling"), ((1, 3, 2), "mixed"), ((1, None, 3), "unknown"),
     ((4, 4, 4), "unknown")],
)  # fmt: skip
def test_the_passport_tells_how_instance_numbers_run_along_the_normal(
    make_members: Maker, numbers: tuple[int | None, ...], order: str
) -> None:
    members = [changed(m, instance_number=n) for m, n in zip(make_members([0, 1, 2]), numbers, strict=True)]
    assert group(members).stacks[0].passport.slice_order == order


def test_texts_in_the_passport_are_short_and_printable(make_members: Maker) -> None:
    (stack,) = group(make_members([0, 1, 2], kernel="Br\n40\x00é" + "x" * 99)).stacks
    assert stack.passport.kernel == ("Br40" + "x" * 99)[:64]


def test_each_projection_is_a_stack_of_its_own(make_members: Maker) -> None:
    members = make_members([0, 0], sop_class_uid=CR, position_mm=None, orientation=None, pixel_spacing_mm=None)
    grouping = group([changed(members[0], view="PA"), changed(members[1], view="LL")])
    assert sorted(s.kind.key for s in grouping.stacks) == ["xr/chest/2d/frontal", "xr/chest/2d/lateral"]
    assert {s.passport.orientation for s in grouping.stacks} == {"projection"}


@pytest.mark.parametrize(
    "fields",
    [
        {"orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0), "position_mm": None}, {"pixel_spacing_mm": (1.0,
        1.0)},
        {"rows": 8}, {"image_type": ("DERIVED", "SECONDARY", "MPR")}, {"kernel": "LUNG"},
    ],
)  # fmt: skip
def test_a_series_splits_by_what_always_tells_slices_apart(make_members: Maker, fields: dict[str, Any]) -> None:
    one, other = make_members([0, 1, 2]), make_members([0, 1, 2], start=3)
    if "orientation" in fields:
        other = [changed(m, **(fields | {"position_mm": (0.0, float(i), 0.0)})) for i, m in enumerate(other)]
    else:
        other = [changed(m, **fields) for m in other]
    found = sorted(sorted(some) for some in files(group(one + other)))
    assert found == [["file0", "file1", "file2"], ["file3", "file4", "file5"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"echo_number": 2}, {"echo_time_ms": 80.0}, {"b_value": 1000.0}, {"sequence_name": "*ep_b1000#1"},
        {"temporal_position": 2}, {"acquisition_number": 2}, {"trigger_time_ms": 300.0},
        {"contrast_agent": "X"},
        {"frame_of_reference_uid": "1.9"}, {"inversion_time_ms": 900.0},
    ],
)  # fmt: skip
def test_slices_at_one_position_split_by_echo_b_value_or_time(make_members: Maker, fields: dict[str, Any]) -> None:
    grouping = group(make_members([0, 1, 2]) + make_members([0, 1, 2], start=3, **fields))
    assert files(grouping) == [["file0", "file1", "file2"], ["file3", "file4", "file5"]]
    assert grouping.endings == []


def test_an_acquisition_number_for_every_slice_does_not_split_a_stack(make_members: Maker) -> None:
    members = [changed(m, acquisition_number=i) for i, m in enumerate(make_members([0, 1, 2]))]
    assert len(group(members).stacks) == 1


def test_slices_that_nothing_tells_apart_are_refused(make_members: Maker) -> None:
    grouping = group(make_members([0, 1, 2]) + make_members([1], start=3))
    assert codes(grouping) == ["repeated-positions"] * 4


def test_one_slice_acquired_again_is_refused_and_does_not_become_a_crumb(make_members: Maker) -> None:
    grouping = group(make_members([0, 1, 2]) + make_members([1], start=3, acquisition_number=2))
    assert codes(grouping) == ["repeated-positions"] * 4


def test_five_and_more_volumes_that_nothing_tells_apart_are_a_time_series(make_members: Maker) -> None:
    grouping = group([member for time in range(5) for member in make_members([0, 1, 2], start=3 * time)])
    assert codes(grouping) == ["time-series"] * 15 and grouping.stacks == []
    assert grouping.endings[0].why == "15 instances at 3 positions, up to 5 at one"


def test_one_position_seen_several_times_is_a_time_series(make_members: Maker) -> None:
    members = [changed(m, acquisition_number=i) for i, m in enumerate(make_members([5, 5, 5, 5]))]
    assert codes(group(members)) == ["time-series"] * 4


def test_a_missing_slice_refuses_the_stack_with_its_facts(make_members: Maker) -> None:
    grouping = group(make_members([0, 1, 2, 4, 5]))
    assert {(e.code, e.why) for e in grouping.endings} == {("missing-slices", "slice 4 of 6 missing near z = 3.0 mm")}
    assert len(grouping.endings) == 5


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"position_mm": None}, "no-geometry"), ({"orientation": None}, "no-geometry"),
        ({"pixel_spacing_mm": None}, "no-geometry"), ({"orientation": (1.0, 0, 0, 1.0, 0, 0)}, "no-geometry"),
        ({"orientation": (0.0,) * 6}, "no-geometry"), ({"position_mm": (1e9, 0.0, 0.0)}, "no-geometry"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "localizer"),
        ({"series_description": "3-plane Scout"}, "localizer"),
        ({"image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")}, "derived"),
        ({"image_type": ("DERIVED", "SECONDARY", "PROJECTION IMAGE")}, "derived"),
        ({"image_type": ("DERIVED", "SECONDARY"), "modality": "MR", "series_description": "ADC (10^-6)"}, "derived"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P"), "modality": "MR", "sop_class_uid": MR}, "derived"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "M", "MOSAIC")}, "mosaic-unsupported"),
        ({"n_frames": 2}, "multi-frame"), ({"samples_per_pixel": 3, "photometric": "RGB"}, "colour"),
        ({"photometric": "PALETTE COLOR"}, "colour"), ({"photometric": "Carla"}, "bad-value"),
        ({"pixel_element": ""}, "no-pixels"), ({"pixel_element": "FloatPixelData"}, "derived-object"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.2.1"}, "enhanced-unsupported"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.7"}, "secondary-capture"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1.1"}, "for-processing"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.66.4"}, "derived-object"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.11"}, "not-an-image"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.67"}, "not-an-image"),  # dose report
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.77.1.6"}, "modality-unsupported"),
        ({"sop_class_uid": "1.2.3.4"}, "sop-class-unknown"),
    ],
)  # fmt: skip
def test_an_instance_that_is_no_slice_is_set_aside(make_members: Maker, fields: dict[str, Any], code: str) -> None:
    odd = changed(make_members([9], start=9)[0], **fields)
    grouping = group([*make_members([0, 1, 2]), odd])
    assert [(e.file, e.code) for e in grouping.endings] == [("file9", code)]
    assert files(grouping) == [["file0", "file1", "file2"]]


def test_reformats_are_volumes_too(make_members: Maker) -> None:
    members = make_members([0, 1, 2], image_type=("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"))
    assert len(group(members).stacks) == 1


def test_a_copy_with_the_same_pixels_is_a_duplicate(make_members: Maker) -> None:
    members = make_members([0, 1, 2])
    copy = replace(changed(members[1], file_sha256="0" * 64), file="zcopy")
    grouping = group([*members, copy])
    assert [(e.file, e.code) for e in grouping.endings] == [("file1", "duplicate")]  # the smaller hash stays
    assert files(grouping) == [["file0", "zcopy", "file2"]]


@pytest.mark.parametrize(
    "fields", [{"pixel_sha256": "f" * 64}, {"position_mm": (-10.0, -20.0, 9.0)}, {"rescale_slope": 2.0}]
)
def test_one_uid_on_different_content_is_a_conflict_of_all(make_members: Maker, fields: dict[str, Any]) -> None:
    members = make_members([0, 1, 2, 3])
    other = replace(changed(members[3], **fields), file="other")
    grouping = group([*members, other])
    assert {e.file: e.code for e in grouping.endings} == dict.fromkeys(
        ["file0", "file1", "file2", "file3", "other"], "uid-conflict"
    )  # without the slice in doubt the others are no whole volume


@pytest.mark.parametrize("named", ["copy", "file3"])
def test_a_conflict_elsewhere_counts_for_every_copy(make_members: Maker, named: str) -> None:
    members = make_members([0, 1, 2, 3])
    copy = replace(members[3], file="copy")
    grouping = group([*members, copy], conflicts={named: ["elsewhere"]})
    assert {e.file: e.code for e in grouping.endings} == dict.fromkeys(
        ["file0", "file1", "file2", "file3", "copy"], "uid-conflict"
    )


def test_slices_of_two_patients_never_make_one_volume(make_members: Maker) -> None:
    members = make_members([0, 1, 2]) + make_members([3], start=3, identity={"patient_id": "P2", "sop_uid": "1.9"})
    assert codes(group(members)) == ["mixed-patients"] * 4


def test_series_never_mix_even_with_equal_numbers(make_members: Maker) -> None:
    other = make_members([3, 4, 5], start=3)
    other = [changed(m, identity=replace(m.header.identity, series_uid="1.8")) for m in other]
    assert files(group(make_members([0, 1, 2]) + other)) == [
        ["file0", "file1", "file2"],
        ["file3", "file4", "file5"],
    ]


def test_one_volume_lies_in_one_frame_of_reference(make_members: Maker) -> None:
    members = make_members([0, 1, 2]) + make_members([3], start=3, frame_of_reference_uid="1.9")
    assert codes(group(members)) == ["mixed-frames"] * 4


def test_one_volume_has_one_polarity(make_members: Maker) -> None:
    members = make_members([0, 1, 2]) + make_members([3], start=3, photometric="MONOCHROME1")
    assert codes(group(members)) == ["mixed-encoding"] * 4


def test_nearly_equal_directions_are_one_whatever_side_of_a_rounding_they_fall(make_members: Maker) -> None:
    cosines = (0.99949, 0.99951, 0.9995)
    members = [
        changed(m, orientation=(c, 0.0, 0.0, 0.0, 1.0, 0.0))
        for m, c in zip(make_members([0, 1, 2]), cosines, strict=True)
    ]
    assert len(group(members).stacks) == 1


def test_two_members_with_one_key_are_an_error(make_members: Maker) -> None:
    with pytest.raises(ValueError, match="same file key"):
        group(make_members([0]) * 2)


def test_no_members_are_no_stacks() -> None:
    assert group([]) == Grouping([], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"pixel_sha256": "f" * 64}, {"position_mm": (-10.0, -20.0, 1.001)}, {"study_date": "20240306"},
        {"rescale_intercept": 1.0}, {"padding_value": 5},
    ],
)  # fmt: skip
def test_the_digest_changes_with_the_content(make_members: Maker, fields: dict[str, Any]) -> None:
    members = make_members([0, 1, 2])
    (before,), (after,) = (
        group(members).stacks,
        group([members[0], changed(members[1], **fields), members[2]]).stacks,
    )
    assert before.digest != after.digest


def test_the_digest_does_not_change_with_names_or_copies(make_members: Maker) -> None:
    members = make_members([0, 1, 2])
    moved = [replace(m, file=f"x{m.file}", path="elsewhere") for m in members[::-1]]
    copy = replace(changed(members[1], file_sha256="0" * 64, size_bytes=7), file="copy")
    assert {s.digest for some in (members, moved, [*members, copy]) for s in group(some).stacks} == {
        group(members).stacks[0].digest
    }


def test_a_late_slice_makes_another_scan(make_members: Maker) -> None:
    (before,), (after,) = group(make_members([0, 1, 2])).stacks, group(make_members([0, 1, 2, 3])).stacks
    assert before.digest != after.digest


HEADERS = st.fixed_dictionaries(
    {
        "z_mm": st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0]),
        "index": st.integers(0, 9),
        "pixel_sha256": st.sampled_from(["a" * 64, "b" * 64]),
        "file_sha256": st.sampled_from(["c" * 64, "d" * 64]),
        "echo_number": st.sampled_from([None, 1, 2]),
        "acquisition_number": st.sampled_from([None, 1, 2]),
        "kernel": st.sampled_from(["", "B30f"]),
        "image_type": st.sampled_from([("ORIGINAL", "PRIMARY", "AXIAL"), ("ORIGINAL", "PRIMARY", "LOCALIZER")]),
        "sop_class_uid": st.sampled_from([MR, MR, MR, CR]),
    }
)


@settings(max_examples=200)
@given(st.lists(HEADERS, max_size=14), st.randoms(), st.sets(st.integers(0, 13)))
def test_grouping_is_a_function_of_the_set_and_ends_every_member_once(
    make_header: Callable[..., Header], several: list[dict[str, Any]], chance: random.Random, clash: set[int]
) -> None:
    members = [Member(f"f{i}", "p", make_header(**fields)) for i, fields in enumerate(several)]
    conflicts = {f"f{i}": ["elsewhere"] for i in clash}
    grouping = group(members, conflicts=conflicts)
    shuffled = list(members)
    chance.shuffle(shuffled)
    assert group(shuffled, conflicts=dict(reversed(conflicts.items()))) == grouping
    ended = [e.file for e in grouping.endings] + [m.file for s in grouping.stacks for m in s.members]
    assert sorted(ended) == sorted(m.file for m in members)


def test_both_sides_of_a_conflict_and_of_a_duplicate_are_named(make_members: Maker) -> None:
    members = make_members([0, 1, 2, 3])
    other = replace(changed(members[3], rescale_slope=2.0), file="other")
    copy = replace(changed(members[0], file_sha256="f" * 64), file="copy")
    why = {e.file: e.why for e in group([*members, other, copy]).endings}
    told = "2 different contents under one SOP instance UID (rescale_slope); the others: file"
    series = "another slice of the series stands on different contents: file file3"
    assert why == {
        "file0": series, "file1": series, "file2": series, "file3": f"{told} other", "other": f"{told} file3",
        "copy": "2 copies; the one that counts: file file0",
    }  # fmt: skip


def test_a_conflict_across_series_names_the_files_elsewhere(make_members: Maker) -> None:
    members = make_members([0, 1, 2, 3])
    *_, ending = group(members, conflicts={"file3": ["w", "x", "y", "z"]}).endings
    assert ending.file == "file3" and ending.why.endswith("elsewhere: file w, file x, file y and 1 more")


@pytest.mark.parametrize(("pixels", "code"), [("same", "duplicate"), ("other", "uid-conflict")])
def test_a_lossless_recompression_is_a_duplicate_and_other_pixels_are_not(
    make_members: Maker, pixels: str, code: str
) -> None:
    members = make_members([0, 1, 2, 3])
    packed = replace(changed(members[3], pixel_sha256="f" * 64, file_sha256="f" * 64), file="packed")
    asked = []

    def decoded(member: Member) -> str:
        asked.append(member.file)
        return pixels if member.file == "packed" else "same"

    endings = group([*members, packed], decoded=decoded).endings
    assert {e.code for e in endings} == {code} and {e.file for e in endings} >= {"packed"}
    assert sorted(asked) == ["file3", "packed"]  # nothing is decoded where the stored bytes are alike


def test_a_copy_that_cannot_be_decoded_is_in_conflict(make_members: Maker) -> None:
    members = make_members([0, 1, 2, 3])
    packed = replace(changed(members[3], pixel_sha256="f" * 64), file="packed")

    def decoded(member: Member) -> str:
        raise NoGeometry

    assert {e.code for e in group([*members, packed], decoded=decoded).endings} == {"uid-conflict"}


def test_a_field_that_a_header_does_not_have_changes_no_scan(make_members: Maker, monkeypatch) -> None:
    """A version that reads one more tag must not make all scans new."""
    members = make_members([0.0, 3.0, 6.0])
    digest = group(members).stacks[0].digest
    told = [changed(member, acquisition_contrast="T1") for member in members]
    assert group(told).stacks[0].digest != digest
    monkeypatch.setattr("scans.content.NOT_CONTENT", NOT_CONTENT | {"acquisition_contrast"})
    content_fields.cache_clear()  # as a version that does not know the tag
    assert group(told).stacks[0].digest == digest
    monkeypatch.undo()
    content_fields.cache_clear()


def constant(members: list[Member], told: Callable[[int], dict[str, Any]]) -> list[Member]:
    """Put all slices at one position; each gets fields of its own."""
    return [changed(m, position_mm=(-10.0, -20.0, 5.0), **told(i)) for i, m in enumerate(members)]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (lambda i: {"slice_location_mm": 2.5 * i}, "SliceLocation"),
        (lambda i: {"slice_location_mm": 2.5 * i, "acquisition_number": i}, "SliceLocation"),
        (lambda i: {"slice_location_mm": 2.5 * (i // 2), "temporal_position": i % 2}, "SliceLocation"),
        (lambda i: {"slice_location_mm": 2.5 * i if i < 10 else None}, "SliceLocation"),
        (lambda i: {"in_stack_position": i + 1}, "InStackPositionNumber"),
    ],
)
def test_slices_that_lost_their_positions_are_no_time_series(
    make_members: Maker, told: Callable[[int], dict[str, Any]], name: str
) -> None:
    endings = group(constant(make_members(range(20)), told)).endings
    facts = f"20 instances at 1 positions, up to 20 at one; {name} differs among them"
    assert {(e.code, e.why) for e in endings} == {("positions-contradict", facts)} and len(endings) == 20


def test_half_a_series_that_lost_its_positions_is_no_time_series(make_members: Maker) -> None:
    members = make_members(range(20))
    members = [changed(m, slice_location_mm=float(i)) for i, m in enumerate(members)]
    halves = constant(members[10:], lambda i: {}) + members[:10]
    assert set(codes(group(halves))) == {"positions-contradict"}


def test_slices_at_one_position_that_only_their_number_tells_apart_are_looked_at(make_members: Maker) -> None:
    lost = constant(make_members(range(20)), lambda i: {"instance_number": i + 1})
    assert codes(group(lost)) == ["repeated-positions"] * 20
    watched = constant(make_members(range(20)), lambda i: {"instance_number": i, "acquisition_time": f"1011{i:02d}"})
    assert codes(group(watched)) == ["time-series"] * 20


def test_slice_locations_place_nothing_where_positions_do(make_members: Maker) -> None:
    members = [changed(m, slice_location_mm=float(-7 * i % 11)) for i, m in enumerate(make_members(range(12)))]
    assert [len(s.members) for s in group(members).stacks] == [12]


@pytest.mark.parametrize(("n_other", "kind"), [(1, "ct/chest/3d"), (4, "ct/chest/3d"), (5, "ct/unknown/3d")])
@pytest.mark.parametrize("at", ["first", "last"])
def test_one_slice_does_not_tell_the_kind_of_a_volume(make_members: Maker, n_other: int, kind: str, at: str) -> None:
    members = make_members(range(10), body_part="CHEST", series_description="routine")
    is_other = (lambda i: i < n_other) if at == "first" else (lambda i: i >= 10 - n_other)
    mixed = [
        replace(m, header=replace(m.header, body_part="ABDOMEN")) if is_other(i) else m for i, m in enumerate(members)
    ]
    (stack,) = group(mixed).stacks
    assert (stack.kind.key, stack.kind.known, len(stack.members)) == (kind, kind != "ct/unknown/3d", 10)


def test_slices_of_signed_and_of_unsigned_pixels_make_no_volume(make_members: Maker) -> None:
    members = make_members(range(10))
    other = 1 - members[4].header.pixel_representation
    members[4] = replace(members[4], header=replace(members[4].header, pixel_representation=other))
    assert {ending.code for ending in group(members).endings} == {"mixed-encoding"}
