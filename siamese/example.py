"""An example: one scan with what is known of it, as training and evaluation take it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One main scan, ready to learn from."""

    scan: str
    patient: str
    study: str
    kind: str
    tensor: Path
    present: frozenset[str]
    absent: frozenset[str]
    split_number: float  # of the patient, in [0, 1), drawn at first sight
