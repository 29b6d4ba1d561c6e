"""Classes of size and contrast at their edges, and which scans are the newest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.strata import contrast_classes, newest_quarter, size_classes
from siamese.search.gallery import UNKNOWN_US


@pytest.mark.parametrize(("size_mm", "name"), [
    (None, None), (6.0, "below 11 mm"), (10.99, "below 11 mm"), (11.0, "11 to 18 mm"), (17.99, "11 to 18 mm"),
    (18.0, "18 mm and more"), (400.0, "18 mm and more"),
])  # fmt: skip
def test_a_size_falls_into_the_class_that_begins_with_it(size_mm, name):
    assert size_classes([size_mm]) == [name]


def test_contrasts_have_classes_without_a_unit():
    assert contrast_classes([1.0, 2.5, 4.0, None]) == ["below 2.5", "2.5 to 4", "4 and more", None]


def test_the_newest_quarter_by_hand():
    found = newest_quarter(np.array([40, UNKNOWN_US, 10, 30, 20]))
    assert found == ["newest quarter", None, "older three quarters", "older three quarters", "older three quarters"]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_the_newest_are_at_least_a_quarter_and_nobody_older_is_newer(times):
    found = newest_quarter(np.array(times))
    new = [at for at, name in zip(times, found, strict=True) if name == "newest quarter"]
    old = [at for at, name in zip(times, found, strict=True) if name == "older three quarters"]
    if old:
        assert len(new) >= len(times) / 4 and min(new) > max(old)
    else:
        assert found == [None] * len(times)


def test_without_dates_nothing_is_newest():
    assert newest_quarter(np.full(3, UNKNOWN_US)) == [None] * 3
    assert newest_quarter(np.array([5, 5, 5])) == [None] * 3
