"""Classifiers of kinds: learned from what tags tell, switched by hand, and what they hold against tags."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from sqlalchemy import Connection

from db.encoders import EncoderRow, active_encoders
from db.kinds import (
    ScanVector,
    all_classifiers,
    save_classifier,
    serving_classifiers,
    switch_off,
    told_vectors,
    use_classifier,
)
from flows.answers.answer import filled
from flows.answers.kinds import Classifier, Contradiction, LearnedCover, LearnedKinds, SwitchedKinds
from flows.records.pixel_kinds import folder_of, loaded_classifier
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.work.batch import slices
from scans.likeness import likeness_of
from scans.part import UNKNOWN
from siamese.kinds.classifier import KindClassifier
from siamese.kinds.figures import FamilyFigures
from siamese.kinds.learning import ToldScans, learn
from siamese.recipe import BY_DIGEST, COVERS
from siamese.vector_bytes import stacked

AT_ONCE = 4096  # vectors looked at in one piece


@dataclass
class _Group:
    """Scans that say one part and look like another."""

    keys: list[str] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)


def learn_kinds(site: Site) -> LearnedKinds:
    """Learn a classifier for each cover from the vectors of its active encoder; none is put in use."""
    with site.db.read() as connection:
        encoders = {row.cover: row for row in reversed(active_encoders(connection))}  # of several the first one
        scans = {cover: list(told_vectors(connection, row.id, cover)) for cover, row in encoders.items()}
    return LearnedKinds([_learned(site, cover, encoders.get(cover), scans.get(cover, [])) for cover in COVERS])


def use_kinds(site: Site, text: str) -> SwitchedKinds:
    """Let a classifier, named by its id or the beginning of it, name the scans of its cover.

    Raises:
        NotFound: No classifier, or several, have such an id; its encoder is not active, or its files are gone.
    """
    with site.db.read() as connection:
        rows, active = all_classifiers(connection), {row.id for row in active_encoders(connection)}
    found = [row for row in rows if text and row.id.startswith(text)]
    if len(found) != 1:
        known = ", ".join(row.id for row in rows) or "none yet, see `scantwin kinds learn`"
        raise NotFound(f"{len(found)} classifiers have an id that begins with {text!r}; there are {known}")
    (row,) = found
    if row.encoder not in active:
        raise NotFound(
            f"classifier {row.id} reads vectors of encoder {row.encoder}, which does not serve {row.cover}: "
            f"run `scantwin kinds learn` for the one that does"
        )
    loaded_classifier(site, row)
    with site.db.write() as connection:
        did = use_classifier(connection, row, f"classifier {row.id} took its place by hand")
    return _switched(site, did)


def stop_kinds(site: Site) -> SwitchedKinds:
    """Take every classifier out of use."""
    with site.db.write() as connection:
        used = [row.id for row in all_classifiers(connection) if row.in_use]
        switch_off(connection, used, "switched off by hand")
    return _switched(site, bool(used))


def list_classifiers(connection: Connection) -> list[Classifier]:
    """Return every classifier with its evidence."""
    return [
        filled(
            Classifier,
            row,
            created=row.created_at.isoformat(timespec="seconds"),
            families=[FamilyFigures.from_json(figures) for figures in json.loads(row.figures)],
        )
        for row in all_classifiers(connection)
    ]


def contradictions(site: Site, connection: Connection) -> list[Contradiction]:
    """Return the scans whose tags tell one part and whose pixels surely another, by the classifiers in use."""
    groups: dict[tuple[str, str, str, str], _Group] = {}
    for row in serving_classifiers(connection):
        classifier = loaded_classifier(site, row)
        for some in slices(told_vectors(connection, row.encoder, row.cover), AT_ONCE):
            for scan, looks in _looked_at(classifier, some):
                family, part = scan.kind.split("/")[:2]
                other = looks.split("/")[1] if looks else part
                if other != part:
                    group = groups.setdefault((row.cover, family, part, other), _Group())
                    group.keys.append(scan.scan)
                    group.patients.add(scan.patient)
    found = [
        Contradiction(*key, scans=len(group.keys), patients=len(group.patients), keys=sorted(group.keys))
        for key, group in groups.items()
    ]
    return sorted(found, key=lambda row: (-row.scans, row.cover, row.family, row.says, row.looks_like))


def _learned(site: Site, cover: str, encoder: EncoderRow | None, scans: Sequence[ScanVector]) -> LearnedCover:
    if encoder is None:
        return LearnedCover(cover, None, None, f"no encoder serves {cover}", [])
    models, figures = {}, []
    for family, some in _by_family(scans):
        if why := _sees_parts(encoder, family, some):
            return LearnedCover(cover, encoder.id, None, why, [])
        model, found = learn(family, _told(some, encoder.dim))
        figures.append(found)
        if model is not None:
            models[family] = model
    if not models:
        return LearnedCover(cover, encoder.id, None, "no family of modalities can be named surely enough", figures)
    classifier = KindClassifier(encoder.id, cover, models)
    classifier.save(folder_of(site, classifier.id))
    row = {
        "id": classifier.id, "encoder": encoder.id, "cover": cover,
        "figures": json.dumps([asdict(found) for found in figures]),
        "n_named": sum(model.n_named for model in models.values()),
        "n_wrong": sum(model.n_wrong for model in models.values()),
    }  # fmt: skip
    with site.db.write() as connection:
        save_classifier(connection, row)
    return LearnedCover(cover, encoder.id, classifier.id, "", figures)


def _sees_parts(encoder: EncoderRow, family: str, scans: Sequence[ScanVector]) -> str:
    """Say why vectors of an encoder cannot tell kinds, if they cannot: its input must not depend on the part."""
    recipe = BY_DIGEST.get(encoder.recipe)
    if recipe is None:
        return f"encoder {encoder.id} was made for inputs of recipe {encoder.recipe}, which this version cannot make"
    unknown = f"{family}/{UNKNOWN}/{encoder.cover}"
    if all(recipe.is_blind_to(unknown, kind) for kind in {scan.kind for scan in scans}):
        return ""
    return f"encoder {encoder.id} sees a scan otherwise by its part of the body, which gives tags away"


def _by_family(scans: Sequence[ScanVector]) -> Iterator[tuple[str, list[ScanVector]]]:
    ordered = sorted(scans, key=lambda scan: (scan.kind.split("/")[0], scan.scan))
    for family, some in groupby(ordered, key=lambda scan: scan.kind.split("/")[0]):
        yield family, list(some)


def _told(scans: Sequence[ScanVector], dim: int) -> ToldScans:
    return ToldScans(
        stacked([scan.vector for scan in scans], dim),
        [likeness_of(scan.kind) for scan in scans],
        [scan.patient for scan in scans],
        [scan.split for scan in scans],
    )


def _looked_at(classifier: KindClassifier, scans: Sequence[ScanVector]) -> Iterator[tuple[ScanVector, str]]:
    for family, some in _by_family(scans):
        if family in classifier.families:
            dim = classifier.families[family].means.shape[1]
            yield from zip(some, classifier.look(family, _told(some, dim).vectors), strict=True)


def _switched(site: Site, did: bool) -> SwitchedKinds:
    with site.db.read() as connection:
        return SwitchedKinds([row.id for row in serving_classifiers(connection)], did)
