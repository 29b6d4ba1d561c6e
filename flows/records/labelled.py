"""Examples: main scans with their labels, as training and evaluation take them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from db.calibrations import CalibrationScan
from db.labels import LabelFacts, read_labels
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.scans import EligibleScan, eligible_scans
from flows.records.persons import aliases
from flows.records.recipes import own_recipe
from flows.site.opened import Site
from siamese.example import Example
from siamese.recipe import Recipe

Labels = Mapping[tuple[str, str], Sequence[LabelFacts]]  # (patient or study, its key) -> its labels
Scanned = EligibleScan | CalibrationScan


def read_examples(site: Site, connection: Connection, cover: str) -> list[Example]:
    """Read the eligible scans of a cover, whether their inputs are kept or not, in the order of their keys."""
    rows = eligible_scans(connection, cover)
    return examples_of(site, connection, rows, read_labels(connection), own_recipe(site, cover))


def examples_of(
    site: Site, connection: Connection, rows: Sequence[EligibleScan], labels: Sequence[LabelFacts], recipe: Recipe
) -> list[Example]:
    """Return rows of `eligible_scans` as examples, with what these rows of label say of them."""
    by_subject = labels_by_subject(labels, aliases(site, connection))
    return [
        Example(
            scan=row.key,
            patient=row.patient,
            study=row.study,
            kind=row.kind,
            tensor=site.tensor(recipe.digest(), row.key),
            present=findings_of(row, by_subject, "present"),
            absent=findings_of(row, by_subject, "absent"),
            split_number=row.split,
        )
        for row in rows
    ]


def findings_of(scan: Scanned, labels: Labels, value: str) -> frozenset[str]:
    """Findings that labels of the scan's study or patient give this value, for its kind and time."""
    return frozenset(row.finding for row in _labels_of(scan, labels) if row.value == value)


@dataclass(frozen=True)
class Described:
    """What labels tell of a scan besides its findings; None where they do not."""

    size_mm: float | None  # of the largest finding that is present
    contrast_to_noise: float | None  # of the same one
    site: str | None  # None too where labels name several


def described(scan: Scanned, labels: Labels) -> Described:
    """Size and contrast of the largest finding of a scan, and the site where it was made."""
    about = _labels_of(scan, labels)
    sites = {row.site for row in about if row.site}
    present = [row for row in about if row.value == "present"]
    largest = max(present, key=lambda row: (row.size_mm or 0.0, row.contrast_to_noise or 0.0), default=None)
    return Described(
        None if largest is None else largest.size_mm,
        None if largest is None else largest.contrast_to_noise,
        sites.pop() if len(sites) == 1 else None,
    )


def _labels_of(scan: Scanned, labels: Labels) -> list[LabelFacts]:
    """Return the labels of the scan's study or patient that hold for its kind and time."""
    about = [*labels.get(("study", scan.study), ()), *labels.get(("patient", scan.patient), ())]
    return [row for row in about if _holds(row, scan)]


def _holds(label: LabelFacts, scan: Scanned) -> bool:
    if label.kind and label.kind != scan.kind and not scan.kind.startswith(label.kind + "/"):
        return False
    if (label.valid_from, label.valid_until) == (ALWAYS_FROM, ALWAYS_UNTIL):
        return True
    date = scan.acquired_local_date
    return date is not None and label.valid_from <= date <= label.valid_until


def labels_by_subject(
    rows: Sequence[LabelFacts], aliases: Mapping[str, str]
) -> dict[tuple[str, str], list[LabelFacts]]:
    """Return the labels of each (subject, key); a merged patient's count for the person they are now."""
    found: dict[tuple[str, str], list[LabelFacts]] = defaultdict(list)
    for row in rows:
        key = row.subject_key
        found[(row.subject, aliases.get(key, key))].append(row)
    return found
