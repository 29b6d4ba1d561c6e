"""The slices of one series -> sets of slices that may each be one volume.

What always tells slices apart (size, direction, image type, kernel) splits first. What only tells them
apart when several lie at one position (echo, b-value, acquisition) is asked only then: step-and-shoot
CT gives every slice an acquisition number of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scans.affine import row_and_column
from scans.encoding import require_one_encoding
from scans.geometry import FEWEST_SLICES, SAME_PLACE_MM, distances_along_normal
from scans.header import Header
from scans.outcome import MixedEncoding, MixedFrames, NoGeometry, Refusal, RepeatedPositions, TimeSeries
from scans.sequence import b_value_of, contrast_of

SAME_DIRECTION = 0.001  # direction cosines; 0.06 degrees, what headers with 4 decimals may differ by
SAME_SPACING = 0.001  # relative
FARTHEST_MM = 1e5  # from the origin of the patient's frame: a hundred metres is a damaged value
TIME_SERIES_REPEATS = 5  # multi-phase CT has up to 4 phases; 5 and more at one position are a film

Key = Callable[[Header], object]
CONTRASTS: tuple[Key, ...] = (
    lambda h: (h.echo_number, h.echo_time_ms),
    b_value_of,
    lambda h: (h.repetition_time_ms, h.inversion_time_ms, h.flip_angle_deg),
    contrast_of,
)
TIMES: tuple[Key, ...] = (
    lambda h: h.temporal_position,
    lambda h: h.acquisition_number,
    lambda h: h.trigger_time_ms,
    lambda h: h.frame_of_reference_uid,
    lambda h: h.dimensions,
)


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of headers: candidates for one volume each, and those that are refused."""

    candidates: list[list[int]]
    refused: list[tuple[int, Refusal]]


def split_series(headers: Sequence[Header]) -> Split:
    """Split the slices of one series into candidates for volumes."""
    refused: list[tuple[int, Refusal]] = []
    placed = []
    for index, header in enumerate(headers):
        try:
            require_geometry(header)
            placed.append(index)
        except NoGeometry as refusal:
            refused.append((index, refusal))
    split = Split([], refused)
    for alike in _alike(headers, placed):
        _without_repeats(headers, alike, split)
    return split


def require_geometry(header: Header) -> None:
    """Check that a slice says where it lies.

    Raises:
        NoGeometry: With what is absent or impossible.
    """
    for name, value in (
        ("ImagePositionPatient", header.position_mm),
        ("ImageOrientationPatient", header.orientation),
        ("PixelSpacing", header.pixel_spacing_mm),
    ):
        if value is None:
            raise NoGeometry(f"{name} is absent or impossible")
    if header.position_mm is not None and max(map(abs, header.position_mm)) > FARTHEST_MM:
        raise NoGeometry(f"ImagePositionPatient is more than {FARTHEST_MM:.0f} mm from the origin")
    if header.orientation is not None:
        row_and_column(header.orientation)


def require_one_frame(headers: Sequence[Header]) -> None:
    """Check that slices share what one volume can have only once.

    Raises:
        MixedFrames, MixedEncoding: They do not.
    """
    n_frames = len({h.frame_of_reference_uid for h in headers})
    if n_frames > 1:
        raise MixedFrames(f"{n_frames} frames of reference among {len(headers)} slices")
    if len({h.photometric for h in headers}) > 1:
        raise MixedEncoding("MONOCHROME1 and MONOCHROME2 slices")
    require_one_encoding(headers)


def _alike(headers: Sequence[Header], indices: Sequence[int]) -> list[list[int]]:
    """Return sets of slices with one size, direction, spacing, image type and kernel."""
    exact = _by(headers, indices, _exact)
    return [alike for some in exact for alike in _clusters(headers, some)]


def _exact(header: Header) -> object:
    return (header.sop_class_uid, header.rows, header.columns, header.image_type, header.kernel, header.stack_id)


def _clusters(headers: Sequence[Header], indices: Sequence[int]) -> list[list[int]]:
    """Return the connected components of slices that lie alike within the tolerances."""
    features = np.array([_features(headers[i]) for i in indices])  # (n, 8)
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
            near = (np.abs(unique - unique[frontier.pop()]) <= 1).all(axis=1) & (label < 0)
            label[near] = n_found
            frontier += np.flatnonzero(near).tolist()
        n_found += 1
    return [[i for i, w in zip(indices, which, strict=True) if label[w] == n] for n in range(n_found)]


def _features(header: Header) -> list[float]:
    """Return direction and log spacing in units of their tolerances."""
    directions = [cosine / SAME_DIRECTION for cosine in header.orientation or ()]
    return directions + [float(np.log(mm)) / SAME_SPACING for mm in header.pixel_spacing_mm or ()]


def _without_repeats(headers: Sequence[Header], indices: list[int], split: Split) -> None:
    """Split slices until no two of a set lie at one position; refuse those that cannot be told apart."""
    for some in _refined(headers, indices, CONTRASTS):
        most, _ = _repeats(headers, some)
        groups = [some] if most == 1 or most >= TIME_SERIES_REPEATS else _refined(headers, some, TIMES)
        for group in groups:
            if refusal := _repeat_refusal(headers, group):
                split.refused.extend((index, refusal) for index in group)
            else:
                split.candidates.append(group)


def _repeat_refusal(headers: Sequence[Header], indices: list[int]) -> Refusal | None:
    most, n_places = _repeats(headers, indices)
    if most == 1:
        return None
    facts = f"{len(indices)} instances at {n_places} positions, up to {most} at one"
    told_apart = any(len({key(headers[i]) for i in indices}) > 1 for key in TIMES)
    is_series = most >= TIME_SERIES_REPEATS or (n_places == 1 and told_apart)
    return TimeSeries(facts) if is_series else RepeatedPositions(facts)


def _refined(headers: Sequence[Header], indices: list[int], keys: Sequence[Key]) -> list[list[int]]:
    """Split by each key in turn while positions repeat; a key that leaves crumbs tells nothing."""
    for number, key in enumerate(keys):
        if _repeats(headers, indices)[0] == 1:
            break
        groups = _by(headers, indices, key)
        if len(groups) > 1 and min(map(len, groups)) >= FEWEST_SLICES:
            return [finer for some in groups for finer in _refined(headers, some, keys[number + 1 :])]
    return [indices]


def _by(headers: Sequence[Header], indices: Sequence[int], key: Key) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for index in indices:
        groups.setdefault(key(headers[index]), []).append(index)
    return list(groups.values())


def _repeats(headers: Sequence[Header], indices: Sequence[int]) -> tuple[int, int]:
    """Return how many slices lie at the fullest position, and how many positions there are."""
    positions = [headers[i].position_mm or (0.0, 0.0, 0.0) for i in indices]
    orientation = min(headers[i].orientation or () for i in indices)
    along = np.sort(distances_along_normal(positions, orientation))
    starts = np.flatnonzero(np.diff(along, prepend=-np.inf) > SAME_PLACE_MM)
    sizes = np.diff(np.append(starts, len(along)))
    return int(sizes.max()), len(starts)
