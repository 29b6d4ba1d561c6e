from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from siamese.pairs import (
    ALIKE,
    UNKNOWN,
    UNLIKE,
    PatientStraddles,
    by_kind,
    data_digest,
    feasible,
    relations,
    split,
    split_of,
)


def relation(one, other, purpose="finding"):
    matrix = relations([one, other], purpose)
    assert matrix[0, 1] == matrix[1, 0]
    assert matrix[0, 0] == matrix[1, 1] == UNKNOWN
    return matrix[0, 1]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0.0, "train"),
        (0.5999, "train"),
        (0.6, "validation"),
        (0.7999, "validation"),
        (0.8, "test"),
        (0.9999, "test"),
    ],
)
def test_splits_are_60_20_20(number, name):
    assert split_of(number) == name


@pytest.mark.parametrize("number", [-0.1, 1.0, float("nan")])
def test_split_number_outside_its_range_is_refused(number):
    with pytest.raises(ValueError, match="split number"):
        split_of(number)


def test_patient_with_scans_in_two_splits_is_an_error(make_example):
    with pytest.raises(PatientStraddles, match="p1-2"):
        split([make_example("p1-1", number=0.1), make_example("p1-2", number=0.7)])


def test_scan_listed_twice_is_an_error(make_example):
    with pytest.raises(PatientStraddles, match="twice"):
        split([make_example("p1-1"), make_example("p1-1")])


def test_splits_hold_every_example_once_in_any_order_given(make_example):
    examples = [make_example(f"p{i}-1", number=i / 10) for i in range(10)]
    parts = split(examples)
    assert {name: len(part) for name, part in parts.items()} == {"train": 6, "validation": 2, "test": 2}
    assert split(examples[::-1]) == parts


def test_sharing_a_present_finding_is_alike(make_example):
    assert relation(make_example("p1-1", "nodule cyst"), make_example("p2-1", "nodule")) == ALIKE


def test_unlabelled_is_unknown_never_unlike(make_example):
    assert relation(make_example("p1-1", "nodule"), make_example("p2-1")) == UNKNOWN
    assert relation(make_example("p1-1", "nodule"), make_example("p2-1", "cyst")) == UNKNOWN
    assert relation(make_example("p1-1", "nodule", "cyst"), make_example("p2-1", "cyst")) == UNKNOWN


def test_unlike_needs_every_finding_marked_absent_in_the_other(make_example):
    assert relation(make_example("p1-1", "nodule", "cyst"), make_example("p2-1", "cyst", "nodule")) == UNLIKE
    assert relation(make_example("p1-1", "nodule"), make_example("p2-1", "", "nodule")) == UNLIKE
    assert relation(make_example("p1-1", "nodule cyst"), make_example("p2-1", "", "nodule")) == UNKNOWN


def test_two_scans_without_findings_are_neither(make_example):
    assert relation(make_example("p1-1", "", "nodule"), make_example("p2-1", "", "nodule")) == UNKNOWN


def test_own_scans_are_ignored_for_findings(make_example):
    assert relation(make_example("p1-1", "nodule"), make_example("p1-2", "nodule")) == UNKNOWN
    assert relation(make_example("p1-1", "nodule"), make_example("p1-2", "", "nodule")) == UNKNOWN


@pytest.mark.parametrize("purpose", ["finding", "patient", "view"])
def test_kinds_are_never_compared(make_example, purpose):
    one = make_example("p1-1", "nodule")
    for other in (make_example("p1-2", "nodule"), make_example("p2-1", "", "nodule"), one):
        assert relation(one, replace(other, kind="mr/head/3d/t1"), purpose) == UNKNOWN


def test_purpose_patient_pairs_other_studies_of_one_patient(make_example):
    one = make_example("p1-1", study="s1")
    assert relation(one, make_example("p1-2", study="s2"), "patient") == ALIKE
    assert relation(one, make_example("p1-2", study="s1"), "patient") == UNKNOWN
    assert relation(one, make_example("p2-1", study="s3"), "patient") == UNLIKE


def test_purpose_view_pairs_a_scan_with_itself_only(make_example):
    one = make_example("p1-1")
    assert relation(one, one, "view") == ALIKE
    assert relation(one, make_example("p1-2"), "view") == UNKNOWN
    assert relation(one, make_example("p2-1"), "view") == UNLIKE


def test_relations_by_finding_equal_a_slow_loop(make_example):
    rng = np.random.default_rng(0)
    names = ("a", "b", "c")
    examples = []
    for i in range(40):
        marks = rng.choice(["present", "absent", "unlabelled"], 3)
        words = [" ".join(n for n, m in zip(names, marks, strict=True) if m == w) for w in ("present", "absent")]
        examples.append(make_example(f"p{i // 2}-{i % 2}", *words, kind="ct" if i < 30 else "mr"))
    found = relations(examples, "finding")
    for (i, one), (j, other) in product(enumerate(examples), repeat=2):
        expected = UNKNOWN
        if one.patient != other.patient and one.kind == other.kind:
            if one.present & other.present:
                expected = ALIKE
            elif (one.present | other.present) and one.present <= other.absent and other.present <= one.absent:
                expected = UNLIKE
        assert found[i, j] == expected


def test_unknown_purpose_is_refused(make_example):
    with pytest.raises(ValueError, match="'severity'"):
        relations([make_example("p1-1")], "severity")


def test_feasibility_counts_pairs_a_person_can_count(make_example):
    numbers = {"train": 0.1, "validation": 0.7, "test": 0.9}
    examples = [
        make_example(f"{name}{i}-1", "x" if i % 2 else "y", "y" if i % 2 else "x", number=number)
        for name, number in numbers.items()
        for i in range(6)
    ]
    found = feasible(examples, "finding")
    each = {"patients": 6, "scans": 6, "alike": 6, "unlike": 9}  # 2 x 3 pairs within, 3 x 3 between
    assert found.counts == {"train": each, "validation": each, "test": each}
    assert not found.ok
    assert found.reason.startswith("6 alike pairs for purpose finding in train, wanted at least 8")
    assert found.reason.endswith("label more patients as present and absent, or use purpose patient or view")


@pytest.mark.parametrize("purpose", ["finding", "patient", "view"])
def test_nothing_is_not_feasible_and_says_what_to_do(purpose):
    found = feasible([], purpose)
    assert not found.ok
    assert "wanted at least 8 " in found.reason


def test_pairs_of_both_sorts_must_be_of_one_kind(make_example):
    alike = [make_example(f"a{i}-1", "x", number=i / 40) for i in range(40)]
    unlike = [make_example(f"b{i}-1", "xy"[i % 2], "yx"[i % 2], kind="mr/head/3d/t1", number=i / 40) for i in range(40)]
    assert not feasible([*alike, *unlike[::20]], "finding").ok
    assert feasible([*alike, *unlike], "finding").ok


def test_view_is_feasible_without_labels_and_second_visits(make_example):
    assert feasible([make_example(f"p{i}-1", number=i / 20) for i in range(20)], "view").ok
    assert not feasible([make_example(f"p{i}-1", number=i / 20) for i in range(20)], "patient").ok


def test_large_splits_are_thinned_the_same_way_each_time(make_example, monkeypatch):
    monkeypatch.setattr("siamese.pairs.MOST_COMPARED", 10)
    examples = [make_example(f"p{i:03}-1") for i in range(50)]
    drawn = by_kind(examples)["ct/chest/3d"]
    assert len(drawn) == 10
    assert by_kind(examples[::-1])["ct/chest/3d"] == drawn


CHANGES = {
    "scan": "other", "patient": "other", "study": "other", "kind": "other", "present": frozenset("x"),
    "absent": frozenset("x"), "split_number": 0.9,
}  # fmt: skip


@pytest.mark.parametrize("field", CHANGES)
def test_data_digest_changes_with_all_that_training_sees(make_example, field):
    examples = [make_example("p1-1"), make_example("p2-1")]
    changed = [replace(examples[0], **{field: CHANGES[field]}), examples[1]]
    assert data_digest(changed, "r") != data_digest(examples, "r")
    assert data_digest(examples[::-1], "r") == data_digest(examples, "r") != data_digest(examples, "other")
