"""Quota: encoder inputs that nobody needs any more are dropped once the store holds more than it may.

What lies in the store is counted by walking through it, and nothing else remembers it: a kill between two files leaves
nothing to repair. An input that is needed once more is made again from the scan's files.
"""

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.embeddings import scans_to_embed
from db.inputs import InputScan, requested_recipes, scans_by_split
from flows.records.recipes import own_recipe, serving_encoders
from flows.site.opened import Site
from flows.site.settings import new_scans_wanted
from flows.work.lease import Ticket
from siamese.pairs import split_of
from siamese.recipe import COVERS
from siamese.training.sample import FIRST_NIGHT

KEPT, KEPT_BYTES, DROPPED = "inputs", "input_bytes", "dropped_inputs"  # in the counts of the stage

Stored = Mapping[str, Mapping[str, int]]  # recipe -> scan -> bytes


@dataclass(frozen=True)
class Needs:
    """What is not dropped."""

    recipes: frozenset[str]  # that something wants
    whole: frozenset[str]  # recipes of which everything is kept
    inputs: Mapping[str, frozenset[str]]  # recipe -> scans: their vectors are not made, or a head is fitted to them
    scans: Sequence[InputScan]  # that may lose theirs, the first one first


def drop_inputs(site: Site, ticket: Ticket) -> Counter[str]:
    """Drop what [site] inputs_gib has no room for; of recipes that nothing wants any more, whatever room there is.

    Returns:
        How many inputs are kept, their bytes, and how many were dropped.
    """
    stored = stored_inputs(site.store)
    n_bytes = sum(sum(sizes.values()) for sizes in stored.values())
    counts = Counter({KEPT: sum(map(len, stored.values())), KEPT_BYTES: n_bytes})
    quota = site.settings.site.inputs_gib * 2**30
    if n_bytes <= quota and stored.keys() <= _recipes(site):
        return counts
    needs = _needs(site, ticket)
    for recipe in sorted(stored.keys() - needs.recipes):
        shutil.rmtree(site.store / "tensors" / recipe)
        counts.update(_dropped(stored[recipe].values()))
    for recipe, scan in _beyond(stored, needs, counts[KEPT_BYTES] - quota):
        site.tensor(recipe, scan).unlink(missing_ok=True)
        counts.update(_dropped([stored[recipe][scan]]))
    return counts


def _dropped(sizes: Collection[int]) -> Counter[str]:
    return Counter({DROPPED: len(sizes), KEPT: -len(sizes), KEPT_BYTES: -sum(sizes)})


def stored_inputs(store: Path) -> dict[str, dict[str, int]]:
    """Return recipe -> scan -> bytes of every input in a store, by one walk."""
    found: dict[str, dict[str, int]] = {}
    for recipe in _folders(store / "tensors"):
        sizes = found.setdefault(recipe.name, {})
        for folder in _folders(recipe):
            with os.scandir(folder) as files:
                sizes.update({f.name.split(".")[0]: f.stat().st_size for f in files if not f.name.startswith(".")})
    return found


def _folders(home: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(home) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _recipes(site: Site) -> frozenset[str]:
    """Return the recipes of the settings, of the encoders that serve, and of one that a person evaluates."""
    with site.db.read() as connection:
        serving = {row.recipe for row in serving_encoders(connection)}
        evaluated = requested_recipes(connection, "evaluation")
    return evaluated.union(serving, (own_recipe(site, cover).digest() for cover in COVERS))


def _needs(site: Site, ticket: Ticket) -> Needs:
    with site.db.read() as connection:
        serving, scans = serving_encoders(connection), scans_by_split(connection)
        waiting = [(row.recipe, scans_to_embed(connection, row.id, row.cover)) for row in serving]
        whole = requested_recipes(connection)
    inputs: dict[str, set[str]] = {}
    for recipe, keys in [*waiting, *_samples(site, scans)]:
        inputs.setdefault(recipe, set()).update(keys)
    return Needs(
        recipes=_recipes(site),
        whole=whole,
        inputs={recipe: frozenset(keys) for recipe, keys in inputs.items()},
        scans=[scan for scan in scans if scan.withdrawn_night != ticket.night],  # they may be back tomorrow
    )


def _samples(site: Site, scans: Sequence[InputScan]) -> Iterator[tuple[str, list[str]]]:
    """Yield the recipe and the scans that the next head is fitted to; none where no encoder is made unasked."""
    if new_scans_wanted(site.settings.siamese.train_when) is None:
        return
    for cover in COVERS:
        train = [s.key for s in scans if s.cover == cover and s.is_listed and split_of(s.split) == "train"]
        yield own_recipe(site, cover).digest(), train[-FIRST_NIGHT[cover].scans :]  # the lowest numbers come last


def _beyond(stored: Stored, needs: Needs, too_many: float) -> Iterator[tuple[str, str]]:
    """Yield recipe and scan of inputs that nobody needs, until so many bytes are gone."""
    recipes = sorted(stored.keys() & needs.recipes - needs.whole)
    for scan in needs.scans:
        for recipe in recipes:
            if too_many <= 0:
                return
            if scan.key in stored[recipe] and scan.key not in needs.inputs.get(recipe, ()):
                too_many -= stored[recipe][scan.key]
                yield recipe, scan.key
