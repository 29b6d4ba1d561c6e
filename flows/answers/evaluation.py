"""What `scantwin evaluate` answers; the figures themselves are types of the room `evaluation`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from evaluation.learning_curve import NumberedCurve, Spreads
from evaluation.report import NumberedReport
from evaluation.spread import Spread
from flows.answers.answer import Answer, JsonObject
from flows.answers.corrections import RefusedLine
from flows.answers.status import FileCounts


@dataclass(frozen=True)
class LabelSource(JsonObject):
    """Where the labels of an evaluation came from."""

    source: Annotated[str, "imported or csv"]
    used: Annotated[int | None, "labels of the CSV; empty for the imported ones"]
    refused: Annotated[Sequence[RefusedLine], "lines of the CSV that were not used"]


@dataclass(frozen=True, kw_only=True)
class EvaluatedCover(NumberedReport, JsonObject):
    """What the encoder of one cover is worth, and where that is written down."""

    page: Annotated[str, "path of the page"]
    json: Annotated[str, "path of the JSON beside it"]


@dataclass(frozen=True, kw_only=True)
class Evaluated(EvaluatedCover):
    """What the encoder of the cover with most searches is worth, the others within it."""

    labels: Annotated[LabelSource, "what was held against the lists"]
    further: Annotated[Sequence[EvaluatedCover], "the other covers"]
    left_out: Annotated[Sequence[str], "covers that were not evaluated, and why"] = ()


@dataclass(frozen=True, kw_only=True)
class EvaluatedFolder(Evaluated):
    """What an encoder is worth on a folder (--folder)."""

    files: Annotated[FileCounts, "of the folder, by outcome"]
    recorded: Annotated[bool, "there is a store (--out) that numbers the next readings"]


@dataclass(frozen=True, kw_only=True)
class EvaluatedFolds(Evaluated):
    """What a training is worth by five folds (--folds)."""


@dataclass(frozen=True)
class SeedSpread(JsonObject):
    """The figures of one cover over several seeds."""

    cover: Annotated[str, "2d or 3d"]
    task: Annotated[str, "finding (another patient with it) or patient (the same patient)"]
    seeds: Annotated[int, "how many"]
    metrics: Annotated[Spreads, "metric -> figure over seeds"]
    lift: Annotated[Mapping[str, Spread], "baseline -> lift in P@1 over seeds"]
    readings: Annotated[Sequence[int], "numbers of the readings"]


@dataclass(frozen=True, kw_only=True)
class EvaluatedSeeds(EvaluatedFolds):
    """The folds of the last of several seeds (--folds --seeds), and the spread over all of them."""

    seeds: Annotated[Sequence[SeedSpread], "mean and spread, cover by cover"]


@dataclass(frozen=True, kw_only=True)
class KeptCurve(NumberedCurve, JsonObject):
    """The learning curve of one cover, and where it is kept."""

    json: Annotated[str, "path of the file that the next page of evidence draws"]


@dataclass(frozen=True)
class LearningCurves(Answer):
    """From how few patients encoders learn (--learning-curve)."""

    curves: Annotated[Sequence[KeptCurve], "one a cover"]
    labels: Annotated[LabelSource, "what was held against the lists"]
    left_out: Annotated[Sequence[str], "covers without a curve, and why"]
