"""Overlap of two encoders over the lists of an archive."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from db.embeddings import kinds_of
from evaluation.overlap import shared
from flows.records.space import Space, order_of, read_space
from flows.site.opened import Site
from siamese.search.gallery import Gallery

MOST_QUERIES = 500  # of a kind, those with the lowest keys: keys are digests, so these are a fair sample


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


def _ordered(space: Space, keys: Sequence[str]) -> Gallery:
    """The scans of some keys, in their order; codes of patients are those of the space, each the same person."""
    place = {key: i for i, key in enumerate(space.gallery.keys)}
    return space.gallery.part([place[key] for key in keys])
