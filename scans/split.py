"""The slices of one series -> sets of slices that may each be one volume.

What always tells slices apart (size, direction, image type, kernel) splits first, then the settings that one volume
has one of (echo time, b-value, tube voltage ...). Where several slices lie at one position, whatever tells them apart
is asked (acquisition, time); where none do, two acquisitions have to be proven by more than a number: step-and-shoot
CT gives every slice an acquisition number of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scans.affine import row_and_column
from scans.apart import acquired_apart
from scans.contrast import contrast_of
from scans.directions import alike
from scans.encoding import require_one_encoding
from scans.geometry import FEWEST_SLICES, SAME_PLACE_MM, distances_along_normal
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
from scans.technique import SETTINGS

FARTHEST_MM = 1e5  # from the origin of the patient's frame: a hundred metres is a damaged value
TIME_SERIES_REPEATS = 5  # multi-phase CT has up to 4 phases; 5 and more at one position are a film
TABLE_PLAY = 0.05  # of the slice thickness: a table that came back to where it was is off by less
TABLE_PLAY_MM = 0.1  # where the thickness is not told
FEWEST_PLAYS = 4.0  # between two places, so that places differ by more than a table plays
ELSEWHERE_MM = 0.1  # between two slice locations that are not one

Key = Callable[[Header], object]
TIMES: tuple[Key, ...] = (
    contrast_of,
    lambda h: h.temporal_position,
    lambda h: h.acquisition_number,
    lambda h: h.trigger_time_ms,
    lambda h: h.frame_of_reference_uid,
    lambda h: h.dimensions,
)
OTHER_PLACES: tuple[tuple[str, Callable[[Header], float | None]], ...] = (
    ("SliceLocation", lambda h: h.slice_location_mm),
    ("InStackPositionNumber", lambda h: h.in_stack_position),
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
    for number, setting in enumerate(SETTINGS[start:], start):
        repeats = _repeats(headers, indices)[0] > 1
        groups = setting.groups(headers, indices, untold_apart=repeats)
        if len(groups) < 2:
            continue
        if min(map(len, groups)) >= FEWEST_SLICES:
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
    most, _ = _repeats(headers, indices)
    groups = [indices] if most == 1 or most >= TIME_SERIES_REPEATS else _refined(headers, indices, TIMES)
    for group in groups:
        try:
            _refuse_repeats(headers, group)
            split.candidates.extend(acquired_apart(headers, group, _along(headers, group)))
        except Refusal as refusal:
            split.refused.extend((index, refusal) for index in group)


def _refuse_repeats(headers: Sequence[Header], indices: list[int]) -> None:
    """Refuse slices of which several lie at one position.

    Raises:
        PositionsContradict: Another tag says that they lie elsewhere.
        TimeSeries: They were acquired one after the other; nothing to worry about.
        RepeatedPositions: Nothing says how they differ.
    """
    sizes = np.bincount(_places(headers, indices))
    if sizes.max() == 1:
        return
    facts = f"{len(indices)} instances at {len(sizes)} positions, up to {sizes.max()} at one"
    if name := _other_place(headers, indices):
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


def _other_place(headers: Sequence[Header], indices: Sequence[int]) -> str:
    """Return the tag that puts slices of one position at several, "" if none does."""
    places, play = _places(headers, indices), max(ELSEWHERE_MM, 2 * _play_mm(headers, indices))
    for name, of in OTHER_PLACES:
        told: dict[int, list[float]] = {}
        for place, index in zip(places, indices, strict=True):
            if (value := of(headers[index])) is not None:
                told.setdefault(place, []).append(value)
        if any(max(values) - min(values) > play for values in told.values()):
            return name
    return ""


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
    sizes = np.bincount(_places(headers, indices))
    return int(sizes.max()), len(sizes)


def _places(headers: Sequence[Header], indices: Sequence[int]) -> list[int]:
    """Return the number of each slice's position along the normal.

    A table that goes back for another phase stops a few hundredths of a millimetre off. Slices so close to each
    other are at one position if all that are not lie much farther apart.
    """
    along = _along(headers, indices)
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    play = _play_mm(headers, indices)
    is_new = gaps > play
    if not _are_places(along[order], is_new, play):
        is_new = gaps > SAME_PLACE_MM
    places = np.empty(len(along), dtype=int)
    places[order] = np.concatenate([[0], np.cumsum(is_new)])
    return [int(place) for place in places]


def _are_places(along: np.ndarray, is_new: np.ndarray, play_mm: float) -> bool:
    """Say whether places that begin so are no wider than a table plays, and small against the way between them."""
    starts, ends = np.append(True, is_new), np.append(is_new, True)
    widest = float((along[ends] - along[starts]).max())
    steps = np.diff(along)[is_new]
    return widest <= play_mm and (len(steps) == 0 or float(steps.min()) >= FEWEST_PLAYS * widest)


def _play_mm(headers: Sequence[Header], indices: Sequence[int]) -> float:
    told = [thickness for i in indices if (thickness := headers[i].slice_thickness_mm)]
    return max(SAME_PLACE_MM, TABLE_PLAY * min(told) if told and min(told) > 0 else TABLE_PLAY_MM)


def _along(headers: Sequence[Header], indices: Sequence[int]) -> np.ndarray:
    positions = [headers[i].position_mm or (0.0, 0.0, 0.0) for i in indices]
    return distances_along_normal(positions, min(headers[i].orientation or () for i in indices))
