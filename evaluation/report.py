"""Report: one evaluation in the words of the public JSON; the fields, in their order, are its keys."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

from evaluation.baselines import REQUIRED
from evaluation.cohort import Disjoint
from evaluation.evidence import Curves
from evaluation.figures import HEADLINE, Evaluation, Figures, Section
from evaluation.learning_curve import NumberedCurve
from evaluation.questions import Task

LEFT_OUT = ("site", "scan", "same_source")  # keys that are not there where they have no value


@dataclass(frozen=True)
class Lift:
    """How far the encoder is ahead of the baseline that it is least ahead of."""

    over: Annotated[str, "that baseline"]
    p_at_1: Annotated[float | None, "P@1 less that baseline's, on the same searches"]
    low: Annotated[float | None, "95 % interval"]
    high: Annotated[float | None, "95 % interval"]


@dataclass(frozen=True)
class Unavailable:
    """A baseline without figures."""

    why_not: Annotated[str, "why it cannot be computed"]


@dataclass(frozen=True, kw_only=True)
class MeasuredOn:
    """What an encoder was measured on."""

    scans: Annotated[int, "main scans"]
    patients: Annotated[int, "whose they are"]
    studies: Annotated[int, "that they are of"]
    kinds: Annotated[Mapping[str, int], "kind -> scans"]
    labelled_scans: Annotated[int, "scans with a label"]
    findings: Annotated[Mapping[str, int], "finding -> scans in which it is present"]
    dated: Annotated[bool, "some search has an earlier scan to find"]
    scanner: Annotated[Mapping[str, int], "scanner -> scans"]
    site: Annotated[Mapping[str, int] | None, "site -> scans; the key is left out where labels name none"] = None
    sex: Annotated[Mapping[str, int], "sex -> scans"]
    age_decade: Annotated[Mapping[str, int], "decade of life -> scans"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one encoder, or the five of a cover's folds, are worth."""

    schema: Annotated[int, "version of this object's keys"] = 1
    task: Annotated[Task, "finding (another patient with it) or patient (the same patient)"]
    queries: Annotated[int, "searches with a right answer"]
    patients: Annotated[int, "whose they are"]
    metrics: Annotated[Figures, "metric -> figure of the encoder"]
    baselines: Annotated[Mapping[str, Figures | Unavailable], "baseline -> its figures on the same searches"]
    lift: Annotated[Lift | None, "over the hardest baseline; empty where nothing was measured"]
    provisional: Annotated[bool, "it has not been shown to beat plain baselines here"]
    evaluation: Annotated[Evaluation, "all of it"]
    encoder: Annotated[str | None, "its id; empty where folds have one each, none of them kept"]
    folds: Annotated[int, "encoders that were asked: 5 with --folds, else 1"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    origin: Annotated[str, "starter, trained or imported"]
    kind: Annotated[str, "kind it was restricted to; empty for all"]
    gallery: Annotated[str, "prior (earlier scans) or open (all others): what the headline is of"]
    code: Annotated[str, "earned or provisional"]
    reasons: Annotated[Sequence[str], "why not earned"]
    never_seen: Annotated[str, "whom the encoder never saw, and why that is known"]
    disjoint: Annotated[Sequence[Disjoint], "whom each encoder knows and is asked about"]
    measured_on: Annotated[MeasuredOn, "the scans"]

    def to_json(self) -> dict[str, object]:
        """Return plain values, keys in the order of the fields."""
        return asdict(self, dict_factory=_keys)


@dataclass(frozen=True, kw_only=True)
class NumberedReport(Report):
    """A report that is a reading of test."""

    reading: Annotated[int, "how often the test patients of this cover had been read, this time included"]


@dataclass(frozen=True, kw_only=True)
class EvidenceReport(NumberedReport):
    """The JSON beside a page of evidence: what the page is made from."""

    drawn: Annotated[Curves, "what its charts and sheets show"]
    learning: Annotated[NumberedCurve | None, "the newest learning curve of the cover and task, where there is one"]


def _keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in pairs if value is not None or name not in LEFT_OUT}


def figures_of_baselines(found: Evaluation) -> dict[str, Figures | Unavailable]:
    """Return the figures of each baseline in the main gallery, or why it has none; rivals stay out."""
    others = found.main.headline.others
    return {
        **{name: others[name] for name in REQUIRED if name in others},
        **{name: Unavailable(why) for name, why in found.unavailable.items()},
    }


def lift_of(found: Evaluation) -> Lift | None:
    """Return the lift over the baseline that is hardest to beat; None without queries."""
    main = found.main.headline
    over = weakest_lift(main)
    if over is None:
        return None
    least = main.lift[over][HEADLINE]
    return Lift(over, least.value, least.low, least.high)


def weakest_lift(part: Section) -> str | None:
    """Return the baseline ours is least ahead of, by the lower end of the headline's lift; None without queries."""
    known = [
        (figures[HEADLINE].low, name)
        for name, figures in part.lift.items()
        if figures[HEADLINE].low is not None and name in REQUIRED  # a rival is no baseline
    ]
    return min(known)[1] if known else None


def without_keys(report: Report) -> Report:
    """Return a report without the keys of scans that its hubs bear: a row outlives the scans it was made of."""
    galleries = {}
    for name, gallery in report.evaluation.galleries.items():
        hubs = tuple(replace(hub, scan=None) for hub in gallery.hubness.worst)
        galleries[name] = replace(gallery, hubness=replace(gallery.hubness, worst=hubs))
    return replace(report, evaluation=replace(report.evaluation, galleries=galleries))
