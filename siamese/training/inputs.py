"""What a training learns from and is judged by: scans through a whole network, or kept features through its head."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from siamese.encoder import Encoder
from siamese.example import Example


class Judging(Protocol):
    """Where vectors come from that an encoder is judged by."""

    def vectors(
        self, encoder: Encoder, listed: Sequence[Example], *, n_views: int, seed: int
    ) -> npt.NDArray[np.float32]:
        """Return unit vectors (N, D) of scans by an encoder in eval mode.

        Args:
            encoder: Any of the same inputs.
            listed: The scans; each n_views times in a row.
            n_views: 1: as they are; else so many changed views, always the same ones.
            seed: Of the changes.
        """


class Inputs(Judging, Protocol):
    """Where vectors come from that a training learns from as well."""

    def learned(self, encoder: Encoder, batch: Sequence[Example], generator: torch.Generator) -> torch.Tensor:
        """Return unit vectors (N, D), with gradients, of scans that are changed as the generator draws."""
