"""Where the lines and bars of a small chart lie; templates/chart.html.j2 draws them as inline SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH = 640.0  # viewBox units; the page scales the drawing
ROW = 26.0  # height of one horizontal bar with its gap
TITLE = 18.0  # room for an axis title
POINTS_WITH_DOTS = 40  # longer curves are drawn without dots


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Bar:
    """A rectangle with the words at its two ends."""

    x: float
    y: float
    width: float
    height: float
    label: str = ""
    value: str = ""
    style: int = 0


@dataclass(frozen=True)
class Curve:
    """A line through points, or a filled outline."""

    name: str
    style: int
    path: str
    dots: tuple[tuple[float, float], ...] = ()
    is_area: bool = False


@dataclass(frozen=True)
class Mark:
    """A sign at a point, with the ends of its interval where it has one."""

    x: float
    y: float
    style: int
    path: str
    bounds: tuple[float, float] | None = None  # y of both ends


@dataclass(frozen=True)
class LegendKey:
    """A name behind its sign."""

    name: str
    x: float
    y: float
    mark: Mark


@dataclass(frozen=True)
class Chart:
    """A drawing in viewBox units, y downwards; left, right, top, bottom bound the plot."""

    summary: str
    height: float
    left: float
    right: float
    top: float
    bottom: float
    width: float = WIDTH
    x_ticks: tuple[Tick, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    x_title: str = ""
    y_title: str = ""
    bars: tuple[Bar, ...] = ()
    curves: tuple[Curve, ...] = ()
    marks: tuple[Mark, ...] = ()
    legend: tuple[LegendKey, ...] = ()


def bar_chart(rows: Sequence[tuple[str, float, str]], *, summary: str) -> Chart:
    """Horizontal bars, longest as wide as the plot.

    Args:
        rows: (label, length >= 0, text behind the bar); what is not finite counts as 0.
        summary: One sentence for those who do not see the drawing.
    """
    left, right, top = 120.0, WIDTH - 90.0, 4.0
    lengths = [length if math.isfinite(length) and length > 0 else 0.0 for _, length, _ in rows]
    longest = max(lengths, default=0.0) or 1.0
    bars = tuple(
        Bar(left, top + ROW * i, _round((right - left) * length / longest), ROW - 8, label, text)
        for i, (length, (label, _, text)) in enumerate(zip(lengths, rows, strict=True))
    )
    bottom = top + ROW * len(rows)
    return Chart(summary, bottom + 4, left, right, top, bottom, bars=bars)


def interval_chart(
    rows: Sequence[tuple[str, float, float, float, str]], *, summary: str, x_title: str, marked: int = -1
) -> Chart | None:
    """A dot and its interval in each row, all on one axis; None without rows.

    Args:
        rows: (label, value, low, high, text at the right edge), all finite.
        summary: One sentence for those who do not see the drawing.
        x_title: What the axis measures.
        marked: Index of the row that stands out.
    """
    if not rows:
        return None
    left, right, top = 190.0, WIDTH - 150.0, 4.0
    ticks = nice_ticks(min(0.0, *(low for _, _, low, _, _ in rows)), max(1.0, *(high for _, _, _, high, _ in rows)))
    scale = (right - left) / (ticks[-1] - ticks[0])
    bars = []
    for i, (label, value, low, high, text) in enumerate(rows):
        y, style = top + ROW * i, 1 if i == marked else 0
        at, start = left + scale * (value - ticks[0]), left + scale * (low - ticks[0])
        bars.append(Bar(_round(start), y + 8, _round(max(1.0, scale * (high - low))), 3.0, style=style))
        bars.append(Bar(_round(at - 4), y + 5, 8.0, 9.0, style=style))
        bars.append(Bar(left, y, 0.0, 0.0, label))
        bars.append(Bar(right, y, 0.0, 0.0, "", text))
    bottom = top + ROW * len(rows)
    x_ticks = tuple(Tick(_round(left + scale * (tick - ticks[0])), _label(tick)) for tick in ticks)
    return Chart(
        summary, bottom + 2 * TITLE + 6, left, right, top, bottom, x_ticks=x_ticks, x_title=x_title, bars=tuple(bars)
    )


def column_chart(columns: Sequence[tuple[str, float]], *, summary: str, y_title: str, marked: int = -1) -> Chart:
    """Upright columns in the order given; the one at index `marked` stands out."""
    left, right, top, bottom = 56.0, WIDTH - 12.0, 26.0, 150.0
    heights = [height if math.isfinite(height) and height > 0 else 0.0 for _, height in columns]
    ticks = nice_ticks(0.0, max(heights, default=0.0) or 1.0)
    top_value = ticks[-1]
    step = (right - left) / max(len(columns), 1)
    bars = tuple(
        Bar(
            _round(left + step * (i + 0.18)),
            _round(bottom - (bottom - top) * height / top_value),
            _round(step * 0.64),
            _round((bottom - top) * height / top_value),
            style=1 if i == marked else 0,
        )
        for i, height in enumerate(heights)
    )
    x_ticks = tuple(Tick(_round(left + step * (i + 0.5)), label) for i, (label, _) in enumerate(columns))
    y_ticks = tuple(Tick(_round(bottom - (bottom - top) * t / top_value), _label(t)) for t in ticks)
    return Chart(summary, 190.0, left, right, top, bottom, WIDTH, x_ticks, y_ticks, "night", y_title, bars)


def line_chart(
    series: Mapping[str, Sequence[tuple[float, float]]], *, summary: str, x_title: str, y_title: str, whole: bool = True
) -> Chart | None:
    """One line per name through its finite points (x, y), or None when no point is finite; `whole`: x counts."""
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] for name, points in series.items()
    }
    xs = [x for points in finite.values() for x, _ in points]
    ys = [y for points in finite.values() for _, y in points]
    if not xs:
        return None
    x_ticks, y_ticks = nice_ticks(min(xs), max(xs), whole=whole), nice_ticks(min(0.0, *ys), max(ys))
    frame = Frame((x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1]))
    curves = tuple(
        _line(name, style, [frame.place(x, y) for x, y in points])
        for style, (name, points) in enumerate(finite.items())
        if points
    )
    return frame.chart(summary, x_ticks, y_ticks, x_title, y_title, curves)


def step_chart(
    edges: Sequence[float], counts: Mapping[str, Sequence[float]], *, summary: str, x_title: str
) -> Chart | None:
    """Histograms over the same bins as filled outlines, each as shares of its own sum.

    Args:
        edges: n + 1 rising bin edges.
        counts: name -> n counts >= 0; one that does not fit or sums to 0 is left out.
        summary: One sentence for those who do not see the drawing.
        x_title: What the edges measure.
    """
    shares = {name: _shares(values, len(edges) - 1) for name, values in counts.items()}
    shares = {name: values for name, values in shares.items() if values}
    if not shares or not all(low < high for low, high in pairwise(edges)):
        return None
    y_ticks = nice_ticks(0.0, 100 * max(max(values) for values in shares.values()))
    x_ticks = nice_ticks(edges[0], edges[-1])
    frame = Frame((x_ticks[0], x_ticks[-1]), (0.0, y_ticks[-1]))
    curves = tuple(_outline(n, i, edges, shares[n], frame) for i, n in enumerate(shares))
    return frame.chart(summary, x_ticks, y_ticks, x_title, "% of pairs", curves)


@dataclass(frozen=True)
class Frame:
    """Maps values to viewBox units."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    left: float = 64.0
    right: float = WIDTH - 12.0
    top: float = 26.0
    bottom: float = 210.0
    is_log: bool = False  # of both axes

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a value lies."""
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        if self.is_log:
            x0, x1, y0, y1, x, y = (math.log10(value) for value in (x0, x1, y0, y1, x, y))
        across = (x - x0) / ((x1 - x0) or 1.0)
        up = (y - y0) / ((y1 - y0) or 1.0)
        return (
            _round(self.left + (self.right - self.left) * across),
            _round(self.bottom - (self.bottom - self.top) * up),
        )

    def chart(
        self, summary: str, x: list[float], y: list[float], x_title: str, y_title: str, curves: tuple[Curve, ...],
        *, marks: tuple[Mark, ...] = (), legend: tuple[LegendKey, ...] = (),
    ) -> Chart:  # fmt: skip
        """Return the chart with ticks at x and y; those outside the ranges are left out."""
        x = [value for value in x if self.x_range[0] <= value <= self.x_range[1]]
        y = [value for value in y if self.y_range[0] <= value <= self.y_range[1]]
        x_ticks = tuple(Tick(self.place(value, self.y_range[0])[0], _label(value)) for value in x)
        y_ticks = tuple(Tick(self.place(self.x_range[0], value)[1], _label(value)) for value in y)
        height = self.bottom + 2 * TITLE + 6
        return Chart(
            summary,
            height,
            self.left,
            self.right,
            self.top,
            self.bottom,
            x_ticks=x_ticks,
            y_ticks=y_ticks,
            x_title=x_title,
            y_title=y_title,
            curves=curves,
            marks=marks,
            legend=legend,
        )


def _line(name: str, style: int, points: Sequence[tuple[float, float]]) -> Curve:
    path = " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))
    return Curve(name, style, path, tuple(points) if len(points) <= POINTS_WITH_DOTS else ())


def _outline(name: str, style: int, edges: Sequence[float], shares: Sequence[float], frame: Frame) -> Curve:
    corners = [frame.place(edges[0], 0.0)]
    for (low, high), share in zip(pairwise(edges), shares, strict=True):
        corners += [frame.place(low, 100 * share), frame.place(high, 100 * share)]
    corners.append(frame.place(edges[-1], 0.0))
    path = " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(corners)) + " Z"
    return Curve(name, style, path, is_area=True)


def _shares(values: Sequence[float], n_bins: int) -> list[float]:
    if len(values) != n_bins or not all(math.isfinite(v) and v >= 0 for v in values):
        return []
    total = math.fsum(values)
    return [value / total for value in values] if total > 0 else []


def nice_ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """About five round numbers that enclose low and high."""
    span = (high - low) or abs(high) or 1.0
    raw = span / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    step = max(1.0, math.ceil(step)) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _round(value: float) -> float:
    return round(value, 2)  # equal rows give equal bytes; finer than a pixel
