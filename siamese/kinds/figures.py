"""What a classifier of kinds is worth, as types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class KindFigures:
    """What a classifier makes of the test scans of one kind, sides taken together."""

    kind: Annotated[str, "as the tags tell it"]
    patients: Annotated[int, "of all divisions"]
    scans: Annotated[int, "of test"]
    right: Annotated[int, "named as their tags do"]
    wrong: Annotated[int, "named otherwise"]
    abstained: Annotated[int, "not named"]
    given: Annotated[bool, "scans without a kind may get this one"]


@dataclass(frozen=True)
class FamilyFigures:
    """What a classifier is worth for one modality family, on patients left out."""

    family: Annotated[str, "of modalities"]
    scans: Annotated[int, "of test"]
    patients: Annotated[int, "of test"]
    named: Annotated[int, "of these scans"]
    wrong: Annotated[int, "of those named"]
    error: Annotated[float | None, "wrong among named; empty: none was named"]
    upper: Annotated[float | None, "Wilson's 95 % upper bound of it, patients with a named scan as trials"]
    refused: Annotated[str, "why scans of this family get no kind, or empty"]
    kinds: Annotated[Sequence[KindFigures], "by name"]

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "FamilyFigures":
        """Return the figures that were written as plain values."""
        return cls(**{**row, "kinds": [KindFigures(**kind) for kind in row["kinds"]]})
