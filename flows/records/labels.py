"""Labels from a CSV: what is present or absent, of a patient or a study."""

import csv
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Self, TextIO

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from db import identity
from db.identity import patients_by_id
from db.labels import LabelFacts, save_labels
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.rows import mapping_of
from flows.answers import corrections
from flows.answers.answer import filled
from flows.answers.corrections import ImportedLabels
from flows.records.csv_line import CsvLine, RefusedLine
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


def _value(text: str) -> str:
    if text not in ("present", "absent"):
        raise RefusedLine(f"value is {text[:20]!r}, wanted present or absent")
    return text


def _finding(text: str) -> str:
    if not text or len(text) > LONGEST:
        raise RefusedLine("finding is empty or very long")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RefusedLine(f"{text[:20]!r} is not a date such as 2026-01-31") from None


def _above_0(text: str, info: ValidationInfo) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise RefusedLine(f"{info.field_name} is {text[:20]!r}, wanted a number above 0")
    return number


Day = Annotated[date, BeforeValidator(_day)]
Above0 = Annotated[float, BeforeValidator(_above_0)]


class LabelLine(CsvLine):
    """A line of a CSV of labels; its errors are told in the order of the fields."""

    patient: str = ""
    study: str = ""
    value: Annotated[str, AfterValidator(_value)] = Field("", validate_default=True)
    finding: Annotated[str, AfterValidator(_finding)] = Field("", validate_default=True)
    valid_from: Day = Field(ALWAYS_FROM, alias="from")
    until: Day = ALWAYS_UNTIL
    kind: str = ""
    grade: str | None = None
    size_mm: Above0 | None = None
    contrast_to_noise: Above0 | None = None
    site: str | None = None
    source: str = "csv"

    @model_validator(mode="before")
    @classmethod
    def _has_subject(cls, values: Mapping[str, str]) -> Mapping[str, str]:
        if not any(values.get(name) for name in SUBJECTS):
            raise RefusedLine("neither patient nor study is given")
        return values

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.valid_from > self.until:
            raise RefusedLine("from is after until")
        return self


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


def label_rows(site: Site, path: Path) -> tuple[list[LabelFacts], list[dict[str, object]]]:
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
                rows.append(_row(site, known, LabelLine.read(line)))
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


def _row(site: Site, known: _Known, line: LabelLine) -> LabelFacts:
    subject = "patient" if line.patient else "study"
    return LabelFacts(
        subject=subject,
        subject_key=_patient_key(known, line.patient) if line.patient else _study_key(site, known, line.study),
        finding=line.finding,
        value=line.value,
        kind=line.kind,
        valid_from=line.valid_from,
        valid_until=line.until,
        grade=line.grade,
        size_mm=line.size_mm,
        contrast_to_noise=line.contrast_to_noise,
        site=line.site and line.site[:LONGEST],
        source=line.source,
    )


def _study_key(site: Site, known: _Known, uid: str) -> str:
    key = site.keys.key("study", uid)
    if key in known.shared:
        raise RefusedLine("several people share this study UID; label by patient instead")
    return key


def _patient_key(known: _Known, patient_id: str) -> str:
    """The key of a patient id, which is looked up, because the id alone lacks its issuer."""
    found = known.patients.get(patient_id, [])
    if not found:
        raise RefusedLine("this patient is not in the archive (yet); import again after the night that took it in")
    if len(found) > 1:
        raise RefusedLine(f"{len(found)} patients have this id, by issuer or by name; label by study instead")
    return found[0]
