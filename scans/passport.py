"""The geometry passport: what an analyst can filter scans by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scans.geometry import Placement
from scans.header import Header
from scans.sequence import contrast_of

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
    padding: int | None  # PixelPaddingValue, in stored units
    image_type: str  # values joined by a backslash
    contrast: str  # given, none or unknown


def volume_passport(headers: Sequence[Header], placement: Placement) -> Passport:
    """Return the passport of slices in anatomical order, which `scans.geometry.place` has accepted."""
    spacing = headers[0].pixel_spacing_mm or (None, None)
    return _passport(
        headers,
        spacing_mm=(placement.spacing_z_mm, spacing[0], spacing[1]),
        coverage_mm=placement.coverage_mm,
        largest_gap_mm=placement.largest_gap_mm,
        tilt_deg=placement.tilt_deg,
        orientation=placement.plane,
    )


def projection_passport(header: Header) -> Passport:
    """Return the passport of a projection."""
    spacing = header.pixel_spacing_mm or (None, None)
    return _passport(
        [header],
        spacing_mm=(0.0, spacing[0], spacing[1]),
        coverage_mm=0.0,
        largest_gap_mm=0.0,
        tilt_deg=0.0,
        orientation="projection",
    )


def _passport(
    headers: Sequence[Header],
    *,
    spacing_mm: tuple[float, float | None, float | None],
    coverage_mm: float,
    largest_gap_mm: float,
    tilt_deg: float,
    orientation: str,
) -> Passport:
    header = headers[0]
    named = names_in(header)
    thicknesses = [h.slice_thickness_mm for h in headers if h.slice_thickness_mm is not None]
    return Passport(
        n_slices=len(headers),
        rows=header.rows,
        columns=header.columns,
        spacing_z_mm=spacing_mm[0],
        spacing_y_mm=spacing_mm[1],
        spacing_x_mm=spacing_mm[2],
        coverage_mm=coverage_mm,
        largest_gap_mm=largest_gap_mm,
        tilt_deg=tilt_deg,
        orientation=orientation,
        slice_thickness_mm=median(thicknesses) if thicknesses else None,
        kernel=_label(header.kernel, named),
        sequence=_label("\\".join([*header.scanning_sequence, *header.sequence_variant]), named),
        manufacturer=_label(header.manufacturer, named),
        model=_label(header.model, named),
        transfer_syntax=",".join(sorted({h.transfer_syntax_uid for h in headers})),
        photometric=_label(header.photometric, named),
        rescale_slope=header.rescale_slope,
        rescale_intercept=header.rescale_intercept,
        padding=header.padding_value,
        image_type=_label("\\".join(header.image_type), named),
        contrast=contrast_of(header),
    )


def names_in(header: Header) -> frozenset[str]:
    """Return what names the person or the examination, as words in capitals; two letters name nobody."""
    who = header.identity
    words = {who.patient_id, who.accession_number, who.birth_date, who.study_uid, who.series_uid, who.sop_uid}
    words |= set(NAME_WORD.findall(f"{who.name} {who.patient_id} {who.issuer} {who.accession_number}"))
    return frozenset(word.upper() for word in words if len(word) >= SHORTEST_NAME)


def _label(text: str, named: frozenset[str]) -> str:
    """Return a technical text fit for a table: printable ASCII, no longer than the longest of its kind.

    A text that repeats a name or number of the person does not belong where it stands, and is left out.
    """
    words = NAME_WORD.findall(text.upper())
    if not named.isdisjoint(words) or any(word in text.upper() for word in named if len(word) >= LONG_NAME):
        return ""
    return "".join(c for c in text if " " <= c <= "~")[:LONGEST_LABEL]
