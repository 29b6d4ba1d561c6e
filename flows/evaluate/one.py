"""Evaluate: what the active encoders are worth on this archive, or on a folder with labels."""

import json
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import Connection

from db.encoders import EncoderRow, active_encoders, all_encoders
from db.labels import read_labels
from db.scans import eligible_scans
from evaluation.evidence import Curves, curves
from evaluation.learning_curve import NumberedCurve
from evaluation.protocol import evaluate
from evaluation.questions import Task
from evaluation.report import EvidenceReport, NumberedReport
from flows.answers.answer import filled
from flows.answers.evaluation import Evaluated, EvaluatedCover
from flows.evaluate.request import Count, EvaluationRequest, Opening, each_cover, most_asked_first, opened
from flows.records.cohort import EncoderCohort, Labels, baselines_of, read_encoder_cohort
from flows.records.lookup import find_encoder
from flows.records.readings import record, report_of
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.stages.embed.inputs import done_with_inputs, require_for_evaluation
from flows.work.lease import day_ticket
from review.evidence import write_evidence
from review.manifest import training_of
from scans.atomic import write_atomically
from siamese.recipe import COVERS

STEPS = 4  # tables, baselines, protocol, page


def evaluate_site(site: Site, request: EvaluationRequest) -> Evaluated:
    """Evaluate an encoder of each cover; writes a row, a page and its JSON each, and returns the public report.

    Raises:
        NotFound: Nothing can be evaluated; the text says what to do.
        flows.site.errors.WrongUsage: The CSV is none of labels.
        db.errors.NightRunning: A night is at work; nothing was recorded.
    """
    opening = opened(site, request)
    with site.db.read() as connection:
        task = request.task or task_of(connection, opening.labels)
        asked, too_few = _encoder_cohorts(opening, connection, task)
    require_for_evaluation(site, {one.encoder.recipe: one.cohort.keys for one in asked})

    def one(asked: EncoderCohort, done: Count) -> EvaluatedCover:
        return evaluate_cohort(site, asked, task, request, done)

    reports, _ = each_cover(asked, one, n_steps=lambda _: STEPS, step=request.step)
    return most_asked_first(reports, too_few, opening)


def task_of(connection: Connection, labels: Labels | None) -> Task:
    """Return "finding" where labels say that something is present, else "patient"."""
    rows = read_labels(connection) if labels is None else labels
    return "finding" if any(row.value == "present" for row in rows) else "patient"


def _encoder_cohorts(opening: Opening, connection: Connection, task: Task) -> tuple[list[EncoderCohort], list[str]]:
    """Read what is asked of each encoder, and why encoders have too few patients.

    Those without any scan or finding stay out unless all do.
    """
    kind, embedded, too_few = opening.request.kind, [], []
    for row in _encoders(connection, task, opening.request.encoder):
        try:
            one = read_encoder_cohort(opening.site, connection, row, task=task, kind=kind, labels=opening.labels)
        except NotFound as error:
            too_few.append(str(error))
            continue
        embedded += [] if one is None else [one]
    if not embedded and too_few:
        raise NotFound("; ".join(too_few))
    if not embedded:
        what = f"scan of kind {kind!r}" if kind else "main scan"
        raise NotFound(f"no {what} has a vector of these encoders yet: run scantwin night, then evaluate again")
    if task == "patient":
        return embedded, too_few
    labelled = [one for one in embedded if any(one.cohort.present)]
    if not labelled:
        raise NotFound(
            "no label says of these scans that a finding is present, so nothing can be relevant: "
            "scantwin labels import labels.csv, or name a CSV by --against, or ask for --task patient"
        )
    return labelled, too_few


def _encoders(connection: Connection, task: Task, encoder: str | None) -> list[EncoderRow]:
    """Return the encoder that was named, or the active one of each cover, made for the task where there is one."""
    if encoder is not None:
        return [find_encoder(all_encoders(connection), encoder)]
    active = active_encoders(connection)
    chosen = [sorted((r for r in active if r.cover == c), key=lambda r: r.purpose != task)[:1] for c in COVERS]
    return [row for some in chosen for row in some]


def evaluate_cohort(
    site: Site, asked: EncoderCohort, task: Task, request: EvaluationRequest, done: Count
) -> EvaluatedCover:
    """Evaluate what was read, and write its row, page and JSON; returns the report."""
    done(1)
    baselines = baselines_of(site, asked)
    done(2)
    metric = asked.encoder.metric
    found = evaluate(
        asked.cohort, asked.folds, baselines, task=task, metric=metric, n_resamples=request.n_resamples,
        n_permutations=request.n_permutations,
    )  # fmt: skip
    drawn = curves(asked.cohort, asked.folds, task=task, gallery=found.main_gallery, metric=metric)
    done(3)
    report = report_of(asked, found, task, request.kind)
    with day_ticket(site) as ticket:  # nobody is forgotten between the look and the page
        _check_all_there(site, asked)
        numbered = filled(NumberedReport, report, reading=record(site, ticket, report))
        page = _publish(site, asked, numbered, drawn, request.out)
        done_with_inputs(site, ticket, asked.encoder.recipe, reason="evaluation")
    done(4)
    return filled(EvaluatedCover, numbered, page=str(page), json=str(page.with_suffix(".json")))


def _check_all_there(site: Site, asked: EncoderCohort) -> None:
    """Refuse to show scans that were withdrawn or forgotten while they were evaluated."""
    encoder = asked.encoder
    with site.db.read() as connection:
        found = eligible_scans(connection, encoder.cover)
    if not {row.key for row in found}.issuperset(asked.cohort.keys):
        raise NotFound("scans were withdrawn or forgotten meanwhile, nothing was recorded: evaluate again")


def _learning(folder: Path, report: NumberedReport) -> NumberedCurve | None:
    """Return the newest learning curve of the cover and task that lies in the folder, or None."""
    path = folder / curve_name(report.cover, report.task)
    return TypeAdapter(NumberedCurve).validate_json(path.read_bytes()) if path.exists() else None


def curve_name(cover: str, task: str) -> str:
    """Return the name of the file that holds the newest learning curve of a cover and task."""
    return f"learning-{cover}-{task}.json"


def _free(page: Path) -> Path:
    """Return the path, or with a number behind its name if it is taken: another site counts its readings itself."""
    number, free = 1, page
    while free.exists() or free.is_symlink():
        number += 1
        free = page.with_stem(f"{page.stem}-{number}")
    return free


def _publish(site: Site, asked: EncoderCohort, report: NumberedReport, drawn: Curves, out: Path | None) -> Path:
    """Write the page and its JSON; returns where the page is."""
    folder = out or site.store / "evidence"
    page = _free(folder / f"evaluation-{report.cover}-{report.reading:05d}.html")
    content = filled(EvidenceReport, report, drawn=drawn, learning=_learning(folder, report))
    write_atomically(page.with_suffix(".json"), json.dumps(content.to_json(), allow_nan=False, indent=1).encode())
    with site.db.read() as connection:
        row = asked.encoder
        training = training_of(row.id or "None", row.cover, row.purpose, row.manifest)
        write_evidence(connection, content, training=training, store=site.store, out=page)
    return page
