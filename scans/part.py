"""Which part of the body a scan shows: every place of a header that may say it, in the order in which they count.

What is said of the series goes before what is said of the examination, which may have more than one part, and that
before the coil. Where two places of one of these contradict each other nothing is believed. Words are told in
`scans.bodypart`, codes in `scans.coded`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scans import coded
from scans.bodypart import contradict, lie_apart, part_in, wider_part
from scans.header import Header
from scans.sopclass import family_of
from scans.ultrasound import PARTS

UNKNOWN = "unknown"
SEVERAL = "several"  # parts
PART_BY_CLASS = {"mg": "breast", "io": "teeth", "op": "eye"}  # of families that show one part alone
# of a radiograph: weight bearing, elsewhere the whole body; from the front in French, elsewhere a part of the body
RADIOGRAPHS = frozenset({"xr", "xa", "rf"})
OF_A_RADIOGRAPH = re.compile(r"\bWB\b|\bFACE\b", re.IGNORECASE)
TERMS = frozenset({"body_part", "region"})  # fields of terms and no descriptions: FACE is one of them
HEAD_COIL = re.compile(r"HEAD|BRAIN|KOPF")
BREAST_COIL = re.compile(r"BREAST|MAMMA|BRUST")
OTHER_COIL = re.compile(r"NECK|SPINE|BODY|TORSO|NV|NEURO ?VASC")  # built in one with a head coil, and used without it


@dataclass(frozen=True, slots=True)
class Source:
    """A place of a header, and what part it names; "" for none, `SEVERAL` for some that lie apart."""

    name: str
    told: Callable[[Header], str]


def _words(field: str) -> Callable[[Header], str]:
    def told(header: Header) -> str:
        text = _text(header, field)
        return part_in(text) or (SEVERAL if lie_apart(text) else "")

    return told


def _text(header: Header, field: str) -> str:
    """Return what may name a part: not the words that are none on a radiograph."""
    text = str(getattr(header, field))
    is_term = field in TERMS and text.strip().upper() == "FACE"
    return text if is_term or family_of(header.sop_class_uid) not in RADIOGRAPHS else OF_A_RADIOGRAPH.sub(" ", text)


def _concept(codes: str, meaning: str) -> Callable[[Header], str]:
    by_words = _words(meaning)

    def told(header: Header) -> str:
        parts = coded.named_by(getattr(header, codes), coded.PART_OF)
        return next(iter(parts)) if len(parts) == 1 else by_words(header) if not parts else SEVERAL

    return told


def _coil(field: str) -> Callable[[Header], str]:
    """A coil that fits one part; others are used for whatever fits into them."""

    def told(header: Header) -> str:
        name = str(getattr(header, field)).upper()
        if OTHER_COIL.search(name):
            return ""
        parts = {part for part, coil in (("head", HEAD_COIL), ("breast", BREAST_COIL)) if coil.search(name)}
        return next(iter(parts)) if len(parts) == 1 else ""

    return told


OF_THE_SERIES = (
    Source("BodyPartExamined", _words("body_part")),
    Source("AnatomicRegionSequence", _concept("region_codes", "region")),
    Source("SeriesDescription", _words("series_description")),
    Source("ProtocolName", _words("protocol_name")),
)
OF_THE_EXAMINATION = (
    Source("PerformedProcedureStepDescription", _words("performed_description")),
    Source("StudyDescription", _words("study_description")),
    Source("ProcedureCodeSequence", _concept("procedure_codes", "procedure")),
    Source("RequestedProcedureDescription", _words("requested_description")),
    Source("RequestedProcedureCodeSequence", _concept("requested_codes", "requested_procedure")),
)
OF_THE_COIL = (Source("ReceiveCoilName", _coil("receive_coil")), Source("TransmitCoilName", _coil("transmit_coil")))
SIBLING = "another series of the study, in the same frame of reference"


def part_of(header: Header, family: str, *, sibling: str = "") -> tuple[str, str]:
    """Return the part and what told it, ("unknown", "") if nothing does.

    Args:
        header: Of an instance.
        family: Of its SOP class.
        sibling: What `scans.siblings.part_beside` says of the series; "": nothing.
    """
    for sources in (OF_THE_SERIES, OF_THE_EXAMINATION, OF_THE_COIL):
        part, rule = _agreed(sources, header)
        if rule:
            wider = wider_part(part, header.series_description) if sources is OF_THE_SERIES else ""
            return (wider, f"{rule} and SeriesDescription") if wider and rule != "SeriesDescription" else (part, rule)
    if family == "us" and (of_type := PARTS.get("".join(header.image_type[2:3]))):
        return of_type, "ImageType"
    if family in PART_BY_CLASS:
        return PART_BY_CLASS[family], "SOPClassUID"
    return (sibling, SIBLING) if sibling else (UNKNOWN, "")


def _agreed(sources: Sequence[Source], header: Header) -> tuple[str, str]:
    """Return what the first source says, unless another one contradicts it.

    An examination of several parts does not tell which of them a series shows, whatever else is said of it.
    """
    found = [(part, source.name) for source in sources if (part := source.told(header))]
    several = [name for part, name in found if part == SEVERAL]
    told = [(part, name) for part, name in found if part != SEVERAL]
    if several and (sources is OF_THE_EXAMINATION or not told):
        return UNKNOWN, f"{several[0]} names several parts"
    if not told:
        return UNKNOWN, ""
    part, name = told[0]
    for other, rule in told[1:]:
        if contradict(part, other):
            return UNKNOWN, f"{name} says {part}, {rule} says {other}"
    return part, name
