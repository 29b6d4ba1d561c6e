"""Which triplets of a batch are learned from, by name.

Random triplets soon teach nothing, and the hardest can collapse an encoder; semi-hard is between
them. The miners are pytorch-metric-learning's. They know two labels only, alike and unlike, so each
anchor is mined alone against the scans whose relation to it is known.
"""

import torch
from pytorch_metric_learning.miners import BaseMiner, BatchHardMiner, TripletMarginMiner

from siamese.limits import refusal
from siamese.pairs import ALIKE, UNLIKE
from siamese.search.distance import Metric
from siamese.training.torch_distance import library_distance

Triplets = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # rows of anchor, positive, negative


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

    "random": each positive of each anchor with one negative. "semi-hard": every triplet whose
    negative is farther than its positive, by less than the margin. "hard": for each anchor its
    farthest positive and nearest negative.

    Args:
        name: One of siamese.limits.
        vectors: (N, D), unit length.
        relations: (N, N), as of `pairs.relations`.
        margin: Of the loss, in units of the metric's distance.
        metric: "cosine" or "euclidean".
        generator: Draws the negatives of "random".

    Raises:
        ValueError: The name is not in siamese.limits.
    """
    if name == "random":
        return _random(relations, generator)
    miner = _library_miner(name, margin, metric)
    found = [_mine_anchor(miner, vectors.detach(), relations[i], i) for i in range(len(vectors))]
    anchors, positives, negatives = (torch.cat(column) for column in zip(*found, strict=True))
    return anchors, positives, negatives


def _library_miner(name: str, margin: float, metric: Metric) -> BaseMiner:
    if name == "semi-hard":
        return TripletMarginMiner(margin, type_of_triplets="semihard", distance=library_distance(metric))
    if name == "hard":
        return BatchHardMiner(distance=library_distance(metric))
    raise ValueError(f"miner {name!r}: {refusal('miner', name)}")


def _mine_anchor(miner: BaseMiner, vectors: torch.Tensor, relation: torch.Tensor, anchor: int) -> Triplets:
    known = torch.where((relation == ALIKE) | (relation == UNLIKE))[0]
    labels = relation[known].long()
    if not bool((labels == ALIKE).any() and (labels == UNLIKE).any()):
        none = known[:0]
        return none, none, none
    one = torch.tensor([ALIKE])
    rows, positives, negatives = miner(vectors[anchor : anchor + 1], one, vectors[known], labels)
    return torch.full_like(rows, anchor), known[positives], known[negatives]


def _random(relations: torch.Tensor, generator: torch.Generator) -> Triplets:
    anchors, positives = torch.where(relations == ALIKE)
    unlike = (relations == UNLIKE)[anchors].float()  # (pairs, N)
    usable = unlike.any(dim=1)
    anchors, positives, unlike = anchors[usable], positives[usable], unlike[usable]
    if len(anchors) == 0:
        return anchors, positives, anchors
    return anchors, positives, torch.multinomial(unlike, 1, generator=generator)[:, 0]


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
