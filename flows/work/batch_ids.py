"""The ids of a batch that name two things: a scan for an encoder, or a kind of an encoder's vectors.

They travel to tasks, machines and Prefect as one plain text, "ENCODER SCAN" or "ENCODER KIND"; only here it is made
and cut. The id of an encoder holds no space.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncoderScan:
    """A scan that is to have its vector by an encoder."""

    encoder: str
    scan: str

    def __str__(self) -> str:
        return f"{self.encoder} {self.scan}"

    @classmethod
    def parse(cls, text: str) -> "EncoderScan":
        """Read "ENCODER SCAN".

        Raises:
            ValueError: It names one thing alone.
        """
        encoder, scan = text.split(" ", 1)
        return cls(encoder, scan)


@dataclass(frozen=True, slots=True)
class EncoderKind:
    """The vectors of one encoder and kind: what one search, and one calibration, is about."""

    encoder: str
    kind: str

    def __str__(self) -> str:
        return f"{self.encoder} {self.kind}"

    @classmethod
    def parse(cls, text: str) -> "EncoderKind":
        """Read "ENCODER KIND".

        Raises:
            ValueError: It names one thing alone.
        """
        encoder, kind = text.split(" ", 1)
        return cls(encoder, kind)


def scan_ids(encoder: str, scans: Iterable[str]) -> list[str]:
    """Return the ids of a batch of scans for one encoder."""
    return [str(EncoderScan(encoder, scan)) for scan in scans]


def scans_of_ids(ids: Sequence[str]) -> tuple[str, list[str]]:
    """Return the encoder and the scans that the ids of a batch name.

    Raises:
        ValueError: They name several encoders, or none.
    """
    pairs = [EncoderScan.parse(text) for text in ids]
    (encoder,) = {pair.encoder for pair in pairs}
    return encoder, [pair.scan for pair in pairs]
