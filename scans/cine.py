"""Which frame of a film stands for it, and from where the tube looked at the patient when it was taken."""

from typing import Any

from scans.frame import FRAME_GROUPS, SHARED_GROUPS
from scans.tags import Field, Reader

REPRESENTATIVE = 0x00286010  # RepresentativeFrameNumber, from 1 (PS3.3 C.7.6.6)
POSITIONERS = 0x00189405  # PositionerPositionSequence of enhanced objects (PS3.3 C.8.19.6.10)
ANGLES = (Field("primary_angle_deg", 0x00181510, "number", 0), Field("secondary_angle_deg", 0x00181511, "number", 0))
FRONTAL_DEG, LATERAL_DEG = 15.0, (75.0, 105.0)  # of the primary angle, on either side
STRAIGHT_DEG = 15.0  # of the secondary angle: towards head or feet by more is another picture


def stated_frame(reader: Reader, n_frames: int) -> int:
    """Return the frame that is read, from 0: the one that the object calls representative, else the middle one."""
    named: int = reader.value(Field("", REPRESENTATIVE, "short", 0))
    return named - 1 if 1 <= named <= n_frames else n_frames // 2


def angles_of(reader: Reader, frame: int) -> dict[str, Any]:
    """Return the angles that the functional groups of one frame of an enhanced object tell, by the fields' names."""
    groups = [*reader.items(SHARED_GROUPS)[:1], *reader.items(FRAME_GROUPS)[frame : frame + 1]]
    items = [Reader(item) for group in groups for item in Reader(group).items(POSITIONERS)[:1]]
    return {f.name: value for item in items for f in ANGLES if (value := item.value(f)) is not None}


def view_of(primary_deg: float | None, secondary_deg: float | None) -> str:
    """Return the view by the angles of the positioner: frontal, lateral or oblique, "" where they are not told.

    Args:
        primary_deg: From the patient's front towards the left, negative towards the right (PS3.3 C.8.7.5.1.2).
        secondary_deg: Towards the head, negative towards the feet.
    """
    if primary_deg is None or secondary_deg is None or max(abs(primary_deg), abs(secondary_deg)) > 180:
        return ""
    turned = abs(primary_deg)
    if abs(secondary_deg) > STRAIGHT_DEG:
        return "oblique"
    if min(turned, 180 - turned) <= FRONTAL_DEG:
        return "frontal"
    return "lateral" if LATERAL_DEG[0] <= turned <= LATERAL_DEG[1] else "oblique"
