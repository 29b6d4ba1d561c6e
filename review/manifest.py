"""The training of an encoder, read from its manifest: whatever is missing or odd is left out, never an error."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from review.page import Training
from review.words import short

CURVES = {
    "loss": "training loss",
    "validation_loss": "validation loss",
    "active_fraction": "share of triplets that still teach",
}
SPLIT_SHOWN_FIRST = ("validation", "test", "train")  # of histograms; training pairs flatter an encoder
IN_ORDER = ("train", "validation", "test")  # then what it was compared with


def training_of(encoder: str, cover: str, purpose: str, manifest: str) -> Training:
    """Read loss curve, histograms of pair distances and figures from a manifest's JSON text."""
    told = _object(manifest)
    edges, counts = _histogram(told.get("histograms"))
    return Training(
        encoder=short(encoder),
        cover=cover,
        purpose=purpose,
        curves=_curves(told.get("curve")),
        edges=edges,
        pair_counts=counts,
        counts=_counts(told.get("counts")),
        figures=_figures(told.get("figures")),
    )


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _curves(epochs: object) -> dict[str, tuple[tuple[float, float], ...]]:
    rows = [row for row in epochs if isinstance(row, dict)] if isinstance(epochs, list) else []
    curves = {}
    for key, name in CURVES.items():
        points = [(_number(row.get("number", i)), _number(row.get(key))) for i, row in enumerate(rows, 1)]
        kept = tuple((x, y) for x, y in points if x is not None and y is not None)
        if kept:
            curves[name] = kept
    return curves


def _histogram(splits: object) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Take the first split that has bins and counts that fit them."""
    found = splits if isinstance(splits, dict) else {}
    for split in (*SPLIT_SHOWN_FIRST, *sorted(map(str, found))):
        bins = found.get(split)
        if not isinstance(bins, dict):
            continue
        edges = _numbers(bins.get("edges"))
        counts = {name: _numbers(bins.get(name)) for name in ("alike", "unlike")}
        fitting = {
            f"{name} pairs (n = {sum(values):,.0f})": values
            for name, values in counts.items()
            if sum(values) > 0 and len(values) == len(edges) - 1
        }
        if fitting:
            return _cropped(edges, fitting)
    return (), {}


def _cropped(
    edges: tuple[float, ...], counts: dict[str, tuple[float, ...]]
) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Leave out the empty bins behind the farthest pair."""
    last = max(i for values in counts.values() for i, value in enumerate(values, 1) if value)
    return edges[: last + 1], {name: values[:last] for name, values in counts.items()}


def _counts(splits: object) -> tuple[tuple[str, str], ...]:
    said = []
    for split, found in _in_order(splits):
        parts = [f"{found[name]:,} {name}" for name in ("patients", "scans") if isinstance(found.get(name), int)]
        if parts:
            said.append((split, ", ".join(parts)))
    return tuple(said)


def _figures(asked: object) -> tuple[tuple[str, str, str, str], ...]:
    said = []
    for name, found in _in_order(asked):
        auc, first, n = (_number(found.get(key)) for key in ("auc", "p_at_1", "queries"))
        if auc is not None or first is not None:
            said.append((name, "–" if n is None else f"{n:,.0f}", _written(auc), _written(first)))
    return tuple(said)


def _in_order(named: object) -> list[tuple[str, Mapping[str, Any]]]:
    found = {str(k): v for k, v in named.items() if isinstance(v, dict)} if isinstance(named, dict) else {}
    names = [*(name for name in IN_ORDER if name in found), *sorted(set(found) - set(IN_ORDER))]
    return [(name, found[name]) for name in names]


def _written(number: float | None) -> str:
    return "–" if number is None else f"{number:.3f}"


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, Iterable) or isinstance(values, (str, dict)):
        return ()
    numbers = tuple(_number(value) for value in values)
    return tuple(n for n in numbers if n is not None) if None not in numbers else ()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
