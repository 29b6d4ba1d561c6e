"""Vectors of the batches before: more to be compared with than one batch holds.

They are kept as they were made, without a gradient, and grow old slowly, as an encoder moves slowly. Who is alike is
asked of their examples as within a batch, so a scan that stands there from before is no pair of its own (but a view is,
where views are what is alike). It begins empty with each epoch, so an interrupted training has nothing to restore.
Source: Wang, Zhang, Huang and Scott 2020, "Cross-batch memory for embedding learning".
"""

from collections.abc import Sequence

import torch

from siamese.example import Example


class Memory:
    """The newest vectors, oldest first, at most `size` of them.

    Attributes:
        vectors: (M, D).
        examples: Whose they are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.vectors = torch.empty(0, 0)
        self.examples: list[Example] = []

    def add(self, vectors: torch.Tensor, examples: Sequence[Example]) -> None:
        """Take a batch's vectors (N, D) in; the oldest go."""
        if self._size == 0:
            return
        kept = torch.cat([self.vectors.to(vectors.dtype).reshape(-1, vectors.shape[1]), vectors.detach()])
        self.vectors = kept[-self._size :]
        self.examples = [*self.examples, *examples][-self._size :]

    def beside(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return a batch's vectors (N, D) and behind them what is remembered, (N + M, D)."""
        return torch.cat([vectors, self.vectors.to(vectors.dtype)]) if self.examples else vectors
