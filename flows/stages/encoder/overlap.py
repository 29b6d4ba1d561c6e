"""Overlap: which share of the first ten of each list two encoders both show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.embeddings import kinds_of
from flows.records.space import Space, order_of, read_space
from flows.site.opened import Site
from siamese.search.distance import Metric
from siamese.search.gallery import Gallery, Order
from siamese.search.lanes import nearest_priors

DEEPEST = 10
MOST_QUERIES = 500  # of a kind, those with the lowest keys: keys are digests, so these are a fair sample
Ints = NDArray[np.int64]


def archive_overlap(site: Site, connection: Connection, a: str, b: str) -> tuple[float, int] | None:
    """Return the mean share over lists of scans that both encoders have vectors of, and how many lists; None: none."""
    shares: list[float] = []
    for kind in kinds_of(connection, a):
        spaces = [read_space(site, connection, encoder, kind) for encoder in (a, b)]
        keys = sorted(set(spaces[0].gallery.keys) & set(spaces[1].gallery.keys))
        asked = np.arange(min(len(keys), MOST_QUERIES))
        if len(keys):
            shares += shared([_ordered(space, keys) for space in spaces], asked, [s.metric for s in spaces],
                             order_of(site))  # fmt: skip
    return (float(np.mean(shares)), len(shares)) if shares else None


def shared(galleries: Sequence[Gallery], asked: Ints, metrics: Sequence[Metric], order: Order) -> list[float]:
    """Return the share of each list that is not empty; two galleries of the same scans in the same order."""
    ours, theirs = (
        nearest_priors(gallery, asked, k=DEEPEST, order=order, metric=metric)
        for gallery, metric in zip(galleries, metrics, strict=True)
    )
    return [len({n.index for n in a} & {n.index for n in b}) / len(a) for a, b in zip(ours, theirs, strict=True) if a]


def _ordered(space: Space, keys: Sequence[str]) -> Gallery:
    """The scans of some keys, in their order; codes of patients are those of the space, each the same person."""
    place = {key: i for i, key in enumerate(space.gallery.keys)}
    return space.gallery.part([place[key] for key in keys])
