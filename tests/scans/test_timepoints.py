"""Of the volumes that saw the same places again and again, one stands for the series, by a written rule."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from enhanced import frame, item, write_enhanced
from hypothesis import given, settings
from hypothesis import strategies as st
from mosaics import mr

from scans.header import read_header
from scans.stack import Grouping, Member, group
from scans.volume import read_volume

MR = {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4", "modality": "MR", "body_part": "HEAD"}
Maker = Callable[..., list[Member]]


def film(make_members: Maker, told: Sequence[dict[str, Any]], n_slices: int = 3, **fields: Any) -> list[Member]:
    """Return a volume for each of what is told; slice s of volume v is "fileN" with N = v * n_slices + s."""
    return [
        member
        for number, own in enumerate(told)
        for member in make_members(range(n_slices), start=number * n_slices, **(fields | own))
    ]


def standing(grouping: Grouping, n_slices: int = 3) -> dict[str, list[int]]:
    """Return the numbers of the volumes that became scans, by kind."""
    found: dict[str, list[int]] = {}
    for stack in grouping.stacks:
        (number,) = {int(member.file[4:]) // n_slices for member in stack.members}
        found.setdefault(stack.kind.key, []).append(number)
    return {kind: sorted(numbers) for kind, numbers in found.items()}


def scans_of(grouping: Grouping) -> list[tuple[str, list[str]]]:
    return sorted((s.kind.key, sorted(m.file for m in s.members)) for s in grouping.stacks)


def codes(grouping: Grouping) -> set[str]:
    return {ending.code for ending in grouping.endings}


@pytest.mark.parametrize(
    "tells",
    [
        lambda n: {"temporal_position": n}, lambda n: {"acquisition_number": n},
        lambda n: {"trigger_time_ms": 40.0 * n},
        lambda n: {"acquisition_date": "20240305", "acquisition_time": f"1000{n:02d}.5"},
        lambda n: {"acquisition_datetime": f"202403051000{n:02d}"},
        lambda n: {"content_date": "20240305", "content_time": f"1000{n:02d}"},
        lambda n: {"dimensions": (1, n)}, lambda n: {"cardiac_phase": 5.0 * n},
    ],
)  # fmt: skip
def test_any_tag_of_time_tells_the_volumes_of_a_film_apart(make_members: Maker, tells: Any) -> None:
    times = [4, 2, 6, 3, 5]
    members = film(make_members, [tells(n) for n in times])
    grouping = group(members)
    assert standing(grouping) == {"ct/chest/3d": [1]} and codes(grouping) == {"time-point"}
    assert len(grouping.endings) == 12


@pytest.mark.parametrize(("words", "number"), [("rest BOLD", 3), ("DSC perfusion", 6), ("T1 dyn", 6), ("DWI b1000", 0)])
def test_which_volume_stands_is_a_rule_of_the_sequence(make_members: Maker, words: str, number: int) -> None:
    b_value = 1000.0 if words.startswith("DWI") else None
    told = [{"temporal_position": n} for n in range(7)]
    grouping = group(film(make_members, told, series_description=words, b_value=b_value, **MR))
    assert [number] in standing(grouping).values() and codes(grouping) == {"time-point"}


def test_the_phase_nearest_to_the_beginning_of_a_beat_stands_for_a_heart(make_members: Maker) -> None:
    phases = [75.0, 10.0, 96.0, 40.0, 50.0, 60.0]
    told = [{"cardiac_phase": phase, "trigger_time_ms": 8 * phase} for phase in phases]
    assert standing(group(film(make_members, told))) == {"ct/chest/3d": [2]}
    times = [{"trigger_time_ms": ms} for ms in (120.0, 40.0, 80.0, 160.0, 200.0)]
    assert list(standing(group(film(make_members, times, series_description="T2 cine", **MR))).values()) == [[1]]


@pytest.mark.parametrize("words", ["T1 dyn", "DSC perfusion"])
def test_a_few_phases_stay_scans_of_their_own(make_members: Maker, words: str) -> None:
    told = [{"temporal_position": n} for n in range(4)]
    grouping = group(film(make_members, told, series_description=words, **MR))
    assert list(standing(grouping).values()) == [[0, 1, 2, 3]] and grouping.endings == []


def test_of_several_b_values_b0_and_the_highest_stand_and_are_never_of_one_kind(make_members: Maker) -> None:
    told = [{"b_value": b, "acquisition_number": n} for n, b in enumerate((500.0, 1000.0, 0.0, 1000.0, 0.0, 50.0))]
    grouping = group(film(make_members, told, series_description="DWI", **MR))
    assert standing(grouping) == {"mr/head/3d/dwi": [1], "mr/head/3d/dwi-b0": [2]}
    assert codes(grouping) == {"time-point"}
    assert {e.why for e in grouping.endings} == {
        "b-value 500; 0 and 1000 s/mm2 stand for the series", "b-value 50; 0 and 1000 s/mm2 stand for the series",
        "2 volumes by acquisition number; number 1 stands for them (dwi)",
    }  # fmt: skip


def test_a_b_value_stands_aside_only_for_one_that_became_a_volume(make_members: Maker) -> None:
    told = [{"b_value": b, "acquisition_number": n} for n, b in enumerate((500.0, 1000.0, 1000.0))]
    members = film(make_members, told, n_slices=5, series_description="DWI", **MR)
    lacking = [m for m in members if m.file not in ("file7", "file12")]  # the same slice of both at 1000
    assert codes(group(lacking)) == {"missing-slices"} and len(group(lacking).endings) == 13
    assert codes(group([*lacking, members[7]])) == {"time-point"}


def test_a_gradient_direction_tells_volumes_of_one_b_value_apart(make_members: Maker) -> None:
    told = [{"gradient": g} for g in ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0))]
    members = film(make_members, told, series_description="DWI", b_value=1000.0, **MR)
    assert standing(group(members)) == {"mr/head/3d/dwi": [1]}


@pytest.mark.parametrize("n_volumes", [2, 6])
def test_diffusion_that_does_not_tell_its_b_values_is_refused(make_members: Maker, n_volumes: int) -> None:
    told = [{"acquisition_number": n} for n in range(n_volumes)]
    grouping = group(film(make_members, told, series_description="DWI", **MR))
    assert grouping.stacks == [] and codes(grouping) == {"time-series"}


def test_a_volume_without_b_value_beside_others_with_one_is_refused(make_members: Maker) -> None:
    told: list[dict[str, Any]] = [{"b_value": 1000.0}, {}]
    grouping = group(film(make_members, told, series_description="DWI", **MR))
    assert standing(grouping) == {"mr/head/3d/dwi": [0]} and codes(grouping) == {"time-series"}


def numbered(members: list[Member], numbers: Sequence[int]) -> list[Member]:
    return [replace(m, header=replace(m.header, instance_number=n)) for m, n in zip(members, numbers, strict=True)]


def test_instance_numbers_tell_volumes_apart_only_where_they_prove_the_order(make_members: Maker) -> None:
    members = film(make_members, [{}] * 6)
    whole = [100 + 3 * ((v + 2) % 6) + s for v in range(6) for s in range(3)]
    assert standing(group(numbered(members, whole))) == {"ct/chest/3d": [4]}  # its numbers are the lowest
    swapped = [*whole[:2], whole[3], whole[2], *whole[4:]]
    assert codes(group(numbered(members, swapped))) == {"time-series"}
    by_place = [6 * s + v for v in range(6) for s in range(3)]
    assert codes(group(numbered(members, by_place))) == {"time-series"}
    repeated = [*whole[:-1], whole[0]]
    assert codes(group(numbered(members, repeated))) == {"time-series"}


def test_an_incomplete_volume_never_stands(make_members: Maker) -> None:
    members = film(make_members, [{"temporal_position": n} for n in range(6)], n_slices=4)
    grouping = group([m for m in members if m.file != "file1"])
    assert standing(grouping, 4) == {"ct/chest/3d": [1]} and codes(grouping) == {"time-point"}


@pytest.mark.parametrize("lost", range(1, 4))
def test_the_last_missing_slice_turns_a_refusal_into_a_scan(make_members: Maker, lost: int) -> None:
    members = film(make_members, [{"temporal_position": n} for n in range(5)], n_slices=5)
    late = [m for m in members if int(m.file[4:]) % 5 == lost]
    grouping = group([m for m in members if m not in late])
    assert grouping.stacks == [] and codes(grouping) == {"missing-slices"} and len(grouping.endings) == 20
    assert standing(group([m for m in members if m not in late[1:]]), 5) == {"ct/chest/3d": [0]}


def test_settings_of_single_slices_tell_no_time(make_members: Maker) -> None:
    members = film(make_members, [{}] * 6, n_slices=4)
    timed = [
        replace(m, header=replace(m.header, trigger_time_ms=30.0 * (n % 4), acquisition_number=n))
        for n, m in enumerate(members)
    ]
    assert codes(group(timed)) == {"time-series"}


def test_packages_of_slices_tell_no_time(make_members: Maker) -> None:
    members = numbered(film(make_members, [{}] * 5, n_slices=8), range(40))
    slabs = [replace(m, header=replace(m.header, acquisition_number=n % 8 // 4)) for n, m in enumerate(members)]
    assert standing(group(slabs), 8) == {"ct/chest/3d": [0]}


def test_a_film_of_one_place_is_no_volume(make_members: Maker) -> None:
    members = film(make_members, [{"temporal_position": n, "instance_number": n} for n in range(40)], n_slices=1)
    assert codes(group(members)) == {"time-series"}


def test_slices_that_lost_their_positions_are_no_film(make_members: Maker) -> None:
    members = film(make_members, [{"temporal_position": n} for n in range(6)])
    lost = [replace(m, header=replace(m.header, slice_location_mm=2.0 * n)) for n, m in enumerate(members)]
    assert codes(group(lost)) == {"positions-contradict"}


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), n_lost=st.integers(0, 8), n_volumes=st.integers(2, 7), b=st.booleans())
def test_neither_order_nor_names_decide_what_stands(
    make_members: Maker, seed: int, n_lost: int, n_volumes: int, b: bool
) -> None:
    draw = random.Random(seed)
    b_values = [draw.choice([0.0, 500.0, 1000.0]) if b else None for _ in range(n_volumes)]
    told = [{"temporal_position": n, "b_value": value} for n, value in enumerate(b_values)]
    members = film(make_members, told, series_description="DWI" if b else "BOLD", **MR)
    for member in draw.sample(members, min(n_lost, len(members) - 1)):
        members.remove(member)
    others = [*members]
    draw.shuffle(others)
    uids = draw.sample(range(1, 1000), len(others))
    others = [
        replace(m, header=replace(m.header, identity=replace(m.header.identity, sop_uid=f"2.25.{uid}")))
        for m, uid in zip(others, uids, strict=True)
    ]
    one, other = group(members), group(others)
    assert scans_of(one) == scans_of(other)
    assert [(e.file, e.code) for e in one.endings] == [(e.file, e.code) for e in other.endings]
    ended = [e.file for e in one.endings] + [m.file for s in one.stacks for m in s.members]
    assert sorted(ended) == sorted(m.file for m in members)


@pytest.mark.parametrize("words", ["rest BOLD", "T1 dyn"])
def test_one_file_of_frames_and_a_series_of_slices_give_the_same_scan(tmp_path: Path, words: str) -> None:
    cube = np.arange(6 * 4 * 2 * 3, dtype=np.int16).reshape(6, 4, 2, 3)
    frames = [frame((10, 20, 3.0 * z), cube[t, z], time=t + 1) for z in range(4) for t in range(6)]
    path = write_enhanced(tmp_path / "one", frames, SeriesDescription=words)
    (one,) = group([Member("one", "one", read_header(path))]).stacks
    classic = []
    for t in range(6):
        for z in range(4):
            ds = mr(1, cube[t, z], (10, 20, 3.0 * z), (1, 0, 0, 0, 1, 0))
            ds.SOPInstanceUID, ds.TemporalPositionIdentifier = f"2.25.9.{t}.{z}", t + 1
            ds.SeriesDescription, ds.PixelSpacing, ds.SliceThickness = words, [0.5, 2.0], 3.0
            ds.ProtocolName = ""
            ds.save_as(tmp_path / f"s{t}{z}", enforce_file_format=True)
            classic.append(Member(f"s{t}{z}", f"s{t}{z}", read_header(tmp_path / f"s{t}{z}")))
    (many,) = group(classic).stacks
    volumes = [read_volume(stack, tmp_path) for stack in (one, many)]
    assert volumes[0].voxels.tolist() == volumes[1].voxels.tolist() == cube[3 if words == "rest BOLD" else 5].tolist()
    assert (volumes[0].affine == volumes[1].affine).all() and one.kind.key == many.kind.key


def test_frames_tell_the_phase_of_a_heart(tmp_path: Path) -> None:
    cube = np.arange(3 * 2 * 3, dtype=np.int16).reshape(3, 2, 3)
    frames = [frame((0, 0, z), cube[z] + 100 * p) for p in range(6) for z in range(3)]
    for number, (groups, _) in enumerate(frames):
        groups.CardiacSynchronizationSequence = item(NominalPercentageOfCardiacPhase=(40.0 + 20 * (number // 3)) % 100)
    path = write_enhanced(tmp_path / "one", frames, SeriesDescription="T2 cine", BodyPartExamined="HEART")
    (stack,) = group([Member("one", "one", read_header(path))]).stacks
    assert (read_volume(stack, tmp_path).voxels == cube + 300).all()  # 40, 60, 80, 0 % ...


def test_the_real_series_of_functional_mr_is_one_volume(unpack: Callable[[str], Path]) -> None:
    paths = sorted(p for p in unpack("mr_fmri_ge_150").rglob("*") if p.is_file())
    grouping = group([Member(p.name, p.name, read_header(p)) for p in paths])
    (stack,) = grouping.stacks
    assert stack.kind.key == "mr/head/3d/bold"
    assert sorted(m.header.instance_number or 0 for m in stack.members) == list(range(76, 91))  # the sixth of ten
    assert [e.code for e in grouping.endings] == ["time-point"] * 135
