"""Two acquisitions under one series UID: slices of equal settings that were not acquired together.

Slices that share no position may still come from two acquisitions: two contrast phases whose tables differ by half
a step, a second run after a quarter of an hour. What single headers say of it is weak - step-and-shoot CT numbers
every slice, an MR sends its odd and its even slices as two packages minutes apart, an agent is noted from the slice
on at which it was given - so each rule asks for two facts at once.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np

from scans.contrast import contrast_of, phase_of
from scans.geometry import FEWEST_SLICES
from scans.header import Header
from scans.outcome import MixedAcquisitions
from scans.sopclass import family_of

MOST_PHASES = 4  # trigger times of one series; more of them are the timing of the slices
PHASE_MS = 50.0  # between two phases of a heart beat
CT_PAUSE_S, CT_BETWEEN_S = 120.0, 30.0  # no CT acquisition stops for so long; with slices lying between each other
MR_BETWEEN_S = 600.0  # packages of one acquisition follow each other within minutes
MR_NUMBERED_S = 300.0  # where they have acquisition numbers of their own as well
DENSE = 1.5  # steps of this many thicknesses leave no room for slices of another package between them
AGENT_PAUSE_S = 60.0  # between slices without and slices with an agent
DAY_S = 86400.0
MOMENT = re.compile(r"(\d{14})(\.\d{1,6})?")

EPOCH = datetime(1970, 1, 1)  # any would do: only differences count

Groups = list[list[int]]


def acquired_apart(headers: Sequence[Header], indices: list[int], along_mm: np.ndarray) -> Groups:
    """Return the slices by acquisition, as one group if nothing proves that they are of several.

    Args:
        headers: Of all slices.
        indices: Slices of one contrast, no two at one position.
        along_mm: Where each of them lies along the normal, (n,).

    Raises:
        MixedAcquisitions: A few slices are of another time than the rest.
    """
    where = dict(zip(indices, along_mm.tolist(), strict=True))
    family = family_of(headers[indices[0]].sop_class_uid)
    for groups in (
        _temporal(headers, indices),
        _phases(headers, indices),
        _agents(headers, indices, where),
        _numbered(headers, indices, where) if family == "ct" else _runs(headers, indices, where),
        _paused(headers, indices, where, family),
    ):
        if len(groups) > 1 and min(map(len, groups)) >= FEWEST_SLICES:
            return [finer for some in groups for finer in _again(headers, some, where)]
    return [indices]


def _again(headers: Sequence[Header], some: list[int], where: dict[int, float]) -> Groups:
    return acquired_apart(headers, some, np.array([where[i] for i in some]))


def _temporal(headers: Sequence[Header], indices: list[int]) -> Groups:
    """Group by temporal position, unless it only counts the slices.

    Raises:
        MixedAcquisitions: Slices of several times, of one of them too few for a volume.
    """
    groups = _by(indices, [headers[i].temporal_position for i in indices])
    sizes = sorted(map(len, groups))
    if len(sizes) > 1 and sizes[0] < FEWEST_SLICES <= sizes[-1]:
        raise MixedAcquisitions(
            f"{len(sizes)} temporal positions among {len(indices)} slices, one of them on {sizes[0]}"
        )
    return groups


def _phases(headers: Sequence[Header], indices: list[int]) -> Groups:
    """Group by trigger time, where there are a few that lie apart: phases of the heart, not the timing of slices."""
    times = [headers[i].trigger_time_ms for i in indices]
    told = sorted({time for time in times if time is not None})
    if None in times or len(told) > MOST_PHASES or any(b - a < PHASE_MS for a, b in pairwise(told)):
        return []
    return _by(indices, times)


def _agents(headers: Sequence[Header], indices: list[int], where: dict[int, float]) -> Groups:
    """Group by what is said of an agent and its phase, where one lies between the others or was made later."""
    groups = _by(indices, [(contrast_of(headers[i]), phase_of(headers[i])) for i in indices])
    if len(groups) < 2 or _lie_between(groups, where):
        return groups
    seconds = [[_seconds(headers[i]) for i in some] for some in groups]
    numbers = [{headers[i].acquisition_number for i in some} for some in groups]
    if all(len(n) == 1 for n in numbers) and len(set().union(*numbers)) == len(groups):
        return groups
    return groups if _pause(seconds) > AGENT_PAUSE_S else []


def _numbered(headers: Sequence[Header], indices: list[int], where: dict[int, float]) -> Groups:
    """Group by acquisition number, where acquisitions lie between each other: no single CT goes there twice."""
    groups = _by(indices, [headers[i].acquisition_number for i in indices])
    return groups if _lie_between(groups, where) else []


def _runs(headers: Sequence[Header], indices: list[int], where: dict[int, float]) -> Groups:
    """Group MR slices by acquisition number, where one acquisition was over before the next one began.

    Packages of one acquisition may be numbered too, and lie between each other. But a package leaves room for the
    slices of the others: acquisitions that each fill their own way are runs, and so are those long apart.
    """
    groups = _by(indices, [headers[i].acquisition_number for i in indices])
    if any(headers[some[0]].acquisition_number is None for some in groups) or not _lie_between(groups, where):
        return []
    pause = _pause([[_seconds(headers[i]) for i in some] for some in groups])
    if pause > MR_NUMBERED_S or (pause > 0 and all(_is_dense(headers, some, where) for some in groups)):
        return groups
    return []


def _is_dense(headers: Sequence[Header], indices: list[int], where: dict[int, float]) -> bool:
    """Say whether slices follow each other by little more than their thickness."""
    places = sorted(where[i] for i in indices)
    thickness = [headers[i].slice_thickness_mm or 0.0 for i in indices]
    steps = [b - a for a, b in pairwise(places)]
    return bool(steps) and min(thickness) > 0 and max(steps) <= DENSE * min(thickness)


def _paused(headers: Sequence[Header], indices: list[int], where: dict[int, float], family: str) -> Groups:
    """Group by time, cut at pauses that no single acquisition makes."""
    times = {i: _seconds(headers[i]) for i in indices}
    if None in times.values():
        return []
    times = _over_midnight(headers, times)
    between = _sessions(times, CT_BETWEEN_S if family == "ct" else MR_BETWEEN_S)
    if len(between) > 1 and _lie_between(between, where):
        return between
    return _sessions(times, CT_PAUSE_S) if family == "ct" else []


def _over_midnight(headers: Sequence[Header], times: dict[int, float | None]) -> dict[int, float | None]:
    """Return times that go on where a clock passed midnight and the date stayed; others as they are."""
    told = sorted({second for second in times.values() if second is not None})
    widest, at = max(((b - a, b) for a, b in pairwise(told)), default=(0.0, 0.0))
    if widest <= DAY_S / 2 or told[-1] - told[0] >= DAY_S or told[0] + DAY_S - told[-1] > CT_BETWEEN_S:
        return times
    if len({headers[i].acquisition_date for i in times}) > 1 or any(headers[i].acquisition_datetime for i in times):
        return times
    return {i: None if s is None else s if s >= at else s + DAY_S for i, s in times.items()}


def _sessions(times: dict[int, float | None], pause_s: float) -> Groups:
    ordered = sorted(times, key=lambda i: (times[i] or 0.0, i))
    groups = [[ordered[0]]]
    for before, index in pairwise(ordered):
        if (times[index] or 0.0) - (times[before] or 0.0) > pause_s:
            groups.append([])
        groups[-1].append(index)
    return groups


def _pause(seconds: list[list[float | None]]) -> float:
    """Return the shortest time between groups that follow each other, 0 if they do not or do not tell."""
    told = [[s for s in some if s is not None] for some in seconds]
    if not all(told):
        return 0.0
    spans = sorted((min(some), max(some)) for some in told)
    return min(later[0] - earlier[1] for earlier, later in pairwise(spans))


def _lie_between(groups: Groups, where: dict[int, float]) -> bool:
    """Say whether slices of one group lie between slices of another, so that no cut parts them."""
    spans = sorted((min(where[i] for i in some), max(where[i] for i in some)) for some in groups)
    return any(low < high for (_, high), (low, _) in pairwise(spans))


def _by(indices: list[int], values: Sequence[object]) -> Groups:
    groups: dict[object, list[int]] = {}
    for index, value in zip(indices, values, strict=True):
        groups.setdefault(value, []).append(index)
    return list(groups.values())


def _seconds(header: Header) -> float | None:
    """Return when a slice was acquired, by the acquisition's own date and time; times of series tell nothing here."""
    return seconds_of(header.acquisition_datetime or header.acquisition_date + header.acquisition_time)


def seconds_of(text: str) -> float | None:
    """Return the seconds of a moment written as date and time; None without a date or where it is none."""
    match = MOMENT.match(text.replace(":", ""))
    try:
        moment = datetime.strptime(match[1], "%Y%m%d%H%M%S") if match else None
    except ValueError:
        return None
    return None if moment is None or match is None else (moment - EPOCH).total_seconds() + float(match[2] or 0)
