"""Verbs that say what is known of patients and studies."""

from pathlib import Path

from flows.operator.verdict_statistics import labels_from_verdicts
from flows.records.labels import read_labels
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json


def import_labels(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Import labels: columns patient or study, finding, value, and optionally kind, from, until, grade, source."""
    report = read_labels(opened(config), csv)
    if as_json:
        print_json(report)
    elif not quiet:
        print(f"{report.imported} labels imported, {report.known} known before, {len(report.refused)} refused")
        for line in report.refused:
            print(f"  line {line.line}: {line.why}")
    return 1 if report.refused else 0


def from_verdicts(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make labels to learn from of the judgements on other patients' scans, in place of those made before."""
    found = labels_from_verdicts(opened(config))
    if as_json:
        print_json(found)
    elif not quiet:
        print(f"{found.labels} labels from verdicts, {found.new_or_changed} new or changed, "
              f"{found.taken_back} taken back; readers disagree on {found.disagreed} pairs")  # fmt: skip
    return 0
