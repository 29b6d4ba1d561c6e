"""Slices of one volume are parallel and of one size, all of them and not each to the next."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from scans.stack import Grouping, Member, group

Maker = Callable[..., list[Member]]


def turned(members: Sequence[Member], degrees: Callable[[int], float]) -> list[Member]:
    """Turn slice i about the patient's x axis."""
    found = []
    for i, member in enumerate(members):
        angle = math.radians(degrees(i))
        orientation = (1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle))
        found.append(replace(member, header=replace(member.header, orientation=orientation)))
    return found


def ends(grouping: Grouping) -> tuple[list[int], set[str]]:
    return sorted(len(s.members) for s in grouping.stacks), {e.code for e in grouping.endings}


@pytest.mark.parametrize("step", [0.02, 0.05, 0.1, 0.3, 1.0])
def test_a_stack_that_turns_by_degrees_in_the_end_is_refused(make_members: Maker, step: float) -> None:
    grouping = group(turned(make_members(range(40)), lambda i: step * i))
    assert ends(grouping) == ([], {"mixed-directions"})
    assert (
        grouping.endings[0].why
        == f"40 slices turn by up to {39 * step:.2f} degrees, pixel spacing differs by up to 0.0%"
    )


@pytest.mark.parametrize("step", [0.0005, 0.0009, 0.005, 0.015])
def test_pixels_that_grow_from_slice_to_slice_are_refused(make_members: Maker, step: float) -> None:
    members = [
        replace(m, header=replace(m.header, pixel_spacing_mm=(0.5 * (1 + step) ** i, 0.5 * (1 + step) ** i)))
        for i, m in enumerate(make_members(range(40)))
    ]
    grouping = group(members)
    assert ends(grouping) == ([], {"mixed-directions"})
    assert f"by up to {(1 + step) ** 39 - 1:.1%}" in grouping.endings[0].why


def test_one_slice_that_lies_askew_is_refused_with_the_rest(make_members: Maker) -> None:
    for slanted in (0, 7, 19):
        grouping = group(turned(make_members(range(20)), lambda i, at=slanted: 0.4 * (i == at)))
        assert ends(grouping) == ([], {"mixed-directions"})


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_directions_that_differ_by_their_rounding_are_one(make_members: Maker, noise: float) -> None:
    grouping = group(turned(make_members(range(20)), lambda i: noise * ((7 * i) % 5 - 2) / 2))
    assert ends(grouping) == ([20], set())


@pytest.mark.parametrize("degrees", [0.5, 3.0, 20.0])
def test_two_stacks_of_two_directions_are_two_volumes(make_members: Maker, degrees: float) -> None:
    first, second = make_members(range(10)), make_members(range(100, 110), start=10)
    tilt = math.tan(math.radians(degrees))
    second = [
        replace(m, header=replace(m.header, position_mm=(-10.0, -20.0 - tilt * i, 100.0 + i)))
        for i, m in enumerate(turned(second, lambda i: degrees))
    ]
    assert ends(group(first + second)) == ([10, 10], set())
