"""Evaluate by folds from several seeds: what a training is worth on the average, and how far seeds lie apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.spread import spread
from flows.evaluate.folds import evaluate_folds
from flows.evaluate.request import EvaluationRequest, Report, Step
from flows.site.opened import open_site
from siamese.statistics.metrics import METRICS


def evaluate_seeds(config: Path, request: EvaluationRequest, *, seeds: int = 1) -> Report:
    """Run `evaluate_folds` once a seed, from the configuration's on; each is a reading with a page of its own.

    Returns:
        The report of the last seed, and with several of them under "seeds" mean and spread of each cover.

    Raises:
        NotFound: As `evaluate_folds`.
    """
    first = open_site(config).settings.siamese.seed
    found = []
    for number in range(seeds):
        step = _within(request.step, number, seeds)
        found.append(evaluate_folds(config, replace(request, step=step, seed=first + number)))
    return found[-1] if seeds == 1 else {**found[-1], "seeds": spreads(found)}


def _within(step: Step | None, number: int, seeds: int) -> Step | None:
    return None if step is None else lambda done, total: step(number * total + done, seeds * total)


def spreads(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and spread of every figure and lift over reports that differ in their seed, cover by cover."""
    by_cover: dict[str, list[Mapping[str, Any]]] = {}
    for report in found:
        for one in (report, *report["further"]):
            by_cover.setdefault(str(one["cover"]), []).append(one)
    return [
        {
            "cover": cover,
            "task": reports[0]["task"],
            "seeds": len(reports),
            "metrics": {name: _over(reports, "metrics", name) for name in METRICS},
            "lift": {
                who: spread([_lift(report, who) for report in reports]).to_json() for who in _main(reports[0])["lift"]
            },
            "readings": [report["reading"] for report in reports],
        }
        for cover, reports in by_cover.items()
    ]


def _over(reports: Sequence[Mapping[str, Any]], part: str, name: str) -> dict[str, float | int | None]:
    return spread([report[part][name]["value"] for report in reports]).to_json()


def _main(report: Mapping[str, Any]) -> Mapping[str, Any]:
    part: Mapping[str, Any] = report["evaluation"]["galleries"][report["gallery"]]["headline"]
    return part


def _lift(report: Mapping[str, Any], who: str) -> float | None:
    known = _main(report)["lift"].get(who)
    return None if known is None else known["p_at_1"]["value"]
