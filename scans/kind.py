"""Which scans may be compared: one function from tags to a kind, with the rule that decided.

A kind reads `family/part/2d/view[/side]` or `family/part/3d[/sequence]`, of a PET `pt/part/3d/tracer/uptake`, of an
ultrasound `us/part/2d/b-mode[/side]`, of a breast tomosynthesis `mg/breast/3d/view/side`. A part of it that the header
does not tell is "unknown"; a scan of such a kind is held back, never guessed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from scans.bodypart import PAIRED
from scans.header import Header
from scans.part import UNKNOWN, part_of
from scans.sequence import sequence_of
from scans.sopclass import family_of
from scans.tracer import tracer_of
from scans.view import side_of, view_of

Cover = Literal["2d", "3d"]
NO_EDITS: Mapping[str, str] = MappingProxyType({})
SIDED = PAIRED | {"eye"}
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
    rule: str  # which tags decided, or contradict each other; technical words only
    known: bool  # False: held back


def kind_of(header: Header, *, is_volume: bool, table: Mapping[str, str] = NO_EDITS, sibling: str = "") -> Kind:
    """Return the kind of a scan from the header of any of its instances.

    Args:
        header: Of an instance; all instances of a stack give the same kind.
        is_volume: Several slices (3d), or a projection (2d).
        table: The site's edits. `"BodyPartExamined=THX": "chest"` sets the part when the tag has this
            value, `ViewPosition=` the view, `SeriesDescription=` and `ProtocolName=` the MR sequence or the tracer;
            `"ct/unknown/3d": "ct/chest/3d"` replaces a whole kind. See `check_table`.
        sibling: The part that other series of the study tell, see `scans.siblings.part_beside`; "": none does.
    """
    cover: Cover = "3d" if is_volume else "2d"
    family = family_of(header.sop_class_uid)
    edits = _edits(header, table)
    part, rule = edits.get("part") or part_of(header, family, sibling=sibling)
    slots = [(family, ""), (part, rule), (cover, ""), *_slots(header, family, part, edits, is_volume=is_volume)]
    key = "/".join(word for word, _ in slots)
    told = ", ".join(rule for _, rule in slots if rule) or "no tag tells"
    if key in table:
        key, told = table[key].strip().lower(), f"{told}; table of the site"
    return Kind(key, cover, told, UNKNOWN not in key.split("/") and family != "")


def contradictions_of(rule: str) -> str:
    """Return what a kind's rule says of tags that were not believed: "TAG says x, TAG says y"; "" if nothing."""
    return ", ".join(some for some in rule.split(", ") if re.search(r" says | names several parts$", some))


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


def _slots(
    header: Header, family: str, part: str, edits: Mapping[str, tuple[str, str]], *, is_volume: bool
) -> Iterator[tuple[str, str]]:
    """Yield what a kind says behind its cover, and what told it."""
    if not is_volume or family == "mg":
        yield edits.get("view") or view_of(header, family, part)
        if part in SIDED:
            yield side_of(header)
    elif family == "mr":
        yield edits.get("sequence") or sequence_of(header)
    elif family in ("pt", "nm"):
        yield edits.get("sequence") or _tracer(header)
        if family == "pt":
            yield header.uptake, _values(header)


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
