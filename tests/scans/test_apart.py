"""One volume has one of each setting and is of one acquisition, also where no two slices share a position."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from scans.stack import Grouping, Member, group

MR = {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.4", "modality": "MR"}
Maker = Callable[..., list[Member]]
Told = Callable[[int], dict[str, Any]]


def series(make_members: Maker, told: Told, *, n: int = 20, step: float = 2.5, **fields: Any) -> list[Member]:
    """Return a series in which each slice has fields of its own, by its number along the normal."""
    members = make_members([step * i for i in range(n)], acquisition_number=1, acquisition_date="20240305",
                           acquisition_time="101112", **fields)  # fmt: skip
    return [replace(m, header=replace(m.header, **told(i))) for i, m in enumerate(members)]


def sizes(grouping: Grouping) -> list[int]:
    return sorted(len(stack.members) for stack in grouping.stacks)


def codes(grouping: Grouping) -> set[str]:
    return {ending.code for ending in grouping.endings}


def clock(seconds: float) -> str:
    at = 10 * 3600 + seconds
    return f"{int(at // 3600):02d}{int(at % 3600 // 60):02d}{at % 60:06.3f}"


TWO = [  # of MR: a setting and two of its values that are two contrasts
    ("echo_time_ms", 90.0, 15.0), ("echo_number", 1, 2), ("repetition_time_ms", 30.0, 150.0),
    ("repetition_time_ms", 500.0, 600.0), ("inversion_time_ms", 150.0, 2500.0), ("flip_angle_deg", 5.0, 20.0),
    ("b_value", 0.0, 1000.0), ("b_value", None, 1000.0), ("b_value", 500.0, 1000.0), ("temporal_position", 1, 2),
    ("trigger_time_ms", 300.0, 700.0), ("echo_time_ms", 2.3, 2.5), ("slice_thickness_mm", 5.0, 2.5),
    ("cardiac_phase", 30.0, 70.0), ("scan_options", (), ("FS",)),
    ("scanning_sequence", ("SE",), ("GR",)), ("sequence_variant", ("SK",), ("SK", "MP")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "one", "other"), TWO)
@pytest.mark.parametrize("is_other", [lambda i: i % 2 == 1, lambda i: i >= 10], ids=["between", "halves"])
def test_two_values_of_a_setting_are_two_volumes(
    make_members: Maker, name: str, one: object, other: object, is_other: Callable[[int], bool]
) -> None:
    grouping = group(series(make_members, lambda i: {name: other if is_other(i) else one}, **MR))
    assert (sizes(grouping), grouping.endings) == ([10, 10], [])
    for stack in grouping.stacks:
        assert len({getattr(m.header, name) for m in stack.members}) == 1


@pytest.mark.parametrize("is_other", [lambda i: i % 2 == 1, lambda i: i >= 10], ids=["between", "halves"])
def test_two_tube_voltages_are_two_volumes(make_members: Maker, is_other: Callable[[int], bool]) -> None:
    for one, other in ((80.0, 140.0), (135.0, 140.0)):
        assert sizes(group(series(make_members, lambda i, o=other, e=one: {"kvp": o if is_other(i) else e}))) == [
            10,
            10,
        ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("echo_time_ms", (90.0, 90.002, 89.99)), ("repetition_time_ms", (4000.0, 4010.0, 3990.0)),
        ("repetition_time_ms", (500.0, 512.0)), ("flip_angle_deg", (90.0, 89.7)), ("b_value", (1000.0, 995.0, 1005.0)),
        ("inversion_time_ms", (2500.0, 2499.8)), ("echo_time_ms", (90.0, None)), ("repetition_time_ms", (4000.0, None)),
        ("trigger_time_ms", (10.0, 60.0, 110.0, 160.0, 210.0)), ("trigger_time_ms", (300.0, 301.0)),
        ("slice_thickness_mm", (3.0, 3.0001, 2.95)), ("slice_thickness_mm", (3.0, None)),
        ("scanning_sequence", (("GR", "IR"), ("IR", "GR"))), ("sequence_variant", (("SK",), (), ("SK", ""))),
        ("b_value", (0.0, None)), ("temporal_position", tuple(range(20))), ("acquisition_number", tuple(range(20))),
    ],
)  # fmt: skip
def test_rounding_jitter_and_counters_make_no_second_volume(
    make_members: Maker, name: str, values: Sequence[object]
) -> None:
    grouping = group(series(make_members, lambda i: {name: values[i % len(values)]}, **MR))
    assert (sizes(grouping), grouping.endings) == ([20], [])


def test_a_drift_of_a_setting_does_not_chain_contrasts_together(make_members: Maker) -> None:
    grouping = group(series(make_members, lambda i: {"echo_time_ms": 10.0 * 1.009**i}, n=60, **MR))
    spans = [sorted(m.header.echo_time_ms or 0 for m in stack.members) for stack in grouping.stacks]
    assert all(span[-1] / span[0] < 1.011 for span in spans) and not any(len(span) > 2 for span in spans)


def test_a_few_slices_of_another_setting_are_named_and_used_in_nothing(make_members: Maker) -> None:
    grouping = group(series(make_members, lambda i: {"echo_time_ms": 15.0 if i > 17 else 90.0}, **MR))
    assert grouping.stacks == []
    assert {(e.code, e.why) for e in grouping.endings} == {
        ("mixed-acquisitions", "echo time (slices): 90 ms (18), 15 ms (2)")
    }


def test_a_few_slices_of_another_thickness_or_sequence_are_named(make_members: Maker) -> None:
    for name, one, other, told in (
        ("slice_thickness_mm", 5.0, 2.5, "slice thickness (slices): 5 mm (18), 2.5 mm (2)"),
        ("scanning_sequence", ("SE",), ("IR", "GR"), "scanning sequence (slices): SE (18), GR\\IR (2)"),
    ):
        fields = [{name: other if i > 17 else one} for i in range(20)]
        endings = group(series(make_members, fields.__getitem__, **MR)).endings
        assert {(e.code, e.why) for e in endings} == {("mixed-acquisitions", told)}


def test_a_few_slices_of_another_time_are_used_in_nothing(make_members: Maker) -> None:
    grouping = group(series(make_members, lambda i: {"temporal_position": 2 if i > 17 else 1}, **MR))
    assert (grouping.stacks, codes(grouping)) == ([], {"mixed-acquisitions"})


@pytest.mark.parametrize(
    "told",
    [
        lambda i: {"acquisition_number": 1 + i % 2},
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(0 if i % 2 else 40)},
        lambda i: {"acquisition_time": clock(0 if i % 2 else 40)},
        lambda i: {"acquisition_time": clock(0 if i < 10 else 840)},
        lambda i: {"acquisition_number": 1 + i // 10, "acquisition_time": clock(0 if i < 10 else 840)},
        lambda i: {"contrast_agent": "AGENT" if i % 2 else ""},
        lambda i: {"series_description": "liver arterial" if i % 2 else "liver venous"},
        lambda i: {"contrast_agent": "AGENT" if i >= 10 else "", "acquisition_number": 1 + i // 10},
        lambda i: {"contrast_agent": "AGENT" if i >= 10 else "NONE", "acquisition_time": clock(0 if i < 10 else 90)},
        lambda i: {"acquisition_datetime": f"20240305{clock(0 if i % 2 else 840)}+0100"},
        lambda i: {"acquisition_date": "20240306" if i >= 10 else "20240305"},
    ],
)
def test_two_acquisitions_of_a_ct_are_two_volumes(make_members: Maker, told: Told) -> None:
    grouping = group(series(make_members, told))
    assert (sizes(grouping), grouping.endings) == ([10, 10], [])


@pytest.mark.parametrize(
    "told",
    [
        lambda i: {"acquisition_number": i, "acquisition_time": clock(3 * i)},  # step and shoot
        lambda i: {"acquisition_number": i // 4, "acquisition_time": clock(3 * (i // 4))},  # four rows at once
        lambda i: {"acquisition_number": i, "acquisition_time": clock(2 * i + 20 * (i // 7))},  # breath-holds
        lambda i: {"acquisition_number": 1 + i // 10, "acquisition_time": clock(30 * (i // 10))},  # two slabs
        lambda i: {"acquisition_time": clock(0.1 * i)},
        lambda i: {
            "acquisition_time": clock(1.5 * i),
            "contrast_agent": "AGENT" if i > 4 else "",
        },  # a bolus on the way
        lambda i: {"acquisition_number": i, "acquisition_time": clock(3 * i), "contrast_agent": "AGENT" * (i > 4)},
        lambda i: {"acquisition_time": "" if i % 2 else clock(5000)},
        lambda i: {"acquisition_time": clock((50390 + i) % 86400 - 36000)},  # over midnight, and the date stayed
        lambda i: {"series_description": "abdomen arterial" if i < 10 else "abdomen"},
    ],
)
def test_one_acquisition_of_a_ct_is_one_volume(make_members: Maker, told: Told) -> None:
    grouping = group(series(make_members, told))
    assert (sizes(grouping), grouping.endings) == ([20], [])


@pytest.mark.parametrize(
    "told",
    [
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(240 * (i % 2))},  # packages
        lambda i: {"acquisition_time": clock(180 * (i % 3))},
        lambda i: {"acquisition_number": 1 + i // 5, "acquisition_time": clock(700 * (i // 5))},  # slabs
        lambda i: {"repetition_time_ms": 4000.0 + 40 * (i % 2), "acquisition_number": 1 + i % 2},
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(90 * (i % 2)), "slice_thickness_mm": 2.5},
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(20 * i), "slice_thickness_mm": 5.0},
        lambda i: {"acquisition_number": 1 + i // 10, "acquisition_time": clock(i // 10), "slice_thickness_mm": 2.5},
    ],
)
def test_packages_and_slabs_of_an_mr_are_one_volume(make_members: Maker, told: Told) -> None:
    assert sizes(group(series(make_members, told, **MR))) == [20]


@pytest.mark.parametrize(
    "told",
    [
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(840 * (i % 2))},
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(420 * (i % 2))},
        lambda i: {"acquisition_number": 1 + i % 2, "acquisition_time": clock(90 * (i % 2)), "slice_thickness_mm": 5.0},
        lambda i: {"acquisition_number": i % 2, "acquisition_time": clock(90 * (i % 2) + i), "slice_thickness_mm": 4},
        lambda i: {"contrast_agent": "AGENT" if i % 2 else "", "acquisition_time": clock(300 * (i % 2))},
        lambda i: {"series_description": "t1 post gad" if i % 2 else "t1 pre"},
    ],
)
def test_runs_of_an_mr_before_and_after_are_two_volumes(make_members: Maker, told: Told) -> None:
    assert sizes(group(series(make_members, told, **MR))) == [10, 10]


@pytest.mark.parametrize("play", [0.0, 0.02, 0.06])
@pytest.mark.parametrize("repair", [[], ["missing-slices"], ["missing-slices", "uneven-spacing", "tilt"]])
def test_phases_of_a_table_that_comes_back_not_quite_are_told_apart(
    make_members: Maker, play: float, repair: list[str]
) -> None:
    members = [
        member
        for phase in range(4)
        for member in make_members([5 * z + play * phase for z in range(8)], start=8 * phase,
                                   acquisition_number=1 + phase, slice_thickness_mm=5.0)
    ]  # fmt: skip
    grouping = group(members, repair=repair)
    assert (sizes(grouping), grouping.endings) == ([8] * 4, [])
    assert {(s.passport.spacing_z_mm, s.passport.n_missing) for s in grouping.stacks} == {(5.0, 0)}


def test_phases_that_nothing_tells_apart_are_refused_however_their_table_plays(make_members: Maker) -> None:
    members = [m for p in range(3) for m in make_members([5 * z + 0.02 * p for z in range(8)], start=8 * p)]
    assert codes(group(members, repair=["missing-slices", "uneven-spacing"])) == {"repeated-positions"}


@pytest.mark.parametrize(("step", "thickness"), [(0.2, 5.0), (1.0, 40.0), (0.02, 0.02), (0.5, 10.0)])
def test_slices_much_thicker_than_their_distance_are_not_at_one_place(
    make_members: Maker, step: float, thickness: float
) -> None:
    assert sizes(group(make_members([step * i for i in range(30)], slice_thickness_mm=thickness))) == [30]
