"""Calibrate: what distances of each active encoder and kind are worth, kept with matches and lists.

A calibration is a function of the archive alone: of the scans of its patients of validation, their labels (purpose
"finding") and the settings. Its basis names all of these, and it is made again when that changes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from sqlalchemy import Connection

from db import calibrations
from db.calibrations import CalibrationRow, CalibrationScan, MatchToRead
from db.embeddings import kinds_of
from db.encoders import EncoderRow, active_encoders, encoder_row
from db.labels import read_labels
from db.lists import LaneRow, lane_outcomes
from evaluation.relevance import related
from flows.records.curve import curve_of
from flows.records.labelled import findings_of, labels_by_subject
from flows.records.persons import aliases
from flows.records.scanner import same_scanner, scanner_name, scanner_of
from flows.records.space import Space, read_space
from flows.site.opened import Site
from flows.work.batch import Call, direct, slices
from flows.work.batch_ids import EncoderKind
from flows.work.lease import Ticket
from siamese.calibration.alarms import SamePerson
from siamese.calibration.chance import shares_within
from siamese.calibration.change import change, reference_pairs, references
from siamese.calibration.cutoff import Cutoff
from siamese.calibration.measure import NEVER, Wanted, Worth, lane_code, last_scans, measure, others_alarm, own_alarm
from siamese.pairs import TRAIN_BELOW, VALIDATION_BELOW
from siamese.search.gallery import Gallery

VERSION = 3  # raise when the meaning of a calibration changes: every one is then made again
MOST_PATIENTS = 500  # the first by their drawn number: pairs grow with the square, and a newcomer is rarely among them
ROWS_PER_WRITE = 4096
VALIDATION = (TRAIN_BELOW, VALIDATION_BELOW)
UNCHANGED_OF_OTHERS: dict[str, object] = {
    "change_code": "",
    "change_percentile": None,
    "change_references": None,
    "change_scanner": "",
}
Rows = Sequence[CalibrationScan]
Labels = Mapping[str, tuple[list[str], list[str]]]


def calibrate(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Bring calibrations up to date, and with them what matches and lists say."""
    with site.db.read() as connection:
        spaces = [
            EncoderKind(encoder.id, kind)
            for encoder in active_encoders(connection)
            for kind in kinds_of(connection, encoder.id)
        ]
    counts: Counter[str] = Counter()
    for space in spaces:
        counts.update(call(calibrate_space, site, ticket, [str(space)]))
    return counts


def calibrate_space(site: Site, ticket: Ticket, spaces: Sequence[str]) -> Counter[str]:
    """Bring the calibration of "ENCODER KIND" up to date, its matches and its lists."""
    counts: Counter[str] = Counter()
    for name in spaces:
        asked = EncoderKind.parse(name)
        encoder, kind = asked.encoder, asked.kind
        with site.db.read() as connection:
            row = encoder_row(connection, encoder)
            scans = _first_patients(
                calibrations.calibration_scans(connection, encoder, kind, above=VALIDATION[0], below=VALIDATION[1])
            )
            labels = _labels(site, connection, scans)
            known = calibrations.calibration_of(connection, encoder, kind)
        wanted = wanted_of(site, row.purpose)
        basis = _basis(row, wanted, scans, labels, site.settings.scans.dates)
        if known is None or known.basis != basis:
            with site.db.read() as connection:
                space = read_space(site, connection, encoder, kind, between=VALIDATION)
            gallery = _chosen(space, scans)
            worth = _measured(space, gallery, scans, labels if row.purpose == "finding" else None, wanted)
            known = _row(space, basis, worth, _unchanged(space, gallery, scans, labels), ticket.night)
            with site.db.write(ticket.right) as connection:
                calibrations.save_calibration(connection, known)
            counts["calibrated"] += 1
        counts["shares"] += _read_shares(site, ticket, known)
        counts["lane_codes"] += _mark_lanes(site, ticket, known, has_alarms=wanted.has_alarms)
    return counts


def wanted_of(site: Site, purpose: str) -> Wanted:
    """The rates that the configuration asks for, for encoders of a purpose."""
    s = site.settings.siamese
    return Wanted(s.cutoff_fpir, s.cutoff_patients, s.alarm_fpir, s.alarm_patients, purpose == "patient")


def _first_patients(scans: list[CalibrationScan]) -> Rows:
    """The scans of at most 500 patients, those with the lowest numbers."""
    patients = sorted({(row.split, row.patient) for row in scans})[:MOST_PATIENTS]
    chosen = {patient for _, patient in patients}
    return [row for row in scans if row.patient in chosen]


def _labels(site: Site, connection: Connection, scans: Rows) -> Labels:
    """Scan -> findings present and absent, of the scans of which anything is known."""
    by_subject = labels_by_subject(read_labels(connection), aliases(site, connection))
    if not by_subject:
        return {}
    told = {}
    for row in scans:
        present, absent = (sorted(findings_of(row, by_subject, value)) for value in ("present", "absent"))
        if present or absent:
            told[row.scan] = present, absent
    return told


def _basis(encoder: EncoderRow, wanted: Wanted, scans: Rows, labels: Labels, dates: str) -> str:
    """16 hex digits that change when anything does that the calibration is made from."""
    names = ("scan", "study", "patient", "acquired_from", "acquired_until", "manufacturer", "model")
    rows = [[getattr(row, name) for name in names] for row in scans]
    told = [VERSION, encoder.purpose, encoder.metric, asdict(wanted), dates, rows, sorted(labels.items())]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]


def _chosen(space: Space, scans: Rows) -> Gallery:
    chosen = {row.scan for row in scans}
    return space.gallery.part([i for i, key in enumerate(space.gallery.keys) if key in chosen])


def _unchanged(space: Space, gallery: Gallery, scans: Rows, labels: Labels) -> str:
    """Distances of pairs of one patient that nothing is known to have changed between, as JSON."""
    scanners = {row.scan: scanner_of(row) for row in scans}
    present = [frozenset(labels.get(key, ([], []))[0]) for key in gallery.keys]
    rows, others, lengths = reference_pairs(gallery, present, metric=space.metric)
    same = [
        same_scanner(scanners[gallery.keys[a]], scanners[gallery.keys[b]])
        for a, b in zip(rows.tolist(), others.tolist(), strict=True)
    ]
    return json.dumps(references(lengths, same, gallery.patients[rows]))


def change_of(row: CalibrationRow | None, distance: float, *, same: bool | None) -> dict[str, object]:
    """The columns change_* of a distance to an own prior, by a row of calibration."""
    known = json.loads(row.unchanged) if row is not None and row.unchanged else {}
    found = change(distance, known, same_scanner=same)
    return {"change_code": found.code, "change_percentile": found.percentile,
            "change_references": found.n_references, "change_scanner": found.scanner}  # fmt: skip


def _measured(space: Space, gallery: Gallery, scans: Rows, labels: Labels | None, wanted: Wanted) -> Worth:
    last = last_scans(gallery)
    names = sorted({row.patient for row in scans})
    queries_ = np.array([last[space.patient_codes[name]] for name in names], np.int64)
    pairs = np.eye(len(names), dtype=bool)
    if labels is not None:
        findings = [labels.get(row.scan, ([], [])) for row in scans]
        patients = [row.patient for row in scans]
        _, not_known = related([frozenset(p) for p, _ in findings], [frozenset(a) for _, a in findings], patients)
        pairs |= not_known
    return measure(gallery, queries_, pairs, wanted, metric=space.metric)


def _row(space: Space, basis: str, worth: Worth, unchanged: str, night: int) -> CalibrationRow:
    curve, cutoff, found = worth.calibration, worth.cutoff, worth.alarms
    wrong = None if found is None or found.wrong_patient is None else found.wrong_patient
    same = None if found is None or found.same_person is None else found.same_person
    rates = {"cutoff": cutoff, "wrong_patient": wrong, "same_person": same}
    return CalibrationRow(
        encoder=space.encoder,
        kind=space.kind,
        basis=basis,
        n_patients=len(np.unique(space.gallery.patients)) if curve is None else curve.n_patients,
        curve="" if curve is None else json.dumps(asdict(curve)),
        why_not="; ".join(worth.why_not),
        cutoff=_threshold(cutoff),
        wrong_patient=None if wrong is None else wrong.distance,
        same_person=_threshold(same),
        rates=json.dumps({name: asdict(some) for name, some in rates.items() if some is not None}),
        unchanged=unchanged,
        night=night,
    )


def _threshold(found: Cutoff | SamePerson | None) -> float | None:
    if found is None:
        return None
    return NEVER if found.distance is None else found.distance


def _read_shares(site: Site, ticket: Ticket, known: CalibrationRow) -> int:
    """Write F(d) on every current match that was read from another calibration, or from none."""
    encoder, kind, basis, curve = known.encoder, known.kind, known.basis, curve_of(known)
    with site.db.read() as connection:
        waiting = calibrations.matches_to_read(connection, encoder, kind, basis)
    for some in slices(waiting, ROWS_PER_WRITE):
        shares = shares_within(curve, np.array([match.distance for match in some]))
        rows = [
            {"id": match.id, "chance_code": s.code, "chance_share": s.share, "chance_below": s.below,
             "chance_low": s.low, "chance_high": s.high, "chance_basis": basis} | _change(known, match)
            for match, s in zip(some, shares, strict=True)
        ]  # fmt: skip
        with site.db.write(ticket.right) as connection:
            calibrations.save_shares(connection, rows)
    return len(waiting)


def _change(known: CalibrationRow, match: MatchToRead) -> dict[str, object]:
    if match.lane != "own":
        return UNCHANGED_OF_OTHERS
    same = same_scanner(scanner_of(match), scanner_name(match.prior_manufacturer, match.prior_model))
    return change_of(known, match.distance, same=same)


def _mark_lanes(site: Site, ticket: Ticket, known: CalibrationRow, *, has_alarms: bool) -> int:
    """Write on the lists of a kind what cut-off and alarms say; nothing where there are none and were none."""
    encoder, kind = known.encoder, known.kind
    with site.db.read() as connection:
        marked = calibrations.flagged_lanes(connection, encoder, kind, "no-similar-case")
        if known.cutoff is None and not has_alarms and not marked:
            return 0
        nearest = calibrations.nearest_of_lanes(connection, encoder, kind)
        lanes = lane_outcomes(connection, encoder, kind)
    rows = []
    for lane in lanes:
        found = _marks(site, known, lane, nearest.get((lane.scan, lane.lane)), has_alarms)
        if found != (lane.code, lane.alarm):
            rows.append({"scan": lane.scan, "encoder": encoder, "lane": lane.lane, "code": found[0],
                         "alarm": found[1], "night": ticket.night})  # fmt: skip
    for some in slices(rows, ROWS_PER_WRITE):
        with site.db.write(ticket.right) as connection:
            calibrations.save_lane_codes(connection, some)
    return len(rows)


def _marks(
    site: Site, known: CalibrationRow, lane: LaneRow, nearest: float | None, has_alarms: bool
) -> tuple[str, str]:
    """Code and alarm that a list should bear."""
    if lane.lane == "own":
        return lane.code, own_alarm(nearest, known.wrong_patient) if has_alarms else ""
    k, n = site.settings.siamese.k, lane.n_matches
    code = lane_code(lane.code, nearest, known.cutoff, n_matches=n, k=k)
    return code, others_alarm(nearest, known.same_person) if has_alarms else ""
