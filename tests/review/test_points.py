import math

import pytest

from evaluation.embedding_map import Map
from evaluation.evidence import Curves
from evaluation.figures import Section
from evaluation.learning import ASKED
from evaluation.learning_curve import Budget, CurvePoint, LearningCurve
from evaluation.reliability import Checked, Reliability
from evaluation.spread import Spread
from review.chart import WIDTH
from review.evidence_charts import at_first, learning_chart, maps, pair_charts
from review.points import GREY, MOST_GROUPS, interval_points, map_chart
from siamese.statistics.intervals import NOTHING, Estimate


def test_one_step_is_as_long_along_both_axes_of_a_map():
    chart = map_chart([0.0, 4.0, 0.0], [0.0, 0.0, 1.0], ["a", "a", "a"], summary="", x_title="", y_title="")
    at = {(round(m.x, 1), round(m.y, 1)) for m in chart.marks}
    (origin,) = [p for p in at if p[0] == min(x for x, _ in at) and p[1] == max(y for _, y in at)]
    along = max(x for x, _ in at) - origin[0]
    up = origin[1] - min(y for _, y in at)
    assert along == pytest.approx(4 * up, rel=0.01)
    assert all(chart.left <= m.x <= chart.right and chart.top <= m.y <= chart.bottom for m in chart.marks)


def test_the_commonest_groups_have_signs_of_their_own_and_the_rest_is_grey():
    groups = [name for n, name in enumerate("abcdefgh", 2) for _ in range(n)]
    x = [float(i) for i in range(len(groups))]
    chart = map_chart(x, x, groups, summary="Scans", x_title="", y_title="")
    assert [key.name for key in chart.legend] == [
        f"{name} ({n})" for n, name in zip(range(9, 3, -1), "hgfedc", strict=True)
    ] + ["others (5)"]
    assert len({m.style for m in chart.marks}) == MOST_GROUPS + 1 and chart.legend[-1].mark.style == GREY
    assert chart.summary == "Scans: h 9, g 8, f 7, e 6, d 5, c 4, others 5"
    assert all(key.x >= 0 and key.x + 7 * len(key.name) < WIDTH for key in chart.legend)


def test_grey_points_lie_below_and_those_of_the_commonest_group_on_top():
    groups = ["common", "rare", "unknown", "common", "unknown", "rare", "common"]
    x = [float(i) for i in range(len(groups))]
    chart = map_chart(x, x, groups, summary="", x_title="", y_title="", last=("unknown",))
    assert [mark.style for mark in chart.marks] == [GREY, GREY, 1, 1, 0, 0, 0]  # drawn in this order


def test_what_is_unknown_is_grey_even_where_it_is_commonest():
    chart = map_chart([0.0] * 3, [0.0] * 3, ["unknown", "unknown", "One"], summary="", x_title="", y_title="",
                      last=("unknown",))  # fmt: skip
    assert [(key.name, key.mark.style) for key in chart.legend] == [("One (1)", 0), ("unknown (2)", GREY)]


def test_on_logarithmic_axes_equal_factors_are_equal_steps_and_the_diagonal_passes_through_equal_values():
    rows = [(0.01, 0.01, 0.005, 0.02), (0.1, 0.1, 0.05, 0.2)]
    chart = interval_points({"": rows}, summary="", x_title="", y_title="", is_log=True, has_diagonal=True)
    one, ten = chart.marks
    span = chart.right - chart.left
    decades = len(chart.x_ticks) - 1
    assert ten.x - one.x == pytest.approx(span / decades, abs=0.1)
    assert [tick.label for tick in chart.x_ticks] == ["0.001", "0.01", "0.1", "1"]
    low, high = one.bounds
    assert low - one.y == pytest.approx(one.y - high, abs=0.1)  # half and double
    start, end = (
        tuple(map(float, part.lstrip("ML").split())) for part in chart.curves[0].path.replace(" L", "|L").split("|")
    )
    share = (one.x - start[0]) / (end[0] - start[0])
    assert one.y == pytest.approx(start[1] + share * (end[1] - start[1]), abs=0.1)


def test_a_lower_end_of_zero_stops_at_the_axis():
    chart = interval_points({"": [(0.01, 0.02, 0.0, 0.05)]}, summary="", x_title="", y_title="", is_log=True)
    assert chart.marks[0].bounds[0] == chart.bottom


def test_without_points_there_is_no_chart():
    assert interval_points({"": []}, summary="", x_title="", y_title="") is None
    assert map_chart([], [], [], summary="", x_title="", y_title="") is None
    assert learning_chart(None) is None


def test_a_learning_curve_has_one_line_a_way_in_the_order_of_patients():
    def spread(mean: float | None) -> dict[str, Spread]:
        return {"p_at_1": Spread(mean, mean and mean - 0.1, mean and mean + 0.1, mean and 0.1, 3)}

    def point(n: int, *means: float | None) -> CurvePoint:
        figures = {who: spread(mean) for who, mean in zip(ASKED, means, strict=True)}
        return CurvePoint(n, [0, 1, 2], 40, 20, "open", figures, spread(None), [])

    rows = [point(100, 0.6, None, None, None), point(25, 0.4, 0.3, None, None)]
    chart = learning_chart(
        LearningCurve(cover="2d", task="patient", kind="", backbone="small", budget=Budget(1, 1, 60.0), patients={},
                      curve=rows)
    )  # fmt: skip
    assert [key.name for key in chart.legend] == ["twin", "classifier"]
    assert chart.marks[0].x < chart.marks[1].x and len(chart.curves) == 2 and len(chart.marks) == 3
    assert [curve.style for curve in chart.curves] == [0, 1]  # each line in its marks' colour
    assert "twin: 0.40 from 25 patients, 0.60 from 100 patients" in chart.summary


DRAWN = Curves(
    edges=(0.0, 0.5, 1.0), alike=(3, 1), unlike=(1, 7), roc=((0.0, 0.0), (0.5, 1.0), (1.0, 1.0)),
    risk=((0.25, 0.0), (0.5, 0.2), (1.0, 0.4)),
    reliability=Reliability((Checked(expected=0.1, observed=0.12, low=0.09, high=0.15),), 100, ""),
    map=Map("ct", x=(0.0, 1.0), y=(0.0, 1.0), labels=("not labelled",) * 2, scanners=("One", "Two"),
            shares=(0.5, 0.25), n_left_out=0),
    sheets=(),
)  # fmt: skip


def test_every_chart_has_a_caption_axes_with_titles_and_its_figures_in_words():
    charts = pair_charts(DRAWN, Estimate(0.9, 0.8, 0.95, 12, 6)) + maps(DRAWN)
    assert [caption.split(":")[0] for caption, _ in charts] == [
        "Distances of alike and unlike pairs", "ROC of pairs", "Risk by coverage", "Calibration", "By scanner",
    ]  # fmt: skip
    assert all(chart.x_title and chart.y_title and any(c.isdigit() for c in chart.summary) for _, chart in charts)
    said = {caption.split(":")[0]: chart.summary for caption, chart in charts}
    assert "20 % of first answers are wrong when the surest half" in said["Risk by coverage"]
    assert "10 % expected, 12 % seen (9 % to 15 %)" in said["Calibration"]
    assert "4 alike and 8 unlike pairs: alike ones mostly 0.000 to 0.500" in said["Distances of alike and unlike pairs"]


def test_a_map_of_one_colour_is_not_drawn():
    assert [caption for caption, _ in maps(DRAWN)] == ["By scanner"]


def test_a_figure_that_could_not_be_computed_leaves_no_row():
    one = {"p_at_1": Estimate(0.5, 0.4, 0.6, 40, 20)}
    chart = at_first(Section(40, 20, None, one, others={"thumbnail": {"p_at_1": NOTHING}}, lift={}))
    assert "thumbnail" not in chart.summary and math.isfinite(chart.bars[0].x)
