"""Scans whose kind is unknown: what their tags say, how many there are, and how to name them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from db.scans import held_back_scans
from flows.site.opened import open_site
from scans.header import Header
from scans.kind import EDITABLE, UNKNOWN

SET_BY = {"part": ("BodyPartExamined", "StudyDescription"), "view": ("ViewPosition",),
          "sequence": ("SeriesDescription", "ProtocolName")}  # fmt: skip
MASK = "..."  # in place of a word of the person's identity, which people write into descriptions
SHORTEST_WORD = 3  # of a name; shorter ones stand in other words


def unknown_kinds(config: Path) -> dict[str, Any]:
    """Everything `scantwin kinds` shows: combinations of tags without a kind, those of most scans first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    with open_site(config).db.read() as connection:
        for row in held_back_scans(connection):
            header = Header.from_json(row.header)
            tags = _tags(header)
            key = (str(row.kind), header.modality, *tags.values())
            some = found.setdefault(key, {
                "kind": row.kind, "modality": header.modality, "tags": tags, "scans": 0, "patients": set(),
                "add": _line(str(row.kind), tags),
            })  # fmt: skip
            some["scans"] += 1
            some["patients"].add(row.patient)
    rows = [row | {"patients": len(row["patients"])} for row in found.values()]
    return {"schema": 1, "combinations": sorted(rows, key=lambda row: (-row["scans"], row["kind"], str(row["tags"])))}


def _tags(header: Header) -> dict[str, str]:
    who = header.identity
    names = [re.escape(word) for word in re.split(r"[\^=\s,]+", who.name) if len(word) >= SHORTEST_WORD]
    numbers = [rf"\b{re.escape(n)}\b" for n in (who.patient_id, who.accession_number, who.birth_date) if n]
    pattern = re.compile("|".join([*sorted(names, key=len, reverse=True), *numbers]) or r"(?!)", re.IGNORECASE)
    return {tag: pattern.sub(MASK, str(getattr(header, field)).strip()) for tag, (field, _) in EDITABLE.items()}


def _line(kind: str, tags: Mapping[str, str]) -> str:
    """The line of [scans.kinds] that would name these scans; the word in capitals is for the site to fill in."""
    family, part, cover, *rest = kind.split("/")
    missing = "part" if part == UNKNOWN else "view" if cover == "2d" else "sequence"
    is_side = part != UNKNOWN and cover == "2d" and rest[:1] != [UNKNOWN]
    for tag in () if is_side else SET_BY[missing]:
        if tags[tag] and MASK not in tags[tag]:
            return f"{_quoted(f'{tag}={tags[tag]}')} = {_quoted(missing.upper())}"
    named = "/".join("SIDE" if is_side and word == UNKNOWN else missing.upper() if word == UNKNOWN else word
                     for word in (family, part, cover, *rest))  # fmt: skip
    return f"{_quoted(kind)} = {_quoted(named)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
