"""Which instances can become part of a scan at all, judged from one header alone."""

import re

from scans.bodypart import words_of
from scans.colour import is_read_as_grey
from scans.header import Header
from scans.mosaic import MOSAIC_FAULT, TILED
from scans.outcome import (
    BadValue,
    Colour,
    Derived,
    DerivedObject,
    EnhancedUnsupported,
    ForProcessing,
    Localizer,
    MosaicUnsupported,
    MultiFrame,
    NoPixels,
    NotAnImage,
    OtherModality,
    Refusal,
    RejectionNote,
    SecondaryCapture,
    UnknownSopClass,
)
from scans.rejection import REASONS
from scans.sopclass import (
    DERIVED_OBJECTS,
    ENHANCED,
    FOR_PROCESSING,
    ROOT,
    SECONDARY_CAPTURE,
    family_of,
    has_no_image,
    is_multi_frame,
    is_projection,
    name_of,
)
from scans.spect import no_slices
from scans.units import units_refusal

MOST_FAULTS = 3  # told in one sentence
# Values of ImageType behind the second that say: not a picture of the patient as scanned, but computed
# from one. Reformats (MPR) are volumes of the patient and pass; the main-scan rule puts them last.
COMPUTED = frozenset({
    "ADC", "EADC", "FA", "RA", "TRACE", "TRACEW", "MAP", "T1MAP", "T2MAP", "B0", "UNWRAPPED", "VELOCITY",
    "MIP", "MINIP", "MIN_IP", "MNIP", "MAXIP", "PROJECTION", "COLMIP", "VOLREN", "VRT", "SSD", "RENDERED",
    "SUB", "SUBTRACT", "SUBTRACTION", "CBF", "CBV", "RCBF", "RCBV", "MTT", "TTP", "TMAX", "PBP", "PERFUSION",
    "PHASE", "P", "I", "IMAGINARY", "SCREEN", "SCREENSAVE", "DOSE", "TEXT", "FUSED", "OVERLAY", "GRAPH",
    "CURVE", "HISTOGRAM", "REPROJECTION", "TRANSMISSION", "GENERATED_2D",
})  # fmt: skip
MR_ONLY = frozenset({"P", "I", "IMAGINARY"})  # parts of a complex MR image; its real part looks like a scan
MR_RESULT = re.compile(  # of an MR whose ImageType says DERIVED and no more
    r"\bE?ADC\b|APPARENT DIFFUSION|\bSUBS?\b(?!-)|\bSUBTR\w*|\bM(?:IN)?IP\b|\bR?CB[FV]\b|\b(?:MTT|TTP|TMAX|PDFF)\b"
)
MR_MAP = re.compile(  # whatever ImageType says: a picture that is called so is computed
    r"\b(?:E?ADC|FA|T1|T2|T2\*|T2STAR|R1|R2|R2\*|R2STAR|T1 ?RHO|B0|B1|PD|FF|PDFF|FIELD|PHASE|CBF|CBV|MTT|TTP|TMAX|"
    r"KTRANS|PERFUSION|FAT FRACTION|IRON|STIFFNESS)[ _-]?MAPS?\b"
)
SCOUTS = frozenset({
    "LOCALIZER", "LOCALISER", "SCOUT", "TOPOGRAM", "SURVIEW", "SURVEY", "PILOT", "SCANOGRAM",
})  # fmt: skip
GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOURS = frozenset({
    "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_422", "YBR_PARTIAL_420",
    "PALETTE COLOR", "HSV", "ARGB", "CMYK",
})  # fmt: skip


def screen(header: Header) -> Refusal | None:
    """Return why an instance, or a frame of one, is set aside before any grouping, or None."""
    if refusal := _class_refusal(header):
        return refusal
    is_grey = is_read_as_grey(header)
    if not is_grey and (header.samples_per_pixel != 1 or header.photometric in COLOURS):
        return Colour(f"{header.samples_per_pixel} samples a pixel")
    if not is_grey and header.photometric not in GREY:
        return BadValue("PhotometricInterpretation is absent or unknown")
    if not is_projection(header.sop_class_uid):
        if SCOUTS & set(header.image_type):
            return Localizer("ImageType")
        if SCOUTS & set(words_of(header.series_description)):
            return Localizer("SeriesDescription")
    if family_of(header.sop_class_uid) == "nm" and (why := no_slices(header.image_type)):
        return OtherModality(why)
    if header.region_told == "none":
        return OtherModality("an ultrasound without a two-dimensional region of tissue")
    if header.n_frames > 1 and header.picture_frame is None and not is_multi_frame(header.sop_class_uid):
        return MultiFrame(f"{header.n_frames} frames")
    refusal = _computed(header) or _mosaic(header) or units_refusal(header)
    if refusal is None and header.faults:
        return BadValue("; ".join(header.faults[:MOST_FAULTS]))
    return refusal


def _mosaic(header: Header) -> Refusal | None:
    """Return why tiles in one picture are not read as slices; frames of an enhanced object are slices already."""
    if not TILED & set(header.image_type) or header.tiles or is_multi_frame(header.sop_class_uid):
        return None
    told = [fault.removeprefix(MOSAIC_FAULT) for fault in header.faults if fault.startswith(MOSAIC_FAULT)]
    return MosaicUnsupported("; ".join(told) or "ImageType")


def _class_refusal(header: Header) -> Refusal | None:
    sop_class = header.sop_class_uid
    if sop_class in DERIVED_OBJECTS:
        return DerivedObject(name_of(sop_class))
    if header.rejection:
        named = f"{len(header.identity.rejects)} instances named"
        return RejectionNote(f"{header.rejection}, {REASONS[header.rejection]}; {named}")
    if has_no_image(sop_class):
        return NotAnImage(name_of(sop_class))
    if not header.pixel_element:
        return NoPixels() if sop_class.startswith(ROOT) else NotAnImage("private SOP class without pixels")
    if sop_class in SECONDARY_CAPTURE:
        return SecondaryCapture(name_of(sop_class))
    if sop_class in ENHANCED:
        return EnhancedUnsupported(f"{name_of(sop_class)}, {header.n_frames} frames")
    if sop_class in FOR_PROCESSING:
        return ForProcessing(name_of(sop_class))
    if family_of(sop_class):
        return None if header.pixel_element == "PixelData" else DerivedObject("pixels are floating point numbers")
    if not sop_class.startswith(ROOT):
        return UnknownSopClass("SOP class outside the standard")
    return OtherModality(name_of(sop_class))


def _computed(header: Header) -> Refusal | None:
    if is_projection(header.sop_class_uid):
        return None  # a processed radiograph is "DERIVED" by the book and still the picture that is read
    words = {word for value in header.image_type[2:] for word in value.replace(" ", "_").split("_")}
    words |= {value.replace(" ", "_") for value in header.image_type[2:]}
    found = words & (COMPUTED if header.modality == "MR" else COMPUTED - MR_ONLY)
    if found:
        return Derived(f"ImageType {min(found)}")
    if family_of(header.sop_class_uid) == "mr" and MR_MAP.search(header.series_description.upper().replace("_", " ")):
        return Derived("SeriesDescription")
    if (
        header.modality == "MR"
        and header.image_type[:1] == ("DERIVED",)
        and MR_RESULT.search(header.series_description.upper().replace("_", " "))
    ):
        return Derived("SeriesDescription")
    return None
