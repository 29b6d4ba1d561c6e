"""Where slices lie along their normal: which of them share a place, and whether another tag says that they do not."""

from collections.abc import Callable, Sequence

import numpy as np

from scans.geometry import SAME_PLACE_MM, distances_along_normal
from scans.header import Header

TABLE_PLAY = 0.05  # of the slice thickness: a table that came back to where it was is off by less
TABLE_PLAY_MM = 0.1  # where the thickness is not told
FEWEST_PLAYS = 4.0  # between two places, so that places differ by more than a table plays
ELSEWHERE_MM = 0.1  # between two slice locations that are not one

OTHER_PLACES: tuple[tuple[str, Callable[[Header], float | None]], ...] = (
    ("SliceLocation", lambda h: h.slice_location_mm),
    ("InStackPositionNumber", lambda h: h.in_stack_position),
)


def most_at_one(headers: Sequence[Header], indices: Sequence[int]) -> int:
    """Return how many slices lie at the fullest position."""
    return int(np.bincount(places_of(headers, indices)).max())


def places_of(headers: Sequence[Header], indices: Sequence[int]) -> list[int]:
    """Return the number of each slice's position along the normal.

    A table that goes back for another phase stops a few hundredths of a millimetre off. Slices so close to each
    other are at one position if all that are not lie much farther apart.
    """
    along = along_of(headers, indices)
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    play = play_mm(headers, indices)
    is_new = gaps > play
    if not _are_places(along[order], is_new, play):
        is_new = gaps > SAME_PLACE_MM
    places = np.empty(len(along), dtype=int)
    places[order] = np.concatenate([[0], np.cumsum(is_new)])
    return [int(place) for place in places]


def _are_places(along: np.ndarray, is_new: np.ndarray, play: float) -> bool:
    """Say whether places that begin so are no wider than a table plays, and small against the way between them."""
    starts, ends = np.append(True, is_new), np.append(is_new, True)
    widest = float((along[ends] - along[starts]).max())
    steps = np.diff(along)[is_new]
    return widest <= play and (len(steps) == 0 or float(steps.min()) >= FEWEST_PLAYS * widest)


def play_mm(headers: Sequence[Header], indices: Sequence[int]) -> float:
    """Return how far apart slices at one position may lie, in mm."""
    told = [thickness for i in indices if (thickness := headers[i].slice_thickness_mm)]
    return max(SAME_PLACE_MM, TABLE_PLAY * min(told) if told and min(told) > 0 else TABLE_PLAY_MM)


def along_of(headers: Sequence[Header], indices: Sequence[int]) -> np.ndarray:
    """Return each slice's distance from the origin along the normal, (n,), in mm."""
    positions = [headers[i].position_mm or (0.0, 0.0, 0.0) for i in indices]
    return distances_along_normal(positions, min(headers[i].orientation or () for i in indices))


def other_place_of(headers: Sequence[Header], indices: Sequence[int]) -> str:
    """Return the tag that puts slices of one position at several, "" if none does."""
    places, play = places_of(headers, indices), max(ELSEWHERE_MM, 2 * play_mm(headers, indices))
    for name, of in OTHER_PLACES:
        told: dict[int, list[float]] = {}
        for place, index in zip(places, indices, strict=True):
            if (value := of(headers[index])) is not None:
                told.setdefault(place, []).append(value)
        if any(max(values) - min(values) > play for values in told.values()):
            return name
    return ""


def facts_of(places: Sequence[int]) -> str:
    """Return how many slices share their positions, in words."""
    sizes = np.bincount(places)
    return f"{len(places)} instances at {len(sizes)} positions, up to {sizes.max()} at one"
