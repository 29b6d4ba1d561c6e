"""Regions of one CT: thin slices at the base of the skull, thick ones above, in one series.

Slices of several thicknesses are several volumes to `scans.split`. Where a repair of uneven spacing is allowed and they
follow each other as one way through the patient, they are one: a head, not its lower and its upper half.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from scans.apart import acquired_apart
from scans.geometry import distances_along_normal, place
from scans.header import Header
from scans.outcome import Refusal
from scans.sopclass import family_of
from scans.split import require_one_frame
from scans.uneven import GAP_TOLERANCE

COMMON_TYPE = 3  # values of ImageType; what follows is the maker's own, as ADD where thinner slices were added up


def join(
    headers: Sequence[Header], candidates: Sequence[list[int]], repair: Collection[str]
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the candidates that stay as they are, and those made of several regions.

    Args:
        headers: Of all slices of a series.
        candidates: Indices of slices that may each be one volume, see `scans.split`.
        repair: What the site allows to be mended.
    """
    alike: dict[object, list[list[int]]] = {}
    for candidate in candidates:
        alike.setdefault(_common(headers, candidate), []).append(candidate)
    left, joined = [], []
    for regions in alike.values():
        if "uneven-spacing" in repair and len(regions) > 1 and _are_one(headers, regions, repair):
            joined.append(sorted(index for region in regions for index in region))
        else:
            left += regions
    return left, joined


def _common(headers: Sequence[Header], candidate: list[int]) -> object:
    """Return what slices of one volume share, whatever their thickness."""
    return frozenset(
        (
            h.sop_class_uid, h.rows, h.columns, h.image_type[:COMMON_TYPE], h.kernel, h.kvp, h.stack_id,
            h.orientation, h.pixel_spacing_mm,
            h.body_part, h.region, h.series_description, h.protocol_name, h.study_description,
        )
        for h in (headers[index] for index in candidate)
    )  # fmt: skip


def _are_one(headers: Sequence[Header], regions: Sequence[list[int]], repair: Collection[str]) -> bool:
    """Say whether regions differ in thickness, follow each other without a gap and are of one acquisition."""
    first = headers[regions[0][0]]
    thickness = [headers[region[0]].slice_thickness_mm for region in regions]
    if family_of(first.sop_class_uid) != "ct" or None in thickness or len(set(thickness)) < len(regions):
        return False
    indices = [index for region in regions for index in region]
    orientation = first.orientation or ()
    along = distances_along_normal([headers[i].position_mm or () for i in indices], orientation)
    where = dict(zip(indices, along.tolist(), strict=True))
    spans = sorted((min(where[i] for i in region), max(where[i] for i in region)) for region in regions)
    try:
        steps = [_step_mm(headers, region, repair) for region in regions]
        require_one_frame([headers[i] for i in indices])
        is_one_acquisition = len(acquired_apart(headers, indices, along)) == 1
        place([headers[i].position_mm or () for i in indices], orientation, repair=repair, regions=True)
    except Refusal:
        return False
    widest = max(steps) * (1 + GAP_TOLERANCE)
    return is_one_acquisition and all(0 < low - high <= widest for (_, high), (low, _) in pairwise(spans))


def _step_mm(headers: Sequence[Header], region: list[int], repair: Collection[str]) -> float:
    """Return the step of a region that is even by itself.

    Raises:
        Refusal: It is not.
    """
    positions = [headers[i].position_mm or () for i in region]
    allowed = set(repair) & {"tilt"}
    return place(positions, headers[region[0]].orientation or (), repair=allowed).spacing_z_mm
