"""Random numbers and identifiers that depend on a name and on nothing else."""

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID

import numpy as np


@dataclass(frozen=True)
class Draw:
    """The source of everything random in one archive.

    Each quantity has a stream of its own, found by its name, so that drawing one more number of one
    kind changes no number of another: that is what keeps the factors of the cohort independent.
    """

    seed: int
    preset: str  # name and version: another version is another archive

    def stream(self, *name: str | int) -> np.random.Generator:
        """Return a fresh generator that belongs to this name."""
        return np.random.Generator(np.random.PCG64(int.from_bytes(self._digest("stream", *name)[:16], "big")))

    def deal(self, *name: str | int, index: int, cards: int) -> int:
        """Return the card that player ``index`` gets, 0 to cards - 1.

        The deck is shuffled anew after each round, so every ``cards`` players in a row hold each card once.
        """
        deck_round, place = divmod(index, cards)
        return int(self.stream("deck", *name, deck_round).permutation(cards)[place])

    def uid(self, *name: str | int) -> str:
        """Return a UID made from a UUID, as in DICOM PS3.5 B.2."""
        return f"2.25.{UUID(bytes=self._digest('uid', *name)[:16], version=5).int}"

    def code(self, *name: str | int) -> str:
        """Return 16 hexadecimal digits that tell nothing about the name."""
        return self._digest("code", *name)[:8].hex()

    def _digest(self, *name: str | int) -> bytes:
        return hashlib.sha256(json.dumps([self.preset, self.seed, *name]).encode()).digest()
