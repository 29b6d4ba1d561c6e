"""Answers for a clinician: where have I seen this before, and how alike are these two."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from db import calibrations
from db.embeddings import vector_of
from db.encoders import EncoderRow, active_encoders
from db.lists import ScanLane, history_of_scan, lanes_of_scan
from db.scans import ACCEPTED, HELD_BACK, ScanRow
from flows.answers.answer import filled
from flows.answers.lanes import Comparison, EncoderComparison, Lane, PastMatch, Similar, SimilarWithHistory
from flows.clinician.answer import answer_of, doubts_of, listed_scan
from flows.clinician.expectations import new_expectation, stored_change, stored_expectation
from flows.clinician.query import query_of, uncompared
from flows.records.lookup import find_scan, main_scans
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site
from flows.work.outputs import require_new_file
from siamese.manifest import Manifest
from siamese.search.distance import distance
from siamese.training.figures import place_of


def similar_to(
    site: Site,
    *,
    scan: str | None = None,
    study: str | None = None,
    accession: str | None = None,
    files: Sequence[Path] | None = None,
    page: Path | None = None,
    history: bool = False,
    any_kind: bool = False,
) -> Sequence[Similar]:
    """The lanes of a scan, of each main scan of a study, or of files that are not in the archive.

    With `history` also what ever entered, moved and left its lists, and why; files have none. With `any_kind` every
    kind of its modality is searched now, in place of the lists that the nights keep.

    Raises:
        NotFound: Nothing answers to what was asked.
        WrongUsage: The page cannot be written there, or what was asked does not go together.
    """
    if any_kind and (history or page is not None):
        raise WrongUsage("--any-kind searches now and keeps nothing: it goes with neither --page nor --history")
    if page is not None:
        require_new_file(site, page, "--page")
    if files:
        if page is not None:
            raise WrongUsage("--page takes a scan of the archive: files from outside have no page")
        from flows.clinician.external import similar_to_files  # pydicom and scipy: only who asks with a file pays

        return similar_to_files(site, files, any_kind=any_kind)
    with site.db.read() as connection:
        scans = [find_scan(connection, scan)] if scan else main_scans(connection, study_uid=study, accession=accession)
        answers: Sequence[Similar] = [_answer(site, connection, row, any_kind=any_kind) for row in scans]
        if history:
            answers = [_with_history(connection, answer) for answer in answers]
        if page is not None:
            _write_page(site, connection, scans, page)
    return answers


def _write_page(site: Site, connection: Connection, scans: Sequence[ScanRow], page: Path) -> None:
    from review.report import write_matches

    if len(scans) > 1:
        raise NotFound("that study has several scans; name one of them for a page")
    write_matches(connection, scans[0].key, store=site.store, out=page)


def _with_history(connection: Connection, answer: Similar) -> SimilarWithHistory:
    past = [filled(PastMatch, row) for row in history_of_scan(connection, answer.scan)]
    return filled(SimilarWithHistory, answer, history=past)


def _answer(site: Site, connection: Connection, scan: ScanRow, *, any_kind: bool) -> Similar:
    lanes: list[Lane] = []
    if scan.state == ACCEPTED and scan.is_main and not any_kind:
        lanes = [_stored(lane) for lane in lanes_of_scan(connection, scan.key)]
    elif scan.state == ACCEPTED or (scan.state == HELD_BACK and any_kind):
        from flows.clinician.external import on_request

        lanes = on_request(site, connection, scan, any_kind=any_kind)
    code = scan.code if scan.state != ACCEPTED else "ok" if lanes else "no-encoder" if any_kind else "not-yet-matched"
    beside = uncompared(site, connection, query_of(connection, scan)) if scan.state == HELD_BACK else None
    return answer_of(
        connection, scan=scan.key, kind=scan.kind, contrast=scan.contrast, code=code, doubts=doubts_of(scan),
        lanes=lanes, any_kind=any_kind, uncompared=beside,
    )  # fmt: skip


def _stored(lane: ScanLane) -> Lane:
    """One lane as the last night left it."""
    matches = [
        listed_scan(
            row, scan=row.prior, match=str(row.id), rank=row.rank, distance=row.distance, provisional=lane.provisional,
            expected_by_chance=stored_expectation(row, lane.n_unrelated), change=stored_change(row),
        )
        for row in lane.matches
    ]  # fmt: skip
    return filled(Lane, lane, outcome=lane.code, matches=matches)


def compare_scans(site: Site, a: str, b: str) -> Comparison:
    """Distance of two scans by each active encoder, and its place among this encoder's alike and unlike pairs.

    Raises:
        NotFound: A scan is unknown, or no active encoder has vectors of both.
    """
    with site.db.read() as connection:
        first, second = find_scan(connection, a), find_scan(connection, b)
        found = []
        for encoder in active_encoders(connection):
            vectors = [vector_of(connection, scan.key, encoder.id) for scan in (first, second)]
            if None not in vectors:
                left, right = (np.frombuffer(v, "<f4") for v in vectors if v is not None)
                found.append(_compared(connection, encoder, (first, second), distance(left, right, encoder.metric)))
    if not found:
        raise NotFound("no active encoder has vectors of both scans: one 2-D and one 3-D, or a night is due")
    return Comparison(
        a=first.key, b=second.key, kinds=[first.kind, second.kind], same_kind=first.kind == second.kind,
        same_patient=first.patient == second.patient, encoders=found,
    )  # fmt: skip


def _compared(
    connection: Connection, encoder: EncoderRow, scans: tuple[ScanRow, ScanRow], value: float
) -> EncoderComparison:
    manifest = Manifest.from_json(encoder.manifest)
    cutoff = manifest.figures.get("validation", {}).get("cutoff")
    place = place_of(value, manifest.histograms.get("validation"), cutoff)
    calibration, n_patients = None, 0
    if scans[0].kind == scans[1].kind:
        later = max(scans, key=lambda scan: (str(scan.acquired_from or ""), scan.key))
        calibration = calibrations.calibration_of(connection, encoder.id, later.kind)
        lanes = lanes_of_scan(connection, later.key)
        n_patients = max((lane.n_unrelated for lane in lanes if lane.encoder == encoder.id), default=0)
    return EncoderComparison(
        encoder=encoder.id,
        purpose=encoder.purpose,
        provisional=encoder.provisional,
        distance=value,
        expected_by_chance=new_expectation(calibration, value, n_patients),
        alike_nearer=place.alike_nearer,
        unlike_nearer=place.unlike_nearer,
        cutoff=place.cutoff,
        is_alike=place.is_alike,
    )
