"""Figures: what the protocol measures of one encoder, as it stands in every report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from evaluation.cohort import Disjoint
from evaluation.confounds import Confound
from evaluation.hubness import Hubness
from evaluation.leaks import IdentityLeak, NullBand
from evaluation.questions import Task
from siamese.search.distance import Metric
from siamese.statistics.intervals import Estimate

Figures = Mapping[str, Estimate]  # by metric

HEADLINE = "p_at_1"


@dataclass(frozen=True)
class Section:
    """The figures of one set of queries."""

    queries: Annotated[int, "searches with a right answer"]
    patients: Annotated[int, "whose they are"]
    gallery_patients: Annotated[float | None, "median of what the searches could be answered by"]
    metrics: Annotated[Figures, "metric -> figure of the encoder"]
    others: Annotated[
        Mapping[str, Figures], "baseline or rival, chance included -> metric -> figure on the same searches"
    ]
    lift: Annotated[Mapping[str, Figures], "baseline or rival -> metric -> the encoder's less theirs, paired"]


@dataclass(frozen=True)
class GalleryReport:
    """All that was asked of one gallery."""

    size: Annotated[str, "which lists the headline is of"]
    headline: Annotated[Section, "of lists out of 50 patients or more, where there are any"]
    small: Annotated[Section | None, "lists out of fewer, where the headline is of larger ones"]
    unanswerable: Annotated[int, "searches whose finding nobody in the gallery has, or that have none"]
    macro: Annotated[Figures, "metric -> mean over findings"]
    findings: Annotated[Mapping[str, Figures], "finding -> metric -> figure of the searches that have it"]
    subgroups: Annotated[Mapping[str, Mapping[str, Section]], "scanner, site, sex, age_decade -> value -> its searches"]
    strata: Annotated[Mapping[str, Mapping[str, Section]], "size, contrast, time -> class -> its searches"]
    confounds: Annotated[tuple[Confound, ...], "what lists share besides the finding"]
    hubness: Annotated[Hubness, "how unevenly lists are filled"]
    null_band: Annotated[NullBand | None, "of task finding"]
    identity_leak: Annotated[IdentityLeak | None, "of task finding"]


@dataclass(frozen=True)
class SameSource:
    """Pairs of one person against pairs of two persons of the same source: what is left without its style."""

    source: Annotated[str, "site where labels name any, else scanner"]
    pairs: Annotated[Mapping[str, Figures], "encoder or baseline -> figure of these pairs"]
    why_not: Annotated[str, "why there are no figures, or empty"]


@dataclass(frozen=True)
class Evaluation:
    """What is known of an encoder's worth."""

    task: Annotated[Task, "finding (another patient with it) or patient (the same patient)"]
    metric: Annotated[Metric, "cosine or euclidean"]
    scans: Annotated[int, "that were asked about"]
    patients: Annotated[int, "whose they are"]
    folds: Annotated[tuple[Disjoint, ...], "whom each encoder knows and is asked about"]
    main_gallery: Annotated[str, "prior, or open where no search has a prior to find"]
    galleries: Annotated[Mapping[str, GalleryReport], "prior (earlier scans) and open (all others) -> what was asked"]
    pairs: Annotated[Mapping[str, Figures], "encoder or baseline -> figure of pairs"]
    unavailable: Annotated[Mapping[str, str], "baselines that cannot be computed -> why"]
    earned: Annotated[bool, "the lift over each baseline excludes 0; else every match is provisional"]
    reasons: Annotated[tuple[str, ...], "why not"]
    same_source: Annotated[SameSource | None, "pairs within a source; the key is left out for task finding"] = None

    @property
    def main(self) -> GalleryReport:
        """What was asked of the gallery that the headline is of."""
        return self.galleries[self.main_gallery]
