"""The learning curve of a cover as its JSON has it: what was reached from how many patients of training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from evaluation.questions import Task
from evaluation.spread import Spread

Spreads = Mapping[str, Spread]  # by metric


@dataclass(frozen=True)
class CurvePoint:
    """One number of patients of training, over all seeds."""

    patients: Annotated[int, "of training"]
    seeds: Annotated[Sequence[int], "in which both could be trained"]
    queries: Annotated[int, "searches that all were asked"]
    query_patients: Annotated[int, "whose they are"]
    gallery: Annotated[str, "prior (earlier scans) or open (all others)"]
    figures: Annotated[Mapping[str, Spreads], "siamese, classifier, untrained, chance -> metric -> figure over seeds"]
    lead: Annotated[Spreads, "metric -> siamese less classifier, paired by seed"]
    why_not: Annotated[Sequence[str], "why some could not be trained"]


@dataclass(frozen=True)
class Budget:
    """What each training may cost."""

    epochs: Annotated[int, "at most"]
    steps_per_epoch: Annotated[int, "batches"]
    time_budget_s: Annotated[float, "seconds, at most"]


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """From how few patients an encoder learns, beside a classifier of its backbone."""

    schema: Annotated[int, "version of this object's keys"] = 1
    cover: Annotated[str, "2d or 3d"]
    task: Annotated[Task, "finding (another patient with it) or patient (the same patient)"]
    kind: Annotated[str, "kind it was restricted to; empty for all"]
    backbone: Annotated[str, "network of both"]
    budget: Annotated[Budget, "of each training"]
    patients: Annotated[Mapping[str, int], "train, validation, test -> patients"]
    curve: Annotated[Sequence[CurvePoint], "fewest patients first"]

    def to_json(self) -> dict[str, object]:
        """Return plain values, keys in the order of the fields."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class NumberedCurve(LearningCurve):
    """A curve that is a reading of test."""

    reading: Annotated[int, "how often the test patients of this cover had been read, this time included"]
