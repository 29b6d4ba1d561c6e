from dataclasses import fields, replace

import pytest

from siamese.recipe import RECIPES, Spacing, Window, recipe_for

CHANGES = {
    "name": "other",
    "cover": "2d",
    "shape": (32, 64, 65),
    "spacings": (Spacing("", (8.0, 5.0, 5.1)),),
    "windows": (Window("ct", "value", -1000.0, 401.0), Window("", "percentile", 1.0, 99.0)),
    "version": 99,
    "fit": "squash",
    "n_levels": 256,
}


@pytest.mark.parametrize("field", [f.name for f in fields(recipe_for("3d"))])
def test_digest_changes_with_every_field(field: str) -> None:
    recipe = recipe_for("3d")
    assert replace(recipe, **{field: CHANGES[field]}).digest() != recipe.digest()


def test_digests_are_those_that_stored_encoders_name() -> None:
    # A change here makes every encoder in the world unloadable: raise the version, and mean it.
    digests = {name: recipe.digest() for name, recipe in RECIPES.items()}
    assert digests == {
        "body-3d": "f9208eb9c6edc55b", "projection-2d": "56b07bab6bf4a52d", "film-2d": "3a6a86769deddf1b",
        "slices-3d": "ff771bc657aa50f6", "chest-ct-3d": "852f396589ce3895",
    }  # fmt: skip


def test_a_backbone_may_see_scans_in_its_own_way() -> None:
    assert recipe_for("2d", "efficientnet-lite0").shape == (320, 320)
    assert recipe_for("3d", "efficientnet-lite0-2x2").shape == (24, 128, 128)
    for cover in ("2d", "3d"):
        assert recipe_for(cover, "small") == recipe_for(cover) != recipe_for(cover, "efficientnet-lite0")


def test_ct_has_its_own_window_and_mr_that_of_all_others() -> None:
    assert recipe_for("3d").window_of("ct").unit == "value"
    assert recipe_for("3d").window_of("mr") == recipe_for("3d").window_of("pt")


def test_unknown_cover_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'4d'"):
        recipe_for("4d")


def test_head_and_joints_have_a_finer_grid_of_the_same_proportions() -> None:
    recipe = recipe_for("3d")
    body, head = recipe.spacing_of("chest"), recipe.spacing_of("head")
    assert body == recipe.spacing_of("anything") == (8.0, 5.0, 5.0)
    assert head == tuple(0.7 * step for step in body)
    with pytest.raises(ValueError, match="no multiples"):
        replace(recipe, spacings=(*recipe.spacings, Spacing("toe", (1.0, 1.0, 1.0))))


def test_projections_are_fitted() -> None:
    assert recipe_for("2d").spacing_of("chest") is None
    assert recipe_for("2d").extent() == (128.0, 128.0)
