"""Which encoder inputs a site makes and keeps: of its settings' backbone, and of every encoder that still serves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db.encoders import EncoderRow, active_encoders, chosen_encoders, newest_held
from db.inputs import encoders_with_vector, requested_recipes
from db.kinds import serving_classifiers
from flows.site.opened import Site
from siamese.choices import backbone_for
from siamese.recipe import BY_DIGEST, COVERS, Recipe, recipe_for


@dataclass(frozen=True)
class InputsWanted:
    """Which inputs of a scan are made when its series is looked at."""

    recipes: Mapping[str, Sequence[Recipe]]  # cover -> of a scan that is new, that of the settings first
    encoders: Sequence[EncoderRow]  # that serve
    requested: frozenset[str]  # recipes whose inputs somebody waits for
    made_by: Mapping[str, set[str]]  # scan -> encoders that have its vector
    classified: frozenset[str] = frozenset()  # encoders whose vectors tell kinds

    def of(self, cover: str, scan: str, *, is_known: bool, is_accepted: bool) -> list[Recipe]:
        """Return the recipes of a scan's inputs; of one that is known only what somebody waits for."""
        if not is_known:
            return list(self.recipes[cover])
        waiting = {
            row.recipe
            for row in self.encoders
            if row.cover == cover
            and row.id not in self.made_by.get(scan, ())
            and (is_accepted or row.id in self.classified)
        }
        needed = (waiting | self.requested) if is_accepted else waiting
        return [recipe for recipe in self.recipes[cover] if recipe.digest() in needed]


def inputs_wanted(site: Site, connection: Connection, scans: Iterable[str]) -> InputsWanted:
    """Read which inputs are made of some scans that are known, and of every new one."""
    recipes, encoders = wanted_recipes(site, connection), serving_encoders(connection)
    classified = frozenset(row.encoder for row in serving_classifiers(connection))
    made_by = encoders_with_vector(connection, scans)
    return InputsWanted(recipes, encoders, requested_recipes(connection), made_by, classified)


def wanted_recipes(site: Site, connection: Connection) -> Mapping[str, Sequence[Recipe]]:
    """Return the recipes of each cover, that of the settings first; those of other versions are not known here."""
    served = [row.recipe for row in serving_encoders(connection)]
    evaluated = sorted(requested_recipes(connection, "evaluation"))  # of any encoder that a person has named
    known = [BY_DIGEST[digest] for digest in (*served, *evaluated) if digest in BY_DIGEST]
    return {
        cover: list(dict.fromkeys([own_recipe(site, cover), *(recipe for recipe in known if recipe.cover == cover)]))
        for cover in COVERS
    }


def serving_encoders(connection: Connection) -> list[EncoderRow]:
    """Return the encoders that every scan gets a vector of: active, chosen, and the newest in the shadow."""
    return [*active_encoders(connection), *chosen_encoders(connection), *newest_held(connection)]


def own_recipe(site: Site, cover: str) -> Recipe:
    """Return the recipe of the inputs that the settings' backbone sees."""
    return recipe_for(cover, own_backbone(site, cover))


def own_backbone(site: Site, cover: str) -> str:
    """Return the backbone that the settings' one is, or has in its stead, for a cover."""
    return backbone_for(cover, site.settings.siamese.backbone)
