"""Which scans may be compared: one function from tags to a kind, with the rule that decided.

A kind reads `family/part/2d/view[/side]` or `family/part/3d[/sequence]`, of a PET `pt/part/3d/tracer/uptake`, of an
ultrasound `us/part/2d/b-mode[/side]`, of a breast tomosynthesis `mg/breast/3d/view/side`. A part of it that the header
does not tell is "unknown"; a scan of such a kind is held back, never guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from scans.bodypart import PAIRED, body_part, wider_part, words_of
from scans.cine import view_of
from scans.header import Header
from scans.sequence import sequence_of
from scans.sopclass import family_of
from scans.tracer import tracer_of
from scans.ultrasound import PARTS, WHY

Cover = Literal["2d", "3d"]
UNKNOWN = "unknown"
NO_EDITS: Mapping[str, str] = MappingProxyType({})
VIEWS = {  # PS3.3 C.8.1.2: ViewPosition of CR; DX and MG add codes of CID 4010 and 4014
    "PA": "frontal", "AP": "frontal", "AP SUPINE": "frontal", "AP ERECT": "frontal", "PA ERECT": "frontal",
    "POSTERO-ANTERIOR": "frontal", "ANTERO-POSTERIOR": "frontal", "FRONTAL": "frontal",
    "LL": "lateral", "RL": "lateral", "L": "lateral", "R": "lateral", "LAT": "lateral", "LATERAL": "lateral",
    "LLO": "oblique", "RLO": "oblique", "RAO": "oblique", "LAO": "oblique", "RPO": "oblique",
    "LPO": "oblique",
    "CC": "cc", "CRANIO-CAUDAL": "cc", "MLO": "mlo", "MEDIO-LATERAL OBLIQUE": "mlo", "ML": "ml", "LM": "lm",
}  # fmt: skip
WEIGHT_BEARING = re.compile(r"\bWB\b", re.IGNORECASE)  # of a radiograph; elsewhere the whole body
OF_THE_BREAST = {"ml": "lateral", "lm": "lateral", "cc": "", "mlo": ""}  # what such views are of another part
OBLIQUE = frozenset({"OBL", "OBLI", "OBLIQUE", "SCHRAEG", "SCHRÄG", "RAO", "LAO", "RPO", "LPO"})
PART_BY_CLASS = {"mg": "breast", "io": "teeth", "op": "eye"}  # of families that show one part alone
ANGLED = frozenset({"xa", "rf"})  # families whose view the angles of a positioner tell
SIDES = {"L": "left", "R": "right", "B": "both", "LEFT": "left", "RIGHT": "right"}
KIND = re.compile(r"[a-z]+/[a-z0-9-]+/(?:2d|3d)(?:/[a-z0-9+-]+)*")
EDITABLE = {  # which part of a kind a line of the site's table may set
    "BodyPartExamined": ("body_part", "part"),
    "StudyDescription": ("study_description", "part"),
    "ViewPosition": ("view", "view"),
    "SeriesDescription": ("series_description", "sequence"),
    "ProtocolName": ("protocol_name", "sequence"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a scan may be compared with."""

    key: str  # "ct/chest/3d", "mr/head/3d/t1", "xr/chest/2d/frontal", "mg/breast/2d/mlo/left"
    cover: Cover
    rule: str  # which tags decided; technical words only
    known: bool  # False: held back


def kind_of(header: Header, *, is_volume: bool, table: Mapping[str, str] = NO_EDITS) -> Kind:
    """Return the kind of a scan from the header of any of its instances.

    Args:
        header: Of an instance; all instances of a stack give the same kind.
        is_volume: Several slices (3d), or a projection (2d).
        table: The site's edits. `"BodyPartExamined=THX": "chest"` sets the part when the tag has this
            value, `ViewPosition=` the view, `SeriesDescription=` and `ProtocolName=` the MR sequence or the tracer;
            `"ct/unknown/3d": "ct/chest/3d"` replaces a whole kind. See `check_table`.
    """
    cover: Cover = "3d" if is_volume else "2d"
    family = family_of(header.sop_class_uid)
    edits = _edits(header, table)
    part, rule = _part(header, family, edits)
    parts, rules = [family, part, cover], [rule]
    if not is_volume:
        view, rule = _optical(header, family) or _view(header, family, part, edits)
        parts, rules = [*parts, view], [*rules, rule]
        if part in PAIRED or part == "eye":
            side, rule = _side(header)
            parts, rules = [*parts, side], [*rules, rule]
    elif family == "mg":
        (view, by_view), (side, by_side) = _view(header, family, part, edits), _side(header)
        parts, rules = [*parts, view, side], [*rules, by_view, by_side]
    elif family == "mr":
        sequence, rule = edits.get("sequence") or sequence_of(header)
        parts, rules = [*parts, sequence], [*rules, rule]
    elif family in ("pt", "nm"):
        tracer, rule = edits.get("sequence") or _tracer(header)
        parts, rules = [*parts, tracer], [*rules, rule]
        if family == "pt":
            parts, rules = [*parts, header.uptake], [*rules, _values(header)]
    key, told = "/".join(parts), ", ".join(rule for rule in rules if rule) or "no tag tells"
    if key in table:
        key, told = table[key].strip().lower(), f"{told}; table of the site"
    return Kind(key, cover, told, UNKNOWN not in key.split("/") and family != "")


def check_table(table: Mapping[str, str]) -> None:
    """Check that every line of a site's table can mean something.

    Raises:
        ValueError: Naming the line, and what is allowed.
    """
    for line, value in table.items():
        name, equals, _ = line.partition("=")
        if equals:
            if name.strip() not in EDITABLE:
                raise ValueError(f"{line!r}: the tag has to be one of {', '.join(EDITABLE)}")
            if not re.fullmatch(r"[a-z0-9+-]+", value.strip().lower()):
                raise ValueError(f"{line!r} = {value!r}: wanted one word such as chest, frontal or t2")
        elif not KIND.fullmatch(line) or not KIND.fullmatch(value.strip().lower()):
            raise ValueError(f"{line!r} = {value!r}: wanted two kinds such as ct/unknown/3d and ct/chest/3d")
        elif line.split("/")[2] != value.strip().lower().split("/")[2]:
            raise ValueError(f"{line!r} = {value!r}: 2d and 3d cannot be exchanged")


def _edits(header: Header, table: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return what the site's table says about this header, by the part of the kind that it sets."""
    edits = {}
    for line, value in table.items():
        name, equals, wanted = line.partition("=")
        if not equals or name.strip() not in EDITABLE:
            continue
        field, part = EDITABLE[name.strip()]
        if str(getattr(header, field)).strip().upper() == wanted.strip().upper():
            edits[part] = (value.strip().lower(), f"{name.strip()} in the table of the site")
    return edits


def _part(header: Header, family: str, edits: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    if "part" in edits:
        return edits["part"]
    told: tuple[tuple[str, str], ...] = (
        ("BodyPartExamined", header.body_part),
        ("AnatomicRegionSequence", header.region),
        ("SeriesDescription", header.series_description),
        ("ProtocolName", header.protocol_name),
        ("StudyDescription", header.study_description),
    )
    if family == "xr":
        told = tuple((name, WEIGHT_BEARING.sub(" ", text)) for name, text in told)
    part, rule = body_part(told)
    wider = wider_part(part, header.series_description)
    if rule in ("BodyPartExamined", "AnatomicRegionSequence") and wider:
        return wider, f"{rule} and SeriesDescription"
    if part == UNKNOWN and family == "us" and (of_type := PARTS.get("".join(header.image_type[2:3]))):
        return of_type, "ImageType"
    if part == UNKNOWN and family in PART_BY_CLASS:
        return PART_BY_CLASS[family], "SOPClassUID"
    return part, rule


def _optical(header: Header, family: str) -> tuple[str, str] | None:
    """Return what stands in the place of a view where there is none: how the picture was made.

    Of an ultrasound only the region of tissue counts; whole screens are compared with nothing.
    """
    if family == "us":
        return ("b-mode" if header.region_told == "tissue" else UNKNOWN), WHY.get(header.region_told, "")
    if family in ("es", "vl", "op"):
        return ("grey" if header.photometric.startswith("MONOCHROME") else "colour"), "PhotometricInterpretation"
    return None


def _tracer(header: Header) -> tuple[str, str]:
    return tracer_of(
        (
            ("RadiopharmaceuticalInformationSequence", header.drug),
            ("SeriesDescription", header.series_description),
            ("ProtocolName", header.protocol_name),
            ("StudyDescription", header.study_description),
        )
    )


def _values(header: Header) -> str:
    """Say what the values of a PET are, and why they are not SUV."""
    return f"values {header.uptake}" + (f" ({header.uptake_why})" if header.uptake_why else "")


def _view(header: Header, family: str, part: str, edits: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    if "view" in edits:
        return edits["view"]
    if family in ANGLED:
        if header.positioner_motion == "DYNAMIC":
            return UNKNOWN, "PositionerMotion DYNAMIC"
        if told := view_of(header.primary_angle_deg, header.secondary_angle_deg):
            return told, "PositionerPrimaryAngle and PositionerSecondaryAngle"
    for name, text in (("ViewPosition", header.view), ("ViewCodeSequence", header.view_code)):
        word = text.strip().upper()
        if word in SIDES and part in PAIRED:
            continue  # which hand it is, not from where it is seen
        view = VIEWS.get(word)
        if family != "mg" and view in OF_THE_BREAST:
            view = OF_THE_BREAST[view]
        if view:
            if view == "frontal" and OBLIQUE & set(words_of(header.series_description)):
                return "oblique", "SeriesDescription"  # the tube looked so, the patient was turned
            return view, name
    return UNKNOWN, ""


def _side(header: Header) -> tuple[str, str]:
    for name, text in (("ImageLaterality", header.image_laterality), ("Laterality", header.laterality)):
        if side := SIDES.get(text.strip().upper()):
            return side, name
    return UNKNOWN, ""
