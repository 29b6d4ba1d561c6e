"""The volumes of a series that saw the same places again and again, and which of them stands for all.

Time points, phases of the heart, directions and averages of one b-value: `points` tells them apart, `chosen` is the
written rule. Neither hangs on the order of files or on UIDs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from scans.apart import seconds_of
from scans.geometry import FEWEST_SLICES
from scans.header import Header
from scans.sequence import B0_BELOW, b_value_of, sequence_of
from scans.sopclass import family_of

MOST_PLACES = 0.75  # of all; a volume may have lost slices, a package has every second one
MOST_CRUMBS = 1  # groups too small for a volume: the last time point of an acquisition that was stopped

Groups = list[list[int]]
Place = Literal["first", "middle", "last"]
Value = float | tuple[float, ...]
Key = tuple[str, Callable[[Header], Value | None]]

# What tells time points apart, the first that does counts; of what is equal in one, the next is asked.
KEYS: tuple[Key, ...] = (
    ("temporal position", lambda h: h.temporal_position),
    ("cardiac phase", lambda h: None if h.cardiac_phase is None else _from_beat(h.cardiac_phase)),
    ("acquisition number", lambda h: h.acquisition_number),
    ("trigger time", lambda h: h.trigger_time_ms),
    ("acquisition time", lambda h: seconds_of(h.acquisition_datetime or h.acquisition_date + h.acquisition_time)),
    ("content time", lambda h: seconds_of(h.content_date + h.content_time)),
    ("dimension index", lambda h: tuple(map(float, h.dimensions)) or None),
    ("gradient direction", lambda h: h.gradient),
    ("instance number", lambda h: h.instance_number),
)
NO_HEART = frozenset({"dwi", "bold", "perfusion"})  # their trigger times count time from the beginning
BY_HEART = frozenset({"cardiac phase", "trigger time"})

# Which time point stands for the series, by what it is of. Diffusion: of b0 and of the highest b-value each the first.
STANDS: dict[str, tuple[Place, str]] = {
    "ct": ("first", "before an agent arrives, or at the beginning of a breath"),
    "heart": ("first", "nearest to 0 % of the beat, or first after its trigger"),
    "dwi": ("first", "the first direction or average"),
    "bold": ("middle", "magnetisation is steady, and the head farthest from drift on either side"),
    "other mr": ("last", "magnetisation is steady, and an agent has arrived if one was given"),
}


@dataclass(frozen=True, slots=True)
class Points:
    """The volumes of a time series, in order, and by what they were told apart."""

    groups: Groups
    told_by: tuple[str, ...]


def family_of_points(headers: Sequence[Header], indices: Sequence[int]) -> str:
    """Return what a series that repeats is of: a sequence of MR, "ct", or "" where its slices do not agree."""
    one_each = {
        (h.series_description, h.protocol_name, h.acquisition_contrast, b_value_of(h) is None, h.scanning_sequence): h
        for h in (headers[i] for i in indices)
    }
    found = {
        sequence_of(h)[0].removesuffix("-b0") if family_of(h.sop_class_uid) == "mr" else family_of(h.sop_class_uid)
        for h in one_each.values()
    }
    return found.pop() if len(found) == 1 else ""


def points(headers: Sequence[Header], indices: Sequence[int], places: Sequence[int]) -> Points | None:
    """Return slices by time point, ordered; None if nothing tells whole volumes apart.

    Args:
        headers: Of all slices.
        indices: The slices meant, several at one place.
        places: The number of each one's place along the normal.
    """
    where = dict(zip(indices, places, strict=True))
    n_places = len(set(places))
    if n_places < FEWEST_SLICES:
        return None
    groups, told_by = [list(indices)], list[str]()
    for name, of in KEYS:
        if not any(_repeats(group, where) for group in groups):
            break
        finer = [some for group in groups for some in (_by(headers, group, of) if _repeats(group, where) else [group])]
        if len(finer) > len(groups) and _are_times(finer, where, n_places):
            groups, told_by = finer, [*told_by, name]
    finer = [some for group in groups for some in _by_number(headers, group, where, n_places)]
    if len(finer) > len(groups):
        groups, told_by = finer, [*told_by, "instance number"]
    is_whole = [len(group) == n_places and not _repeats(group, where) for group in groups]
    return Points(groups, tuple(told_by)) if len(groups) > 1 and any(is_whole) else None


def chosen(found: Points, family: str, n_places: int) -> tuple[int, str]:
    """Return the number of the time point that stands for a series, by `STANDS`, and of what it was taken to be."""
    whole = [n for n, group in enumerate(found.groups) if len(group) == n_places]
    if family not in NO_HEART and BY_HEART & set(found.told_by):
        family = "heart"
    rule = family if family in STANDS else "other mr"
    place = STANDS[rule][0]
    return whole[{"first": 0, "middle": len(whole) // 2, "last": -1}[place]], rule


def b_value_of_all(headers: Sequence[Header], group: Sequence[int]) -> float | None:
    """Return the lowest b-value of some slices, None if one of them does not tell it."""
    told = [b_value_of(headers[i]) for i in group]
    return None if None in told else min(b for b in told if b is not None)


def b_values_that_stand(headers: Sequence[Header], groups: Groups) -> list[tuple[float | None, list[int], bool]]:
    """Return b-value and slices of groups of one b-value each, and whether a group stands beside the others.

    The lowest b-value below 10 s/mm2 and the highest one above stand, and slices that do not tell theirs.
    """
    told = [(b_value_of_all(headers, group), group) for group in groups]
    low = [b for b, _ in told if b is not None and b < B0_BELOW]
    high = [b for b, _ in told if b is not None and b >= B0_BELOW]
    standing = {None, *([min(low)] if low else []), *([max(high)] if high else [])}
    return [(b, group, b in standing) for b, group in told]


def _from_beat(percent: float) -> tuple[float, float]:
    """Return how far a phase lies from the beginning of a beat, which is the end of the one before, and itself."""
    return min(percent % 100.0, -percent % 100.0), percent


def _are_times(groups: Groups, where: dict[int, int], n_places: int) -> bool:
    """Say whether most groups are seen at most places: a setting of single slices, or of packages of them, is not."""
    n_seen = sum(len({where[i] for i in group}) >= MOST_PLACES * n_places for group in groups)
    n_crumbs = sum(len(group) < FEWEST_SLICES for group in groups)
    return 2 * n_seen > len(groups) and n_crumbs <= MOST_CRUMBS


def _repeats(group: Sequence[int], where: dict[int, int]) -> bool:
    return len({where[i] for i in group}) < len(group)


def _by(headers: Sequence[Header], group: list[int], of: Callable[[Header], Value | None]) -> Groups:
    """Return slices by a value, ascending; those that do not tell it come first."""
    values: dict[Value | None, list[int]] = {}
    for index in group:
        values.setdefault(of(headers[index]), []).append(index)
    return [values[value] for value in sorted(values, key=lambda v: (v is not None, 0.0 if v is None else v))]


def _by_number(headers: Sequence[Header], group: list[int], where: dict[int, int], n_places: int) -> Groups:
    """Cut slices in the order of their instance numbers into volumes, if every piece is a whole one."""
    numbers = {headers[i].instance_number for i in group}
    if not _repeats(group, where) or None in numbers or len(numbers) < len(group) or len(group) % n_places:
        return [group]
    ordered = sorted(group, key=lambda i: headers[i].instance_number or 0)
    pieces = [ordered[start : start + n_places] for start in range(0, len(ordered), n_places)]
    return pieces if all(not _repeats(piece, where) for piece in pieces) else [group]
