"""What the terminal says of an evaluation."""

from collections.abc import Sequence

from rich.table import Table

from evaluation.figures import HEADLINE, Figures
from flows.answers.evaluation import (
    Evaluated,
    EvaluatedCover,
    EvaluatedFolder,
    EvaluatedSeeds,
    KeptCurve,
    LearningCurves,
    SeedSpread,
)
from flows.verbs.terminal import console
from review.conclusions import conclusions, headline, of_pairs, shown
from review.evidence import METRICS, learning_lines, signed
from review.evidence_charts import NAMES

SHOWN = ("p_at_1", "map_at_r")  # what fits a terminal; the page has all


def show_evaluation(found: Evaluated, *, quiet: bool) -> None:
    """Print the headline, all plain ways with intervals, who was asked, and where the page lies."""
    if quiet:
        return
    for report in (found, *found.further):
        _show(report)
    _show_left_out(found.left_out)
    if isinstance(found, EvaluatedSeeds):
        _show_spread(found.seeds)
    labels = found.labels
    if labels.source == "csv":
        console().print(f"{labels.used} labels from the CSV, {len(labels.refused)} lines refused; none imported")
        for line in labels.refused[:10]:
            console().print(f"  line {line.line}: {line.why}", markup=False)
    if isinstance(found, EvaluatedFolder) and not found.recorded:
        console().print(
            "This reading is recorded on the page only; --out DIR keeps a store that numbers the next ones."
        )


def _show(report: EvaluatedCover) -> None:
    console().print(f"\n{report.cover} · task {report.task} · {_whose(report)}", markup=False)
    console().print(headline(report) + ".", markup=False, soft_wrap=True)
    console().print(_figures(report))
    if pairs := of_pairs(report):
        console().print(pairs + ".", markup=False, soft_wrap=True)
    for name, why in report.evaluation.unavailable.items():
        console().print(f"{NAMES.get(name, name)} could not be computed: {why}.", markup=False)
    console().print(report.never_seen, markup=False, soft_wrap=True)
    for fold in report.disjoint:
        name = f"{fold.fold}: " if report.folds > 1 else ""
        console().print(
            f"{name}patients known to the encoder {fold.seen_patients}, asked about "
            f"{fold.asked_patients}, both {fold.shared_patients}; reading "
            f"{report.reading} of {report.cover} test patients"
        )
    may, may_not = conclusions(report)
    console().print(" ".join(may), markup=False, soft_wrap=True)
    console().print("It may not be concluded that", *may_not, markup=False, soft_wrap=True)
    console().print(f"page: {report.page}", markup=False, soft_wrap=True)


def _whose(report: EvaluatedCover) -> str:
    return f"encoder {report.encoder}" if report.folds == 1 else "five encoders, one a fold"


def _figures(report: EvaluatedCover) -> Table:
    section = report.evaluation.galleries[report.gallery].headline
    table = Table(box=None, pad_edge=False)
    for title in ("", *(METRICS[name] for name in SHOWN), "lift in P@1"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    table.add_row(*_row("encoder", section.metrics), "")
    for who, figures in section.others.items():
        table.add_row(*_row(who, figures), signed(section.lift[who][HEADLINE]))
    return table


def _row(who: str, figures: Figures) -> Sequence[str]:
    return (NAMES.get(who, who), *(shown(figures[name]) for name in SHOWN))


def _show_left_out(reasons: Sequence[str]) -> None:
    for reason in reasons:
        console().print(f"left out: {reason}", markup=False, soft_wrap=True)


def _show_spread(rows: Sequence[SeedSpread]) -> None:
    for row in rows:
        console().print(f"\n{row.cover} · task {row.task} · mean of {row.seeds} seeds", markup=False)
        for name in SHOWN:
            figure = row.metrics[name]
            if figure.mean is not None:
                console().print(
                    f"  {METRICS[name]} {figure.mean:.3f}, from {figure.low:.3f} to {figure.high:.3f} "
                    f"(standard deviation {figure.deviation:.3f})",
                    markup=False,
                )


def show_learning(found: LearningCurves, *, quiet: bool) -> None:
    """Print each learning curve: P@1 by patients of training, of the twin and of the classifier."""
    if quiet:
        return
    for curve in found.curves:
        _show_curve(curve)
    _show_left_out(found.left_out)


def _show_curve(curve: KeptCurve) -> None:
    console().print(
        f"\n{curve.cover} · task {curve.task} · {curve.backbone} · "
        f"{curve.curve[-1].queries} searches · reading {curve.reading} of test",
        markup=False,
    )
    table = Table(box=None, pad_edge=False)
    for title in ("patients", "seeds", "twin", "classifier", "untrained", "twin less classifier"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in learning_lines(curve):
        table.add_row(line.name, *line.cells)
    console().print(table)
    for at in curve.curve:
        for reason in at.why_not:
            console().print(f"{at.patients} patients: {reason}", markup=False, soft_wrap=True)
    console().print(f"kept in {curve.json}; the next page of evidence draws it", markup=False, soft_wrap=True)
