from dataclasses import replace

import numpy as np
import pytest
import torch

from siamese.recipe import recipe_for
from siamese.training.augment import Augmentation, _places, augment

NONE = Augmentation(rotate_deg=0, scale=0, shift=0, log_gamma=0, gain=0, noise=0)


def changed(scans, cover, largest, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return augment(scans, recipe_for(cover), generator=generator, largest=largest)


def body(cover):
    """Return one scan (1, 1, *shape): a smooth ball, round in millimetres."""
    recipe = recipe_for(cover)
    spacing = recipe.spacing_of("") or (2.5, 2.5)
    axes = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(recipe.shape, spacing, strict=True)]
    away = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij")))
    return torch.from_numpy(np.exp(-((away / 60) ** 2)).astype(np.float32))[None, None]


@pytest.mark.parametrize("cover", ["2d", "3d"])
def test_no_change_is_no_change(cover):
    torch.testing.assert_close(changed(body(cover), cover, NONE), body(cover), atol=1e-5, rtol=0)


@pytest.mark.parametrize("cover", ["2d", "3d"])
def test_a_turned_ball_stays_a_ball_on_an_uneven_grid(cover):
    turned = changed(body(cover), cover, replace(NONE, rotate_deg=45.0))
    assert float((turned - body(cover)).abs().max()) < 0.02


@pytest.mark.parametrize("field", ["rotate_deg", "scale", "shift", "log_gamma", "gain", "noise"])
def test_each_sort_of_change_changes_something(field):
    scan = body("2d").roll(40, 3)
    largest = replace(NONE, **{field: getattr(Augmentation(), field)})
    assert float((changed(scan, "2d", largest) - scan).abs().max()) > 2e-4  # 1e-5 is no change


def test_shift_brings_air_from_outside():
    full = torch.ones((1, 1, *recipe_for("2d").shape))
    moved = changed(full, "2d", replace(NONE, shift=0.5), seed=3)
    assert float(moved.min()) == 0.0
    assert float(moved.max()) == 1.0


def test_views_differ_within_a_batch_and_repeat_for_a_seed():
    scans = body("3d").repeat(2, 1, 1, 1, 1)
    one, same, other = (changed(scans, "3d", Augmentation(), seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_the_scan_itself_is_left_alone_and_values_stay_in_range():
    scans = torch.rand((3, 1, *recipe_for("2d").shape))
    before = scans.clone()
    views = changed(scans, "2d", Augmentation(gain=0.9, noise=0.5))
    assert torch.equal(scans, before)
    assert float(views.min()) >= 0.0
    assert float(views.max()) <= 1.0


@pytest.mark.parametrize("cover", ["2d", "3d"])
def test_places_are_those_of_torchs_affine_grid(cover):
    n_dims = int(cover[0])
    moves = torch.randn((2, n_dims, n_dims + 1), generator=torch.Generator().manual_seed(0))
    shape = torch.Size((3, 4, 5)[-n_dims:])
    expected = torch.nn.functional.affine_grid(moves, [2, 1, *shape], align_corners=False)
    torch.testing.assert_close(_places(moves, shape), expected, atol=1e-5, rtol=0)
