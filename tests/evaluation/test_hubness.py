import numpy as np
import pytest

from evaluation.hubness import hubness


def test_hubs_by_hand():
    shown = np.array([[0, 1, -1], [0, 2, -1], [0, -1, -1], [3, -1, -1]])
    found = hubness(["a", "b", "c", "d", "e", "f"], shown, np.array([4, 2, 4, 1, 3, 0]))
    assert [(hub.scan, hub.times, hub.eligible, hub.share) for hub in found.worst[:3]] == [
        ("a", 3, 4, 0.75),
        ("d", 1, 1, 1.0),  # as often as it could, and that says little
        ("b", 1, 2, 0.5),
    ]
    assert found.never == 1 / 5  # e could have been shown and never was; f never could


def test_skewness_is_that_of_the_shares():
    even = hubness(["a", "b"], np.array([[0, 1]]), np.array([1, 1]))
    assert even.skewness == 0.0
    shares = np.array([0.9, 0.1, 0.1, 0.1])
    shown = np.array([[0]] * 9 + [[1], [2], [3]])
    found = hubness(["a", "b", "c", "d"], shown, np.full(4, 10))
    assert found.skewness == pytest.approx(np.mean((shares - 0.3) ** 3) / np.std(shares) ** 3)


def test_nothing_asked_gives_none():
    assert hubness(["a"], np.empty((0, 10), np.int64), np.zeros(1, np.int64)).skewness is None
