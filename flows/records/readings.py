"""Readings: one evaluation as the public JSON has it, and as a row that counts how often test was read."""

import json
from collections.abc import Mapping, Sequence

from db.evaluations import EvaluationFacts, save_evaluation
from db.rows import mapping_of
from evaluation.cohort import Cohort
from evaluation.figures import HEADLINE, Evaluation
from evaluation.questions import Task
from evaluation.report import Lift, MeasuredOn, Report, figures_of_baselines, lift_of, without_keys
from flows.records.cohort import EncoderCohort
from flows.site.opened import Site
from flows.work.lease import Ticket

UNKNOWN = "unknown"
ALL_RELEVANT = "map_at_r"  # the figure that a row holds besides the headline


def report_of(asked: EncoderCohort, found: Evaluation, task: Task, kind: str) -> Report:
    """Return the public JSON of one encoder's evaluation."""
    main = found.main.headline
    return Report(
        task=task,
        queries=main.queries,
        patients=main.patients,
        metrics=main.metrics,
        baselines=figures_of_baselines(found),
        lift=lift_of(found),
        provisional=not found.earned,
        evaluation=found,
        encoder=asked.encoder.id or None,  # None: one a fold, none of them kept
        folds=len(asked.folds),
        cover=asked.encoder.cover,
        purpose=asked.encoder.purpose,
        origin=asked.encoder.origin,
        kind=kind,
        gallery=found.main_gallery,
        code="earned" if found.earned else "provisional",
        reasons=found.reasons,
        never_seen=asked.sentence,
        disjoint=found.folds,
        measured_on=_measured_on(asked.cohort, is_dated=found.main_gallery == "prior"),
    )


def _measured_on(cohort: Cohort, *, is_dated: bool) -> MeasuredOn:
    traits = {name: _counts([value or UNKNOWN for value in values]) for name, values in cohort.traits.items()}
    return MeasuredOn(
        scans=len(cohort),
        patients=len(set(cohort.patients)),
        studies=len(set(cohort.studies)),
        kinds=_counts(cohort.kinds),
        labelled_scans=sum(bool(p or a) for p, a in zip(cohort.present, cohort.absent, strict=True)),
        findings=_counts([name for present in cohort.present for name in sorted(present)]),
        dated=is_dated,
        **traits,
    )


def _counts(values: Sequence[str]) -> Mapping[str, int]:
    names = sorted(set(values), key=lambda name: (-values.count(name), name))
    return {name: values.count(name) for name in names}


def record(site: Site, ticket: Ticket, report: Report, *, night: int | None = None) -> int:
    """Write the row of an evaluation, of the night that asked or of a person; returns which reading of test it was."""
    first, all_relevant = report.metrics[HEADLINE], report.metrics[ALL_RELEVANT]
    lift = report.lift or Lift("", None, None, None)
    facts = EvaluationFacts(
        night=night, encoder=report.encoder, folds=report.folds, cover=report.cover, task=report.task,
        kind=report.kind, gallery=report.gallery, n_queries=report.queries, n_patients=report.patients,
        p_at_1=first.value, p_at_1_low=first.low, p_at_1_high=first.high,
        map_at_r=all_relevant.value, map_at_r_low=all_relevant.low, map_at_r_high=all_relevant.high,
        lift_over=lift.over, lift=lift.p_at_1, lift_low=lift.low, lift_high=lift.high,
        code=report.code, result=json.dumps(without_keys(report).to_json(), allow_nan=False),
    )  # fmt: skip
    with site.db.write(ticket.right) as connection:
        return save_evaluation(connection, mapping_of(facts))
