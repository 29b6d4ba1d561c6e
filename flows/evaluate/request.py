"""What a person asks of an evaluation, and the walk over covers that every sort of it makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from evaluation.leaks import N_PERMUTATIONS
from evaluation.questions import Task
from flows.answers.answer import filled
from flows.answers.corrections import RefusedLine
from flows.answers.evaluation import Evaluated, EvaluatedCover, LabelSource
from flows.records.cohort import Labels
from flows.records.labels import label_rows
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.work.lease import day_ticket
from flows.work.outputs import require_outside_archive
from siamese.statistics.intervals import N_RESAMPLES

Step = Callable[[int, int], None]
Count = Callable[[int], None]
Part = TypeVar("Part")
Result = TypeVar("Result")


class LeftOut(Exception):
    """A cover cannot be evaluated; the text names it and says why."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What is asked; each sort of evaluation reads what concerns it.

    Attributes:
        task: None takes "finding" where labels say that something is present, else "patient".
        against: CSV of labels to learn from and to hold answers against, instead of the imported ones; it is not
            imported.
        encoder: Only this one, by its id or the beginning of it; None takes the active one of each cover.
        kind: Only scans of this kind or below it; "" for all.
        out: Folder of the pages; None is `evidence` in the store, where `scantwin forget` finds them.
        step: Called with steps done and all steps.
        time_budget_minutes: Of each training; None is that of the configuration.
        seed: Of the trainings; None is that of the configuration.
        n_resamples: Of query patients.
        n_permutations: Of labels.
    """

    task: Task | None = None
    against: Path | None = None
    encoder: str | None = None
    kind: str = ""
    out: Path | None = None
    step: Step | None = None
    time_budget_minutes: float | None = None
    seed: int | None = None
    n_resamples: int = N_RESAMPLES
    n_permutations: int = N_PERMUTATIONS


@dataclass(frozen=True, eq=False)
class Opening:
    """A request at the site that it is put to, its CSV read."""

    site: Site
    request: EvaluationRequest
    labels: Labels | None  # None: the table's own
    refused: Sequence[RefusedLine]  # of the CSV

    def label_source(self) -> LabelSource:
        """Return what a report says of where its labels came from."""
        n_used = None if self.labels is None else len(self.labels)
        return LabelSource("imported" if self.labels is None else "csv", n_used, self.refused)


def opened(site: Site, request: EvaluationRequest) -> Opening:
    """Read the CSV of a request; a night that is at work is found before the work, not after it.

    Raises:
        flows.site.errors.WrongUsage: The CSV is none of labels, or the pages would lie in the archive.
        db.errors.NightRunning: A night is at work.
    """
    require_outside_archive(site, request.out or site.store, "--out")
    with day_ticket(site):
        pass
    if request.against is None:
        return Opening(site, request, None, ())
    labels, refused = label_rows(site, request.against)
    return Opening(site, request, labels, [filled(RefusedLine, line) for line in refused])


def each_cover(
    parts: Sequence[Part], evaluate_one: Callable[[Part, Count], Result], *, n_steps: Callable[[Part], int],
    step: Step | None,
) -> tuple[list[Result], list[str]]:  # fmt: skip
    """Evaluate cover by cover; returns the reports, and why covers were left out.

    Raises:
        NotFound: All were left out.
    """
    reports, reasons = [], []
    for number, part in enumerate(parts):
        done = counted(step, number * n_steps(part), len(parts) * n_steps(part))
        try:
            reports.append(evaluate_one(part, done))
        except LeftOut as why:
            reasons.append(str(why))
    if not reports:
        raise NotFound("; ".join(reasons))
    return reports, reasons


def counted(step: Step | None, before: int, total: int) -> Count:
    """Return a counter of the steps of one part among all."""
    return lambda done: None if step is None else step(before + done, total)


def most_asked_first(reports: Sequence[EvaluatedCover], left_out: Sequence[str], opening: Opening) -> Evaluated:
    """Return the report of the cover with most queries, the others within it, and why some have none."""
    first, *further = sorted(reports, key=lambda report: -report.queries)
    return filled(Evaluated, first, labels=opening.label_source(), further=further, left_out=left_out)
