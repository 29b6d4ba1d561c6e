"""Where the lines and bars of a small chart lie; templates/chart.html.j2 draws them as inline SVG."""

import math
from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True)
class Frame:
    """Where values lie, in viewBox units; every chart is layers in one: bars, curves, marks."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    left: float = 64.0
    right: float = WIDTH - 12.0
    top: float = 26.0
    bottom: float = 210.0
    is_log: bool = False  # of both axes

    def across(self, x: float) -> float:
        """Return where a value lies along x."""
        return self.left + (self.right - self.left) * _fraction(x, self.x_range, self.is_log)

    def up(self, y: float) -> float:
        """Return where a value lies along y."""
        return self.bottom - (self.bottom - self.top) * _fraction(y, self.y_range, self.is_log)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies."""
        return _round(self.across(x)), _round(self.up(y))

    def x_ticks(self, values: Sequence[float]) -> tuple[Tick, ...]:
        """Return ticks at values; those outside are left out."""
        low, high = self.x_range
        return tuple(Tick(_round(self.across(value)), _label(value)) for value in values if low <= value <= high)

    def y_ticks(self, values: Sequence[float]) -> tuple[Tick, ...]:
        """Return ticks at values; those outside are left out."""
        low, high = self.y_range
        return tuple(Tick(_round(self.up(value)), _label(value)) for value in values if low <= value <= high)

    def chart(
        self,
        summary: str,
        *,
        below: float = 2 * TITLE + 6,
        x_ticks: tuple[Tick, ...] = (),
        y_ticks: tuple[Tick, ...] = (),
        x_title: str = "",
        y_title: str = "",
        bars: Iterable[Bar] = (),
        curves: Iterable[Curve] = (),
        marks: Iterable[Mark] = (),
        legend: tuple[LegendKey, ...] = (),
    ) -> Chart:
        """Return the layers as a chart, with room `below` the plot for what is written there."""
        return Chart(
            summary, self.bottom + below, self.left, self.right, self.top, self.bottom, WIDTH, x_ticks, y_ticks,
            x_title, y_title, tuple(bars), tuple(curves), tuple(marks), legend,
        )  # fmt: skip


def _fraction(value: float, ends: tuple[float, float], is_log: bool) -> float:
    low, high = ends
    if is_log:
        low, high, value = math.log10(low), math.log10(high), math.log10(value)
    return (value - low) / ((high - low) or 1.0)


def bar_chart(rows: Sequence[tuple[str, float, str]], *, summary: str) -> Chart:
    """Horizontal bars, longest as wide as the plot.

    Args:
        rows: (label, length >= 0, text behind the bar); what is not finite counts as 0.
        summary: One sentence for those who do not see the drawing.
    """
    lengths = [length if math.isfinite(length) and length > 0 else 0.0 for _, length, _ in rows]
    longest = max(lengths, default=0.0) or 1.0
    frame = _rows(len(rows), (0.0, longest), left=120.0, right=WIDTH - 90.0)
    bars = (
        Bar(frame.left, frame.top + ROW * i, _round(frame.across(length) - frame.left), ROW - 8, label, text)
        for i, (length, (label, _, text)) in enumerate(zip(lengths, rows, strict=True))
    )
    return frame.chart(summary, below=4, bars=bars)


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
    ticks = nice_ticks(min(0.0, *(low for _, _, low, _, _ in rows)), max(1.0, *(high for _, _, _, high, _ in rows)))
    frame = _rows(len(rows), (ticks[0], ticks[-1]), left=190.0, right=WIDTH - 150.0)
    bars = []
    for i, (label, value, low, high, text) in enumerate(rows):
        y, style = frame.top + ROW * i, 1 if i == marked else 0
        start, end = frame.across(low), frame.across(high)
        bars.append(Bar(_round(start), y + 8, _round(max(1.0, end - start)), 3.0, style=style))
        bars.append(Bar(_round(frame.across(value) - 4), y + 5, 8.0, 9.0, style=style))
        bars.append(Bar(frame.left, y, 0.0, 0.0, label))
        bars.append(Bar(frame.right, y, 0.0, 0.0, "", text))
    return frame.chart(summary, x_ticks=frame.x_ticks(ticks), x_title=x_title, bars=bars)


def column_chart(columns: Sequence[tuple[str, float]], *, summary: str, y_title: str, marked: int = -1) -> Chart:
    """Upright columns in the order given; the one at index `marked` stands out."""
    heights = [height if math.isfinite(height) and height > 0 else 0.0 for _, height in columns]
    ticks = nice_ticks(0.0, max(heights, default=0.0) or 1.0)
    frame = Frame((0.0, max(len(columns), 1)), (0.0, ticks[-1]), left=56.0, bottom=150.0)
    bars = (
        Bar(
            *frame.place(i + 0.18, height),
            _round(frame.across(0.64) - frame.left),
            _round(frame.bottom - frame.up(height)),
            style=1 if i == marked else 0,
        )
        for i, height in enumerate(heights)
    )
    x_ticks = tuple(Tick(_round(frame.across(i + 0.5)), label) for i, (label, _) in enumerate(columns))
    return frame.chart(
        summary, below=40, x_ticks=x_ticks, y_ticks=frame.y_ticks(ticks), x_title="night", y_title=y_title, bars=bars
    )


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
    curves = (
        _line(name, style, [frame.place(x, y) for x, y in points])
        for style, (name, points) in enumerate(finite.items())
        if points
    )
    return frame.chart(
        summary, x_ticks=frame.x_ticks(x_ticks), y_ticks=frame.y_ticks(y_ticks), x_title=x_title, y_title=y_title,
        curves=curves,
    )  # fmt: skip


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
    curves = (_outline(n, i, edges, shares[n], frame) for i, n in enumerate(shares))
    return frame.chart(
        summary, x_ticks=frame.x_ticks(x_ticks), y_ticks=frame.y_ticks(y_ticks), x_title=x_title,
        y_title="% of pairs", curves=curves,
    )  # fmt: skip


def _rows(n: int, x_range: tuple[float, float], *, left: float, right: float) -> Frame:
    """Return the frame of n horizontal bars, the first on top."""
    return Frame(x_range, (0.0, 1.0), left, right, 4.0, 4.0 + ROW * n)


def _line(name: str, style: int, points: Sequence[tuple[float, float]]) -> Curve:
    return Curve(name, style, polyline(points), tuple(points) if len(points) <= POINTS_WITH_DOTS else ())


def _outline(name: str, style: int, edges: Sequence[float], shares: Sequence[float], frame: Frame) -> Curve:
    corners = [frame.place(edges[0], 0.0)]
    for (low, high), share in zip(pairwise(edges), shares, strict=True):
        corners += [frame.place(low, 100 * share), frame.place(high, 100 * share)]
    corners.append(frame.place(edges[-1], 0.0))
    return Curve(name, style, polyline(corners) + " Z", is_area=True)


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Return the SVG path through points."""
    return " ".join(f"{'L' if i else 'M'}{x:g} {y:g}" for i, (x, y) in enumerate(points))


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
