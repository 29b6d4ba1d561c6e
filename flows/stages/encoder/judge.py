"""Judging: whether an encoder that serves has earned its place here, asked once there are people whom it never saw."""

from collections import Counter

from db.encoders import EncoderRow, active_encoders, set_provisional
from db.evaluations import patients_measured
from db.scans import count_patients
from evaluation.cohort import FEWEST_PATIENTS
from evaluation.protocol import evaluate
from evaluation.questions import Task
from flows.records.cohort import baselines_of, read_encoder_cohort
from flows.records.readings import record, report_of
from flows.records.standing import never_seen_since
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.site.settings import new_scans_wanted
from flows.stages.embed.inputs import TO_MAKE, done_with_inputs, missing_inputs, require_inputs
from flows.work import interrupt
from flows.work.lease import Ticket

MOST_PATIENTS = 300  # that a night asks about: those with the lowest drawn numbers
GROWN = 2  # times the patients of the last reading: then it is asked again


def judge_active(site: Site, ticket: Ticket) -> Counter[str]:
    """Measure each provisional encoder that serves, unless that was done with nearly as many people; note what it is.

    Each reading of test is numbered and recorded, as that of `scantwin evaluate` is.
    """
    counts: Counter[str] = Counter()
    if new_scans_wanted(site.settings.siamese.train_when) is None:  # a person decides about encoders here
        return counts
    with site.db.read() as connection:
        provisional = [row for row in active_encoders(connection) if row.provisional]
    for row in provisional:
        if not ticket.is_late() and _is_due(site, row):
            interrupt.check()
            counts += _judge(site, ticket, row)
    return counts


def _is_due(site: Site, row: EncoderRow) -> bool:
    with site.db.read() as connection:
        n_known = count_patients(connection, row.cover, since=never_seen_since(row.origin))
        n_now = min(n_known, MOST_PATIENTS)
        n_then = patients_measured(connection, row.id)
    return n_now >= FEWEST_PATIENTS and (n_then is None or n_now >= GROWN * n_then)


def _judge(site: Site, ticket: Ticket, row: EncoderRow) -> Counter[str]:
    task: Task = "finding" if row.purpose == "finding" else "patient"
    try:
        with site.db.read() as connection:
            asked = read_encoder_cohort(site, connection, row, task=task, most_patients=MOST_PATIENTS)
    except NotFound:
        return Counter()
    if asked is None or (task == "finding" and not any(asked.cohort.present)):  # without labels nothing is relevant
        return Counter()
    if missing_inputs(site, row.recipe, asked.cohort.keys):
        n_asked = require_inputs(site, ticket, row.recipe, asked.cohort.keys, reason="judging")
        return Counter({TO_MAKE: n_asked})
    found = evaluate(asked.cohort, asked.folds, baselines_of(site, asked), task=task, metric=row.metric)
    record(site, ticket, report_of(asked, found, task, ""), night=ticket.night)
    done_with_inputs(site, ticket, row.recipe, reason="judging")
    with site.db.write(ticket.right) as connection:
        set_provisional(connection, row.id, not found.earned)
    return Counter(judged=1, earned=int(found.earned))
