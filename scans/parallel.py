"""Some work on many things, as many at a time as there are cores."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 4  # threads; beyond that a disk or a share, or Python itself, sets the pace
N_THREADS = min(MOST, len(os.sched_getaffinity(0)))


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what the work on each item gives, in the order of the items.

    Worth it where threads wait for a disk or a child process, or compute in a library that lets others run. What
    was not begun when one fails, or the caller stops, is left.

    Raises:
        Exception: What the work raised, at its item's turn.
    """
    with ThreadPoolExecutor(N_THREADS) as threads:
        yield from threads.map(work, items)
