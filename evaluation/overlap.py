"""Overlap: which share of the first ten of each list two encoders both show."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import Metric
from siamese.search.gallery import Gallery, Order
from siamese.search.lanes import nearest_priors

DEEPEST = 10
Ints = NDArray[np.int64]


def shared(galleries: Sequence[Gallery], asked: Ints, metrics: Sequence[Metric], order: Order) -> list[float]:
    """Return the share of each list that is not empty; two galleries of the same scans in the same order."""
    ours, theirs = (
        nearest_priors(gallery, asked, k=DEEPEST, order=order, metric=metric)
        for gallery, metric in zip(galleries, metrics, strict=True)
    )
    return [len({n.index for n in a} & {n.index for n in b}) / len(a) for a, b in zip(ours, theirs, strict=True) if a]
