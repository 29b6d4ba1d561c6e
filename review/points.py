"""Charts of points: a map in groups, and points with intervals that lines may join, on even or logarithmic axes."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from review.chart import WIDTH, Chart, Curve, Frame, LegendKey, Mark, nice_ticks, polyline

MOST_GROUPS = 6  # colours and shapes that can be told apart; the others are one grey group
OTHERS = "others"
GREY = MOST_GROUPS  # style of what has no group of its own
SHAPES = ("circle", "square", "up", "diamond", "down", "cross", "dot")  # by style, so that print without colour works
SIZE = 3.6  # half of a mark, in viewBox units
COLUMNS = 2  # of the legend; names of scanners are long
LEGEND_ROW = 18.0
Row = tuple[float, float, float, float]  # x, y, low, high


def map_chart(
    x: Sequence[float],
    y: Sequence[float],
    groups: Sequence[str],
    *,
    summary: str,
    x_title: str,
    y_title: str,
    last: Sequence[str] = (),
) -> Chart | None:
    """Points in colours and shapes by group, both axes on one scale; None without points.

    Args:
        x: Of each point, finite.
        y: As x.
        groups: Name of each point's group; at most six have their own sign, the commonest first.
        summary: One sentence for those who do not see the drawing; the groups' counts are added.
        x_title: What lies along x.
        y_title: What lies along y.
        last: Groups that are drawn grey, such as "unknown".
    """  # fmt: skip
    if not x:
        return None
    counts = Counter(groups)
    named = sorted((name for name in counts if name not in last), key=lambda name: (-counts[name], name))[:MOST_GROUPS]
    style = {name: i for i, name in enumerate(named)}
    greys = [name for name in counts if name not in style]
    grey = greys[0] if len(greys) == 1 else OTHERS
    shown = [(name, style[name], counts[name]) for name in named]
    shown += [(grey, GREY, sum(counts[name] for name in greys))] if greys else []
    keys = legend([(f"{name[:30]} ({n})", i) for name, i, n in shown])
    top = LEGEND_ROW * math.ceil((MOST_GROUPS + 1) / COLUMNS) + 12  # the same for maps side by side
    frame = _square(x, y, top)
    order = sorted(range(len(x)), key=lambda i: -style.get(groups[i], GREY))  # grey below, the commonest on top
    marks = (_mark(frame.place(x[i], y[i]), style.get(groups[i], GREY)) for i in order)
    said = ", ".join(f"{name} {n}" for name, _, n in shown)
    return frame.chart(
        f"{summary}: {said}", x_ticks=frame.x_ticks(nice_ticks(*frame.x_range)),
        y_ticks=frame.y_ticks(nice_ticks(*frame.y_range)), x_title=x_title, y_title=y_title, marks=marks, legend=keys,
    )  # fmt: skip


def _square(x: Sequence[float], y: Sequence[float], top: float) -> Frame:
    """Return a frame in which a step along x is as long as one along y."""
    left, right, bottom = 64.0, WIDTH - 12.0, top + 400.0
    middle_x, middle_y = (min(x) + max(x)) / 2, (min(y) + max(y)) / 2
    unit = max((max(x) - min(x)) / (right - left), (max(y) - min(y)) / (bottom - top)) * 1.06 or 1.0
    half_x, half_y = unit * (right - left) / 2, unit * (bottom - top) / 2
    return Frame(
        (middle_x - half_x, middle_x + half_x), (middle_y - half_y, middle_y + half_y), left, right, top, bottom
    )


def interval_points(
    series: Mapping[str, Sequence[Row]],
    *,
    summary: str,
    x_title: str,
    y_title: str,
    is_log: bool = False,
    has_diagonal: bool = False,
    is_joined: bool = False,
) -> Chart | None:
    """Points with upright intervals, one sign a series; None without points.

    Args:
        series: name -> (x, y, low, high), all finite; above 0 where `is_log`, a low of 0 goes to the axis.
        summary: One sentence for those who do not see the drawing.
        x_title: What x measures.
        y_title: What y measures.
        is_log: Both axes by powers of ten.
        has_diagonal: Draw x = y, dashed.
        is_joined: Join the points of a series by a line.
    """  # fmt: skip
    rows = [row for points in series.values() for row in points]
    if not rows:
        return None
    x_ticks, y_ticks = _ticks(rows, is_log, has_diagonal)
    names = [name for name, points in series.items() if points]
    keys = legend([(name, style) for style, name in enumerate(names)]) if len(names) > 1 else ()
    top = LEGEND_ROW * math.ceil(len(keys) / COLUMNS) + 12
    frame = Frame((x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1]), top=top, bottom=top + 230, is_log=is_log)
    marks, curves = [], []
    if has_diagonal:
        ends = (max(x_ticks[0], y_ticks[0]), min(x_ticks[-1], y_ticks[-1]))
        curves.append(Curve("", 1, polyline([frame.place(end, end) for end in ends])))
    for style, name in enumerate(names):
        points = series[name]
        if is_joined:
            curves.append(Curve("", style % 4, polyline([frame.place(x, y) for x, y, _, _ in points])))
        for x, y, low, high in points:
            bounds = [frame.place(x, max(end, y_ticks[0]))[1] for end in (low, high)]
            marks.append(_mark(frame.place(x, y), style, bounds=(bounds[0], bounds[1])))
    return frame.chart(
        summary, x_ticks=frame.x_ticks(x_ticks), y_ticks=frame.y_ticks(y_ticks), x_title=x_title, y_title=y_title,
        curves=curves, marks=marks, legend=keys,
    )  # fmt: skip


def _ticks(rows: Sequence[Row], is_log: bool, has_diagonal: bool) -> tuple[list[float], list[float]]:
    xs, ys = [row[0] for row in rows], [value for row in rows for value in row[1:]]
    if not is_log:
        return nice_ticks(min(0.0, *xs), max(xs)), nice_ticks(min(0.0, *ys), max(1.0, *ys))
    seen = [value for value in (*xs, *(row[1] for row in rows)) if value > 0]
    lows = [row[2] for row in rows if row[2] >= min(seen) / 10]  # an interval that ends lower stops at the axis
    low, high = math.floor(math.log10(min(*seen, *lows))), math.ceil(math.log10(max(*seen, *ys)))
    powers = [10.0**power for power in range(low, max(high, low + 1) + 1)]
    return powers, powers


def legend(entries: Sequence[tuple[str, int]]) -> tuple[LegendKey, ...]:
    """Lay names with their signs in rows above the plot."""
    wide = (WIDTH - 76.0) / COLUMNS
    places = [(70.0 + wide * (i % COLUMNS), 9.0 + LEGEND_ROW * (i // COLUMNS)) for i in range(len(entries))]
    return tuple(
        LegendKey(name, x + 10, y + 4, _mark((x, y), style))
        for (x, y), (name, style) in zip(places, entries, strict=True)
    )


def _mark(at: tuple[float, float], style: int, bounds: tuple[float, float] | None = None) -> Mark:
    return Mark(at[0], at[1], style % (GREY + 1), shape(at, SHAPES[style % len(SHAPES)]), bounds)


def shape(at: tuple[float, float], name: str) -> str:
    """Return the outline of a sign around a place, as an SVG path."""
    (x, y), r = at, SIZE
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "up": [(0, -1.25 * r), (1.15 * r, r), (-1.15 * r, r)],
        "down": [(0, 1.25 * r), (1.15 * r, -r), (-1.15 * r, -r)],
        "diamond": [(0, -1.4 * r), (1.4 * r, 0), (0, 1.4 * r), (-1.4 * r, 0)],
        "cross": [(-r, -0.3 * r), (-0.3 * r, -0.3 * r), (-0.3 * r, -r), (0.3 * r, -r), (0.3 * r, -0.3 * r),
                  (r, -0.3 * r), (r, 0.3 * r), (0.3 * r, 0.3 * r), (0.3 * r, r), (-0.3 * r, r), (-0.3 * r, 0.3 * r),
                  (-r, 0.3 * r)],
    }.get(name)  # fmt: skip
    if corners is None:  # a disc, smaller for what has no group
        half = r if name == "circle" else 0.75 * r
        return (
            f"M{x - half:.2f} {y:.2f}a{half:g} {half:g} 0 1 0 {2 * half:g} 0a{half:g} {half:g} 0 1 0 {-2 * half:g} 0Z"
        )
    return "M" + "L".join(f"{x + dx:.2f} {y + dy:.2f}" for dx, dy in corners) + "Z"
