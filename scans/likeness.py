"""Likeness: a kind without its side, which is what pixels can tell: a left knee mirrored is a right one."""

from scans.kind import SIDED
from scans.part import UNKNOWN

N_SLOTS = 4  # family, part, cover and view; what stands behind them is a side


def likeness_of(kind: str) -> str:
    """Return the likeness of a kind by key: "xr/knee/2d/frontal/left" gives "xr/knee/2d/frontal"."""
    return "/".join(kind.split("/")[:N_SLOTS]) if has_side(kind) else kind


def has_side(kind: str) -> bool:
    """Say whether kinds of this family, part and cover are told apart by side."""
    family, part, cover = kind.split("/")[:3]
    return part in SIDED and (cover == "2d" or family == "mg")


def completed(kind: str, likeness: str) -> str:
    """Return a kind with its unknown slots taken from a likeness, or "".

    Args:
        kind: As far as the header tells it.
        likeness: What the scan looks like, without unknown slots.

    Returns:
        "" where a slot that the header tells says otherwise, or where a side would stay unknown.
    """
    told, seen = likeness_of(kind).split("/"), likeness.split("/")
    if len(told) != len(seen) or any(one not in (UNKNOWN, other) for one, other in zip(told, seen, strict=True)):
        return ""
    if not has_side(likeness):
        return likeness
    side = kind.split("/")[N_SLOTS] if has_side(kind) else UNKNOWN
    return "" if side == UNKNOWN else f"{likeness}/{side}"
