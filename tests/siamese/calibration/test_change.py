import numpy as np
import pytest

from siamese.calibration.change import CLOSE_US, change, reference_pairs, references
from siamese.search.gallery import UNKNOWN_US, Gallery


def test_percentile_by_hand():
    known = {"same-scanner": [i / 100 for i in range(100)], "other-scanner": [0.5] * 49}
    assert change(0.25, known, same_scanner=True).percentile == 25.5  # 25 nearer, one equal counts half
    assert change(2.0, known, same_scanner=True).percentile == 100.0
    assert change(0.0, known, same_scanner=True).percentile == 0.5


def test_fewer_than_fifty_references_are_none():
    known = {"other-scanner": [0.5] * 49}
    found = change(0.2, known, same_scanner=False)
    assert (found.code, found.percentile, found.n_references) == ("no-reference", None, 49)
    assert change(0.2, known, same_scanner=None).code == "no-reference"
    assert change(0.2, known, same_scanner=True).n_references == 0


def test_one_reference_a_patient():
    found = references(np.array([0.3, 0.1, 0.2, 0.9, 0.4]), [True, True, True, True, False], np.array([0, 0, 0, 1, 1]))
    assert found == {"same-scanner": (pytest.approx(0.2), 0.9), "other-scanner": (0.4,)}
    assert references(np.array([0.3]), [None], np.array([0])) == {"same-scanner": (), "other-scanner": ()}


def test_reference_pairs_are_of_one_patient_close_in_time_and_show_nothing_new():
    at = np.array([0, CLOSE_US, 2 * CLOSE_US + 1, 10, 20, UNKNOWN_US, 0, 5])
    patients = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    studies = np.array([0, 1, 2, 3, 4, 5, 6, 6])
    vectors = np.eye(8, dtype=np.float32)
    until = np.where(at == UNKNOWN_US, UNKNOWN_US, at + 1)
    gallery = Gallery([f"k{i}" for i in range(8)], vectors, patients, at, until, studies)

    def pairs(*present):
        rows, others, lengths = reference_pairs(gallery, [frozenset(some) for some in present])
        assert lengths.tolist() == [1.0] * len(rows)
        return list(zip(rows.tolist(), others.tolist(), strict=True))

    nothing = [""] * 8
    assert pairs(*nothing) == [(1, 0), (4, 3)]  # 2 is too late, 5 undated, 6 and 7 one study
    assert pairs("a", "a", "", "", "b", "", "", "") == [(1, 0)]  # b is new in 4
    assert pairs("a", "", "", "", "", "", "", "") == [(1, 0), (4, 3)]  # a that went is not new


def test_studies_whose_order_is_unknown_are_one_pair_if_they_show_the_same():
    gallery = Gallery(["a", "b"], np.eye(2, dtype=np.float32), np.zeros(2, np.int64), np.array([0, 5]),
                      np.array([9, 9]), np.array([0, 1]))  # fmt: skip
    for present, n in ((["x", "x"], 1), (["x", ""], 0), (["", "x"], 0)):
        assert len(reference_pairs(gallery, [frozenset(p) for p in present])[0]) == n
