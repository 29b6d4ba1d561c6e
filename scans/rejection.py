"""Rejection notes: key objects that withdraw the instances they name. Source: IHE RAD TF-2, IOCM (RAD-66)."""

from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any

from pydicom.dataset import Dataset

from scans.outcome import BadValue
from scans.tags import UID_PATTERN

TITLE, EVIDENCE = 0x0040A043, 0x0040A375  # ConceptNameCodeSequence, CurrentRequestedProcedureEvidenceSequence
REASONS: Mapping[str, str] = MappingProxyType({  # PS3.16 CID 7011, titles of the scheme DCM; all four withdraw
    "113001": "Rejected for Quality Reasons",
    "113037": "Rejected for Patient Safety Reasons",
    "113038": "Incorrect Modality Worklist Entry",
    "113039": "Data Retention Policy Expired",
})  # fmt: skip
MOST_NAMED = 100_000  # instances; more than any study has


def rejection_of(key_object: Dataset) -> tuple[str, tuple[str, ...]]:
    """Return the code of the reason and the SOP instance UIDs that a note names, ("", ()) for other key objects.

    Raises:
        BadValue: It names nothing, or more than any study has: what it withdraws cannot be known.
    """
    code = next((c for scheme, c in _titles(key_object) if scheme == "DCM" and c in REASONS), "")
    if not code:
        return "", ()
    named = {uid for uid in islice(_named(key_object), MOST_NAMED + 1) if UID_PATTERN.fullmatch(uid)}
    if not named:
        raise BadValue("a rejection note that names no instance")
    if len(named) > MOST_NAMED:
        raise BadValue(f"a rejection note that names more than {MOST_NAMED} instances")
    return code, tuple(sorted(named))


def _titles(key_object: Dataset) -> Iterator[tuple[str, str]]:
    for item in _items(key_object, TITLE):
        yield _text(item, "CodingSchemeDesignator").upper(), _text(item, "CodeValue")


def _named(key_object: Dataset) -> Iterator[str]:
    for study in _items(key_object, EVIDENCE):
        for series in _items(study, "ReferencedSeriesSequence"):
            for instance in _items(series, "ReferencedSOPSequence"):
                yield _text(instance, "ReferencedSOPInstanceUID")


def _items(dataset: Dataset, name: int | str) -> list[Any]:
    return list(dataset[name].value or ()) if name in dataset else []


def _text(item: Dataset, name: str) -> str:
    return str(item.get(name) or "").strip()
