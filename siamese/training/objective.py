"""What a batch is blamed for: which of its pairs are learned from, and the loss of these."""

import torch

from siamese.training.losses import Pairs, build_loss, known_pairs, loss_named
from siamese.training.mining import Triplets, mine
from siamese.training.settings import TrainingSettings


def objective(
    settings: TrainingSettings, miner: str, vectors: torch.Tensor, relations: torch.Tensor, generator: torch.Generator
) -> torch.Tensor | None:
    """Return the loss, None where no anchor has both an alike and an unlike scan to learn from.

    Args:
        settings: Loss, margin, temperature and metric.
        miner: By which triplets are chosen, for a loss that is mined.
        vectors: (M, D) unit vectors; the first N are the anchors, all are what they are compared with.
        relations: (N, M) as of `pairs.relations`.
        generator: Of the miner.
    """
    s = settings
    found: Triplets | Pairs
    if loss_named(s.loss).is_mined:
        found = mine(miner, vectors.detach(), relations, margin=s.margin, metric=s.metric, generator=generator)
    else:
        found = known_pairs(relations)
    if not all(map(len, found)):
        return None
    loss = build_loss(s.loss, margin=s.margin, metric=s.metric, temperature=s.temperature)
    return loss(vectors[: len(relations)], found, vectors)
