"""Promoting: a candidate is held against the active encoder, on the same queries of people neither ever saw."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.embeddings import embeddings_of, kinds_of
from db.encoders import encoder_row
from evaluation.overlap import shared
from evaluation.promotion import Decision, decide_by
from evaluation.protocol import evaluate
from evaluation.questions import Task
from flows.records.cohort import EncoderCohort, baselines_of, read_encoder_cohort
from flows.records.readings import record, report_of
from flows.records.space import order_of
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.stages.embed.vectors import embed_scans
from flows.work.batch import slices
from flows.work.batch_ids import scan_ids
from flows.work.lease import Ticket
from siamese.pairs import VALIDATION_BELOW
from siamese.search.distance import Metric
from siamese.vector_bytes import from_bytes

ACTIVE = "active"  # the rival's name
TEST = (VALIDATION_BELOW, 1.0)
Vectors = NDArray[np.float32]


def decide_on(site: Site, ticket: Ticket, candidate: str, active: str) -> Decision | None:
    """Compare a candidate with the active encoder by the protocol; None where too few people are left to ask about.

    The candidate's vectors of these people's scans are kept: the next night need not make them again. The reading of
    test is numbered and recorded as that of `scantwin evaluate` is.
    """
    with site.db.read() as connection:
        row, rival = encoder_row(connection, candidate), encoder_row(connection, active)
        vectors = _vectors(connection, active)
        made = _vectors(connection, candidate)
    if not _embed(site, ticket, candidate, sorted(vectors.keys() - made.keys())):
        return None
    task: Task = "finding" if row.purpose == "finding" else "patient"
    try:
        with site.db.read() as connection:
            asked = read_encoder_cohort(site, connection, row, task=task)
    except NotFound:
        return None
    if asked is None or not set(asked.cohort.keys) <= vectors.keys() or rival.metric != row.metric:
        return None
    theirs = np.stack([vectors[key] for key in asked.cohort.keys])
    found = evaluate(
        asked.cohort, [asked.fold], baselines_of(site, asked), task=task, rivals={ACTIVE: theirs},
        metric=row.metric,
    )  # fmt: skip
    reading = record(site, ticket, report_of(asked, found, task, ""), night=ticket.night)
    decision = decide_by(found, ACTIVE)
    alike = overlap(site, asked, theirs, row.metric)
    told = (f"reading {reading} of {row.cover} test patients", f"overlap@10 with the active encoder {alike:.2f}")
    return Decision(decision.promote, decision.provisional, (*decision.reasons, *told))


def overlap(site: Site, asked: EncoderCohort, theirs: Vectors, metric: Metric) -> float:
    """Return which share of the first ten of each list both encoders show, mean over queries that have a list."""
    shares: list[float] = []
    for rows in asked.cohort.rows_by_kind(np.arange(len(asked.cohort))).values():
        galleries = [asked.cohort.gallery(rows, vectors[rows]) for vectors in (asked.fold.vectors, theirs)]
        shares += shared(galleries, np.arange(len(rows)), [metric, metric], order_of(site))
    return float(np.mean(shares)) if shares else float("nan")


def _embed(site: Site, ticket: Ticket, candidate: str, scans: list[str]) -> bool:
    """Embed for a candidate, however late it is; True when every scan has its vector."""
    if site.settings.flows.pools:  # on the machines that will embed the rest for it: devices must not mix
        from flows.stages.embed.gpu_pool import embed_on_pool

        return embed_on_pool(site, ticket, {candidate: scans})["new_embeddings"] == len(scans)
    for some in slices(scan_ids(candidate, scans), site.settings.flows.scans_per_task):
        embed_scans(site, ticket, some)
    return True


def _vectors(connection: Connection, encoder: str) -> Mapping[str, Vectors]:
    """Return the vectors of main scans of people who are test, by scan."""
    found: dict[str, Vectors] = {}
    for kind in kinds_of(connection, encoder):
        some = embeddings_of(connection, encoder, kind, between=TEST)
        for scan, content in zip(some.scans, some.vectors, strict=True):
            found[scan] = from_bytes(content)
    return found
