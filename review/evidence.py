"""Writes the page that says what an encoder is worth, from the figures of one evaluation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from evaluation.confounds import Confound
from evaluation.evidence import Sheet
from evaluation.figures import HEADLINE, Evaluation, GalleryReport, Section
from evaluation.learning_curve import LearningCurve
from evaluation.report import EvidenceReport, MeasuredOn
from evaluation.spread import Spread
from review.chart import Chart, interval_chart
from review.conclusions import conclusions, headline, of_pairs, shown
from review.evidence_charts import NAMES, at_first, ends, learning_chart, loss_chart, maps, pair_charts
from review.lanes import CardMaker
from review.page import ScanFacts, Training
from review.report import page_of
from review.words import plain, short
from siamese.statistics.intervals import Estimate

METRICS = {
    "p_at_1": "P@1",
    "p_at_5": "P@5",
    "map_at_r": "MAP@R",
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "recall@10",
}
PAIR_METRICS = {"roc_auc": "ROC AUC", "eer": "equal error rate", "tmr_at_1_percent": "true matches at 1 % false ones"}
TRAITS = {"scanner": "scanner", "site": "site", "sex": "sex", "age_decade": "age"}
STRATA = {
    "size": "Size of the largest finding",
    "contrast": "Contrast to noise of the largest finding",
    "site": "Site",
    "time": "Time of the scan that asks",
}
SORTS = {"best": "Best searches", "median": "Middling searches", "worst": "Worst searches"}
MOST_SUBGROUPS = 12  # of a trait; a site may have a hundred scanners
Order = str | int | tuple[int, str]  # what classes of a trait are sorted by
FEWEST_IN_SUBGROUP = 5  # patients; the figure of fewer is that of single persons


@dataclass(frozen=True)
class Line:
    """One row of a table of figures: a name and one text a column."""

    name: str
    cells: tuple[str, ...]
    is_ours: bool = False


@dataclass(frozen=True)
class Card:
    """One scan of a sheet with what is said of it."""

    facts: ScanFacts
    said: str
    is_relevant: bool | None  # None: the query


@dataclass(frozen=True)
class Group:
    """The parts of the searches by one trait: a drawing, a table, and how many parts are too small to show."""

    said: str
    chart: Chart | None
    lines: list[Line]
    n_left_out: int


@dataclass(frozen=True)
class Strip:
    """One query and its nearest scans."""

    score: str
    query: Card
    neighbours: tuple[Card, ...]


def write_evidence(
    connection: Connection, report: EvidenceReport, *, training: Training, store: Path, out: Path
) -> Path:
    """Write the page of one evaluation to the file `out` and return it.

    Args:
        connection: An open reader of db.
        report: The evaluation with what is `drawn` of it.
        training: What the encoder's manifest tells of its training.
        store: Our own files; pictures lie in store/pictures.
        out: The HTML file, replaced in one step.
    """
    whole, drawn = report.evaluation, report.drawn
    main = whole.galleries[report.gallery]
    return page_of(
        "evidence.html.j2",
        out,
        report=report,
        main=main,
        headline=headline(report),
        conclusions=conclusions(report),
        measured=_measured(report.measured_on),
        metrics=list(METRICS.values()),
        figures=_figures(main.headline),
        behind=_behind(report, main.headline),
        unavailable={NAMES.get(name, name): why for name, why in whole.unavailable.items()},
        at_first=at_first(main.headline),
        of_pairs=of_pairs(report),
        pair_metrics=_pair_titles(whole),
        pairs=[_pair_line(whole, name) for name in whole.pairs],
        charts=pair_charts(drawn, whole.pairs.get("encoder", {}).get("roc_auc")),
        not_calibrated=drawn.reliability.why_not,
        maps=maps(drawn),
        map=drawn.map,
        others=_other_lists(whole, report.gallery),
        findings=[
            Line(plain(name), (f"{found[HEADLINE].n:,}", *(shown(found[key]) for key in METRICS)))
            for name, found in main.findings.items()
        ],
        sheets=_sheets(connection, drawn.sheets, store),
        subgroups=[
            _subgroup(TRAITS.get(trait, trait), parts, report, str if trait == "age_decade" else _as_counted)
            for trait, parts in main.subgroups.items()
            if trait not in STRATA
        ],
        strata=_strata(main, report),
        over=NAMES[_over(report)],
        confounds=[_confound(found) for found in main.confounds],
        shortcuts=[TRAITS.get(c.trait, c.trait) for c in main.confounds if c.is_shortcut],
        hubs=[(short(hub.scan or ""), hub.times, hub.eligible) for hub in main.hubness.worst],
        losses=loss_chart(training),
        learning=learning_chart(report.learning),
        learned=learning_lines(report.learning),
        shown=shown,
    )


def _over(report: EvidenceReport) -> str:
    """Return the baseline that lifts are shown over."""
    return "chance" if report.lift is None else report.lift.over


def _measured(on: MeasuredOn) -> list[Line]:
    rows = [
        Line("patients", (f"{on.patients:,}",)),
        Line("studies", (f"{on.studies:,}",)),
        Line("main scans", (f"{on.scans:,}",)),
        Line("scans with a label", (f"{on.labelled_scans:,}",)),
    ]
    parts = {"kinds": "kinds", "findings": "findings present"} | TRAITS
    return rows + [Line(said, (_listed(name, n),)) for name, said in parts.items() if (n := getattr(on, name))]


def _listed(name: str, counts: Mapping[str, int]) -> str:
    rows = sorted(counts.items()) if name == "age_decade" else list(counts.items())
    first = [f"{plain(value)} {n:,}" for value, n in rows[:MOST_SUBGROUPS]]
    left = len(counts) - len(first)
    return ", ".join(first) + (f" and {left} more" if left else "")


def _figures(part: Section) -> list[Line]:
    """One line for us and for everyone else: all metrics, and how far we are ahead."""
    ours = Line(NAMES["encoder"], (*(shown(part.metrics[name]) for name in METRICS), ""), is_ours=True)
    theirs = [
        Line(NAMES.get(who, who), (*(shown(found[name]) for name in METRICS), signed(part.lift[who][HEADLINE])))
        for who, found in part.others.items()
    ]
    return [ours, *theirs]


def _behind(report: EvidenceReport, part: Section) -> list[str]:
    """The plain ways that the encoder is not shown to beat."""
    baselines = {"chance", *report.baselines}
    return [
        NAMES.get(who, who)
        for who, found in part.lift.items()
        if who in baselines and ((low := found[HEADLINE].low) is None or low <= 0)
    ]


def signed(estimate: Estimate) -> str:
    """Write a difference with its interval."""
    if estimate.value is None:
        return "–"
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


def _pair_titles(whole: Evaluation) -> list[str]:
    auc, *others = PAIR_METRICS.values()
    same = whole.same_source
    return [auc, *([] if same is None else [f"the same, unlike pairs of one {same.source} only"]), *others]


def _pair_line(whole: Evaluation, who: str) -> Line:
    auc, *others = (shown(whole.pairs[who][name]) for name in PAIR_METRICS)
    same = whole.same_source
    within = [] if same is None else [same.why_not or shown(same.pairs[who]["roc_auc"])]
    return Line(NAMES.get(who, who), (auc, *within, *others), who == "encoder")


def _other_lists(whole: Evaluation, main: str) -> list[Line]:
    """The headline's figures on the lists that the headline leaves out."""
    found = []
    for name, gallery in whole.galleries.items():
        said = "earlier scans" if name == "prior" else "open gallery"
        parts = [("" if name == main else gallery.size, None if name == main else gallery.headline)]
        parts.append(("below 50 patients", gallery.small))
        for size, part in parts:
            if part is not None and part.queries:
                cells = (f"{part.queries:,}", *(shown(part.metrics[key]) for key in METRICS))
                found.append(Line(f"{said}, {size}", cells))
    return found


def _sheets(connection: Connection, sheets: Sequence[Sheet], store: Path) -> list[tuple[str, list[Strip]]]:
    cards = CardMaker(connection, store)
    cards.load({key for sheet in sheets for key in (sheet.scan, *(near.scan for near in sheet.neighbours))})
    found: dict[str, list[Strip]] = {}
    for sheet in sheets:
        query = Card(cards.facts(sheet.scan, planes=1), _said(sheet.findings), None)
        neighbours = tuple(
            Card(cards.facts(near.scan, planes=1), f"{near.distance:.4f}", near.grade > 0) for near in sheet.neighbours
        )
        found.setdefault(SORTS[sheet.sort], []).append(Strip(f"{sheet.score:.2f}", query, neighbours))
    return list(found.items())


def _said(findings: Sequence[str]) -> str:
    return ", ".join(plain(name) for name in findings)


def _strata(main: GalleryReport, report: EvidenceReport) -> list[Group]:
    """Size, contrast, site and time, where they are known and at least two classes can be shown."""
    known = {**main.strata, **{name: parts for name, parts in main.subgroups.items() if name in STRATA}}
    return [
        _subgroup(said, known[name], report, _rising)
        for name, said in STRATA.items()
        if sum(part.patients >= FEWEST_IN_SUBGROUP for part in known.get(name, {}).values()) > 1
    ]


def _as_counted(name: str) -> int:
    return 0


def _rising(name: str) -> tuple[int, str]:
    """Order classes from below to above."""
    return (0 if name.startswith("below") else 2 if name.endswith("and more") else 1, name)


def _subgroup(said: str, parts: Mapping[str, Section], report: EvidenceReport, order: Callable[[str], Order]) -> Group:
    over = _over(report)
    enough = [item for item in parts.items() if item[1].patients >= FEWEST_IN_SUBGROUP]
    largest = sorted(enough, key=lambda item: (-item[1].patients, item[0]))[:MOST_SUBGROUPS]
    largest.sort(key=lambda item: order(item[0]))
    lines = [
        Line(
            plain(value),
            (f"{part.patients:,}", f"{part.queries:,}", shown(part.metrics[HEADLINE]),
             _value(part.others["chance"][HEADLINE]), signed(part.lift[over][HEADLINE])),
        )
        for value, part in largest
    ]  # fmt: skip
    known = [(value, part, at) for value, part in largest if (at := ends(part.metrics[HEADLINE])) is not None]
    told = ", ".join(f"{plain(value)} {shown(part.metrics[HEADLINE])}" for value, part, _ in known)
    chart = interval_chart(
        [(plain(value)[:24], *at, f"n = {part.patients:,}") for value, part, at in known],
        summary=f"P@1 with 95 % intervals by {said.lower()}: {told}",
        x_title="P@1",
    )
    return Group(said, chart, lines, len(parts) - len(largest))


def _value(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.3f}"


def _confound(found: Confound) -> Line:
    follows = plain(found.followed_by) or "none"
    cells = (shown(found.shown), shown(found.by_chance), signed(found.excess), follows)
    return Line(TRAITS.get(found.trait, found.trait), (*cells, "a shortcut" if found.is_shortcut else "no"))


def learning_lines(learning: LearningCurve | None) -> list[Line]:
    """One line for each number of patients: means over seeds with the smallest and the largest, and the lead."""
    if learning is None:
        return []
    return [
        Line(
            f"{at.patients:,}",
            (
                f"{len(at.seeds)}",
                *(_ranged(at.figures[who][HEADLINE]) for who in ("siamese", "classifier", "untrained")),
                _ranged(at.lead[HEADLINE], sign="+"),
            ),
        )
        for at in learning.curve
    ]


def _ranged(found: Spread, *, sign: str = "") -> str:
    if found.mean is None:
        return "–"
    return f"{found.mean:{sign}.3f} ({found.low:{sign}.3f} to {found.high:{sign}.3f})"
