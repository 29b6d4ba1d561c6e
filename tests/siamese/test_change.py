import numpy as np
import pytest

from siamese.change import change, references


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
