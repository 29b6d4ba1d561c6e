"""An object that was cut into several files is read as one, or not at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import frame, write_enhanced

from scans.header import read_header
from scans.stack import Grouping, Member, group

CUBE = np.arange(12 * 5 * 6, dtype=np.int16).reshape(12, 5, 6)


def cut(folder: Path, *, total: int | None = 3, n: int = 3, **tags: Any) -> list[Member]:
    """Write twelve slices as three objects of four."""
    members = []
    for part in range(n):
        frames = [frame((10, 20, 3.0 * z), CUBE[z]) for z in range(4 * part, 4 * part + 4)]
        of_part = {"SOPInstanceUID": f"2.25.7.1.{part + 1}", "ConcatenationUID": "2.25.7.9",
                   "InConcatenationNumber": part + 1, "ConcatenationFrameOffsetNumber": 4 * part}  # fmt: skip
        if total is not None:
            of_part["InConcatenationTotalNumber"] = total
        path = write_enhanced(folder / f"part{part}", frames, **(of_part | tags))
        members.append(Member(path.name, path.name, read_header(path)))
    return members


def whys(grouping: Grouping) -> set[tuple[str, str]]:
    return {(ending.code, ending.why) for ending in grouping.endings}


def test_all_parts_together_are_one_volume(tmp_path: Path) -> None:
    (stack,) = group(cut(tmp_path)).stacks
    assert (stack.passport.n_slices, stack.passport.n_files) == (12, 3)


@pytest.mark.parametrize(
    ("left", "facts"),
    [((0, 1), "2 of 3 parts of a concatenation; missing: 3"), ((1, 2), "2 of 3 parts of a concatenation; missing: 1"),
     ((1,), "1 of 3 parts of a concatenation; missing: 1, 3")],
)  # fmt: skip
def test_without_a_part_none_is_used(tmp_path: Path, left: tuple[int, ...], facts: str) -> None:
    members = cut(tmp_path)
    grouping = group([members[i] for i in left])
    assert (grouping.stacks, whys(grouping)) == ([], {("concatenation-incomplete", facts)})


def test_a_hole_is_seen_where_no_part_tells_how_many_there_are(tmp_path: Path) -> None:
    members = cut(tmp_path, total=None)
    assert len(group(members).stacks) == 1
    assert whys(group([members[0], members[2]])) == {
        ("concatenation-incomplete", "2 of 3 parts of a concatenation; missing: 2")
    }


@pytest.mark.parametrize(
    ("tags", "told"),
    [({"ConcatenationFrameOffsetNumber": 5}, "begins behind 5 frames, 0 are here"),
     ({"InConcatenationNumber": 1, "InConcatenationTotalNumber": 1}, "do not number from 1 to 1"),
     ({"InConcatenationNumber": 0}, "missing: 1, 2, 3")],
)  # fmt: skip
def test_parts_with_other_offsets_or_numbers_are_not_one_object(
    tmp_path: Path, tags: dict[str, int], told: str
) -> None:
    ((code, why),) = whys(group(cut(tmp_path, **tags)))
    assert code == "concatenation-incomplete" and why.endswith(told)


def test_a_part_that_a_note_withdraws_takes_the_others_with_it(tmp_path: Path) -> None:
    grouping = group(cut(tmp_path), rejected={"part1": "a note"})
    assert {e.file: e.code for e in grouping.endings} == {
        "part0": "concatenation-incomplete", "part1": "rejected", "part2": "concatenation-incomplete",
    }  # fmt: skip


def test_a_copy_of_a_part_is_a_duplicate(tmp_path: Path) -> None:
    members = cut(tmp_path)
    again = Member("again", "again", members[1].header)
    grouping = group([*members, again])
    assert len(grouping.stacks) == 1 and [e.code for e in grouping.endings] == ["duplicate"]
