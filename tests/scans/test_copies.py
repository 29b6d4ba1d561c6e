"""Copies of one instance: one sending counts as a whole, or all that stand against each other are set aside."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scans.stack import Grouping, Member, group

MR, CR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.1"
Maker = Callable[..., list[Member]]
KNOWN = {"sex": "F", "kernel": "B30f", "acquisition_date": "20240305", "acquisition_time": "101112",
         "frame_of_reference_uid": "1.7", "series_description": "chest", "content_time": "101500"}  # fmt: skip


def again(members: list[Member], *, identity: dict[str, str] | None = None, **fields: Any) -> list[Member]:
    """The same instances sent again, with other hashes of their files."""
    copies = []
    for number, member in enumerate(members):
        who = replace(member.header.identity, **(identity or {}))
        # of every second slice the copy has the smaller hash
        sha256 = f"{number:03d}" + ("0" if number % 2 else "f") * 61
        header = replace(member.header, identity=who, file_sha256=sha256, **fields)
        copies.append(replace(member, file=f"again{number}", header=header))
    return copies


def first(make_members: Maker, n: int = 6, **fields: Any) -> list[Member]:
    members = make_members(range(n), **(KNOWN | fields))
    born = [replace(m.header.identity, birth_date="19600101", name="Tester^Tess") for m in members]
    return [
        replace(m, header=replace(m.header, identity=who, file_sha256=f"{i:03d}" + "8" * 61))
        for i, (m, who) in enumerate(zip(members, born, strict=True))
    ]


def codes(grouping: Grouping) -> dict[str, str]:
    used = {member.file: "used" for stack in grouping.stacks for member in stack.members}
    return used | {ending.file: ending.code for ending in grouping.endings}


CORRECTED = [
    {"kernel": "B70f"}, {"image_type": ("DERIVED", "PRIMARY", "AXIAL")}, {"frame_of_reference_uid": "1.8"},
    {"identity": {"birth_date": "19610101"}}, {"sex": "M"}, {"identity": {"patient_id": "P2"}},
    {"identity": {"issuer": "H2"}}, {"body_part": "ABDOMEN"}, {"study_date": "20250305"},
    {"acquisition_date": "20250305"}, {"acquisition_time": "111112"}, {"timezone_offset": "+0100"},
    {"rescale_type": "ED"}, {"slice_thickness_mm": 5.0}, {"kvp": 80.0}, {"contrast_agent": "AGENT"},
    {"rescale_slope": 2.0}, {"padding_value": -2000}, {"photometric": "MONOCHROME1"}, {"acquisition_number": 2},
    {"orientation": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}, {"pixel_spacing_mm": (0.7, 0.75)},
    {"series_description": "scout"}, {"has_modality_lut": True},
]  # fmt: skip


@pytest.mark.parametrize("change", CORRECTED, ids=str)
def test_a_series_sent_again_with_a_correction_is_in_conflict_as_a_whole(
    make_members: Maker, change: dict[str, Any]
) -> None:
    members = first(make_members)
    grouping = group([*members, *again(members, **change)])
    assert set(codes(grouping).values()) == {"uid-conflict"} and len(codes(grouping)) == 12


def test_the_reason_names_the_other_copy_and_what_differs_and_no_value(make_members: Maker) -> None:
    members = first(make_members)
    endings = group([*members, *again(members, identity={"birth_date": "19610101"}, kernel="B70f")]).endings
    why = {e.file: e.why for e in endings}
    told = "2 different contents under one SOP instance UID (birth date, kernel); the others: file"
    assert (why["file2"], why["again2"]) == (f"{told} again2", f"{told} file2")


@pytest.mark.parametrize("n_again", [1, 3])
@pytest.mark.parametrize("where", ["first", "last"])
def test_a_few_corrected_slices_leave_no_shorter_volume(make_members: Maker, n_again: int, where: str) -> None:
    members = first(make_members)
    some = members[:n_again] if where == "first" else members[-n_again:]
    grouping = group([*members, *again(some, kernel="B70f")])
    assert grouping.stacks == [] and set(codes(grouping).values()) == {"uid-conflict"}
    (other,) = {e.why for e in grouping.endings if e.file in ("file3", "file2")} if n_again == 1 else [""]
    assert n_again == 3 or other.startswith("another slice of the series stands on different contents: file ")


def test_another_series_of_the_study_is_not_touched_by_a_conflict(make_members: Maker) -> None:
    members = first(make_members)
    other = [replace(m, file=f"other{i}") for i, m in enumerate(make_members(range(4), start=20))]
    other = [replace(m, header=replace(m.header, identity=replace(m.header.identity, series_uid="1.9"))) for m in other]
    (stack,) = group([*members, *again(members, kernel="B70f"), *other]).stacks
    assert {m.file for m in stack.members} == {m.file for m in other}


def test_a_picture_in_conflict_leaves_the_other_pictures_of_its_series(make_members: Maker) -> None:
    fields = {"sop_class_uid": CR, "position_mm": None, "orientation": None, "view": "PA"}
    members = first(make_members, 2, **fields)
    grouping = group([*members, *again(members[:1], view="LL")])
    assert codes(grouping) == {"file0": "uid-conflict", "again0": "uid-conflict", "file1": "used"}


OLD = {"created_date": "20240305", "created_time": "101500"}
NEWER = [  # what the corrected copy says of itself
    {"modified": ("20240310120000",)}, {"modified": ("20240310120000", "20240309")}, {"modified": ("20240310",), **OLD},
    {"coerced": "20240310120000.5+0100", "modified": ("20240310120000",)},
    {"created_date": "20240306", "created_time": "080000"}, {"modified": ("2024-03-10T12:00:00Z",)},
]  # fmt: skip
UNTOLD = [
    {}, OLD, {"modified": ("soon",)}, {"modified": ("",)}, {"modified": ("20240310120000", "")},
    {"modified": ("20240310120000",), "created_date": "20240304", "created_time": "101500"},  # made before the other
    {"modified": ("20240310120000",), "pixel_sha256": "e" * 64},  # no correction of a header alone
    {"created_date": "20240305", "created_time": "183000", "timezone_offset": "+0100"},  # the other has no zone
]  # fmt: skip


@pytest.mark.parametrize("said", NEWER, ids=str)
@pytest.mark.parametrize("change", [{"kernel": "B70f"}, {"identity": {"birth_date": "19610101"}},
                                    {"identity": {"patient_id": "P2"}}, {"body_part": "ABDOMEN"}], ids=str)  # fmt: skip
def test_the_copy_that_says_that_it_is_newer_counts_as_a_whole(
    make_members: Maker, said: dict[str, Any], change: dict[str, Any]
) -> None:
    members = first(make_members, **OLD)
    for files in ([*members, *again(members, **change, **said)], [*again(members, **change, **said), *members]):
        grouping = group(files)
        found = codes(grouping)
        assert {file.rstrip("0123456789"): code for file, code in found.items()} == {
            "again": "used",
            "file": "duplicate",
        }
        assert len(grouping.stacks) == 1 and len(found) == 12
    assert grouping.endings[2].why == "2 copies; the one that was corrected last counts: file again2"


@pytest.mark.parametrize("said", UNTOLD, ids=str)
def test_where_copies_do_not_agree_on_which_is_newer_all_are_in_conflict(
    make_members: Maker, said: dict[str, Any]
) -> None:
    members = first(make_members, **OLD)
    assert set(codes(group([*members, *again(members, kernel="B70f", **said)])).values()) == {"uid-conflict"}


def test_of_two_corrections_the_later_one_counts(make_members: Maker) -> None:
    members = first(make_members, modified=("20240311",))
    copies = again(members, kernel="B70f", modified=("20240310", "20240309"))
    third = [replace(m, file=f"third{i}") for i, m in enumerate(again(members, kernel="B80f", modified=()))]
    found = codes(group([*copies, *members, *third]))
    assert {file for file, code in found.items() if code == "used"} == {m.file for m in members}
    assert list(found.values()).count("duplicate") == 12


@pytest.mark.parametrize("n_again", [1, 3, 5])
def test_a_correction_of_some_slices_makes_no_volume_of_two_copies(make_members: Maker, n_again: int) -> None:
    members = first(make_members)
    grouping = group([*members, *again(members[:n_again], kernel="B70f", modified=("20240310",))])
    assert grouping.stacks == [] and set(codes(grouping).values()) == {"uid-conflict"}


def test_a_correction_that_changes_some_slices_only_counts_with_its_other_slices(make_members: Maker) -> None:
    members = first(make_members)
    copies = again(members[:3], kernel="B70f", modified=("20240310",))
    rest = again(members, kernel=members[0].header.kernel, modified=("20240310",))[3:]
    grouping = group([*members, *copies, *rest])
    used = {m.file for stack in grouping.stacks for m in stack.members}
    assert used == {f"again{i}" for i in range(6)} and len(grouping.stacks) == 2


SAME = [
    {"series_description": "Chest "}, {"series_description": "CHEST routine"},
    {"study_description": "Thorax"}, {"manufacturer": "ACME Inc"}, {"content_time": "101501"}, {"age_years": 64.0},
    {"transfer_syntax_uid": "1.2.840.10008.1.2"}, {"identity": {"name": "TESTER^TESS^^"}}, {"instance_number": 99},
    {"identity": {"birth_date": ""}}, {"sex": ""}, {"identity": {"accession_number": "A2"}}, {"sex": "O"},
    {"slice_location_mm": 3.0},
]  # fmt: skip


@pytest.mark.parametrize("change", SAME, ids=str)
def test_copies_that_mean_the_same_are_duplicates_and_one_sending_counts(
    make_members: Maker, change: dict[str, Any]
) -> None:
    members = first(make_members)
    found = codes(group([*members, *again(members, **change)]))
    assert sorted(found.values()) == ["duplicate"] * 6 + ["used"] * 6
    if set(change) - {"content_time", "age_years", "instance_number", "slice_location_mm"}:
        assert len({file.rstrip("0123456789") for file, code in found.items() if code == "used"}) == 1


def test_the_sending_with_more_slices_counts(make_members: Maker) -> None:
    members = first(make_members)
    copies = again(members, series_description="CHEST routine")
    for some, others in ((members, copies[:3]), (copies, members[2:])):
        (stack,) = group([*others, *some]).stacks
        assert {m.file for m in stack.members} == {m.file for m in some}


def test_two_sendings_that_overlap_make_one_volume(make_members: Maker) -> None:
    members = first(make_members, 8)
    (stack,) = group([*members[:6], *again(members, series_description="CHEST routine")[4:]]).stacks
    assert [m.header.position_mm[2] for m in stack.members if m.header.position_mm] == list(map(float, range(8)))


def test_of_three_copies_one_in_conflict_sets_all_aside(make_members: Maker) -> None:
    members = first(make_members)
    third = [replace(m, file=f"third{i}") for i, m in enumerate(again(members, kernel="B70f"))]
    found = codes(group([*members, *again(members), *third]))
    assert set(found.values()) == {"uid-conflict"} and len(found) == 18


def test_taking_one_copy_away_settles_the_conflict(make_members: Maker) -> None:
    members = first(make_members)
    for kept in (members, again(members, kernel="B70f")):
        assert set(codes(group(kept)).values()) == {"used"}


def test_a_correction_packed_losslessly_is_still_a_correction(make_members: Maker) -> None:
    members = first(make_members)
    packed = again(members, kernel="B70f", pixel_sha256="e" * 64, transfer_syntax_uid="1.2.840.10008.1.2.4.90")
    found = codes(group([*members, *packed], decoded=lambda member: member.header.identity.sop_uid))
    assert set(found.values()) == {"uid-conflict"}


def test_the_site_s_table_may_say_that_two_words_are_one(make_members: Maker) -> None:
    members = first(make_members, body_part="THX")
    copies = again(members, body_part="CHEST")
    table = {"BodyPartExamined=THX": "chest"}
    assert set(codes(group([*members, *copies])).values()) != {"uid-conflict"}  # the description says it as well
    assert sorted(codes(group([*members, *copies], table=table)).values()) == ["duplicate"] * 6 + ["used"] * 6
