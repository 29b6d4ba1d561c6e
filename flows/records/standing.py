"""What an encoder that serves has shown on this archive, in a sentence for people."""

from sqlalchemy import Connection

from db.encoders import EncoderRow
from db.evaluations import EvaluationRow, evaluations
from db.scans import count_patients
from evaluation.cohort import FEWEST_PATIENTS
from evaluation.questions import Task
from review.words import percent, plain_way, share_right
from siamese.pairs import VALIDATION_BELOW


def standing(connection: Connection, encoder: EncoderRow) -> str:
    """Return what the newest evaluation of an encoder for its purpose says, or why there is none."""
    task: Task = "finding" if encoder.purpose == "finding" else "patient"
    mine = (row for row in evaluations(connection, encoder.id) if row.task == task and not row.kind)
    newest = next(mine, None)
    if newest is None:
        return _not_judged(connection, encoder)
    return f"{_measured(newest, task)}{'' if encoder.provisional else ', less than this encoder'}"


def never_seen_since(origin: str) -> float:
    """Return the drawn number from which on patients are certain to be unknown to an encoder."""
    return VALIDATION_BELOW if origin == "trained" else 0.0


def _not_judged(connection: Connection, encoder: EncoderRow) -> str:
    if not count_patients(connection, encoder.cover, since=0.0):
        return "not judged yet: no scan of this cover is here"
    n_patients = count_patients(connection, encoder.cover, since=never_seen_since(encoder.origin))
    if n_patients >= FEWEST_PATIENTS:
        return "not judged yet"
    people = "1 patient is" if n_patients == 1 else f"{n_patients} patients are"
    return f"not judged yet: {people} here whom it never saw, {FEWEST_PATIENTS} are wanted"


def _measured(row: EvaluationRow, task: Task) -> str:
    if row.p_at_1 is None or row.p_at_1_low is None or row.p_at_1_high is None:
        return "no search had anything relevant to find: nothing was measured"
    told = share_right(task, row.p_at_1, row.p_at_1_low, row.p_at_1_high, row.n_queries)
    if row.lift is None or not row.lift_over:
        return told
    return f"{told}; {plain_way(row.lift_over)}, of the plain ways the hardest to beat, reaches " + percent(
        max(0.0, row.p_at_1 - row.lift)
    )
