"""The guard: everything from outside is first looked at by one of some sentries, each with a child process."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from queue import LifoQueue

import numpy as np

from scans.header import Header
from scans.parallel import N_THREADS, side_by_side
from scans.sandbox.process import AT_ONCE, Found, Limits, Sentry

FEWEST = 16  # headers that are worth another child: to start one takes as long as to read hundreds


class Guard:
    """Reads headers and decodes pixels in child processes, for any number of threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Remember the limits of each child; a child starts with its first file, and none before it is needed."""
        self._sentries = [Sentry(limits) for _ in range(N_THREADS)]
        self._free: LifoQueue[Sentry] = LifoQueue()  # the one that was used last is the likeliest to have a child
        for sentry in reversed(self._sentries):
            self._free.put(sentry)

    def headers(self, paths: Sequence[Path]) -> list[Found]:
        """Read the headers of some files.

        Returns:
            For each path its header, or the refusal or the failure of the disk that `read_header` raised.

        Raises:
            GuardBroken: No child can be started.
        """
        size = min(max(math.ceil(len(paths) / len(self._sentries)), FEWEST), AT_ONCE)
        parts = [paths[start : start + size] for start in range(0, len(paths), size)]
        return list(chain.from_iterable(side_by_side(self._headers, parts)))

    def decode(self, path: Path, header: Header) -> np.ndarray:
        """Decode the pixels of one file; as `scans.pixels.decode_file`.

        Raises:
            Refusal: The file cannot be decoded; the class says why.
            OSError: The disk or the share failed, which is worth another try.
            GuardBroken: No child can be started.
        """
        with self._one() as sentry:
            return sentry.decode(path, header)

    def table(self, path: Path, header: Header) -> np.ndarray:
        """Read the Modality LUT of one file; as `scans.values.lookup_table`.

        Raises:
            Refusal, OSError, GuardBroken: As `decode`.
        """
        with self._one() as sentry:
            return sentry.table(path, header)

    def close(self) -> None:
        """End the children; the next file starts another one."""
        for sentry in self._sentries:
            sentry.close()

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _headers(self, paths: Sequence[Path]) -> list[Found]:
        with self._one() as sentry:
            return sentry.headers(paths)

    @contextmanager
    def _one(self) -> Iterator[Sentry]:
        """Wait for a sentry that is free."""
        sentry = self._free.get()
        try:
            yield sentry
        finally:
            self._free.put(sentry)
