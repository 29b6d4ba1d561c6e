"""Verbs that correct what the site knows of persons."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.operator.forget import forget_patient, found_patient
from flows.operator.patients import conflicts, correct
from flows.verbs.terminal import confirmed
from flows.verbs.terminal_operator import show_conflicts, show_correction, show_forgotten
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json


def patient_conflicts(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List ids that stand for nobody, or for people who cannot be one, and those that may be spellings of one."""
    found = conflicts(opened(config))
    print_json(found) if as_json else show_conflicts(found, quiet=quiet)
    return 0


def merge(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take patient ids for one person: columns from_id, from_issuer, to_id, to_issuer; the next night follows."""
    return _corrected("merge", csv, config, as_json, quiet)


def unmerge(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take merges back, by the same columns; the next night follows."""
    return _corrected("unmerge", csv, config, as_json, quiet)


def _corrected(verb: Literal["merge", "unmerge"], csv: Path, config: Path, as_json: bool, quiet: bool) -> int:

    report = correct(opened(config), csv, verb)
    print_json(report) if as_json else show_correction(report, quiet=quiet)
    return 1 if report.refused else 0


def forget(
    patient: str | None = None,
    *,
    issuer: str | None = None,
    yes: Annotated[bool, Parameter(negative="", help="do not ask")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Forget a person, by patient id or key: rows, pictures, pages; without PATIENT, finish what was cut off."""
    site = opened(config)
    key = found_patient(site, patient, issuer) if patient else None
    if key and not yes and not confirmed("This cannot be undone. Forget this person?"):
        return 1
    found = forget_patient(site, key)
    print_json(found) if as_json else show_forgotten(found, quiet=quiet)
    return 0
