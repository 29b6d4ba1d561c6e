"""Losses by name, over triplets that a miner chose.

Margins are in units of the metric's distance, whatever the library counts in. Sources: contrastive,
Hadsell, Chopra and LeCun 2006; triplet, Schroff, Kalenichenko and Philbin 2015.
"""

from collections.abc import Callable

import torch
from pytorch_metric_learning.distances import BaseDistance
from pytorch_metric_learning.losses import ContrastiveLoss, TripletMarginLoss

from siamese.choices import LOSSES, chosen
from siamese.search.distance import Metric
from siamese.training.mining import Triplets
from siamese.training.torch_distance import library_distance

Loss = Callable[[torch.Tensor, Triplets], torch.Tensor]
MakeLoss = Callable[[float, BaseDistance], Loss]  # of the margin, and of the library's object for the metric


def build_loss(name: str, *, margin: float, metric: Metric) -> Loss:
    """Return a loss from unit vectors (N, D) and triplets to a scalar, 0 where there are none.

    Raises:
        ValueError: The loss or the metric is unknown.
    """
    distance = library_distance(metric)
    make: MakeLoss = chosen("loss", LOSSES, name)
    return make(margin, distance)


def triplet(margin: float, distance: BaseDistance) -> Loss:
    """Return max(0, d(a, p) - d(a, n) + margin), a mean over the terms above 0.

    What is learned already does not dilute the rest.
    """
    loss = TripletMarginLoss(margin=margin, distance=distance)
    return lambda vectors, chosen: loss(vectors, indices_tuple=chosen)


def contrastive(margin: float, distance: BaseDistance) -> Loss:
    """Return d(a, p), and max(0, margin - d(a, n)), over the pairs of the triplets, each pair once.

    Both are means over the terms above 0, and are added; the library counts a single triplet as none.
    """
    near, far = (1.0, 1.0 - margin) if distance.is_inverted else (0.0, margin)
    loss = ContrastiveLoss(pos_margin=near, neg_margin=far, distance=distance)
    return lambda vectors, chosen: loss(vectors, indices_tuple=_pairs(chosen))


def _pairs(chosen: Triplets) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return anchors and positives, anchors and negatives, without repetition."""
    anchors, positives, negatives = chosen
    alike = torch.unique(torch.stack([anchors, positives]), dim=1)
    unlike = torch.unique(torch.stack([anchors, negatives]), dim=1)
    return alike[0], alike[1], unlike[0], unlike[1]
