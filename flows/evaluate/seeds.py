"""Evaluate by folds from several seeds: what a training is worth on the average, and how far seeds lie apart."""

from collections.abc import Sequence
from dataclasses import replace

from evaluation.figures import HEADLINE, Section
from evaluation.spread import spread
from flows.answers.answer import filled
from flows.answers.evaluation import EvaluatedCover, EvaluatedFolds, EvaluatedSeeds, SeedSpread
from flows.evaluate.folds import evaluate_folds
from flows.evaluate.request import EvaluationRequest, Step
from flows.site.opened import Site
from siamese.statistics.metrics import METRICS


def evaluate_seeds(site: Site, request: EvaluationRequest, *, seeds: int = 1) -> EvaluatedFolds:
    """Run `evaluate_folds` once a seed, from the configuration's on; each is a reading with a page of its own.

    Returns:
        The report of the last seed, and with several of them under "seeds" mean and spread of each cover.

    Raises:
        NotFound: As `evaluate_folds`.
    """
    first = site.settings.siamese.seed
    found = []
    for number in range(seeds):
        step = _within(request.step, number, seeds)
        found.append(evaluate_folds(site, replace(request, step=step, seed=first + number)))
    return found[-1] if seeds == 1 else filled(EvaluatedSeeds, found[-1], seeds=spreads(found))


def _within(step: Step | None, number: int, seeds: int) -> Step | None:
    return None if step is None else lambda done, total: step(number * total + done, seeds * total)


def spreads(found: Sequence[EvaluatedFolds]) -> list[SeedSpread]:
    """Return mean and spread of every figure and lift over reports that differ in their seed, cover by cover."""
    by_cover: dict[str, list[EvaluatedCover]] = {}
    for report in found:
        for one in (report, *report.further):
            by_cover.setdefault(one.cover, []).append(one)
    return [_spread_of(cover, reports) for cover, reports in by_cover.items()]


def _spread_of(cover: str, reports: Sequence[EvaluatedCover]) -> SeedSpread:
    parts = [_main(report) for report in reports]
    return SeedSpread(
        cover=cover,
        task=reports[0].task,
        seeds=len(reports),
        metrics={name: spread([report.metrics[name].value for report in reports]) for name in METRICS},
        lift={who: spread([_lift(part, who) for part in parts]) for who in parts[0].lift},
        readings=[report.reading for report in reports],
    )


def _main(report: EvaluatedCover) -> Section:
    return report.evaluation.galleries[report.gallery].headline


def _lift(part: Section, who: str) -> float | None:
    known = part.lift.get(who)
    return None if known is None else known[HEADLINE].value
