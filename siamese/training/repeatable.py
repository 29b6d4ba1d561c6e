"""Sums in one order: what the bits of a training depend on, fixed while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(n_threads: int, *, exactly: bool = True) -> Iterator[None]:
    """Fix what the bits of a sum depend on, and put it back; not exactly: as far as that goes on a GPU."""
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(n_threads)
    # as use_deterministic_algorithms, which imports a compiler as well
    torch.set_deterministic_debug_mode("error" if exactly else "default")
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
