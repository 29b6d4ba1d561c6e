"""The tensors of a training, read once and held while they fit into memory."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from siamese.embedding import embed
from siamese.encoder import Encoder
from siamese.example import Example
from siamese.recipe import Recipe
from siamese.tensor import load_tensor
from siamese.training.augment import Augmentation, augment

HELD_BYTES = 2 << 30  # 4,000 scans of 32 x 64 x 64


class TensorCache:
    """Gives the tensor of a scan; each file is read and checked once as long as there is room.

    These are the inputs of a whole network, see `siamese.training.inputs.Inputs`.
    """

    def __init__(self, recipe: Recipe, held_bytes: int = HELD_BYTES) -> None:
        self.recipe = recipe
        self._room = held_bytes
        self._held: dict[str, npt.NDArray[np.float32]] = {}

    def scan(self, example: Example) -> npt.NDArray[np.float32]:
        """Return the tensor (1, *shape) of an example; not a copy.

        Raises:
            BadTensor: See `load_tensor`.
        """
        held = self._held.get(example.scan)
        if held is not None:
            return held
        tensor = load_tensor(example.tensor, self.recipe)
        if tensor.nbytes <= self._room:
            self._held[example.scan] = tensor
            self._room -= tensor.nbytes
        return tensor

    def view(self, example: Example, number: int, seed: int) -> npt.NDArray[np.float32]:
        """Return one changed view (1, *shape) of a scan; equal arguments give equal views."""
        generator = torch.Generator().manual_seed(seed_of(seed, example.scan, number))
        scan = torch.from_numpy(self.scan(example))[None]
        changed = augment(scan, self.recipe, generator=generator, largest=Augmentation())
        view: npt.NDArray[np.float32] = changed[0].numpy()
        return view

    def learned(self, encoder: Encoder, batch: Sequence[Example], generator: torch.Generator) -> torch.Tensor:
        """Return unit vectors (N, D), with gradients, of changed scans."""
        scans = torch.stack([torch.from_numpy(self.scan(example)) for example in batch])
        vectors: torch.Tensor = encoder(augment(scans, self.recipe, generator=generator, largest=Augmentation()))
        return vectors

    def vectors(
        self, encoder: Encoder, listed: Sequence[Example], *, n_views: int, seed: int
    ) -> npt.NDArray[np.float32]:
        """Return unit vectors (N, D) of scans as they are, or of their views."""
        if n_views == 1:
            return embed(encoder, map(self.scan, listed))
        return embed(encoder, (self.view(example, row % n_views, seed) for row, example in enumerate(listed)))


def seed_of(*parts: object) -> int:
    """Return a generator's seed made of the parts: other parts, other numbers."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7], "big")
