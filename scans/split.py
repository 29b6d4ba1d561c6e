"""The slices of one series -> sets of slices that may each be one volume.

What always tells slices apart (size, direction, image type, kernel) splits first, then the settings that one volume
has one of (echo time, b-value, tube voltage ...). Where several slices lie at one position, whatever tells them apart
is asked (acquisition, time); where none do, two acquisitions have to be proven by more than a number: step-and-shoot
CT gives every slice an acquisition number of its own. Of a time series
one volume stands for all, see `scans.timeseries`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from scans.affine import row_and_column
from scans.apart import acquired_apart
from scans.contrast import contrast_of
from scans.directions import alike
from scans.encoding import require_one_encoding
from scans.geometry import FEWEST_SLICES
from scans.header import Header
from scans.outcome import (
    MixedAcquisitions,
    MixedEncoding,
    MixedFrames,
    NoGeometry,
    PositionsContradict,
    Refusal,
    RepeatedPositions,
    TimeSeries,
)
from scans.places import along_of, facts_of, most_at_one, other_place_of, places_of
from scans.technique import B_VALUE, SETTINGS
from scans.timeseries import TIME_SERIES_REPEATS, Aside, by_b_value, time_series_of

FARTHEST_MM = 1e5  # from the origin of the patient's frame: a hundred metres is a damaged value

Key = Callable[[Header], object]
TIMES: tuple[Key, ...] = (
    contrast_of,
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
    aside: list[Aside] = field(default_factory=list)  # one that stands aside for another comes before that


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
    for some in _by(headers, placed, _exact):
        sets, turned = alike(headers, some)
        refused.extend(turned)
        for one in sets:
            _one_technique(headers, one, split)
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


def _exact(header: Header) -> object:
    return (header.sop_class_uid, header.rows, header.columns, header.image_type, header.kernel, header.stack_id)


def _one_technique(headers: Sequence[Header], indices: list[int], split: Split, *, start: int = 0) -> None:
    """Split slices by each setting in turn; a value that only a few slices have makes no volume."""
    most = most_at_one(headers, indices)
    repeats = most > 1
    for number, setting in enumerate(SETTINGS[start:], start):
        if setting.is_time and most >= TIME_SERIES_REPEATS:
            continue
        groups = setting.groups(headers, indices, untold_apart=repeats)
        if len(groups) < 2:
            continue
        if min(map(len, groups)) >= FEWEST_SLICES:
            if repeats and setting.name == B_VALUE:
                found = by_b_value(headers, groups)
                groups = found.standing
                split.aside.extend(found.aside)
                split.refused.extend(found.refused)
            for some in groups:
                _one_technique(headers, some, split, start=number + 1)
            return
        if not repeats:
            refusal = MixedAcquisitions(setting.facts(headers, groups))
            split.refused.extend((index, refusal) for index in indices)
            return
    _without_repeats(headers, indices, split)


def _without_repeats(headers: Sequence[Header], indices: list[int], split: Split) -> None:
    """Split slices until no two of a set lie at one position; refuse those that cannot be told apart."""
    try:
        series = time_series_of(headers, indices)
    except Refusal as refusal:
        split.refused.extend((index, refusal) for index in indices)
        return
    if series is not None:
        split.candidates.append(series.standing)
        split.aside.append(series)
        return
    most = most_at_one(headers, indices)
    groups = [indices] if most == 1 or most >= TIME_SERIES_REPEATS else _refined(headers, indices, TIMES)
    for group in groups:
        try:
            _refuse_repeats(headers, group)
            split.candidates.extend(acquired_apart(headers, group, along_of(headers, group)))
        except Refusal as refusal:
            split.refused.extend((index, refusal) for index in group)


def _refuse_repeats(headers: Sequence[Header], indices: list[int]) -> None:
    """Refuse slices of which several lie at one position.

    Raises:
        PositionsContradict: Another tag says that they lie elsewhere.
        TimeSeries: They were acquired one after the other; nothing to worry about.
        RepeatedPositions: Nothing says how they differ.
    """
    places = places_of(headers, indices)
    sizes = np.bincount(places)
    if sizes.max() == 1:
        return
    facts = facts_of(places)
    if name := other_place_of(headers, indices):
        raise PositionsContradict(f"{facts}; {name} differs among them")
    if _is_time_series(headers, indices, sizes):
        raise TimeSeries(facts)
    raise RepeatedPositions(facts)


def _is_time_series(headers: Sequence[Header], indices: Sequence[int], sizes: np.ndarray) -> bool:
    """Say whether slices were acquired again and again: a tag says so, or each place was seen equally often.

    Slices of one position that nothing but their number tells apart may as well have lost their positions.
    """
    if any(len({key(headers[i]) for i in indices}) > 1 for key in TIMES):
        return bool(sizes.max() >= TIME_SERIES_REPEATS or len(sizes) == 1)
    is_counted = len({headers[i].instance_number for i in indices}) > 1
    is_even = sizes.min() == sizes.max() and (len(sizes) > 1 or not is_counted or _moments(headers, indices) > 1)
    return bool(sizes.max() >= TIME_SERIES_REPEATS and is_even)


def _moments(headers: Sequence[Header], indices: Sequence[int]) -> int:
    some = [headers[i] for i in indices]
    return len({(h.acquisition_datetime, h.acquisition_date, h.acquisition_time) for h in some})


def _refined(headers: Sequence[Header], indices: list[int], keys: Sequence[Key]) -> list[list[int]]:
    """Split by each key in turn while positions repeat; a key that leaves crumbs tells nothing."""
    for number, key in enumerate(keys):
        if most_at_one(headers, indices) == 1:
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
