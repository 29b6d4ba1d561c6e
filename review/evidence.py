"""Writes the page that says what an encoder is worth, from the figures of one evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from review.chart import Chart, interval_chart, line_chart, step_chart
from review.conclusions import conclusions, headline
from review.lanes import CardMaker
from review.page import ScanFacts, Training
from review.report import page_of
from review.words import plain, short

Json = Mapping[str, Any]

METRICS = {
    "p_at_1": "P@1",
    "p_at_5": "P@5",
    "map_at_r": "MAP@R",
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "recall@10",
}
PAIR_METRICS = {"roc_auc": "ROC AUC", "eer": "equal error rate", "tmr_at_1_percent": "true matches at 1 % false ones"}
NAMES = {
    "encoder": "this encoder",
    "chance": "chance",
    "metadata": "metadata only",
    "demographics": "age and sex only",
    "histogram": "grey-value histogram",
    "thumbnail": "thumbnail",
    "untrained": "same network, untrained",
}
TRAITS = {"scanner": "scanner", "sex": "sex", "age_decade": "age"}
SORTS = {"best": "Best searches", "median": "Middling searches", "worst": "Worst searches"}
MOST_SUBGROUPS = 12  # of a trait; a site may have a hundred scanners
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
class Strip:
    """One query and its nearest scans."""

    score: str
    query: Card
    neighbours: tuple[Card, ...]


def write_evidence(connection: Connection, report: Json, *, training: Training, store: Path, out: Path) -> Path:
    """Write the page of one evaluation to the file `out` and return it.

    Args:
        connection: An open reader of db.
        report: The evaluation's JSON with what is `drawn` of it.
        training: What the encoder's manifest tells of its training.
        store: Our own files; pictures lie in store/pictures.
        out: The HTML file, replaced in one step.
    """
    whole: Json = report["evaluation"]
    main: Json = whole["galleries"][report["gallery"]]
    return page_of(
        "evidence.html.j2",
        out,
        report=report,
        main=main,
        headline=headline(report),
        conclusions=conclusions(report),
        measured=_measured(report["measured_on"]),
        metrics=list(METRICS.values()),
        figures=_figures(main["headline"]),
        behind=_behind(report, main["headline"]),
        unavailable={NAMES.get(name, name): why for name, why in whole["unavailable"].items()},
        at_first=_at_first(main["headline"]),
        pair_metrics=list(PAIR_METRICS.values()),
        pairs=[_pair_line(name, found) for name, found in whole["pairs"].items()],
        charts=_charts(report["drawn"]),
        others=_other_lists(whole, report["gallery"]),
        findings=[
            Line(plain(name), tuple(shown(found[key]) for key in METRICS)) for name, found in main["findings"].items()
        ],
        sheets=_sheets(connection, report["drawn"]["sheets"], store),
        subgroups=[_subgroup(trait, parts, report) for trait, parts in main["subgroups"].items()],
        confounds=[_confound(found) for found in main["confounds"]],
        shortcuts=[TRAITS.get(c["trait"], c["trait"]) for c in main["confounds"] if c["is_shortcut"]],
        hubs=[(short(hub["scan"]), hub["times"], hub["eligible"]) for hub in main["hubness"]["worst"]],
        losses=_losses(training),
        learning=learning_chart(report.get("learning")),
        learned=learning_lines(report.get("learning")),
        shown=shown,
    )


def shown(estimate: Json | None) -> str:
    """Write a figure with its interval."""
    if estimate is None or estimate["value"] is None:
        return "–"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"


def _measured(on: Json) -> list[Line]:
    rows = [
        Line("patients", (f"{on['patients']:,}",)),
        Line("studies", (f"{on['studies']:,}",)),
        Line("main scans", (f"{on['scans']:,}",)),
        Line("scans with a label", (f"{on['labelled_scans']:,}",)),
    ]
    parts = {"kinds": "kinds", "findings": "findings present"} | TRAITS
    return rows + [Line(said, (_listed(on[name]),)) for name, said in parts.items() if on[name]]


def _listed(counts: Mapping[str, int]) -> str:
    first = [f"{plain(name)} {n:,}" for name, n in list(counts.items())[:MOST_SUBGROUPS]]
    left = len(counts) - len(first)
    return ", ".join(first) + (f" and {left} more" if left else "")


def _figures(part: Json) -> list[Line]:
    """One line for us and for everyone else: all metrics, and how far we are ahead."""
    ours = Line(NAMES["encoder"], (*(shown(part["metrics"][name]) for name in METRICS), ""), is_ours=True)
    theirs = [
        Line(NAMES.get(who, who), (*(shown(found[name]) for name in METRICS), signed(part["lift"][who]["p_at_1"])))
        for who, found in part["others"].items()
    ]
    return [ours, *theirs]


def _behind(report: Json, part: Json) -> list[str]:
    """The plain ways that the encoder is not shown to beat."""
    baselines = {"chance", *report["baselines"]}
    return [
        NAMES.get(who, who)
        for who, found in part["lift"].items()
        if who in baselines and (found["p_at_1"]["low"] is None or found["p_at_1"]["low"] <= 0)
    ]


def signed(estimate: Json) -> str:
    """Write a difference with its interval."""
    if estimate["value"] is None:
        return "–"
    return f"{estimate['value']:+.3f} ({estimate['low']:+.3f} to {estimate['high']:+.3f})"


def _at_first(part: Json) -> Chart | None:
    rows = {"encoder": part["metrics"], **part["others"]}
    known = [
        (NAMES.get(who, who), found["p_at_1"]) for who, found in rows.items() if found["p_at_1"]["value"] is not None
    ]
    return interval_chart(
        [(who, e["value"], e["low"], e["high"], f"{e['value']:.3f}") for who, e in known],
        summary="P@1 of this encoder and of every plain way, with 95 % intervals",
        x_title="share of searches whose first answer is right",
        marked=0,
    )


def _pair_line(who: str, found: Json) -> Line:
    return Line(NAMES.get(who, who), tuple(shown(found[name]) for name in PAIR_METRICS), who == "encoder")


def _charts(drawn: Json) -> list[tuple[str, Chart]]:
    made = (
        (
            "Distances of alike and unlike pairs, in % of each sort: the less the two overlap, the better",
            step_chart(
                drawn["edges"],
                {"alike": drawn["alike"], "unlike": drawn["unlike"]},
                summary="Distances of alike and unlike pairs",
                x_title="distance",
            ),
        ),
        (
            "ROC of pairs: alike pairs found, against unlike ones taken along; dashed is chance",
            _curve({"this encoder": drawn["roc"], "chance": [(0.0, 0.0), (1.0, 1.0)]}, "ROC", "unlike pairs within")
            if drawn["roc"]
            else None,
        ),
        (
            "Risk by coverage: share of answered searches whose first answer is wrong, as a cut-off is widened",
            _curve({"wrong first answers": drawn["risk"]}, "Risk by coverage", "share of searches answered"),
        ),
    )
    return [(caption, chart) for caption, chart in made if chart is not None]


def _curve(series: Mapping[str, Sequence[tuple[float, float]]], summary: str, x_title: str) -> Chart | None:
    return line_chart(series, summary=summary, x_title=x_title, y_title="share", whole=False)


def _other_lists(whole: Json, main: str) -> list[Line]:
    """The headline's figures on the lists that the headline leaves out."""
    found = []
    for name, gallery in whole["galleries"].items():
        said = "earlier scans" if name == "prior" else "open gallery"
        parts = [("" if name == main else gallery["size"], None if name == main else gallery["headline"])]
        parts.append(("below 50 patients", gallery["small"]))
        for size, part in parts:
            if part is not None and part["queries"]:
                cells = (f"{part['queries']:,}", *(shown(part["metrics"][key]) for key in METRICS))
                found.append(Line(f"{said}, {size}", cells))
    return found


def _sheets(connection: Connection, sheets: Sequence[Json], store: Path) -> list[tuple[str, list[Strip]]]:
    cards = CardMaker(connection, store)
    cards.load({key for sheet in sheets for key in (sheet["scan"], *(n["scan"] for n in sheet["neighbours"]))})
    found: dict[str, list[Strip]] = {}
    for sheet in sheets:
        query = Card(cards.facts(sheet["scan"], planes=1), _said(sheet["findings"]), None)
        neighbours = tuple(
            Card(cards.facts(near["scan"], planes=1), f"{near['distance']:.4f}", near["grade"] > 0)
            for near in sheet["neighbours"]
        )
        found.setdefault(SORTS[sheet["sort"]], []).append(Strip(f"{sheet['score']:.2f}", query, neighbours))
    return list(found.items())


def _said(findings: Sequence[str]) -> str:
    return ", ".join(plain(name) for name in findings)


def _subgroup(trait: str, parts: Json, report: Json) -> tuple[str, Chart | None, list[Line], int]:
    over = (report["lift"] or {"over": "chance"})["over"]
    enough = [item for item in parts.items() if item[1]["patients"] >= FEWEST_IN_SUBGROUP]
    largest = sorted(enough, key=lambda item: (-item[1]["patients"], item[0]))[:MOST_SUBGROUPS]
    lines = [
        Line(
            plain(value),
            (f"{part['patients']:,}", f"{part['queries']:,}", shown(part["metrics"]["p_at_1"]),
             signed(part["lift"][over]["p_at_1"])),
        )
        for value, part in largest
    ]  # fmt: skip
    chart = interval_chart(
        [
            (plain(value)[:24], e["value"], e["low"], e["high"], f"n = {part['patients']:,}")
            for value, part in largest
            if (e := part["metrics"]["p_at_1"])["value"] is not None
        ],
        summary=f"P@1 by {TRAITS.get(trait, trait)}",
        x_title="P@1",
    )
    return TRAITS.get(trait, trait), chart, lines, len(parts) - len(largest)


def _confound(found: Json) -> Line:
    follows = plain(found["followed_by"]) or "none"
    cells = (shown(found["shown"]), shown(found["by_chance"]), signed(found["excess"]), follows)
    return Line(
        str(TRAITS.get(found["trait"], found["trait"])), (*cells, "a shortcut" if found["is_shortcut"] else "no")
    )


def _losses(training: Training) -> Chart | None:
    losses = {name: points for name, points in training.curves.items() if "loss" in name}
    return line_chart(losses, summary="Loss by epoch", x_title="epoch", y_title="loss")


LEARNERS = {"siamese": "twin", "classifier": "classifier", "untrained": "untrained", "chance": "chance"}


def learning_chart(learning: Json | None) -> Chart | None:
    """Draw P@1 by patients of training, mean over seeds; None without a learning curve."""
    if learning is None:
        return None
    points = {
        said: [
            (float(at["patients"]), at["figures"][who]["p_at_1"]["mean"])
            for at in learning["curve"]
            if at["figures"][who]["p_at_1"]["mean"] is not None
        ]
        for who, said in LEARNERS.items()
    }
    return line_chart(
        {said: found for said, found in points.items() if found},
        summary="P@1 by patients of training",
        x_title="patients of training",
        y_title="P@1",
    )


def learning_lines(learning: Json | None) -> list[Line]:
    """One line for each number of patients: means over seeds with the smallest and the largest, and the lead."""
    if learning is None:
        return []
    return [
        Line(
            f"{at['patients']:,}",
            (
                f"{len(at['seeds'])}",
                *(_ranged(at["figures"][who]["p_at_1"]) for who in ("siamese", "classifier", "untrained")),
                _ranged(at["lead"]["p_at_1"], sign="+"),
            ),
        )
        for at in learning["curve"]
    ]


def _ranged(found: Json, *, sign: str = "") -> str:
    if found["mean"] is None:
        return "–"
    return f"{found['mean']:{sign}.3f} ({found['low']:{sign}.3f} to {found['high']:{sign}.3f})"
