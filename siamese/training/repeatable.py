"""Sums in one order: what the bits of a training depend on, fixed while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(n_threads: int) -> Iterator[None]:
    """Fix what the bits of a sum depend on, and put it back."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(n_threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
