"""Slices that lie alike: one direction and one pixel spacing, within what headers are written to."""

from collections.abc import Sequence

import numpy as np

from scans.geometry import FEWEST_SLICES
from scans.header import Header
from scans.outcome import MixedDirections

SAME_DIRECTION = 0.001  # direction cosines; 0.06 degrees, what headers with 4 decimals may differ by
SAME_SPACING = 0.001  # relative
STEP = 20.0  # tolerances from one slice to another, 1.1 degrees: so near, and not alike, is a drift


Turned = list[tuple[int, MixedDirections]]


def alike(headers: Sequence[Header], indices: Sequence[int]) -> tuple[list[list[int]], Turned]:
    """Return sets of slices that lie alike, and those that turn or grow from one to the next.

    All slices of a set are within the tolerances of their median: neighbours that are near each other do not make
    a stack of slices that turns by degrees in the end.
    """
    features = np.array([_features(headers[i]) for i in indices])  # (n, 8)
    sets: list[list[int]] = []
    refused: Turned = []
    for chain in _chains(features, STEP):
        some = features[chain]
        strict = [chain[part] for part in _chains(some, 1.0)]
        is_tight = all(_spread(features[part]) <= 1 for part in strict)
        n_least = min(map(len, strict))
        if is_tight and (len(strict) == 1 or n_least >= FEWEST_SLICES or len(chain) < FEWEST_SLICES):
            sets += [[indices[i] for i in part] for part in strict]
        else:
            refusal = MixedDirections(_facts(some))
            refused += [(indices[i], refusal) for i in chain]
    return sets, refused


def _chains(features: np.ndarray, step: float) -> list[np.ndarray]:
    """Return the connected components of rows that are within a step of each other, as indices of rows."""
    unique, which = np.unique(features, axis=0, return_inverse=True)
    which = which.reshape(-1)
    label = np.full(len(unique), -1)
    n_found = 0
    for start in range(len(unique)):
        if label[start] >= 0:
            continue
        frontier = [start]
        label[start] = n_found
        while frontier:
            near = (np.abs(unique - unique[frontier.pop()]) <= step + 1e-6).all(axis=1) & (label < 0)
            label[near] = n_found
            frontier += np.flatnonzero(near).tolist()
        n_found += 1
    return [np.flatnonzero(label[which] == n) for n in range(n_found)]


def _spread(features: np.ndarray) -> float:
    """Return how far the outermost row is from the median, in tolerances."""
    return float(np.abs(features - np.median(features, axis=0)).max()) - 1e-6


def _facts(features: np.ndarray) -> str:
    """Say by how much directions turn and pixels grow."""
    directions = features[:, :6] * SAME_DIRECTION
    widest = directions[:, int(np.argmax(np.ptp(directions, axis=0)))]
    ends = directions[np.argmin(widest)], directions[np.argmax(widest)]
    cosine = min(float(ends[0][:3] @ ends[1][:3]), float(ends[0][3:] @ ends[1][3:]))
    turn = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    growth = float(np.expm1(np.ptp(features[:, 6:], axis=0).max() * SAME_SPACING))
    return f"{len(features)} slices turn by up to {turn:.2f} degrees, pixel spacing differs by up to {growth:.1%}"


def _features(header: Header) -> list[float]:
    """Return direction and log spacing in units of their tolerances."""
    directions = [cosine / SAME_DIRECTION for cosine in header.orientation or ()]
    return directions + [float(np.log(mm)) / SAME_SPACING for mm in header.pixel_spacing_mm or ()]
