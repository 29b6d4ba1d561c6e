"""Kinds from pixels: what the classifiers in use say of scans whose header does not tell the kind."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection

from db.embeddings import vector_of
from db.kinds import FROM_PIXELS, KindClassifierRow, serving_classifiers
from flows.site.errors import NotFound
from flows.site.opened import Site
from scans.kind import Kind
from scans.likeness import completed
from siamese.kinds.classifier import DamagedClassifier, KindClassifier, load
from siamese.vector_bytes import from_bytes


@dataclass(frozen=True)
class PixelKinds:
    """The classifiers that name scans, one a cover at most."""

    site: Site
    by_cover: Mapping[str, KindClassifier]

    def named(self, kind: Kind, scan: str) -> Kind:
        """Return the kind of a scan, from its vector where the header does not tell it and a classifier is sure."""
        classifier = self.by_cover.get(kind.cover)
        if kind.known or classifier is None:
            return kind
        with self.site.db.read() as connection:
            vector = vector_of(connection, scan, classifier.encoder)
        key = "" if vector is None else key_by(classifier, kind.key, vector)
        return replace(kind, key=key, rule=rule_of(classifier, key), known=True) if key else kind


def pixel_kinds(site: Site, connection: Connection) -> PixelKinds:
    """Return the classifiers that name scans now.

    Raises:
        NotFound: The files of one of them are not in the store.
    """
    rows = serving_classifiers(connection)
    return PixelKinds(site, {row.cover: loaded_classifier(site, row) for row in rows})


def loaded_classifier(site: Site, row: KindClassifierRow) -> KindClassifier:
    """Return a classifier from the store, read once a process.

    Raises:
        NotFound: Its files are not there, or are others.
    """
    try:
        return _loaded(folder_of(site, row.id), row.id)
    except DamagedClassifier as error:
        raise NotFound(f"{error}: put store/kinds/{row.id} back, or run `scantwin kinds off`") from None


def folder_of(site: Site, classifier: str) -> Path:
    """Return where the numbers of a classifier lie."""
    return site.store / "kinds" / classifier


def key_by(classifier: KindClassifier, kind: str, vector: bytes) -> str:
    """Return the key of a kind that tags do not wholly tell, completed from the vector; "" where it abstains."""
    (looks,) = classifier.look(kind.split("/")[0], from_bytes(vector)[None, :])
    return completed(kind, looks) if looks else ""


def rule_of(classifier: KindClassifier, kind: str) -> str:
    """Say on what a kind from pixels rests: "kind from pixels, 0.4 % wrong on 1,240 others"."""
    model = classifier.families[kind.split("/")[0]]
    return f"{FROM_PIXELS}, {model.n_wrong / model.n_named * 100:.1f} % wrong on {model.n_named:,} others"


@lru_cache(maxsize=4)
def _loaded(folder: Path, classifier: str) -> KindClassifier:
    return load(folder, classifier)
