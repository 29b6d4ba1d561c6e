"""Readings: one evaluation as the public JSON has it, and as a row that counts how often test was read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from db.evaluations import EvaluationFacts, save_evaluation
from db.rows import mapping_of
from evaluation.protocol import Evaluation
from evaluation.questions import Task
from flows.answers.answer import filled
from flows.records.cohort import EncoderCohort
from flows.site.opened import Site
from flows.work.lease import Ticket
from siamese.statistics.intervals import Estimate


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


@dataclass(frozen=True, slots=True)
class _Lift:
    """How far it is ahead of the plain way that it is least ahead of."""

    over: str
    p_at_1: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What of a report its row holds; the field names are public keys."""

    encoder: str | None
    folds: int
    cover: str
    task: str
    kind: str
    gallery: str
    code: str
    queries: int
    patients: int
    metrics: Mapping[str, Mapping[str, Any]]
    lift: Mapping[str, Any] | None


def record(site: Site, ticket: Ticket, report: Mapping[str, Any], *, night: int | None = None) -> int:
    """Write the row of an evaluation, of the night that asked or of a person; returns which reading of test it was."""
    read = filled(_Read, report)
    lift = _Lift("", None, None, None) if read.lift is None else _Lift(**read.lift)
    first, all_relevant = Estimate(**read.metrics["p_at_1"]), Estimate(**read.metrics["map_at_r"])
    facts = EvaluationFacts(
        night=night, encoder=read.encoder, folds=read.folds, cover=read.cover, task=read.task, kind=read.kind,
        gallery=read.gallery, n_queries=read.queries, n_patients=read.patients, p_at_1=first.value,
        p_at_1_low=first.low, p_at_1_high=first.high, map_at_r=all_relevant.value, map_at_r_low=all_relevant.low,
        map_at_r_high=all_relevant.high, lift_over=lift.over, lift=lift.p_at_1, lift_low=lift.low,
        lift_high=lift.high, code=read.code, result=json.dumps(without_keys(report), allow_nan=False),
    )  # fmt: skip
    with site.db.write(ticket.right) as connection:
        return save_evaluation(connection, mapping_of(facts))


def without_keys(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report without the keys of scans that its hubs bear: a row outlives the scans it was made of."""
    copy: dict[str, Any] = json.loads(json.dumps(report))
    for gallery in copy["evaluation"]["galleries"].values():
        for hub in gallery["hubness"]["worst"]:
            del hub["scan"]
    return copy
