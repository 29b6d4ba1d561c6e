"""Readings: one evaluation as the public JSON has it, and as a row that counts how often test was read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from db.evaluations import save_evaluation
from evaluation.protocol import Evaluation
from evaluation.questions import Task
from flows.records.cohort import EncoderCohort
from flows.site.opened import Site
from flows.work.lease import Ticket


def report_of(asked: EncoderCohort, found: Evaluation, task: Task, kind: str) -> dict[str, Any]:
    """Return the public JSON of one encoder's evaluation."""
    cohort = asked.cohort
    return found.to_json() | {
        "encoder": asked.encoder.id or None,  # None: one a fold, none of them kept
        "folds": len(asked.folds),
        "cover": asked.encoder.cover,
        "purpose": asked.encoder.purpose,
        "origin": asked.encoder.origin,
        "kind": kind,
        "gallery": found.main_gallery,
        "code": "earned" if found.earned else "provisional",
        "reasons": list(found.reasons),
        "never_seen": asked.sentence,
        "disjoint": [asdict(fold) for fold in found.folds],
        "measured_on": {
            "scans": len(cohort),
            "patients": len(set(cohort.patients)),
            "studies": len(set(cohort.studies)),
            "kinds": _counts(cohort.kinds),
            "labelled_scans": sum(bool(p or a) for p, a in zip(cohort.present, cohort.absent, strict=True)),
            "findings": _counts([name for present in cohort.present for name in sorted(present)]),
            "dated": bool(found.main_gallery == "prior"),
            **{trait: _counts([value or "unknown" for value in values]) for trait, values in cohort.traits.items()},
        },
    }


def _counts(values: Sequence[str]) -> dict[str, int]:
    names = sorted(set(values), key=lambda name: (-values.count(name), name))
    return {name: values.count(name) for name in names}


def record(site: Site, ticket: Ticket, report: Mapping[str, Any], *, night: int | None = None) -> int:
    """Write the row of an evaluation, of the night that asked or of a person; returns which reading of test it was."""
    figures, lift = report["metrics"], report["lift"] or {"over": "", "p_at_1": None, "low": None, "high": None}
    row = {
        "night": night,
        **{name: report[name] for name in ("encoder", "folds", "cover", "task", "kind", "gallery", "code")},
        "n_queries": report["queries"], "n_patients": report["patients"],
        "lift_over": lift["over"], "lift": lift["p_at_1"], "lift_low": lift["low"], "lift_high": lift["high"],
        "result": json.dumps(without_keys(report), allow_nan=False),
    }  # fmt: skip
    for name in ("p_at_1", "map_at_r"):
        row |= {
            name: figures[name]["value"],
            f"{name}_low": figures[name]["low"],
            f"{name}_high": figures[name]["high"],
        }
    with site.db.write(ticket.right) as connection:
        return save_evaluation(connection, row)


def without_keys(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report without the keys of scans that its hubs bear: a row outlives the scans it was made of."""
    copy: dict[str, Any] = json.loads(json.dumps(report))
    for gallery in copy["evaluation"]["galleries"].values():
        for hub in gallery["hubness"]["worst"]:
            del hub["scan"]
    return copy
