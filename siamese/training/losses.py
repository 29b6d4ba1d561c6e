"""Losses by name, over triplets that a miner chose or over all known pairs of a batch.

Margins are in units of the metric's distance, whatever the library counts in. Anchors may be compared with more than
their own batch: with references, such as a memory of batches before (siamese.training.memory). Sources: contrastive,
Hadsell, Chopra and LeCun 2006; triplet, Schroff, Kalenichenko and Philbin 2015; multi-similarity, Wang, Han, Huang,
Dong and Scott 2019; SupCon, Khosla and others 2020.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from pytorch_metric_learning.distances import BaseDistance
from pytorch_metric_learning.losses import ContrastiveLoss, MultiSimilarityLoss, SupConLoss, TripletMarginLoss

from siamese.choices import LOSSES, MINERS, chosen
from siamese.pairs import ALIKE, UNLIKE
from siamese.search.distance import Metric
from siamese.training.mining import Triplets
from siamese.training.torch_distance import library_distance

ALPHA, BETA = 2.0, 50.0  # how steeply multi-similarity weighs alike and unlike pairs. Source: Wang 2019, section 4.1

Pairs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]  # anchors, positives; anchors, negatives
Loss = Callable[[torch.Tensor, Triplets | Pairs, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class LossNumbers:
    """What a loss is made with."""

    margin: float  # in units of the metric's distance
    temperature: float
    distance: BaseDistance  # the library's object for the metric

    @property
    def threshold(self) -> float:
        """The margin as the library counts: a similarity where its distance is one."""
        return 1.0 - self.margin if self.distance.is_inverted else self.margin


@dataclass(frozen=True)
class LossRule:
    """One loss: from unit vectors of anchors (N, D), what was chosen, and references (M, D) to a scalar.

    Attributes:
        make: Returns the loss with its numbers; it is 0 where nothing was chosen.
        miners: Those that are compared where every loss is; a miner chooses its triplets. Without any it takes all
            known pairs.
        spread: Which setting says how far apart it wants things.
    """

    make: Callable[[LossNumbers], Loss]
    miners: Sequence[str] = ("random",)
    spread: Literal["margin", "temperature"] = "margin"

    @property
    def is_mined(self) -> bool:
        """Whether a miner chooses what it learns from."""
        return bool(self.miners)


def build_loss(name: str, *, margin: float, metric: Metric, temperature: float = 0.1) -> Loss:
    """Return a loss by its name.

    Raises:
        ValueError: The loss or the metric is unknown.
    """
    return loss_named(name).make(LossNumbers(margin, temperature, library_distance(metric)))


def loss_named(name: str) -> LossRule:
    """Return a loss's rule.

    Raises:
        ValueError: The name is not in siamese.choices.
    """
    rule: LossRule = chosen("loss", LOSSES, name)
    return rule


def known_pairs(relations: torch.Tensor) -> Pairs:
    """Return all alike and all unlike pairs of anchors and references, by their relations (N, M)."""
    alike, unlike = (torch.where(relations == sort) for sort in (ALIKE, UNLIKE))
    return alike[0], alike[1], unlike[0], unlike[1]


def _triplet(numbers: LossNumbers) -> Loss:
    """Return max(0, d(a, p) - d(a, n) + margin), a mean over the terms above 0.

    What is learned already does not dilute the rest.
    """
    loss = TripletMarginLoss(margin=numbers.margin, distance=numbers.distance)
    return lambda anchors, found, references: loss(anchors, indices_tuple=found, ref_emb=references)


def _contrastive(numbers: LossNumbers) -> Loss:
    """Return d(a, p), and max(0, margin - d(a, n)), over the pairs of the triplets, each pair once.

    Both are means over the terms above 0, and are added; the library counts a single triplet as none.
    """
    near = 1.0 if numbers.distance.is_inverted else 0.0
    loss = ContrastiveLoss(pos_margin=near, neg_margin=numbers.threshold, distance=numbers.distance)
    return lambda anchors, found, references: loss(anchors, indices_tuple=_pairs(found), ref_emb=references)


def _multi_similarity(numbers: LossNumbers) -> Loss:
    """Return log(1 + sum exp(a (d(p) - t))) / a + log(1 + sum exp(b (t - d(n)))) / b, a mean over anchors.

    d is a pair's distance, t the margin, a and b are ALPHA and BETA: alike pairs beyond t and unlike ones within it
    weigh most, each the more the worse the others are.
    """
    loss = MultiSimilarityLoss(ALPHA, BETA, numbers.threshold, distance=numbers.distance)
    return lambda anchors, found, references: loss(anchors, indices_tuple=found, ref_emb=references)


def _supcon(numbers: LossNumbers) -> Loss:
    """Return -mean over p of log(exp(s(p) / t) / sum over known pairs exp(s / t)), a mean over anchors with a positive.

    s is a pair's similarity, 1 less or minus its distance, and t the temperature.
    """
    loss = SupConLoss(temperature=numbers.temperature, distance=numbers.distance)
    return lambda anchors, found, references: loss(anchors, indices_tuple=found, ref_emb=references)


def _pairs(found: Triplets | Pairs) -> Pairs:
    """Return anchors and positives, anchors and negatives, without repetition."""
    anchors, positives, negatives = found[:3]
    alike = torch.unique(torch.stack([anchors, positives]), dim=1)
    unlike = torch.unique(torch.stack([anchors, negatives]), dim=1)
    return alike[0], alike[1], unlike[0], unlike[1]


CONTRASTIVE, TRIPLET = LossRule(_contrastive), LossRule(_triplet, miners=tuple(MINERS))
MULTI_SIMILARITY = LossRule(_multi_similarity, miners=())
SUPCON = LossRule(_supcon, miners=(), spread="temperature")
