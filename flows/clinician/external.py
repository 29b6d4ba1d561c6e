"""Questions from outside: files that are not in the archive, and scans that stand for no study.

They are searched among the main scans as any scan is, and leave nothing behind.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db import calibrations
from db.embeddings import vector_of
from db.encoders import EncoderRow, active_encoders
from db.engine import utc_microseconds
from db.scans import ScanFacts, ScanRow, scan_facts
from flows.answers.lanes import Lane, ListedScan, Similar
from flows.clinician.answer import answer_of, listed_scan
from flows.clinician.expectations import new_change, new_expectation
from flows.clinician.query import Query, is_dated, query_of, uncompared
from flows.records.dating import dated, today
from flows.records.persons import patient_outside
from flows.records.scanner import same_scanner, scanner_of
from flows.records.series import stack_of
from flows.records.space import Space, order_of, read_space
from flows.records.whose import study_outside
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.stages.match.ending import ending_of
from flows.work.sandbox import guard_of
from scans.archive import path_text
from scans.outcome import Refusal
from scans.siblings import names_no_part, part_beside
from scans.stack import Member, Stack, group
from scans.volume import read_volume
from siamese.calibration.measure import lane_code
from siamese.search.gallery import UNKNOWN_US
from siamese.search.lanes import Neighbour, eligible_patients_of, nearest_to, own_priors_of
from siamese.tensor import to_tensor

ROOT = Path("/")  # what the paths of files from outside are relative to


def on_request(site: Site, connection: Connection, scan: ScanRow, *, any_kind: bool = False) -> list[Lane]:
    """Lanes of a scan that no stored list answers for, searched now among the main scans.

    With `any_kind` among those of every kind of its modality, by vectors that are made now where no night made them.

    Raises:
        NotFound: The files of the scan are not what they were, or hold nothing that an encoder can see.
    """
    query = query_of(connection, scan, any_kind=any_kind)
    encoders = _encoders(connection, scan.cover)
    stored = {row.id: vector_of(connection, scan.key, row.id) for row in encoders}
    vectors = {key: np.frombuffer(vector, "<f4") for key, vector in stored.items() if vector is not None}
    missing = [row for row in encoders if row.id not in vectors]
    if any_kind and missing:
        try:
            vectors |= _vectors_now(site, missing, stack_of(site, scan), site.archive)
        except Refusal as refusal:
            raise NotFound(f"the scan cannot be compared: {refusal}; see `scantwin night`") from None
    return _lanes(site, connection, encoders, query, vectors)


def similar_to_files(site: Site, paths: Sequence[Path], *, any_kind: bool = False) -> list[Similar]:
    """The lanes of every scan in some files; the files do not join the archive.

    With `any_kind` every kind of its modality is searched.

    Raises:
        NotFound: The files hold no scan that could be compared; the text says why.
    """
    answers: list[Similar] = []
    reasons: list[str] = []
    for stack in _stacks(site, paths, reasons):
        try:
            answers.append(_ask(site, stack, any_kind=any_kind))
        except Refusal as refusal:
            reasons.append(f"{refusal.code}: {refusal.facts}")
    if not answers:
        raise NotFound("no scan in these files could be compared: " + "; ".join(dict.fromkeys(reasons)))
    return answers


def _stacks(site: Site, paths: Sequence[Path], reasons: list[str]) -> list[Stack]:
    files = sorted(
        {file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()}
    )
    if not files:
        raise NotFound("no such file: " + ", ".join(path.name for path in paths))
    members = []
    for number, (path, found) in enumerate(zip(files, guard_of(site).headers(files), strict=True)):
        if isinstance(found, Refusal):
            reasons.append(f"{found.code}: {found.facts}")
        elif isinstance(found, OSError):
            raise found
        else:
            members.append(Member(str(number), path_text(str(path.resolve())[1:]), found))
    by_series: dict[str, list[Member]] = {}
    for member in members:
        by_series.setdefault(member.header.identity.series_uid, []).append(member)
    rules = site.settings.scans
    groupings = [
        group(some, table=rules.kinds, repair=rules.repair, beside=_beside(uid, by_series))
        for uid, some in by_series.items()
    ]
    reasons += [f"{ending.code}: {ending.why}" for grouping in groupings for ending in grouping.endings]
    return [stack for grouping in groupings for stack in grouping.stacks]


def _beside(uid: str, by_series: Mapping[str, Sequence[Member]]) -> dict[str, str]:
    """Return the part of the body that the other series of these files tell of one that names none."""
    own = by_series[uid][0].header
    others = (some[0].header for other, some in by_series.items() if other != uid)
    part = part_beside(own, others) if names_no_part(own) else ""
    return {uid: part} if part else {}


def _ask(site: Site, stack: Stack, *, any_kind: bool) -> Similar:
    header = stack.members[0].header
    with site.db.read() as connection:
        when = dated(site, stack, today(site, connection))
        patient, own_lane = patient_outside(site, connection, header)
        study = study_outside(site, connection, header, patient)
    kind, scanner = stack.kind, scanner_of(stack.passport)
    query = Query(kind.key, patient, study, when.from_utc, when.until_utc, own_lane, scanner, any_kind)
    with site.db.read() as connection:
        encoders = _encoders(connection, kind.cover) if kind.known or any_kind else []
        vectors = _vectors_now(site, encoders, stack, ROOT)
        return answer_of(
            connection, scan="", kind=kind.key, contrast=stack.passport.contrast,
            code="ok" if kind.known else "kind-unknown", doubts=when.doubts,
            lanes=_lanes(site, connection, encoders, query, vectors), any_kind=any_kind,
            uncompared=None if kind.known else uncompared(site, connection, query),
        )  # fmt: skip


def _encoders(connection: Connection, cover: str) -> list[EncoderRow]:
    return [row for row in active_encoders(connection) if row.cover == cover]


def _vectors_now(
    site: Site, encoders: Sequence[EncoderRow], stack: Stack, root: Path
) -> dict[str, NDArray[np.float32]]:
    """Return encoder -> vector of a stack, made through the encoder's input recipe and kept nowhere."""
    from flows.records.loaded_encoder import loaded_encoder
    from flows.stages.embed.vectors import device_or_cpu
    from siamese.embedding import embed

    volume, siamese = read_volume(stack, root, guard_of(site)), site.settings.siamese
    vectors: dict[str, NDArray[np.float32]] = {}
    for encoder in encoders:
        network = loaded_encoder(site.store / encoder.folder, siamese.threads)
        tensor, device = to_tensor(volume, network.recipe), device_or_cpu(site, encoder.id)
        vectors[encoder.id] = embed(network, [tensor], batch_size=siamese.batch_size, device=device)[0]
    return vectors


def _lanes(
    site: Site,
    connection: Connection,
    encoders: Sequence[EncoderRow],
    query: Query,
    vectors: Mapping[str, NDArray[np.float32]],
) -> list[Lane]:
    with_vector = [row for row in encoders if row.id in vectors]
    return [lane for row in with_vector for lane in lanes_of(site, connection, row, query, vectors[row.id])]


def lanes_of(
    site: Site, connection: Connection, encoder: EncoderRow, query: Query, vector: NDArray[np.float32]
) -> list[Lane]:
    """Both lanes of a vector among the main scans of its kind, by one encoder.

    Where every kind of a modality is searched no calibration holds, and nothing that was shown of the encoder.
    """
    space = read_space(site, connection, encoder.id, query.kind, any_kind=query.any_kind)
    found, n_patients = _search(site, space, query, vector)
    calibration = None if query.any_kind else calibrations.calibration_of(connection, encoder.id, query.kind)
    facts = scan_facts(connection, [space.gallery.keys[n.index] for some in found.values() for n in some])
    return [
        Lane(
            lane=lane,
            purpose=encoder.purpose,
            encoder=encoder.id,
            outcome=_outcome(site, query, lane, some, None if calibration is None else calibration.cutoff),
            gallery_patients=n_patients if lane == "others" else int(bool(some)),
            alarm="",
            matches=[
                _listed(near, facts[space.gallery.keys[near.index]], encoder, query, calibration, lane, n_patients)
                for near in some
            ],
        )
        for lane, some in found.items()
    ]


def _search(
    site: Site, space: Space, query: Query, vector: NDArray[np.float32]
) -> tuple[dict[str, list[Neighbour]], int]:
    if not len(space.gallery):
        return {"own": [], "others": []}, 0
    patient = space.patient_codes.get(query.patient)
    from_us = UNKNOWN_US if query.acquired_from is None else utc_microseconds(query.acquired_from)
    until_us = UNKNOWN_US if query.acquired_until is None else utc_microseconds(query.acquired_until)
    order = order_of(site)
    others = nearest_to(
        space.gallery, vector, patient=patient, from_us=from_us, k=site.settings.siamese.k, order=order,
        metric=space.metric,
    )  # fmt: skip
    own: list[Neighbour] = []
    if query.own_lane and patient is not None:
        own = own_priors_of(
            space.gallery, vector, patient=patient, from_us=from_us, until_us=until_us,
            study=space.study_codes.get(query.study), metric=space.metric,
        )  # fmt: skip
    n_patients = eligible_patients_of(space.gallery, patient=patient, from_us=from_us, order=order)
    return {"own": own, "others": others}, n_patients


def _outcome(site: Site, query: Query, lane: str, found: Sequence[Neighbour], cutoff: float | None) -> str:
    """How a list ended, with the cut-off applied to that of other patients."""
    k = site.settings.siamese.k
    code = ending_of(lane, len(found), k=k, has_own_lane=query.own_lane, is_dated=is_dated(site, query))
    if lane == "own" or not found:
        return code
    return lane_code(code, found[0].distance, cutoff, n_matches=len(found), k=k)


def _listed(
    near: Neighbour, prior: ScanFacts, encoder: EncoderRow, query: Query,
    calibration: calibrations.CalibrationRow | None, lane: str, n_patients: int,
) -> ListedScan:  # fmt: skip
    same = same_scanner(query.scanner, scanner_of(prior))
    return listed_scan(
        prior, scan=prior.key, match=None, rank=near.rank, distance=near.distance,
        provisional=encoder.provisional or query.any_kind,
        expected_by_chance=new_expectation(calibration, near.distance, n_patients),
        change=new_change(calibration, near.distance, same=same) if lane == "own" else None,
    )  # fmt: skip
