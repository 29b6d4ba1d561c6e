"""The ear of a training: what validation and test say of an encoder."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from siamese.encoder import Encoder
from siamese.example import Example
from siamese.pairs import Purpose, by_kind, relations
from siamese.purposes import rule_of
from siamese.training.figures import PairDistances, figures, pair_distances
from siamese.training.inputs import Judging
from siamese.training.objective import objective
from siamese.training.record import Epoch
from siamese.training.settings import TrainingSettings
from siamese.training.tensor_cache import seed_of

LOSS_BLOCK = 128  # scans whose triplets make one term of the validation loss: memory stays bounded


class Validation:
    """Judges encoders on always the same scans, or views of scans, of each split."""

    def __init__(
        self,
        parts: Mapping[str, Sequence[Example]],
        purpose: Purpose,
        settings: TrainingSettings,
        inputs: Judging,
    ) -> None:
        self._purpose = purpose
        self._settings = settings
        self._inputs = inputs
        self._listed = {name: _listed(part, purpose) for name, part in parts.items()}

    def epoch(self, encoder: Encoder, number: int, *, loss: float, active_fraction: float) -> Epoch:
        """Return the point of the curve that an encoder in eval mode stands at."""
        vectors = self._vectors(encoder, "validation")
        pairs = self._pairs(vectors, "validation")
        measured = figures(pairs)
        return Epoch(
            number=number,
            loss=loss,
            validation_loss=self._loss(vectors, "validation"),
            active_fraction=active_fraction,
            auc=measured["auc"],
            p_at_1=measured["p_at_1"],
            mean_distance=pairs.mean_distance,
            embedding_std=pairs.embedding_std,
            seconds=0.0,
        )

    def pairs(self, encoder: Encoder, split: str) -> PairDistances:
        """Return the distances of the split's pairs."""
        return self._pairs(self._vectors(encoder, split), split)

    def _pairs(self, vectors: npt.NDArray[np.float32], split: str) -> PairDistances:
        return pair_distances(vectors, self._listed[split], self._purpose, metric=self._settings.metric)

    def _vectors(self, encoder: Encoder, split: str) -> npt.NDArray[np.float32]:
        n_views = rule_of(self._purpose).n_views
        return self._inputs.vectors(encoder, self._listed[split], n_views=n_views, seed=self._settings.seed)

    def _loss(self, vectors: npt.NDArray[np.float32], split: str) -> float:
        """Return the mean loss of all pairs or of random triplets, always the same ones, block by block."""
        losses = []
        for start in range(0, len(vectors), LOSS_BLOCK):
            rows = slice(start, start + LOSS_BLOCK)
            relation = torch.from_numpy(relations(self._listed[split][rows], self._purpose))
            block = torch.from_numpy(vectors[rows])
            generator = torch.Generator().manual_seed(seed_of(self._settings.seed, split, start))
            loss = objective(self._settings, "random", block, relation, generator)
            if loss is not None:
                losses.append(float(loss))
        return sum(losses) / len(losses) if losses else 0.0


def _listed(part: Sequence[Example], purpose: Purpose) -> list[Example]:
    """Return a split's scans, alike ones near each other; each as often in a row as it has views."""
    chosen = [e for listed in by_kind(part).values() for e in listed]
    chosen.sort(key=lambda e: (e.kind, e.patient, e.scan))
    return [e for e in chosen for _ in range(rule_of(purpose).n_views)]
