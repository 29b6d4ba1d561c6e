import math

import pytest

from review.chart import bar_chart, column_chart, interval_chart, line_chart, step_chart


def test_the_longest_bar_is_as_wide_as_the_plot_and_others_in_proportion():
    chart = bar_chart([("a", 2.0, ""), ("b", 8.0, ""), ("c", math.nan, ""), ("d", -1.0, "")], summary="")
    assert [bar.width for bar in chart.bars] == [(chart.right - chart.left) / 4, chart.right - chart.left, 0, 0]


def test_columns_stand_on_the_axis_and_one_is_marked():
    chart = column_chart([("1", 5.0), ("2", 10.0)], summary="", y_title="", marked=1)
    assert [bar.y + bar.height for bar in chart.bars] == [chart.bottom] * 2
    assert chart.bars[1].height == 2 * chart.bars[0].height and [bar.style for bar in chart.bars] == [0, 1]


def test_a_line_goes_through_its_finite_points_from_corner_to_corner():
    chart = line_chart({"loss": [(0, 0.0), (1, math.nan), (4, 4.0)]}, summary="", x_title="", y_title="")
    assert chart.curves[0].dots == ((chart.left, chart.bottom), (chart.right, chart.top))


@pytest.mark.parametrize("points", [[], [(1, math.nan)], [(math.inf, 1.0)]])
def test_without_a_finite_point_there_is_no_line(points):
    assert line_chart({"loss": points}, summary="", x_title="", y_title="") is None


@pytest.mark.parametrize("value", [0.0, 1e-12, 3.0, 1e9, -2.0])
def test_a_single_point_can_be_drawn(value):
    chart = line_chart({"loss": [(1, value)]}, summary="", x_title="", y_title="")
    ((x, y),) = chart.curves[0].dots
    assert chart.left <= x <= chart.right and chart.top <= y <= chart.bottom


def test_histograms_are_shares_of_their_own_sum():
    chart = step_chart([0, 1, 2], {"few": [1, 1], "many": [100, 100]}, summary="", x_title="")
    assert chart.curves[0].path == chart.curves[1].path


@pytest.mark.parametrize(("edges", "counts"), [
    ([0, 1, 2], [1]), ([0, 1], [0]), ([1, 0], [3]), ([0, 0, 1], [1, 1]), ([0, math.nan], [1]), ([0, 1], [-1]), ([], []),
])  # fmt: skip
def test_bins_that_cannot_be_drawn_are_left_out(edges, counts):
    assert step_chart(edges, {"alike": counts}, summary="", x_title="") is None


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.03), (0, 7), (0, 123456), (-3, 5), (1, 12)])
def test_ticks_enclose_the_values_and_are_few(low, high):
    chart = line_chart({"a": [(0, low), (1, high)]}, summary="", x_title="", y_title="")
    ticks = [float(tick.label.replace(",", "")) for tick in chart.y_ticks]
    assert min(ticks) <= low and max(ticks) >= high and 2 <= len(ticks) <= 8


def test_an_interval_lies_where_its_ends_say_and_the_dot_between():
    chart = interval_chart([("ours", 0.5, 0.25, 1.0, "0.5")], summary="", x_title="", marked=0)
    line, dot, label, text = chart.bars
    width = chart.right - chart.left
    assert (line.x, line.width) == (chart.left + 0.25 * width, 0.75 * width)
    assert dot.x + dot.width / 2 == chart.left + 0.5 * width
    assert (line.style, label.label, text.value) == (1, "ours", "0.5")
    assert interval_chart([], summary="", x_title="") is None
