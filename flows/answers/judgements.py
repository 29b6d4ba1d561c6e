"""What a person is asked to judge, what was recorded of it, and a scan as a volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject


@dataclass(frozen=True)
class Pair(JsonObject):
    """A similar case or a random control; which of the two is told to nobody."""

    pair: Annotated[str, "its name, for `scantwin verdict`"]
    scan: Annotated[str, "key of the earlier scan"]
    patient: Annotated[str, "key of its patient"]
    acquired: Annotated[str, "its local date, empty where unknown"]
    contrast: Annotated[str, "given, not-given or unknown, as its header says"]


@dataclass(frozen=True)
class PairsToJudge(Answer):
    """The pairs of a scan without rank and distance, in a drawn order."""

    scan: Annotated[str, "key of the scan"]
    pairs: Annotated[Sequence[Pair], "what to judge"]


@dataclass(frozen=True)
class MatchVerdict(Answer):
    """A judgement of a match, as it was recorded."""

    id: Annotated[int, "number of the judgement"]
    match: Annotated[int, "id in match_for_review"]
    verdict: Annotated[str, "relevant, not-relevant, unsure, wrong-patient or duplicate"]
    by: Annotated[str, "the reader"]


@dataclass(frozen=True)
class PairVerdict(Answer):
    """A judgement of a pair, as it was recorded."""

    id: Annotated[int, "number of the judgement"]
    pair: Annotated[str, "name of the pair"]
    verdict: Annotated[str, "relevant, not-relevant, unsure, wrong-patient or duplicate"]
    by: Annotated[str, "the reader"]


@dataclass(frozen=True)
class WrittenVolume(Answer):
    """A scan that was written as NIfTI."""

    scan: Annotated[str, "key of the scan"]
    kind: Annotated[str, "modality, part of the body, cover, and view or sequence"]
    file: Annotated[str, "where it was written"]
    shape_zyx: Annotated[Sequence[int], "voxels"]
    spacing_zyx_mm: Annotated[Sequence[float], "of voxels, mm"]
    has_size: Annotated[bool, "the size of a pixel is known; else it counts as 1 mm"]
    repairs: Annotated[str | None, "what was mended when it was read"]
