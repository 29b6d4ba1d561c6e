"""Volumes of the same places in one series: which of them stands for it, and what is set aside for that."""

from collections.abc import Sequence
from dataclasses import dataclass

from scans.apart import acquired_apart
from scans.header import Header
from scans.outcome import Refusal, TimeSeries
from scans.places import along_of, facts_of, most_at_one, other_place_of, places_of
from scans.technique import SETTINGS
from scans.timepoints import b_value_of_all, b_values_that_stand, chosen, family_of_points, points

TIME_SERIES_REPEATS = 5  # multi-phase CT has up to 4 phases; 5 and more at one position are a time series
ONE_STANDS = frozenset({"dwi", "bold"})  # sequences whose volumes of one place are repeats, however few


@dataclass(frozen=True, slots=True)
class Aside:
    """Indices of headers that others stand for, if any of those become a volume."""

    indices: list[int]
    standing: list[int]
    facts: str


@dataclass(frozen=True, slots=True)
class BValues:
    """The slices of several b-values: groups that stand, what others stand for, and what is refused."""

    standing: list[list[int]]
    aside: list[Aside]
    refused: list[tuple[int, Refusal]]


def time_series_of(headers: Sequence[Header], indices: Sequence[int]) -> Aside | None:
    """Return the volume that stands for a time series, and the rest; None if it is none or nothing tells it apart.

    Raises:
        TimeSeries: Diffusion of which nobody tells the b-value: some volumes may show none.
    """
    most = most_at_one(headers, indices)
    family = family_of_points(headers, indices) if most > 1 else ""
    if most == 1 or (most < TIME_SERIES_REPEATS and family not in ONE_STANDS):
        return None
    if other_place_of(headers, indices) or any(
        len(setting.groups(headers, indices, untold_apart=True)) > 1 for setting in SETTINGS if not setting.is_time
    ):
        return None
    places = places_of(headers, indices)
    if family == "dwi" and b_value_of_all(headers, indices) is None:
        raise TimeSeries(f"{facts_of(places)}; their b-values are not told")
    found = points(headers, indices, places)
    if found is None:
        return None
    number, of = chosen(found, family, max(places) + 1)
    standing = found.groups[number]
    if len(acquired_apart(headers, standing, along_of(headers, standing))) > 1:
        return None
    others = sorted(set(indices) - set(standing))
    told = f"{len(found.groups)} volumes by {' and '.join(found.told_by)}"
    return Aside(others, standing, f"{told}; number {number + 1} stands for them ({of})")


def by_b_value(headers: Sequence[Header], groups: list[list[int]]) -> BValues:
    """Say which of several b-values at the same places stand for their series; what does not tell its own is refused.

    Args:
        headers: Of all slices.
        groups: Slices of one b-value each.
    """
    told = b_values_that_stand(headers, groups)
    values = sorted(b for b, _, stands in told if stands and b is not None)
    facts = f"{' and '.join(f'{value:g}' for value in values)} s/mm2 stand for the series"
    chosen_ones = [i for b, some, stands in told if stands and b is not None for i in some]
    found = BValues([], [], [])
    for b, some, stands in told:
        if not stands:
            found.aside.append(Aside(some, chosen_ones, f"b-value {b:g}; {facts}"))
        elif b is None and values and family_of_points(headers, some) == "dwi":
            refusal = TimeSeries(f"{len(some)} instances that do not tell their b-value, beside some that do")
            found.refused.extend((index, refusal) for index in some)
        else:
            found.standing.append(some)
    return found
