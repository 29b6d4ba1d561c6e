"""Scans whose kind is unknown: what their tags say, how many there are, and how to name them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from db.scans import HeldBackScan, held_back_scans
from flows.answers.coverage import Coverage, Gain
from flows.answers.status import Combination, UnknownKinds
from flows.operator.status import coverage_now
from flows.records.gain import in_order
from flows.site.opened import open_site
from scans.header import Header
from scans.kind import EDITABLE, contradictions_of
from scans.part import UNKNOWN

SET_BY = {"part": ("BodyPartExamined", "StudyDescription"), "view": ("ViewPosition",),
          "sequence": ("SeriesDescription", "ProtocolName")}  # fmt: skip
MASK = "..."  # in place of a word of the person's identity, which people write into descriptions
SHORTEST_WORD = 3  # of a name; shorter ones stand in other words


def coverage_with_lines(config: Path) -> Coverage:
    """Everything `scantwin kinds --coverage` shows: with the line of the largest combination without a kind."""
    site = open_site(config)
    with site.db.read() as connection:
        found = coverage_now(site, connection)
    if not any(gain.code == "kind-unknown" for gain in found.gains):
        return found
    lines = [_gain(row) for row in unknown_kinds(config).combinations if row.add]
    return replace(found, gains=in_order([*found.gains, *in_order(lines)[:1]]))


def _gain(row: Combination) -> Gain:
    return Gain("kind-unknown", row.add, row.files, row.studies, "In [scans.kinds], the word in capitals replaced.")


def unknown_kinds(config: Path) -> UnknownKinds:
    """Everything `scantwin kinds` shows: combinations of tags without a kind, those of most scans first."""
    found: dict[tuple[str, str, str, tuple[str, ...]], list[HeldBackScan]] = {}
    tags: dict[tuple[str, ...], dict[str, str]] = {}
    with open_site(config).db.read() as connection:
        for row in held_back_scans(connection):
            header = Header.from_json(row.header)
            said = _tags(header)
            texts = tuple(said.values())
            tags[texts] = said
            said_apart = contradictions_of(row.kind_rule)
            found.setdefault((row.kind, header.modality, said_apart, texts), []).append(row)
    combinations = [
        _combination(kind, modality, apart, tags[texts], rows) for (kind, modality, apart, texts), rows in found.items()
    ]
    return UnknownKinds(sorted(combinations, key=lambda some: (-some.scans, some.kind, str(some.tags))))


def _combination(
    kind: str, modality: str, contradiction: str, tags: Mapping[str, str], rows: Sequence[HeldBackScan]
) -> Combination:
    return Combination(
        kind, modality, tags, scans=len(rows), patients=len({row.patient for row in rows}),
        add="" if contradiction else _line(kind, tags), files=sum(row.files for row in rows),
        studies=len({row.study for row in rows}), contradiction=contradiction,
    )  # fmt: skip


def _tags(header: Header) -> dict[str, str]:
    who = header.identity
    names = [re.escape(word) for word in re.split(r"[\^=\s,]+", who.name) if len(word) >= SHORTEST_WORD]
    numbers = [rf"\b{re.escape(n)}\b" for n in (who.patient_id, who.accession_number, who.birth_date) if n]
    pattern = re.compile("|".join([*sorted(names, key=len, reverse=True), *numbers]) or r"(?!)", re.IGNORECASE)
    return {tag: pattern.sub(MASK, str(getattr(header, field)).strip()) for tag, (field, _) in EDITABLE.items()}


def _line(kind: str, tags: Mapping[str, str]) -> str:
    """The line of [scans.kinds] that would name these scans; the word in capitals is for the site to fill in."""
    family, part, cover, *rest = kind.split("/")
    missing = "part" if part == UNKNOWN else "view" if cover == "2d" or family == "mg" else "sequence"
    is_side = part != UNKNOWN and cover == "2d" and rest[:1] != [UNKNOWN]
    for tag in () if is_side else SET_BY[missing]:
        if tags[tag] and MASK not in tags[tag]:
            return f"{_quoted(f'{tag}={tags[tag]}')} = {_quoted(missing.upper())}"
    named = "/".join("SIDE" if is_side and word == UNKNOWN else missing.upper() if word == UNKNOWN else word
                     for word in (family, part, cover, *rest))  # fmt: skip
    return f"{_quoted(kind)} = {_quoted(named)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
