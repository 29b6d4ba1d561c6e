"""The geometry passport: what an analyst can filter scans by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scans.contrast import contrast_of
from scans.decoder import DECODERS
from scans.geometry import Placement
from scans.header import Header
from scans.units import VMI, is_monoenergetic

PROJECTION = Placement((0,), 0.0, 0.0, 0.0, 0.0, "projection", 0.0, 0, "")  # there is nothing to place
LONGEST_LABEL = 64  # characters; PS3.5 6.2, VR LO
SHORTEST_NAME = 4  # characters; shorter words stand in the names of makers and kernels too
LONG_NAME = 6  # characters; such a word is found inside others too
NAME_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Passport:
    """How a scan was made and how it lies, in plain values; unknown numbers are None, unknown texts ""."""

    n_slices: int
    rows: int
    columns: int
    spacing_z_mm: float  # between slices; 0 for a projection
    spacing_y_mm: float | None  # between rows; None when a projection does not tell
    spacing_x_mm: float | None  # between columns
    coverage_mm: float  # slices times their distance; 0 for a projection
    largest_gap_mm: float
    smallest_gap_mm: float
    n_missing: int  # slices that a repair made up
    tilt_deg: float  # between the slices' normal and the way from one to the next
    orientation: str  # axial, coronal, sagittal, oblique or projection
    slice_thickness_mm: float | None  # as the header says, unlike the spacing
    kernel: str
    sequence: str  # ScanningSequence and SequenceVariant of MR
    manufacturer: str
    model: str
    transfer_syntax: str  # several ones joined by a comma
    photometric: str
    rescale_slope: float | None  # of the first slice
    rescale_intercept: float | None
    rescale_varies: bool  # from slice to slice, as PET and some MR have it
    padding: int | None  # PixelPaddingValue, in stored units
    image_type: str  # values joined by a backslash; VMI behind them where only a description says monoenergetic
    contrast: str  # given, not-given or unknown
    decoder: str  # the libraries that decoded the pixels, joined by a comma; native: nothing to decode
    burned_in: str  # BurnedInAnnotation: YES, NO or "" when the header does not say
    slice_order: str  # how InstanceNumber runs along the normal: rising, falling, mixed or unknown
    n_files: int  # fewer than slices when one file holds many frames
    repairs: str  # what was mended, "" if the slices are the volume


def volume_passport(headers: Sequence[Header], placement: Placement) -> Passport:
    """Return the passport of slices in anatomical order, which `scans.geometry.place` has accepted."""
    return _passport(headers, placement)


def projection_passport(header: Header) -> Passport:
    """Return the passport of a projection."""
    return _passport([header], PROJECTION)


def _passport(headers: Sequence[Header], placement: Placement) -> Passport:
    header = headers[0]
    spacing = header.pixel_spacing_mm or (None, None)
    named = names_in(header)
    thicknesses = [h.slice_thickness_mm for h in headers if h.slice_thickness_mm is not None]
    return Passport(
        n_slices=len(headers),
        rows=header.rows,
        columns=header.columns,
        spacing_z_mm=placement.spacing_z_mm,
        spacing_y_mm=spacing[0],
        spacing_x_mm=spacing[1],
        coverage_mm=placement.coverage_mm,
        largest_gap_mm=placement.largest_gap_mm,
        smallest_gap_mm=placement.smallest_gap_mm,
        n_missing=placement.n_missing,
        tilt_deg=placement.tilt_deg,
        orientation=placement.plane,
        slice_thickness_mm=median(thicknesses) if thicknesses else None,
        kernel=label(header.kernel, named),
        sequence=label("\\".join([*header.scanning_sequence, *header.sequence_variant]), named),
        manufacturer=label(header.manufacturer, named),
        model=label(header.model, named),
        transfer_syntax=",".join(sorted({h.transfer_syntax_uid for h in headers})),
        photometric=label(header.photometric, named),
        rescale_slope=header.rescale_slope,
        rescale_intercept=header.rescale_intercept,
        rescale_varies=len({(h.rescale_slope, h.rescale_intercept) for h in headers}) > 1,
        padding=header.padding_value,
        image_type=label("\\".join(_image_type(header)), named),
        contrast=contrast_of(header),
        decoder=",".join(sorted({DECODERS.get(h.transfer_syntax_uid, "native") for h in headers})),
        burned_in=header.burned_in if header.burned_in in ("YES", "NO") else "",
        slice_order=_slice_order([h.instance_number for h in headers]),
        n_files=len({h.identity.sop_uid for h in headers}),
        repairs=placement.repairs,
    )


def _image_type(header: Header) -> Sequence[str]:
    is_untold = is_monoenergetic(header) and VMI not in header.image_type
    return (*header.image_type, VMI) if is_untold else header.image_type


def _slice_order(numbers: Sequence[int | None]) -> str:
    """Say how instance numbers run along the normal; frames of one file and projections have none of their own."""
    told = [number for number in numbers if number is not None]
    steps = [b - a for a, b in pairwise(told)]
    if len(told) < len(numbers) or not any(steps):
        return "unknown"
    if all(step > 0 for step in steps):
        return "rising"
    return "falling" if all(step < 0 for step in steps) else "mixed"


def names_in(header: Header) -> frozenset[str]:
    """Return what names the person or the examination, as words in capitals; two letters name nobody."""
    who = header.identity
    words = {who.patient_id, who.accession_number, who.birth_date, who.study_uid, who.series_uid, who.sop_uid}
    words |= set(NAME_WORD.findall(f"{who.name} {who.patient_id} {who.issuer} {who.accession_number}"))
    return frozenset(word.upper() for word in words if len(word) >= SHORTEST_NAME)


def label(text: str, named: frozenset[str]) -> str:
    """Return a technical text fit for a table: printable ASCII, no longer than the longest of its kind.

    A text that repeats a name or number of the person does not belong where it stands, and is left out.
    """
    words = NAME_WORD.findall(text.upper())
    if not named.isdisjoint(words) or any(word in text.upper() for word in named if len(word) >= LONG_NAME):
        return ""
    return "".join(c for c in text if " " <= c <= "~")[:LONGEST_LABEL]
