"""What is wrong with a header that a scan's pixels and place need, and what cannot be laid out at all."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydicom.dataelem import RawDataElement

from scans.dicomfile import PIXEL_TAGS, Parsed
from scans.frame import Frame
from scans.needed import DETECTOR, LAYOUT, PIXELS, PLACE, RESCALE, SPACING, bits_fault, faults_in, rescale_fault
from scans.outcome import BadValue, TooLarge
from scans.pixelbytes import Layout
from scans.sopclass import family_of, is_multi_frame, is_projection
from scans.tags import Reader

OFFSETS = 0x7FE00001  # ExtendedOffsetTable: 8 bytes a frame
MOST_PIXEL_BYTES = 4 * 2**30  # of one object, unpacked; a header that announces more is damaged or hostile


def faults_of(values: Mapping[str, Any], reader: Reader, parsed: Parsed) -> list[str]:
    """Return what is wrong with the tags that a scan's pixels and place need; of what can be no scan, nothing."""
    sop_class = values["sop_class_uid"]
    if not family_of(sop_class) or parsed.pixel_element != "PixelData":
        return []
    needs = [*PIXELS, *RESCALE, *SPACING]
    if not is_projection(sop_class):
        needs += PLACE
    elif values["pixel_spacing_mm"] is None:
        needs += DETECTOR
    faults = list(faults_in(reader, needs, parsed.twice))
    if values["pixel_representation"] not in (0, 1):
        faults.append(f"PixelRepresentation is {values['pixel_representation']}, 0 or 1 is wanted")
    if not faults and (fault := bits_fault(values["bits_allocated"], values["bits_stored"], values["high_bit"])):
        faults.append(fault)
    if values["padding_limit"] is not None and values["padding_value"] is None:
        faults.append("PixelPaddingRangeLimit without PixelPaddingValue")
    if parsed.twice & PIXEL_TAGS.keys():
        faults.append("pixels stand there twice")
    offsets = reader.elements.get(OFFSETS)
    if isinstance(offsets, RawDataElement) and offsets.length not in (0, 8 * values["n_frames"]):
        faults.append(f"an extended offset table of {offsets.length // 8} frames, {values['n_frames']} in the header")
    return faults


def rescale_faults(values: Mapping[str, Any], frames: Sequence[Frame], parsed: Parsed) -> list[str]:
    """Return what is wrong with the rescale of an object or of any of its frames; a Modality LUT goes before it."""
    family = family_of(values["sop_class_uid"])
    if not family or parsed.pixel_element != "PixelData" or values["has_modality_lut"]:
        return []
    if is_multi_frame(values["sop_class_uid"]) and not frames:
        return []  # refused for that
    told = {"rescale_slope": values["rescale_slope"], "rescale_intercept": values["rescale_intercept"]}
    each = [told | frame.told() for frame in frames] or [told]
    pairs = dict.fromkeys((one["rescale_slope"], one["rescale_intercept"]) for one in each)
    faults = [rescale_fault(slope, intercept, is_ct=family == "ct") for slope, intercept in pairs]
    return [fault for fault in faults if fault]


def check_image(layout: Layout, faults: Sequence[str]) -> None:
    """Refuse pixels that cannot be laid out as the header says.

    Raises:
        BadValue: A count is zero, or cannot be understood.
        TooLarge: More bytes than any scan has.
    """
    for fault in faults:
        if fault.partition(" ")[0] in LAYOUT:
            raise BadValue(fault)
    for name in ("rows", "columns", "n_frames", "samples_per_pixel", "bits_allocated"):
        if getattr(layout, name) < 1:
            raise BadValue(f"{name} is absent, zero or no number")
    if layout.n_bytes > MOST_PIXEL_BYTES:
        raise TooLarge(f"{layout.n_bytes} bytes of pixels announced, at most {MOST_PIXEL_BYTES}")
