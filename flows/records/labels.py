"""Labels from a CSV: what is present or absent, of a patient or a study."""

import csv
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from db import identity
from db.identity import patients_by_id
from db.labels import LabelFacts, save_labels
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.rows import mapping_of
from flows.answers import corrections
from flows.answers.answer import filled
from flows.answers.corrections import ImportedLabels
from flows.records.persons import merged_ids
from flows.site.errors import WrongUsage
from flows.site.opened import Site

SUBJECTS = ("patient", "study")
OPTIONAL = ("kind", "from", "until", "grade", "size_mm", "contrast_to_noise", "site", "source")
KNOWN = {*SUBJECTS, "finding", "value", *OPTIONAL}
LONGEST = 200


@dataclass(frozen=True)
class _Known:
    """Whom lines may name: patient id -> keys, and the keys of studies whose UID people share."""

    patients: Mapping[str, Sequence[str]]
    shared: Set[str]


class RefusedLine(ValueError):
    """A line of the CSV cannot be used."""


def read_labels(site: Site, path: Path) -> ImportedLabels:
    """Import a CSV of labels; lines that cannot be used are listed by number, the others are imported.

    Raises:
        WrongUsage: The file is no CSV of labels at all.
    """
    rows, refused = label_rows(site, path)
    with site.db.write() as connection:
        n_new = save_labels(connection, map(mapping_of, rows))
    lines = [filled(corrections.RefusedLine, line) for line in refused]
    return ImportedLabels(n_new, len(rows) - n_new, lines)


def label_rows(site: Site, path: Path) -> tuple[list[LabelFacts], list[dict[str, Any]]]:
    """Read a CSV of labels; returns what each says, and the refused lines. Nothing is written.

    Raises:
        WrongUsage: The file is no CSV of labels at all.
    """
    rows, refused = [], []
    with _opened(path) as file:
        reader = csv.DictReader(file)
        _check_columns(reader.fieldnames or [])
        with site.db.read() as connection:
            patients = patients_by_id(connection) | merged_ids(site, connection)
            known = _Known(patients, identity.shared_studies(connection))
        for line in reader:
            try:
                rows.append(_row(site, known, line))
            except RefusedLine as error:
                refused.append({"line": reader.line_num, "why": str(error)})
    return rows, refused


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise WrongUsage(f"cannot read {path}: {error.strerror}; name a CSV of labels") from error


def _check_columns(found: Sequence[str]) -> None:
    names = [name.strip() for name in found]
    subjects = [name for name in SUBJECTS if name in names]
    missing = {"finding", "value"} - set(names)
    unknown = set(names) - KNOWN
    if missing or not subjects or unknown:
        raise WrongUsage(
            f"columns found: {', '.join(names) or 'none'}; wanted patient or study, finding, value, and at most "
            f"{', '.join(OPTIONAL)}"
        )


def _row(site: Site, known: _Known, line: Mapping[str | None, str]) -> LabelFacts:
    if None in line or None in line.values():
        raise RefusedLine("it has more or fewer fields than the first line")
    values = {str(name).strip(): str(text).strip() for name, text in line.items()}
    subject = next((name for name in SUBJECTS if values.get(name)), None)
    if subject is None:
        raise RefusedLine("neither patient nor study is given")
    if values["value"] not in ("present", "absent"):
        raise RefusedLine(f"value is {values['value'][:20]!r}, wanted present or absent")
    if not values["finding"] or len(values["finding"]) > LONGEST:
        raise RefusedLine("finding is empty or very long")
    start, end = _day(values.get("from", ""), ALWAYS_FROM), _day(values.get("until", ""), ALWAYS_UNTIL)
    if start > end:
        raise RefusedLine("from is after until")
    return LabelFacts(
        subject=subject,
        subject_key=_subject_key(site, known, subject, values[subject]),
        finding=values["finding"],
        value=values["value"],
        kind=values.get("kind", ""),
        valid_from=start,
        valid_until=end,
        grade=values.get("grade") or None,
        size_mm=_positive(values, "size_mm"),
        contrast_to_noise=_positive(values, "contrast_to_noise"),
        site=values.get("site", "")[:LONGEST] or None,
        source=values.get("source", "") or "csv",
    )


def _positive(values: Mapping[str, str], name: str) -> float | None:
    text = values.get(name, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise RefusedLine(f"{name} is {text[:20]!r}, wanted a number above 0")
    return number


def _subject_key(site: Site, known: _Known, subject: str, text: str) -> str:
    """The key of a study UID or a patient id; patients are looked up, because the id alone lacks its issuer."""
    if subject == "study":
        key = site.keys.key("study", text)
        if key in known.shared:
            raise RefusedLine("several people share this study UID; label by patient instead")
        return key
    found = known.patients.get(text, [])
    if not found:
        raise RefusedLine("this patient is not in the archive (yet); import again after the night that took it in")
    if len(found) > 1:
        raise RefusedLine(f"{len(found)} patients have this id, by issuer or by name; label by study instead")
    return found[0]


def _day(text: str, otherwise: date) -> date:
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RefusedLine(f"{text[:20]!r} is not a date such as 2026-01-31") from error
