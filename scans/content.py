"""What makes a scan this scan: the fields of its headers that count, and the digest of all of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from functools import cache

from scans.header import Header
from scans.member import Member

NOT_CONTENT = frozenset(
    (
        "identity",
        "size_bytes",
        "file_sha256",
        "has_preamble",
        "transfer_syntax_uid",
        "syntax_guessed",
        "pixel_offset",
        "pixel_length",
        "sex",
        "age_years",
        "instance_number",
        "frames",
        "stack_id",
        "dimensions",
        "irradiation_event_uid",
        "rejection",
        "kvp",
        "concatenation_uid",
        "concatenation_number",
        "concatenation_total",
        "concatenation_offset",
        "slice_location_mm",
        "in_stack_position",
        "scan_options",
        "cardiac_phase",
        "gradient",
        "maker_b_value",
        "created_date",
        "created_time",
        "coerced",
        "modified",
        "region_codes",
        "view_codes",
        "procedure",
        "procedure_codes",
        "requested_procedure",
        "requested_codes",
        "requested_description",
        "performed_description",
        "receive_coil",
        "transmit_coil",
        "angio_flag",
        "acquisition_type",
        "uptake_why",
    )
)  # fields of a header that may change without making another scan; identity's ids count apart


def _content_of(header: Header) -> tuple[object, ...]:
    """Return whose an instance is, where it lies, and what it shows."""
    who = header.identity
    return (
        who.patient_id, who.issuer, who.study_uid, who.series_uid, who.sop_uid, header.sop_class_uid,
        header.pixel_sha256, header.position_mm, header.orientation, header.pixel_spacing_mm,
        header.rescale_slope, header.rescale_intercept, header.padding_value, header.padding_limit,
    )  # fmt: skip


@cache
def content_fields() -> tuple[tuple[str, object], ...]:
    """Return name and empty value of the fields that make a scan; empty ones do not count.

    So a version that reads one more tag gives another key only to scans that have it.
    """
    return tuple(sorted((f.name, f.default) for f in fields(Header) if f.name not in NOT_CONTENT))


def shown(header: Header) -> list[tuple[str, object]]:
    """Return the fields that count and are told, by name."""
    return [(name, value) for name, empty in content_fields() if (value := getattr(header, name)) != empty]


def digest_of(members: Sequence[Member], repairs: str = "") -> str:
    """Return the digest of all that decides volume, kind and date; not of how the file was sent or who it names."""
    digest = hashlib.sha256()
    for member in members:
        digest.update(repr((_content_of(member.header), shown(member.header))).encode() + b"\n")
    if repairs:  # what was mended is another scan
        digest.update(repairs.encode())
    return digest.hexdigest()
