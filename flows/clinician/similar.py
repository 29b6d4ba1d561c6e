"""Answers for a clinician: where have I seen this before, and how alike are these two."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from db import calibrations
from db.embeddings import vector_of
from db.encoders import EncoderRow, active_encoders
from db.lists import ScanLane, history_of_scan, lanes_of_scan
from flows.clinician import external
from flows.clinician.expectations import new_expectation, stored_change, stored_expectation
from flows.records.lookup import NotFound, WrongUsage, find_scan, main_scans
from flows.records.scanner import scanner_of
from flows.site.opened import Site, open_site
from flows.work.outputs import require_new_file
from siamese.manifest import Manifest
from siamese.search.distance import distance
from siamese.training.figures import place_of


def similar_to(
    config: Path,
    *,
    scan: str | None = None,
    study: str | None = None,
    accession: str | None = None,
    files: Sequence[Path] | None = None,
    page: Path | None = None,
    history: bool = False,
) -> list[dict[str, Any]]:
    """The lanes of a scan, of each main scan of a study, or of files that are not in the archive.

    With `history` also what ever entered, moved and left its lists, and why; files have none.

    Raises:
        NotFound: Nothing answers to what was asked.
        WrongUsage: The page cannot be written there.
    """
    site = open_site(config)
    if page is not None:
        require_new_file(site, page, "--page")
    if files:
        if page is not None:
            raise WrongUsage("--page takes a scan of the archive: files from outside have no page")
        return external.similar_to_files(site, files)
    with site.db.read() as connection:
        scans = [find_scan(connection, scan)] if scan else main_scans(connection, study_uid=study, accession=accession)
        answers = [_answer(site, connection, row) for row in scans]
        if history:
            for answer in answers:
                answer["history"] = history_of_scan(connection, str(answer["scan"]))
        if page is not None:
            _write_page(site, connection, scans, page)
    return answers


def _write_page(site: Site, connection: Any, scans: Sequence[dict[str, Any]], page: Path) -> None:
    from review.report import write_matches

    if len(scans) > 1:
        raise NotFound("that study has several scans; name one of them for a page")
    write_matches(connection, str(scans[0]["key"]), store=site.store, out=page)


def _answer(site: Site, connection: Any, scan: dict[str, Any]) -> dict[str, Any]:
    lanes = []
    if scan["is_main"] and scan["state"] == "accepted":
        lanes = [_stored(row) for row in lanes_of_scan(connection, str(scan["key"]))]
    elif scan["state"] == "accepted":
        lanes = _on_request(site, connection, scan)
    code = "ok" if lanes else str(scan["code"]) if scan["state"] != "accepted" else "not-yet-matched"
    return {"schema": 1, "scan": scan["key"], "kind": scan["kind"], "contrast": scan["contrast"] or "unknown",
            "code": code, "date_doubts": external.doubts_of(scan),
            "prior_date_doubts": external.doubts_in(lanes), "lanes": lanes}  # fmt: skip


def _stored(lane: ScanLane) -> dict[str, Any]:
    """One lane as the last night left it."""
    return {
        "lane": lane.lane, "purpose": lane.purpose, "encoder": lane.encoder, "outcome": lane["code"],
        "gallery_patients": lane.gallery_patients, "alarm": lane.alarm,
        "matches": [
            {
                "match": str(row.id), "rank": row.rank, "scan": row["prior"], "patient": row["patient"],
                "acquired": _date(row.acquired_local_date), "distance": row.distance,
                "contrast": row.contrast or "unknown", "date_doubts": external.doubts_of(row),
                "expected_by_chance": stored_expectation(row, lane.n_unrelated), "change": stored_change(row),
                "provisional": bool(lane.provisional),
            }
            for row in lane.matches
        ],
    }  # fmt: skip


def _on_request(site: Site, connection: Any, scan: dict[str, Any]) -> list[dict[str, Any]]:
    """Lanes of a scan that does not stand for its study, searched now among the main scans."""
    lanes = []
    for encoder in active_encoders(connection):
        vector = vector_of(connection, str(scan["key"]), str(encoder.id))
        if vector is not None:
            query = external.Query(str(scan["kind"]), str(scan["patient"]), str(scan["study"]), scan["acquired_from"],
                                  scan["acquired_until"], True, scanner_of(scan))  # fmt: skip
            lanes += external.lanes_of(site, connection, encoder, query, np.frombuffer(vector, "<f4"))
    return lanes


def compare_scans(config: Path, a: str, b: str) -> dict[str, Any]:
    """Distance of two scans by each active encoder, and its place among this encoder's alike and unlike pairs.

    Raises:
        NotFound: A scan is unknown, or no active encoder has vectors of both.
    """
    site = open_site(config)
    with site.db.read() as connection:
        first, second = find_scan(connection, a), find_scan(connection, b)
        found = []
        for encoder in active_encoders(connection):
            vectors = [vector_of(connection, str(scan["key"]), str(encoder.id)) for scan in (first, second)]
            if None not in vectors:
                left, right = (np.frombuffer(v, "<f4") for v in vectors if v is not None)
                found.append(_compared(connection, encoder, (first, second), distance(left, right, encoder.metric)))
    if not found:
        raise NotFound("no active encoder has vectors of both scans: one 2-D and one 3-D, or a night is due")
    return {
        "schema": 1, "a": first["key"], "b": second["key"], "kinds": [first["kind"], second["kind"]],
        "same_kind": first["kind"] == second["kind"], "same_patient": first["patient"] == second["patient"],
        "encoders": found,
    }  # fmt: skip


def _compared(connection: Any, encoder: EncoderRow, scans: Any, value: float) -> dict[str, Any]:
    manifest = Manifest.from_json(str(encoder.manifest))
    cutoff = manifest.figures.get("validation", {}).get("cutoff")
    place = place_of(value, manifest.histograms.get("validation"), cutoff)
    calibration, n_patients = None, 0
    if scans[0]["kind"] == scans[1]["kind"]:
        later = max(scans, key=lambda scan: (str(scan["acquired_from"] or ""), str(scan["key"])))
        calibration = calibrations.calibration_of(connection, str(encoder.id), str(later["kind"]))
        lanes = lanes_of_scan(connection, str(later["key"]))
        n_patients = max((lane.n_unrelated for lane in lanes if lane.encoder == encoder.id), default=0)
    return {
        "encoder": encoder.id, "purpose": encoder.purpose, "provisional": bool(encoder.provisional),
        "distance": value, "expected_by_chance": new_expectation(calibration, value, n_patients), **asdict(place),
    }  # fmt: skip


def _date(value: Any) -> str:
    return value.isoformat() if value is not None else ""
