"""Which encoder inputs a site keeps: those of the backbone in its settings, and of every encoder that still serves."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from db.encoders import active_encoders, chosen_encoders, newest_held
from flows.site.opened import Site
from siamese.choices import backbone_for
from siamese.recipe import BY_DIGEST, COVERS, Recipe, recipe_for


def wanted_recipes(site: Site, connection: Connection) -> Mapping[str, Sequence[Recipe]]:
    """Return the recipes of each cover, that of the settings first; those of other versions are not known here."""
    serving = [*active_encoders(connection), *chosen_encoders(connection), *newest_held(connection)]
    wanted: dict[str, list[Recipe]] = {}
    for cover in COVERS:
        known = [BY_DIGEST[row.recipe] for row in serving if row.cover == cover and row.recipe in BY_DIGEST]
        wanted[cover] = list(dict.fromkeys([own_recipe(site, cover), *known]))
    return wanted


def own_recipe(site: Site, cover: str) -> Recipe:
    """Return the recipe of the inputs that the settings' backbone sees."""
    return recipe_for(cover, own_backbone(site, cover))


def own_backbone(site: Site, cover: str) -> str:
    """Return the backbone that the settings' one is, or has in its stead, for a cover."""
    return backbone_for(cover, site.settings.siamese.backbone)
