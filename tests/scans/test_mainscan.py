from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.mainscan import MainCandidate, kernel_rank, main_scan


def candidate(key: str, **fields: Any) -> MainCandidate:
    values = {
        "family": "ct", "image_type": "ORIGINAL\\PRIMARY\\AXIAL", "orientation": "axial",
        "coverage_mm": 300.0,
        "kernel": "STANDARD", "slice_thickness_mm": 2.0, "uid": "1.2",
    }  # fmt: skip
    return MainCandidate(key=key, **(values | fields))


@pytest.mark.parametrize(
    ("worse", "rule"),
    [
        ({"image_type": "DERIVED\\SECONDARY\\REFORMATTED"}, "original before derived"),
        ({"image_type": "ORIGINAL\\PRIMARY\\AXIAL\\VMI"}, "original before derived"),  # computed for one energy
        ({"orientation": "coronal"}, "native plane"),
        ({"repairs": "tilt: 18.5 degrees"}, "nothing mended"),
        ({"coverage_mm": 200.0}, "coverage"),
        ({"kernel": "LUNG"}, "standard kernel"),
        ({"slice_thickness_mm": 5.0}, "slice thickness"),
        ({"slice_thickness_mm": None}, "slice thickness"),
        ({"uid": "1.3"}, "UID"),
    ],
)
def test_each_criterion_decides_when_all_before_are_equal(worse: dict[str, Any], rule: str) -> None:
    assert main_scan([candidate("a", **worse), candidate("b")]) == ("b", rule)


def test_the_criteria_go_in_the_written_order() -> None:
    derived = candidate("derived", image_type="DERIVED\\PRIMARY")
    coronal = candidate("coronal", orientation="coronal")
    mended = candidate("mended", repairs="missing-slices: 1 of 60")
    short = candidate("short", coverage_mm=100.0)
    sharp = candidate("sharp", kernel="BONE")
    thick = candidate("thick", slice_thickness_mm=5.0)
    order = [derived, coronal, mended, short, sharp, thick]
    chosen = []
    while order:
        chosen.append(main_scan(order)[0])
        order = [c for c in order if c.key != chosen[-1]]
    assert chosen == ["thick", "sharp", "short", "mended", "coronal", "derived"]


def test_a_slice_more_or_less_is_no_difference_in_coverage() -> None:
    sharp, standard = candidate("a", coverage_mm=302.5, kernel="LUNG"), candidate("b", coverage_mm=300.0)
    assert main_scan([sharp, standard]) == ("b", "standard kernel")


@pytest.mark.parametrize(("coverage_mm", "chosen"), [(285.0, "b"), (284.0, "a")])
def test_ninety_five_percent_of_the_largest_coverage_are_full(coverage_mm: float, chosen: str) -> None:
    sharp, shorter = candidate("a", coverage_mm=300.0, kernel="LUNG"), candidate("b", coverage_mm=coverage_mm)
    assert main_scan([sharp, shorter])[0] == chosen


@pytest.mark.parametrize(
    ("first_mm", "second_mm", "chosen"),
    [(0.5, 3.0, "b"), (1.5, 3.0, "a"), (1.0, 3.0, "a"), (1.998, 2.0, "b"), (1.9999, 2.0, "a")],
)
def test_the_thickness_nearest_to_two_millimetres_is_best_and_less_than_a_micrometre_is_nothing(
    first_mm: float, second_mm: float, chosen: str
) -> None:
    first, second = candidate("a", slice_thickness_mm=first_mm), candidate("b", slice_thickness_mm=second_mm)
    assert main_scan([first, second])[0] == chosen


def test_derived_is_derived_in_small_letters_too() -> None:
    assert main_scan([candidate("a", image_type="derived\\primary"), candidate("b")])[0] == "b"


def test_the_key_decides_between_equals() -> None:
    assert main_scan([candidate("b"), candidate("a")]) == ("a", "key")


def test_any_plane_is_native_to_mr() -> None:
    sagittal = candidate("a", family="mr", orientation="sagittal", slice_thickness_mm=2.0)
    axial = candidate("b", family="mr", slice_thickness_mm=4.0)
    assert main_scan([sagittal, axial])[0] == "a"


def test_one_candidate_is_the_main_scan() -> None:
    assert main_scan([candidate("a", kernel="LUNG")]) == ("a", "only scan of its kind")


def test_no_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^a main scan is chosen from at least one candidate$"):
        main_scan([])


CANDIDATES = st.builds(
    candidate,
    st.sampled_from("abcdefgh"),
    image_type=st.sampled_from(["ORIGINAL\\PRIMARY", "DERIVED\\SECONDARY"]),
    orientation=st.sampled_from(["axial", "coronal"]),
    coverage_mm=st.sampled_from([0.0, 285.0, 286.0, 300.0]),
    kernel=st.sampled_from(["", "LUNG", "STANDARD"]),
    slice_thickness_mm=st.sampled_from([None, 1.0, 3.0, 5.0]),
    uid=st.sampled_from(["1.1", "1.2"]),
    repairs=st.sampled_from(["", "tilt: 9.0 degrees"]),
)


@given(st.lists(CANDIDATES, min_size=1, max_size=8, unique_by=lambda c: c.key), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(candidates: list[MainCandidate], random: Any) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert main_scan(shuffled) == main_scan(candidates)


@pytest.mark.parametrize(
    ("kernel", "rank"),
    [
        ("STANDARD", 0), ("SOFT", 0), ("STD+", 0), ("B30f", 0), ("Br40d\\3", 0), ("I31f", 0), ("FC07", 0),
        ("B", 0),
        ("LUNG", 2), ("BONEPLUS", 2), ("B70f", 2), ("Bl57d", 2), ("Hr60", 2), ("FC52", 2), ("FC30", 2),
        ("FC29", 0), ("FC39", 2), ("FC40", 0), ("FC49", 0), ("FC50", 2), ("FC00", 0), ("Br49", 0), ("Br50", 2),
        (" lung ", 2), ("b30f", 0), ("L", 2),
        ("YA", 2), ("", 1), ("whatever", 1),
    ],
)  # fmt: skip
def test_kernels_are_standard_sharp_or_unknown(kernel: str, rank: int) -> None:
    assert kernel_rank(kernel) == rank


def test_every_column_of_the_scan_table_is_looked_at() -> None:
    row = {"key": "k", "kind": "mr/head/3d/t1", "orientation": "coronal", "coverage_mm": 12.5, "kernel": "FC07",
           "slice_thickness_mm": 1.5, "series": "s", "image_type": "DERIVED", "repairs": "tilt: 9 deg"}  # fmt: skip
    wanted = MainCandidate("k", "mr", "DERIVED", "coronal", 12.5, "FC07", 1.5, "s", "tilt: 9 deg")
    assert MainCandidate.from_row(row) == wanted


def test_what_a_row_does_not_tell_is_nothing() -> None:
    names = ("orientation", "coverage_mm", "kernel", "slice_thickness_mm", "series", "image_type", "repairs")
    for row in ({}, dict.fromkeys(names)):
        found = MainCandidate.from_row({"key": "k", "kind": "ct/chest/3d", **row})
        assert found == MainCandidate("k", "ct", "", "", 0.0, "", None, "")


def test_a_row_of_the_scan_table_becomes_a_candidate() -> None:
    row = {"key": "k", "kind": "ct/chest/3d", "orientation": "axial", "coverage_mm": 12.5, "kernel": "FC07",
           "slice_thickness_mm": None, "series": "s"}  # fmt: skip
    assert MainCandidate.from_row(row) == candidate(
        "k", image_type="", coverage_mm=12.5, kernel="FC07", slice_thickness_mm=None, uid="s"
    )
