"""Which triplets of a batch are learned from, by name.

Random triplets soon teach nothing, and the hardest can collapse an encoder; semi-hard is between
them. The miners are pytorch-metric-learning's. They know two labels only, alike and unlike, so each
anchor is mined alone against the scans whose relation to it is known.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from pytorch_metric_learning.miners import BaseMiner, BatchHardMiner, TripletMarginMiner

from siamese.choices import MINERS, chosen
from siamese.pairs import ALIKE, UNLIKE
from siamese.search.distance import Metric
from siamese.training.torch_distance import library_distance

Triplets = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # rows of anchor, positive, negative


class FindTriplets(Protocol):
    """How triplets are found in a batch; arguments as of `mine`."""

    def __call__(
        self,
        vectors: torch.Tensor,
        relations: torch.Tensor,
        *,
        margin: float,
        metric: Metric,
        generator: torch.Generator,
    ) -> Triplets:
        """Return rows of anchors, positives and negatives."""


@dataclass(frozen=True)
class Miner:
    """One way to choose triplets."""

    find: FindTriplets
    begins_with: str = ""  # name of the miner that the first epochs take in its place; "": none


def mine(
    name: str,
    vectors: torch.Tensor,
    relations: torch.Tensor,
    *,
    margin: float,
    metric: Metric,
    generator: torch.Generator,
) -> Triplets:
    """Return the triplets to learn from, as rows of the batch.

    Args:
        name: One of siamese.choices.
        vectors: (M, D), unit length; the first N are the anchors.
        relations: (N, M), as of `pairs.relations`.
        margin: Of the loss, in units of the metric's distance.
        metric: "cosine" or "euclidean".
        generator: Draws the negatives of "random".

    Raises:
        ValueError: The name is not in siamese.choices.
    """
    return miner_named(name).find(vectors, relations, margin=margin, metric=metric, generator=generator)


def miner_named(name: str) -> Miner:
    """Return a miner.

    Raises:
        ValueError: The name is not in siamese.choices.
    """
    miner: Miner = chosen("miner", MINERS, name)
    return miner


def _semi_hard(
    vectors: torch.Tensor, relations: torch.Tensor, *, margin: float, metric: Metric, generator: torch.Generator
) -> Triplets:
    """Every triplet whose negative is farther than its positive, by less than the margin."""
    miner = TripletMarginMiner(margin, type_of_triplets="semihard", distance=library_distance(metric))
    return _mine_anchors(miner, vectors, relations)


def _hard(
    vectors: torch.Tensor, relations: torch.Tensor, *, margin: float, metric: Metric, generator: torch.Generator
) -> Triplets:
    """For each anchor its farthest positive and nearest negative."""
    return _mine_anchors(BatchHardMiner(distance=library_distance(metric)), vectors, relations)


def _mine_anchors(miner: BaseMiner, vectors: torch.Tensor, relations: torch.Tensor) -> Triplets:
    found = [_mine_anchor(miner, vectors.detach(), relations[i], i) for i in range(len(relations))]
    anchors, positives, negatives = (torch.cat(column) for column in zip(*found, strict=True))
    return anchors, positives, negatives


def _mine_anchor(miner: BaseMiner, vectors: torch.Tensor, relation: torch.Tensor, anchor: int) -> Triplets:
    known = torch.where((relation == ALIKE) | (relation == UNLIKE))[0]
    labels = relation[known].long()
    if not bool((labels == ALIKE).any() and (labels == UNLIKE).any()):
        none = known[:0]
        return none, none, none
    one = torch.tensor([ALIKE])
    rows, positives, negatives = miner(vectors[anchor : anchor + 1], one, vectors[known], labels)
    return torch.full_like(rows, anchor), known[positives], known[negatives]


def _random(
    vectors: torch.Tensor, relations: torch.Tensor, *, margin: float, metric: Metric, generator: torch.Generator
) -> Triplets:
    """Each positive of each anchor with one negative."""
    anchors, positives = torch.where(relations == ALIKE)
    unlike = (relations == UNLIKE)[anchors].float()  # (pairs, M)
    usable = unlike.any(dim=1)
    anchors, positives, unlike = anchors[usable], positives[usable], unlike[usable]
    if len(anchors) == 0:
        return anchors, positives, anchors
    return anchors, positives, torch.multinomial(unlike, 1, generator=generator)[:, 0]


RANDOM, SEMI_HARD = Miner(_random), Miner(_semi_hard)
HARD = Miner(_hard, begins_with="random")  # else an untrained network collapses. Source: Schroff 2015, 3.2


def active_fraction(distances: torch.Tensor, relations: torch.Tensor, margin: float) -> float:
    """Return the share of all triplets of the batch that violate the margin; 0 where there are none.

    Near 0 nothing is left to learn from; a loss of 0 with it is no success. Source:
    pytorch-metric-learning#268.
    """
    violated = total = 0
    for distance, relation in zip(distances, relations, strict=True):
        near, far = distance[relation == ALIKE], distance[relation == UNLIKE]
        violated += int((near[:, None] + margin > far[None, :]).sum())
        total += near.numel() * far.numel()
    return violated / total if total else 0.0
