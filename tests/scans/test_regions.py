"""A head of thin and thick slices is one volume where uneven spacing is mended, and nothing else is joined."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scans.header import read_header
from scans.stack import Grouping, Member, group
from scans.volume import read_volume

Maker = Callable[..., list[Member]]
UNEVEN = ["uneven-spacing"]
THIN = [4.0 * i for i in range(14)]
THICK = [THIN[-1] + 5.5 + 7.0 * i for i in range(14)]
ADDED = ("ORIGINAL", "PRIMARY", "AXIAL", "ADD")


def head(make_members: Maker, thick: list[float] = THICK, **fields: Any) -> list[Member]:
    """Thin slices, and thick ones with other fields."""
    thin = make_members(THIN, slice_thickness_mm=4.0, image_type=ADDED)
    return thin + make_members(thick, start=len(thin), **({"slice_thickness_mm": 7.0} | fields))


def sizes(grouping: Grouping) -> list[int]:
    return sorted(len(stack.members) for stack in grouping.stacks)


def test_thin_and_thick_slices_of_a_head_are_one_volume(make_members: Maker) -> None:
    (stack,) = group(head(make_members), repair=UNEVEN).stacks
    assert stack.passport.repairs == "uneven-spacing: gaps from 4.00 to 7.00 mm"
    assert stack.passport.spacing_z_mm == pytest.approx((13 * 4 + 5.5 + 13 * 7) / 37)
    assert stack.passport.n_slices == 28


def test_steps_of_five_and_ten_millimetres_are_no_missing_slices(make_members: Maker) -> None:
    thin = make_members([5.0 * i for i in range(6)], slice_thickness_mm=5.0)
    thick = make_members([35.0 + 10.0 * i for i in range(6)], start=6, slice_thickness_mm=10.0)
    (stack,) = group(thin + thick, repair=UNEVEN).stacks
    assert (stack.passport.repairs, stack.passport.n_missing) == ("uneven-spacing: gaps from 5.00 to 10.00 mm", 0)


def test_three_regions_are_one_volume_in_any_order_of_files(make_members: Maker) -> None:
    members = head(make_members) + make_members([THICK[-1] + 5 * (i + 1) for i in range(5)], start=28)
    members = [
        replace(m, header=replace(m.header, slice_thickness_mm=5.0)) if i > 27 else m for i, m in enumerate(members)
    ]
    (one,), (other,) = group(members, repair=UNEVEN).stacks, group(members[::-1], repair=UNEVEN).stacks
    assert one == other and len(one.members) == 33


def test_without_the_repair_they_stay_two_volumes(make_members: Maker) -> None:
    assert sizes(group(head(make_members), repair=["tilt", "missing-slices"])) == [14, 14]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"thick": [z + 9 for z in THICK]}, "a gap wider than any step"),
        ({"thick": [z + 2.5 for z in THICK]}, "a gap a little wider than any step"),
        ({"thick": [56 + 4.0 * i for i in range(14)], "slice_thickness_mm": 4.0}, "one thickness"),
        ({"thick": [z - 30 for z in THICK]}, "slices between each other"),
        ({"kvp": 80.0}, "another tube voltage"),
        ({"kernel": "BONE"}, "another kernel"),
        ({"image_type": ("DERIVED", "PRIMARY", "AXIAL")}, "derived"),
        ({"orientation": (1.0, 0.0, 0.0, 0.0, 0.9962, 0.0872)}, "another direction"),
        ({"pixel_spacing_mm": (0.6, 0.6)}, "other pixels"),
        ({"rows": 8}, "another size"),
        ({"body_part": "NECK"}, "another part of the body"),
        ({"frame_of_reference_uid": "2.25.77"}, "another frame of reference"),
        ({"modality": "MR", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4"}, "MR"),
        ({"acquisition_date": "20240305", "acquisition_time": "120000"}, "three hours later"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_one_way_through_the_patient_stays_apart(
    make_members: Maker, fields: dict[str, Any], why: str
) -> None:
    members = head(make_members, **fields)
    if "acquisition_time" in fields:
        early = {"acquisition_date": "20240305", "acquisition_time": "090000"}
        members[:14] = [replace(m, header=replace(m.header, **early)) for m in members[:14]]
    if fields.get("modality") == "MR":
        other = {"modality": "MR", "sop_class_uid": fields["sop_class_uid"]}
        members[:14] = [replace(m, header=replace(m.header, **other)) for m in members[:14]]
    apart = group(members, repair=UNEVEN)
    assert sizes(apart) == sizes(group(members)) and sizes(apart) != [28], why


def test_a_real_head_of_two_thicknesses_is_one_upright_volume(unpack: Callable[[str], Any]) -> None:
    folder = unpack("ct_head_ge_tilt_28")
    members = [Member(p.name, p.name, read_header(p)) for p in sorted(folder.iterdir())]
    (stack,) = group(members, repair=["tilt", "uneven-spacing", "missing-slices"]).stacks
    assert stack.kind.key == "ct/head/3d"
    assert stack.passport.repairs == "tilt: 18.5 degrees; uneven-spacing: gaps from 1.08 to 7.00 mm"
    volume = read_volume(stack, folder)
    assert len(volume.voxels) == 37 and volume.spacing_mm[0] == pytest.approx(4.0, abs=0.01)
    skull = np.array([np.argwhere(plane[:, 256] > 500)[[0, -1], 0] for plane in volume.voxels[9:30]])
    assert np.abs(np.diff(skull, n=2, axis=0)).max() * volume.spacing_mm[1] < 8  # mm: no stair at any slice
