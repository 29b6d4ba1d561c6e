"""Copies of one instance: which one counts, and when copies contradict each other.

A study that is sent again after a correction stands in the archive twice under the same UIDs. Where the files say
which copy is the newer one (`scans.newer`), that one counts; where they do not, copies that differ in what they mean
are all set aside, until somebody takes one of them out of the archive.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC
from functools import cache

from scans.acquired import acquired
from scans.contrast import contrast_of
from scans.header import Header
from scans.kind import kind_of
from scans.name import words_of_name
from scans.outcome import Refusal
from scans.screen import screen
from scans.sopclass import is_projection

OF_THE_FILE = frozenset({
    "size_bytes", "file_sha256", "has_preamble", "transfer_syntax_uid", "syntax_guessed", "pixel_offset",
    "pixel_length", "pixel_sha256",
})  # fmt: skip
STORED = frozenset({  # how pixels are stored: their digest speaks for them
    "bits_allocated", "bits_stored", "high_bit", "samples_per_pixel", "n_frames",
})  # fmt: skip
SHOWN = frozenset({"burned_in", "uptake_why"})
TEXTS = frozenset({  # what they say counts, not how it is spelled
    "study_description", "series_description", "protocol_name", "body_part", "region", "view", "view_code",
    "laterality", "image_laterality", "contrast_agent", "scanning_sequence", "sequence_variant", "sequence_name",
    "acquisition_contrast", "scan_options", "manufacturer", "model", "dates_modified", "irradiation_event_uid",
    "region_codes", "view_codes", "procedure", "procedure_codes", "requested_procedure", "requested_codes",
    "requested_description", "performed_description", "receive_coil", "transmit_coil", "angio_flag", "acquisition_type",
})  # fmt: skip
HINTS = frozenset({  # place nothing; the kind speaks for a maker's b-value
    "instance_number", "slice_location_mm", "in_stack_position", "gradient", "maker_b_value",
})  # fmt: skip
TIMES = frozenset({
    "acquisition_datetime", "acquisition_date", "acquisition_time", "content_date", "content_time", "series_date",
    "age_years",
})  # fmt: skip
APART = frozenset({"identity", "sex", "rejection"})
OF_THE_COPY = frozenset({"created_date", "created_time", "coerced", "modified"})
MAY_DIFFER = OF_THE_FILE | STORED | SHOWN | TEXTS | HINTS | TIMES | APART | OF_THE_COPY
NO_CORRECTION = frozenset({"pixels", "UIDs"})  # of a header: what differs so is another object
OF_A_SERIES = ("transfer_syntax_uid", *sorted(TEXTS - {"region"}))  # alike in one sending
BIRTH_DATE = re.compile(r"[0-9]{8}")


def meaning(header: Header, pixels: str, table: Mapping[str, str]) -> dict[str, object]:
    """Return what copies of one instance have in common, by name: whose it is, where it lies, what it shows.

    Args:
        header: Of the copy.
        pixels: Digest of its pixels, stored or decoded.
        table: The site's edits of kinds.
    """
    who, refusal = header.identity, screen(header)
    told = {name: getattr(header, name) for name in _compared()}
    return told | {
        "pixels": pixels,
        "patient id": (who.patient_id, who.issuer),
        "UIDs": (who.study_uid, who.series_uid, who.sop_uid),
        "kind": kind_of(header, is_volume=not is_projection(header.sop_class_uid), table=table).key,
        "contrast": contrast_of(header),
        "use": refusal.code if refusal else "",
        "acquisition time": acquired([header], UTC),
    }


def differences(
    same: Sequence[Header], decoded: Callable[[int], str] | None, table: Mapping[str, str]
) -> tuple[list[str], int]:
    """Return what copies of one instance contradict each other in, by name, and how many meanings they have.

    Args:
        same: Headers with one SOP instance UID.
        decoded: Digest of the decoded pixels of one of them, by index; asked only where stored bytes differ.
        table: The site's edits of kinds.
    """
    pixels = _pixels(same, decoded)
    meanings = [meaning(header, digest, table) for header, digest in zip(same, pixels, strict=True)]
    names = {name for told in meanings[1:] for name in told if told[name] != meanings[0][name]}
    distinct = {tuple(map(repr, told.values())) for told in meanings}
    person = _other_person(same)
    return sorted(names | ({person} if person else set())), max(len(distinct), 2 if person else 1)


def ranks(headers: Sequence[Header]) -> dict[tuple[object, ...], tuple[int, str]]:
    """Return the rank of each sending among instances, see `sending`; of copies that of the lowest rank counts.

    So one sending counts for the whole series as far as it reaches: the one with most of its instances, then the
    one with the smallest hash of a file.
    """
    sent: dict[tuple[object, ...], list[Header]] = {}
    for header in headers:
        sent.setdefault(sending(header), []).append(header)
    return {
        told: (-len({h.identity.sop_uid for h in some}), min(h.file_sha256 for h in some))
        for told, some in sent.items()
    }


def sending(header: Header) -> tuple[object, ...]:
    """Return what is alike in all instances of a series that were sent together, and may differ between copies."""
    who = header.identity
    person = (who.name, who.birth_date, header.sex, who.accession_number)
    return (who.study_uid, who.series_uid, *person, *(getattr(header, name) for name in OF_A_SERIES))


@cache
def _compared() -> tuple[str, ...]:
    """Return the fields that copies have to share as they are; a field that is new here is one of them."""
    return tuple(sorted(f.name for f in fields(Header) if f.name not in MAY_DIFFER))


def _pixels(same: Sequence[Header], decoded: Callable[[int], str] | None) -> list[str]:
    stored = [header.pixel_sha256 for header in same]
    if len(set(stored)) == 1 or decoded is None:
        return stored
    digests: dict[str, str] = {}
    for index, digest in enumerate(stored):
        if digest not in digests:
            try:
                digests[digest] = decoded(index)
            except Refusal:  # what cannot be decoded is alike to nothing else
                digests[digest] = digest
    return [digests[digest] for digest in stored]


def _other_person(same: Sequence[Header]) -> str:
    """Say in what the persons of copies contradict each other, "" if they can be one; an absent value is none."""
    births = {h.identity.birth_date for h in same if BIRTH_DATE.fullmatch(h.identity.birth_date)}
    if len(births) > 1:
        return "birth date"
    if {"M", "F"} <= {h.sex for h in same}:
        return "sex"
    if births:
        return ""
    names = [words for h in same if (words := words_of_name(h.identity.name))]
    return "name" if any(not (a & b) for a in names for b in names) else ""
