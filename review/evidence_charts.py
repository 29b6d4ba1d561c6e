"""The charts of the page of evidence: each with a caption for the reader and a sentence for those who do not see it."""

from collections.abc import Sequence

from evaluation.evidence import Curves, Points
from evaluation.figures import HEADLINE, Section
from evaluation.learning_curve import LearningCurve
from evaluation.reliability import Checked
from review.chart import Chart, interval_chart, line_chart, step_chart
from review.page import Training
from review.points import interval_points, map_chart
from review.words import percent, plain
from siamese.statistics.intervals import Estimate

Captioned = tuple[str, Chart]

NAMES = {
    "encoder": "this encoder",
    "chance": "chance",
    "metadata": "metadata only",
    "demographics": "age and sex only",
    "histogram": "grey-value histogram",
    "thumbnail": "thumbnail",
    "untrained": "same network, untrained",
}
GREY_GROUPS = ("unknown", "not labelled", "none of the findings")  # what they are the background of has colour


def ends(figure: Estimate) -> tuple[float, float, float] | None:
    """Return a figure with the ends of its interval; None where there was nothing to count."""
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return figure.value, figure.low, figure.high


def at_first(part: Section) -> Chart | None:
    """P@1 of the encoder and of every plain way."""
    rows = {"encoder": part.metrics, **part.others}
    known = [(NAMES.get(who, who), found) for who, row in rows.items() if (found := ends(row[HEADLINE])) is not None]
    said = ", ".join(f"{who} {value:.3f} ({low:.3f} to {high:.3f})" for who, (value, low, high) in known)
    return interval_chart(
        [(who, value, low, high, f"{value:.3f}") for who, (value, low, high) in known],
        summary=f"P@1 with 95 % intervals: {said}",
        x_title="share of searches whose first answer is right",
        marked=0,
    )


def pair_charts(drawn: Curves, auc: Estimate | None) -> list[Captioned]:
    """Distances of pairs, ROC, risk by coverage, and expected by chance against observed."""
    sorts = {"alike": drawn.alike, "unlike": drawn.unlike}
    made = (
        (
            "Distances of alike and unlike pairs: the less the two overlap, the better",
            step_chart(
                drawn.edges,
                {f"{sort} ({sum(counts):,})": counts for sort, counts in sorts.items()},
                summary=f"Distances of {sum(drawn.alike):,} alike and {sum(drawn.unlike):,} unlike pairs: "
                f"alike ones mostly {_middle(drawn.edges, drawn.alike)}, "
                f"unlike ones mostly {_middle(drawn.edges, drawn.unlike)}",
                x_title="distance",
            ),
        ),
        ("ROC of pairs: alike pairs found, against unlike ones taken along; dashed is chance", _roc(drawn.roc, auc)),
        (
            "Risk by coverage: share of answered searches whose first answer is wrong, as a cut-off is widened; a "
            "search without a right answer is wrong whenever it is answered",
            _risk(drawn.risk),
        ),
        (
            "Calibration: unrelated patients within a distance, as expected from one half of the patients and as seen "
            "in the other; on the dashed line both are equal",
            _reliability(drawn.reliability.points),
        ),
    )
    return [(caption, chart) for caption, chart in made if chart is not None]


def _middle(edges: Sequence[float], counts: Sequence[int]) -> str:
    """The bins that hold the middle half of the pairs, in words."""
    total, seen = sum(counts), 0
    if not total:
        return "nowhere"
    inside: list[float] = []
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        if seen + count > total / 4 and seen < 3 * total / 4:
            inside += [low, high]
        seen += count
    return f"{inside[0]:.3f} to {inside[-1]:.3f}"


def _roc(points: Points, auc: Estimate | None) -> Chart | None:
    if not points:
        return None
    area = "" if auc is None or auc.value is None else f"; area under the curve {auc.value:.3f}"
    return line_chart(
        {"this encoder": points, "chance": [(0.0, 0.0), (1.0, 1.0)]},
        summary="ROC of pairs" + area,
        x_title="share of unlike pairs within the distance",
        y_title="share of alike pairs",
        whole=False,
    )


def _risk(points: Sequence[tuple[float, float]]) -> Chart | None:
    if not points:
        return None
    half = next(risk for coverage, risk in points if coverage >= 0.5)
    return line_chart(
        {"wrong first answers": points},
        summary=f"Risk by coverage: {percent(half)} of first answers are wrong when the surest half of searches is "
        f"answered, {percent(points[-1][1])} when all are",
        x_title="share of searches answered",
        y_title="share wrong",
        whole=False,
    )


def _reliability(points: Sequence[Checked]) -> Chart | None:
    said = ", ".join(
        f"{_share(p.expected)} expected, {_share(p.observed)} seen ({_share(p.low)} to {_share(p.high)})"
        for p in points
    )
    return interval_points(
        {"": [(p.expected, max(p.observed, p.low) or p.high, p.low, p.high) for p in points]},
        summary=f"Share of unrelated patients within a distance: {said}",
        x_title="share expected by chance",
        y_title="share observed, 95 % interval",
        is_log=True,
        has_diagonal=True,
    )


def _share(value: float) -> str:
    return f"{100 * value:.2g} %"


def maps(drawn: Curves) -> list[Captioned]:
    """The space on a plane, coloured by label and, beside it, by scanner."""
    found = drawn.map
    along = [f"component {i}: {percent(share)} of variance" for i, share in enumerate(found.shares, 1)]
    made = []
    for names, caption in ((found.labels, "By label"), (found.scanners, "By scanner")):
        groups = [plain(name) for name in names]
        if set(groups) <= set(GREY_GROUPS):
            continue  # one colour tells nothing
        chart = map_chart(
            found.x,
            found.y,
            groups,
            summary=f"Scans of {plain(found.kind)} on two principal components, {caption.lower()}",
            x_title=along[0],
            y_title=along[1],
            last=GREY_GROUPS,
        )
        if chart is not None:
            made.append((caption, chart))
    return made


def loss_chart(training: Training) -> Chart | None:
    """Losses by epoch, from the encoder's manifest."""
    losses = {name: points for name, points in training.curves.items() if "loss" in name}
    said = "; ".join(f"{name} from {points[0][1]:.3g} to {points[-1][1]:.3g}" for name, points in losses.items())
    return line_chart(losses, summary=f"Loss by epoch: {said}", x_title="epoch", y_title="loss")


LEARNERS = {"siamese": "twin", "classifier": "classifier", "untrained": "untrained", "chance": "chance"}


def learning_chart(learning: LearningCurve | None) -> Chart | None:
    """P@1 by patients of training, mean over seeds with their spread, one line a way; None without a learning curve."""
    if learning is None:
        return None
    ways: dict[str, list[tuple[float, float, float, float]]] = {}
    for at in sorted(learning.curve, key=lambda at: at.patients):
        for who, way in LEARNERS.items():
            found = at.figures[who][HEADLINE]
            if found.mean is not None and found.low is not None and found.high is not None:
                point = (float(at.patients), found.mean, found.low, found.high)
                ways.setdefault(way, []).append(point)
    said = "; ".join(
        f"{way}: " + ", ".join(f"{mean:.2f} from {n:.0f} patients" for n, mean, _, _ in points)
        for way, points in ways.items()
    )
    return interval_points(
        ways,
        summary=f"P@1 by number of patients trained on. {said}",
        x_title="patients trained on",
        y_title="P@1, with spread",
        is_joined=True,
    )
