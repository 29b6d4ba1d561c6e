"""What `scantwin kinds learn`, `use` and `off` answer, and what `scantwin kinds` says of classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject
from siamese.kinds.figures import FamilyFigures


@dataclass(frozen=True)
class LearnedCover(JsonObject):
    """What was learned of the kinds of one cover."""

    cover: Annotated[str, "2d or 3d"]
    encoder: Annotated[str | None, "whose vectors are read; empty: none is active"]
    classifier: Annotated[str | None, "its id; empty: none was made"]
    refused: Annotated[str, "why none was made, or empty"]
    families: Annotated[Sequence[FamilyFigures], "figures on patients left out, by modality family"]


@dataclass(frozen=True)
class LearnedKinds(Answer):
    """What was learned of kinds; nothing is in use by that."""

    covers: Annotated[Sequence[LearnedCover], "that have scans with vectors"]


@dataclass(frozen=True)
class SwitchedKinds(Answer):
    """Which classifiers name scans now, from the next night on."""

    in_use: Annotated[Sequence[str], "their ids, one a cover at most"]
    switched: Annotated[bool, "they are others than before"]


@dataclass(frozen=True)
class Classifier(JsonObject):
    """A classifier of kinds with its evidence."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    encoder: Annotated[str, "whose vectors it reads"]
    in_use: Annotated[bool, "it names scans whose tags tell no kind"]
    off_reason: Annotated[str, "why it is in use no more, or empty"]
    n_named: Annotated[int, "scans of patients left out that it named"]
    n_wrong: Annotated[int, "of those"]
    forgotten_patients: Annotated[int, "people it may have learned from who were forgotten since"]
    created: Annotated[str, "moment, UTC"]
    families: Annotated[Sequence[FamilyFigures], "figures on patients left out, by modality family"]


@dataclass(frozen=True)
class Contradiction(JsonObject):
    """Scans whose tags tell one part of the body, and whose pixels surely look like another."""

    cover: Annotated[str, "2d or 3d"]
    family: Annotated[str, "of modalities"]
    says: Annotated[str, "part of the body by the tags"]
    looks_like: Annotated[str, "part of the body by the pixels"]
    scans: Annotated[int, "how many"]
    patients: Annotated[int, "whose they are"]
    keys: Annotated[Sequence[str], "of all these scans"]
