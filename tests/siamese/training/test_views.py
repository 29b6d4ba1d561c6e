"""Views: equal arguments give equal views, each is a picture, and each change does what its name says."""

from dataclasses import fields

import numpy as np
import pytest

from siamese.training.views import CHANGES, Changes, view_of

NONE = Changes(
    **{
        field.name: (1.0, 1.0) if field.name in ("size", "contrast", "length") else (0.0, 0.0)
        for field in fields(Changes)
    }
)


@pytest.fixture
def picture() -> np.ndarray:
    """A bright block on a slope of greys, (1, 64, 64)."""
    made = np.tile(np.linspace(0.1, 0.5, 64, dtype=np.float32), (64, 1))
    made[20:40, 24:36] = 0.9
    return made[None]


@pytest.fixture
def volume(picture: np.ndarray) -> np.ndarray:
    """Twelve slices, the block in four of them, (1, 12, 64, 64)."""
    made = np.full((1, 12, 64, 64), 0.2, np.float32)
    made[0, 2:6] = picture
    return made


def _only(**ranges: tuple[float, float]) -> Changes:
    return Changes(**{**{field.name: getattr(NONE, field.name) for field in fields(Changes)}, **ranges})


def test_without_changes_a_view_is_the_picture(picture: np.ndarray) -> None:
    assert np.allclose(view_of(picture, "a", 0, NONE), picture, atol=1e-5)


def test_a_view_depends_on_scan_and_number_only(picture: np.ndarray) -> None:
    first = view_of(picture, "a", 0)
    assert np.array_equal(first, view_of(picture, "a", 0))
    assert not np.array_equal(first, view_of(picture, "a", 1))
    assert not np.array_equal(first, view_of(picture, "b", 0))


def test_every_view_is_a_picture_in_range(picture: np.ndarray) -> None:
    for number in range(50):
        view = view_of(picture, "a", number, CHANGES)
        assert view.shape == picture.shape and view.dtype == np.float32
        assert np.isfinite(view).all() and view.min() >= 0.0 and view.max() <= 1.0 and view.min() < view.max()


def _block(view: np.ndarray) -> tuple[float, float, float, float]:
    """Middle and height and width of what is bright."""
    rows, columns = np.nonzero(view[0] > 0.7)
    return rows.mean(), columns.mean(), np.ptp(rows) + 1, np.ptp(columns) + 1


def test_a_smaller_size_makes_the_body_smaller(picture: np.ndarray) -> None:
    _, _, height, width = _block(view_of(picture, "a", 0, _only(size=(0.5, 0.5))))
    assert abs(height - 10) <= 1 and abs(width - 6) <= 1


def test_aspect_makes_it_taller_and_narrower(picture: np.ndarray) -> None:
    _, _, height, width = _block(view_of(picture, "a", 0, _only(aspect=(0.4, 0.4))))
    assert height > 22 and width < 11


def test_a_shift_moves_it_by_a_share_of_each_side(picture: np.ndarray) -> None:
    row, column, height, width = _block(view_of(picture, "a", 0, _only(shift=(0.125, 0.125))))
    assert abs(row - (29.5 - 8)) < 0.6 and abs(column - (29.5 - 8)) < 0.6 and (height, width) == (20, 12)


def test_a_quarter_turn_lays_it_down(picture: np.ndarray) -> None:
    _, _, height, width = _block(view_of(picture, "a", 0, _only(turn_deg=(90.0, 90.0))))
    assert abs(height - 12) <= 1 and abs(width - 20) <= 1


def test_beyond_the_border_its_last_pixels_go_on(picture: np.ndarray) -> None:
    view = view_of(np.full_like(picture, 0.6), "a", 3, _only(size=(0.5, 0.5)))
    assert np.allclose(view, 0.6, atol=1e-5)


def test_slices_without_changes_are_the_volume_and_stay_in_their_order(volume: np.ndarray) -> None:
    assert np.allclose(view_of(volume, "a", 0, NONE), volume, atol=1e-5)


def test_slices_are_turned_and_resized_together_and_each_in_its_plane(volume: np.ndarray) -> None:
    view = view_of(volume, "a", 0, _only(turn_deg=(90.0, 90.0), size=(0.5, 0.5)))
    lively = [bool((slice_ > 0.7).any()) for slice_ in view[0]]
    assert lively == [2 <= z < 6 for z in range(12)]
    _, _, height, width = _block(view[:, 4])
    assert abs(height - 6) <= 1 and abs(width - 10) <= 1


def test_a_longer_body_takes_more_slices_and_a_shift_moves_them_along_it(volume: np.ndarray) -> None:
    bright = lambda view: np.flatnonzero((view[0] > 0.5).any(axis=(1, 2)))  # noqa: E731
    assert len(bright(view_of(volume, "a", 0, _only(length=(1.5, 1.5))))) == 6
    moved = view_of(volume, "a", 0, _only(shift=(0.25, 0.25)))
    assert bright(moved).tolist() == [0, 1, 2]
    row, column, _, _ = _block(moved[:, 1])
    assert abs(row - (29.5 - 16)) < 0.6 and abs(column - (29.5 - 16)) < 0.6


def test_blur_stays_within_a_slice(volume: np.ndarray) -> None:
    view = view_of(volume, "a", 0, _only(blur=(1.5, 1.5)))
    assert np.allclose(view[0, 6:], 0.2, atol=1e-5) and not np.allclose(view[0, 5], volume[0, 5], atol=0.05)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"log_gamma": (0.3, 0.3)}, 0.6 ** np.exp(0.3)),
        ({"contrast": (1.2, 1.2)}, 0.62),
        ({"brightness": (0.05, 0.05)}, 0.65),
    ],
)
def test_greys_change_by_their_formula(picture: np.ndarray, change, expected: float) -> None:
    view = view_of(np.full_like(picture, 0.6), "a", 0, _only(**change))
    assert np.allclose(view, expected, atol=1e-5)


def test_blur_and_noise_have_the_deviation_that_is_drawn(picture: np.ndarray) -> None:
    flat = np.full((1, 200, 200), 0.5, np.float32)
    assert abs(view_of(flat, "a", 0, _only(noise=(0.04, 0.04))).std() - 0.04) < 0.002
    edge = (np.arange(200)[None, None] >= 100).astype(np.float32) * np.ones((1, 200, 1), np.float32)
    steps = np.diff(view_of(edge, "a", 0, _only(blur=(1.5, 1.5)))[0, 100])
    centre = (steps * np.arange(199)).sum() / steps.sum()
    assert abs(np.sqrt((steps * (np.arange(199) - centre) ** 2).sum() / steps.sum()) - 1.5) < 0.1
