"""Searches on request: every kind of a modality at once, and the earlier scans of one whose kind is unknown."""

import json
from datetime import date

import numpy as np
import pytest
from nights import run, tables
from sqlalchemy import update

from db.embeddings import vector_of
from db.encoders import active_encoders
from db.scans import find_scans
from db.tables import Calibration, Encoder, Patient
from flows.clinician.query import query_of, uncompared
from flows.clinician.similar import similar_to
from flows.operator.forget import forget_patient, found_patient
from flows.records.loaded_encoder import loaded_encoder
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import open_site
from siamese.embedding import embed
from siamese.search.distance import distance
from siamese.tensor import load_tensor

UNKNOWN = {"BodyPartExamined": "XYZ", "StudyDescription": ""}
LATERAL = {"ViewPosition": "LL"}


def film(write_dicom, folder, number, *, patient="Q", date="20210101", **tags):
    names = f"1.2.77.{number}"
    return write_dicom(folder / f"film-{number}", patient=patient, study=names, series=f"{names}.1",
                       instance=f"{names}.1.1", date=date, time="101500", **tags)  # fmt: skip


def filled(site, hospital, write_dicom):
    """Q has a film of unknown kind, two earlier ones and an earlier CT; others have lateral films too."""
    hospital.deliver(site.archive)
    film(write_dicom, site.archive, 1, date="20190101")
    film(write_dicom, site.archive, 2, date="20200101", **LATERAL)
    film(write_dicom, site.archive, 3, **UNKNOWN)
    film(write_dicom, site.archive, 4, date="20220101")
    for number, patient in enumerate(("P0", "P1", "P9"), 5):
        film(write_dicom, site.archive, number, patient=patient, date="20200501", **LATERAL)
    for z in range(4):
        write_dicom(site.archive / f"ct-{z}", patient="Q", study="1.2.78", series="1.2.78.1", instance=f"1.2.78.1.{z}",
                    date="20200601", modality="CT", ImagePositionPatient=[0, 0, 5.0 * z])  # fmt: skip
    run(site)
    return site


@pytest.fixture(scope="module")
def site(hospital, make_lasting_site, write_dicom):
    """For tests that only ask."""
    return filled(make_lasting_site(k="9"), hospital, write_dicom)


@pytest.fixture
def own_site(hospital, make_site, write_dicom):
    """For a test that changes it."""
    return filled(make_site(k="9"), hospital, write_dicom)


def rows_of(site, **wanted):
    with site.db.read() as connection:
        rows = find_scans(connection, "")
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def held_back(site):
    (scan,) = rows_of(site, state="held_back")
    return scan


def newest_main(site):
    return max(rows_of(site, is_main=True, cover="2d"), key=lambda row: (row.acquired_local_date or date.min, row.key))


def test_a_scan_of_unknown_kind_shows_the_earlier_scans_of_its_modality(site, call):
    scan = held_back(site)
    (answer,) = similar_to(site, scan=scan.key)
    assert (answer.code, answer.lanes, answer.any_kind) == ("kind-unknown", [], False)
    found = answer.uncompared
    assert (found.outcome, found.why) == ("ok", "kind-unknown")
    assert [(row.rank, row.kind, row.acquired) for row in found.scans] == [
        (1, "xr/chest/2d/lateral", "2020-01-01"),
        (2, "xr/chest/2d/frontal", "2019-01-01"),
    ]
    assert similar_to(site, study="1.2.77.3") == similar_to(site, accession="A77.3") == [answer]
    (outside,) = similar_to(site, files=[site.archive / "film-3"])
    assert (outside.code, outside.lanes, outside.uncompared) == ("kind-unknown", [], found)
    _, text, _ = call("similar", scan.key, "--config", site.config)
    assert "the kind of this scan is unknown" in text and "[scans.kinds]" in text
    assert "2020-01-01" in text and "2020-06-01" not in text


def test_a_scan_of_known_kind_has_no_such_list(site):
    (answer,) = similar_to(site, scan=newest_main(site).key)
    assert answer.uncompared is None and answer.note == ""


def test_nothing_is_ranked_where_dates_mean_nothing_and_order_holds_where_they_are_shifted(site):
    scan, lines = held_back(site), site.config.read_text()
    for dates, ranks in (("shifted_per_patient", [1, 2]), ("none", [None, None, None])):
        other = site.config.with_name("other.toml")
        other.write_text(lines.replace('dates = "true"', f'dates = "{dates}"'))
        (answer,) = similar_to(open_site(other), scan=scan.key)
        assert [row.rank for row in answer.uncompared.scans] == ranks


def test_beside_a_scan_without_a_date_nothing_is_ranked_and_nothing_is_later(site, tmp_path, write_dicom):
    outside = film(write_dicom, tmp_path, 30, date="", **UNKNOWN)
    (answer,) = similar_to(site, files=[outside])
    assert answer.uncompared.outcome == "date-unknown"
    assert [(row.rank, row.acquired[:4]) for row in answer.uncompared.scans] == [
        (None, "2022"), (None, "2021"), (None, "2020"), (None, "2019")
    ]  # fmt: skip


def test_an_id_that_is_not_trusted_shows_nobodys_scans(own_site):
    scan = held_back(own_site)
    with own_site.db.write() as connection:
        connection.execute(update(Patient).where(Patient.key == scan.patient).values(own_lane=False))
    with own_site.db.read() as connection:
        found = uncompared(own_site, connection, query_of(connection, scan))
    assert (found.outcome, found.scans) == ("no-own-lane", [])
    (answer,) = similar_to(own_site, scan=scan.key, any_kind=True)
    assert [lane.outcome for lane in answer.lanes if lane.lane == "own"] == ["no-own-lane"]


def test_of_a_forgotten_patient_nothing_is_shown(own_site, tmp_path, write_dicom):
    scan = held_back(own_site)
    outside = film(write_dicom, tmp_path / "elsewhere", 3, **UNKNOWN)
    forget_patient(own_site, found_patient(own_site, "Q", issuer="HOSPITAL"))
    with pytest.raises(NotFound):
        similar_to(open_site(own_site.config), scan=scan.key)
    (answer,) = similar_to(open_site(own_site.config), files=[outside], any_kind=True)
    assert answer.uncompared.scans == []
    assert not [match for lane in answer.lanes for match in lane.matches if match.patient == scan.patient]


def slow_lists(site, scan, k=9):
    """Both lists by a loop over every main film, of whatever kind, from the input that the night made."""
    own, nearest = [], {}
    with site.db.read() as connection:
        (encoder,) = (row for row in active_encoders(connection) if row.cover == scan.cover)
        network = loaded_encoder(site.store / encoder.folder, 1)
        tensor = load_tensor(site.tensor(encoder.recipe, scan.key), network.recipe)
        asked = embed(network, [tensor], batch_size=site.settings.siamese.batch_size, device="cpu")[0]
        for row in rows_of(site, state="accepted", is_main=True):
            is_over = row.acquired_until is not None and row.acquired_until <= scan.acquired_from
            if row.kind.split("/")[0] != "xr" or row.study == scan.study or not is_over:
                continue
            other = np.frombuffer(vector_of(connection, row.key, encoder.id), "<f4")
            length = distance(asked, other, encoder.metric)
            if row.patient == scan.patient:
                own.append((row.acquired_from, row.key, length, row.kind))
            else:
                nearest[row.patient] = min(nearest.get(row.patient, (9.0, "", "")), (length, row.key, row.kind))
    latest = [(key, length, kind) for _, key, length, kind in sorted(own, reverse=True)]
    return latest, [(key, length, kind) for length, key, kind in sorted(nearest.values())[:k]]


def shown(answer):
    assert [lane.lane for lane in answer.lanes] == ["own", "others"]
    return tuple([(m.scan, m.distance, m.kind) for m in lane.matches] for lane in answer.lanes)


def test_every_kind_of_the_modality_is_searched_exactly_for_scans_of_known_and_unknown_kind(site):
    own, others = slow_lists(site, held_back(site))
    assert {kind for _, _, kind in own} == {"xr/chest/2d/lateral", "xr/chest/2d/frontal"}
    assert {kind for _, _, kind in others} == {"xr/chest/2d/lateral", "xr/chest/2d/frontal"}
    for scan, file in ((held_back(site), "film-3"), (newest_main(site), "film-4")):
        (answer,) = similar_to(site, scan=scan.key, any_kind=True)
        assert shown(answer) == slow_lists(site, scan)
        (outside,) = similar_to(site, files=[site.archive / file], any_kind=True)
        assert shown(outside) == shown(answer)
        assert answer.uncompared is None or answer.uncompared.scans == []  # each has a distance now


CURVE = {"n_patients": 60, "n_pairs": 1770, "distances": [0.0, 2.0], "shares": [0.1, 1.0], "independent": [900.0] * 2}


def test_a_search_of_every_kind_is_marked_never_calibrated_never_an_alarm_and_kept_nowhere(own_site, call):
    scan, file = newest_main(own_site), own_site.archive / "film-4"
    with own_site.db.write() as connection:  # by which every list of this kind would be refused as too far
        worth = {"curve": json.dumps(CURVE), "cutoff": -1.0, "wrong_patient": 0.0, "same_person": 2.0}
        connection.execute(update(Calibration).where(Calibration.kind == scan.kind).values(worth))
        connection.execute(update(Encoder).values(provisional=False))
    before = tables(own_site)
    (plain,) = similar_to(own_site, files=[file])
    assert plain.lanes[1].outcome == "no-similar-case" and not plain.lanes[1].matches[0].provisional
    assert {m.expected_by_chance.code for m in plain.lanes[1].matches} == {"estimate"}
    for question in ({"scan": scan.key}, {"files": [file]}):
        (answer,) = similar_to(own_site, any_kind=True, **question)
        assert answer.any_kind and "Kinds are mixed" in answer.note
        own, others = answer.lanes
        matches = [*own.matches, *others.matches]
        assert matches and {m.expected_by_chance.code for m in matches} == {"not-calibrated"}
        assert all(m.match is None and m.provisional for m in matches)
        assert {m.change.code for m in own.matches} == {"no-reference"}
        assert (own.alarm, others.alarm, others.outcome) == ("", "", "fewer-than-k")
    _, text, _ = call("similar", scan.key, "--any-kind", "--config", own_site.config)
    assert "Kinds are mixed" in text and "xr/chest/2d/lateral" in text and "not calibrated" in text
    assert tables(own_site) == before


def test_what_keeps_nothing_goes_with_no_page_history_or_judging(site, call, tmp_path):
    scan = held_back(site).key
    for more in ({"history": True}, {"page": tmp_path / "page.html"}):
        with pytest.raises(WrongUsage):
            similar_to(site, scan=scan, any_kind=True, **more)
    assert call("similar", scan, "--any-kind", "--judge", "--config", site.config)[0] == 2


def test_files_that_have_changed_are_said_and_not_searched(own_site, write_dicom):
    film(write_dicom, own_site.archive, 3, **UNKNOWN, Rows=16)
    with pytest.raises(NotFound):
        similar_to(own_site, scan=held_back(own_site).key, any_kind=True)
