"""`scantwin evaluate`: what it says, what it writes, whom it asks, and when it refuses."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from nights import evaluations, run
from pydantic import TypeAdapter
from sqlalchemy import select, update

from db.encoders import active_encoders
from db.evaluations import patients_shown_to
from db.labels import read_labels
from db.scans import find_scans
from db.tables import Encoder, Patient
from evaluation.baselines import REQUIRED
from evaluation.protocol import evaluate
from evaluation.report import without_keys
from flows.answers.evaluation import Evaluated, LabelSource
from flows.cli import main
from flows.evaluate.folder import evaluate_folder
from flows.evaluate.one import evaluate_site
from flows.evaluate.request import EvaluationRequest
from flows.operator.forget import forget_patient, found_patient
from flows.records.cohort import read_encoder_cohort
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import open_site
from review.words import short
from siamese.pairs import split_of

FEW = {"n_resamples": 50, "n_permutations": 20}  # what is tested is not the mathematics
N_PATIENTS = 14


def patients(write_dicom, folder, n=N_PATIENTS):
    """X-rays of n people at two visits each; ages and two scanners are known."""
    for number in range(n):
        for visit in (1, 2):
            names = f"1.2.{700 + number}.{visit}"
            write_dicom(
                folder / f"{number}-{visit}.dcm", patient=f"E{number}", study=names, series=f"{names}.1",
                instance=f"{names}.1.1", date=f"20{10 + visit}01{number + 10}", time="101500",
                PatientAge=f"0{30 + number}Y", ManufacturerModelName="One" if number % 2 else "Two",
            )  # fmt: skip


def labels(path, n=N_PATIENTS):
    """Every third person has a nodule, everybody else has none."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["patient", "finding", "value"])
        rows.writerows([f"E{number}", "nodule", "absent" if number % 3 else "present"] for number in range(n))
    return path


@pytest.fixture(scope="session")
def people(tmp_path_factory, write_dicom):
    """A folder of DICOM and a CSV of labels."""
    home = tmp_path_factory.mktemp("people")
    patients(write_dicom, home / "dicom")
    labels(home / "labels.csv")
    return home


def filled(site, people):
    shutil.copytree(people / "dicom", site.archive, dirs_exist_ok=True)
    run(site, "ingest", "encoder", "embed")
    return site


@pytest.fixture
def site(make_site, people):
    return filled(make_site(), people)


def test_an_evaluation_writes_its_row_its_page_and_the_contracts_keys(make_site, db_url, people):
    site = filled(make_site(url=db_url), people)
    found = evaluate_site(site, EvaluationRequest(task="finding", against=people / "labels.csv", **FEW))
    printed = json.loads(json.dumps(found.to_json()))
    assert json.loads(json.dumps(TypeAdapter(Evaluated).validate_python(printed).to_json())) == printed
    assert printed["schema"] == 1 and printed["task"] == "finding"
    assert set(printed["baselines"]) == set(REQUIRED)
    assert {"value", "low", "high"} <= set(printed["metrics"]["p_at_1"])
    assert {"over", "p_at_1", "low", "high"} == set(printed["lift"])
    assert printed["disjoint"] == [{"fold": "test", "seen_patients": 0, "asked_patients": 14, "shared_patients": 0}]
    assert "every patient of this archive is test: 14" in found.never_seen
    (row,) = evaluations(site)
    assert (row["reading"], row["night"], row["task"], row["cover"]) == (1, None, "finding", "2d")
    assert (row["n_queries"], row["p_at_1"]) == (found.queries, found.metrics["p_at_1"].value)
    assert (row["code"] == "provisional") is found.provisional is (found.lift.low <= 0)
    page = (site.store / "evidence" / "evaluation-2d-00001.html").read_text()
    assert str(site.store / "evidence" / "evaluation-2d-00001.html") == found.page
    assert "not for diagnostic use" in page.lower() and "It may not be concluded that" in page
    assert all(name in page for name in ("grey-value histogram", "same network, untrained", "age and sex only"))
    told = json.loads((site.store / "evidence" / "evaluation-2d-00001.json").read_text())
    assert told["reading"] == 1 and sum(told["drawn"]["alike"]) == 40  # 5 with a nodule, 2 scans: C(10,2) - 5 own


def test_the_next_evaluation_is_the_next_reading(site, people):
    found = [evaluate_site(site, EvaluationRequest(task="patient", **FEW)).reading for _ in range(2)]
    assert found == [1, 2]
    assert [row["reading"] for row in evaluations(site)] == [1, 2]
    assert "reading 2 of these test patients" in (site.store / "evidence" / "evaluation-2d-00002.html").read_text()


def test_labels_from_a_csv_are_used_and_not_imported(site, people):
    found = evaluate_site(site, EvaluationRequest(against=people / "labels.csv", **FEW))
    assert found.task == "finding" and found.measured_on.findings == {"nodule": 10}
    assert found.labels == LabelSource("csv", 14, [])
    with site.db.read() as connection:
        assert read_labels(connection) == []


def test_sizes_sites_and_times_stand_beside_the_headline(site, tmp_path):
    against = tmp_path / "sized.csv"
    lines = ["patient,finding,value,size_mm,site"]
    for number in range(N_PATIENTS):
        ill, place = number < 10, "North" if number % 2 else "South"
        size = (8 if number < 5 else 20) if ill else ""
        lines.append(f"E{number},nodule,{'present' if ill else 'absent'},{size},{place}")
    against.write_text("\n".join(lines))
    found = evaluate_site(site, EvaluationRequest(against=against, **FEW))
    report = found.evaluation.main
    sizes = report.strata["size"]
    assert set(sizes) <= {"below 11 mm", "18 mm and more"} and set(report.strata) == {"size", "time"}
    assert sum(part.queries for part in sizes.values()) == found.queries
    assert set(report.subgroups["site"]) == {"North", "South"}
    assert "site" in {confound.trait for confound in report.confounds}
    page = (site.store / "evidence" / "evaluation-2d-00001.html").read_text()
    assert all(
        said in page for said in ("Size of the largest finding", "below 11 mm", "By size, site and time", "North")
    )
    assert 'aria-label="P@1 with 95 % intervals by size of the largest finding: below 11 mm' in page


def test_the_page_has_a_map_and_says_why_it_has_no_calibration_plot(site):
    page = Path(evaluate_site(site, EvaluationRequest(task="patient", **FEW)).page).read_text()
    assert "Map of the space" in page
    assert "No calibration plot: no kind has 100 patients" in page


def test_an_archive_without_labels_is_asked_for_the_patient_and_refused_for_a_finding(site):
    with pytest.raises(NotFound, match=r"scantwin labels import labels\.csv"):
        evaluate_site(site, EvaluationRequest(task="finding", **FEW))
    assert evaluate_site(site, EvaluationRequest(**FEW)).task == "patient"


def test_too_few_patients_are_refused_and_nothing_is_recorded(make_site, write_dicom):
    site = make_site()
    patients(write_dicom, site.archive, n=9)
    run(site, "ingest", "encoder", "embed")
    with pytest.raises(NotFound, match=r"9 of 9 patients .* wanted at least 10"):
        evaluate_site(site, EvaluationRequest(task="patient", **FEW))
    assert evaluations(site) == [] and not (site.store / "evidence").exists()


def test_a_cover_of_too_few_people_is_left_out_and_said(make_site, people, write_dicom):
    site = make_site()
    for z in range(6):
        names = "1.2.8"
        write_dicom(
            site.archive / f"ct-{z}.dcm", patient="E1", study=names, series=f"{names}.1", instance=f"{names}.1.{z + 1}",
            date="20200301", modality="CT", ImagePositionPatient=[0, 0, 5.0 * z],
        )  # fmt: skip
    found = evaluate_site(filled(site, people), EvaluationRequest(**FEW))
    assert (found.cover, len(found.further)) == ("2d", 0)
    (why,) = found.left_out
    assert "1 of 1 patients with embedded 3d scans" in why


def test_an_archive_without_vectors_says_what_to_run(make_site, people):
    site = make_site()
    with pytest.raises(NotFound, match="run scantwin night"):
        evaluate_site(site, EvaluationRequest(task="patient", **FEW))


def test_whoever_an_encoder_was_shown_is_not_asked_about(make_site, db_url, people):
    site = filled(make_site(url=db_url), people)
    with site.db.write() as connection:
        connection.execute(update(Encoder).values(origin="trained", created_night=1))
        keys = list(connection.scalars(select(Patient.key).order_by(Patient.key)))
        for number, key in enumerate(keys):
            split = 0.1 if number == 0 else 0.7 if number == 1 else 0.9
            connection.execute(update(Patient).where(Patient.key == key).values(split=split))
    with site.db.read() as connection:
        (row,) = [encoder for encoder in active_encoders(connection) if encoder.cover == "2d"]
        asked = read_encoder_cohort(site, connection, row, task="patient")
        assert patients_shown_to(connection, row.id).keys() == set(keys)
    assert asked is not None
    assert asked.fold.seen == set(keys[:2])
    assert set(asked.cohort.patients) == set(keys[2:])
    assert "2 patients of its training and validation are left out" in asked.sentence
    assert split_of(0.7) == "validation"


def test_patients_who_came_after_an_encoder_was_trained_are_new_to_it(make_site, people):
    site = make_site()
    run(site, "encoder")
    filled(site, people)
    with site.db.write() as connection:
        connection.execute(update(Encoder).values(origin="trained"))
    with site.db.read() as connection:
        (row,) = [encoder for encoder in active_encoders(connection) if encoder.cover == "2d"]
        assert patients_shown_to(connection, row.id) == {}


def test_dates_that_were_shifted_ask_the_open_gallery(make_site, people):
    site = filled(make_site(dates='"shifted_per_patient"'), people)
    found = evaluate_site(site, EvaluationRequest(task="patient", **FEW))
    assert found.gallery == "open" and found.queries == 2 * N_PATIENTS
    assert "later scans could answer too" in (site.store / "evidence" / "evaluation-2d-00001.html").read_text()


def test_neither_row_nor_page_holds_an_identity_and_the_row_no_key(site, people):
    found = evaluate_site(site, EvaluationRequest(task="finding", against=people / "labels.csv", **FEW))
    page = (site.store / "evidence" / "evaluation-2d-00001.html").read_text()
    texts = page + (site.store / "evidence" / "evaluation-2d-00001.json").read_text() + evaluations(site)[0]["result"]
    assert not re.search(r"E\d+\^|Test\^|1\.2\.7\d\d|19700101", texts)
    with site.db.read() as connection:
        keys = [str(key) for key in connection.scalars(select(Patient.key))]
        scans = [str(row.key) for row in find_scans(connection, "")]
    assert not [key for key in (*keys, *scans) if short(key) in evaluations(site)[0]["result"]]
    assert [key for key in scans if short(key) in page]
    assert "scan" in json.dumps(found.to_json()["evaluation"]["galleries"]["open"]["hubness"])
    assert without_keys(found).queries == found.queries


def test_the_page_of_a_forgotten_patient_goes(site, people):
    evaluate_site(site, EvaluationRequest(task="patient", **FEW))
    page = site.store / "evidence" / "evaluation-2d-00001.html"
    shown = page.read_text()
    with site.db.read() as connection:
        scans = find_scans(connection, "")
    patient = next(str(row.patient) for row in scans if short(str(row.key)) in shown)
    forget_patient(open_site(site.config), found_patient(open_site(site.config), patient, None))
    assert "This page was removed" in page.read_text()
    assert not page.with_suffix(".json").exists()
    assert len(evaluations(site)) == 1  # figures of many outlive one


def test_a_folder_with_a_csv_needs_no_site(people, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = evaluate_folder(
        people / "dicom", EvaluationRequest(against=people / "labels.csv", out=tmp_path / "out", **FEW)
    )
    assert (found.task, found.measured_on.patients) == ("finding", N_PATIENTS)
    assert found.files.used == found.files.seen == 2 * N_PATIENTS
    assert (tmp_path / "out" / "evaluation-2d-00001.html").exists()
    again = evaluate_folder(people / "dicom", EvaluationRequest(task="patient", out=tmp_path / "out", **FEW))
    assert (again.reading, again.recorded) == (2, True)
    (tmp_path / "other").mkdir()
    with pytest.raises(WrongUsage, match="made for another folder"):
        evaluate_folder(tmp_path / "other", EvaluationRequest(out=tmp_path / "out", **FEW))
    assert not list(people.glob("dicom/*.toml"))


def test_a_folder_can_be_asked_with_a_sites_own_encoder_and_leaves_only_pages(site, people, tmp_path, monkeypatch):
    from siamese.encoder import build, load, save

    monkeypatch.chdir(tmp_path)
    own = build("small", "2d", 16, seed=5)
    save(own, tmp_path / "own")
    found = evaluate_folder(people / "dicom", EvaluationRequest(task="patient", encoder=str(tmp_path / "own"), **FEW))
    assert found.encoder == load(tmp_path / "own").manifest.id
    assert found.recorded is False
    assert sorted(path.name for path in tmp_path.joinpath("evidence").iterdir()) == [
        "evaluation-2d-00001.html", "evaluation-2d-00001.json",
    ]  # fmt: skip


def test_the_command_prints_the_headline_with_every_plain_way(site, people, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--config", str(site.config), "--against", str(people / "labels.csv"), "--kind", "xr"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert "the first answer shares a finding" in out and "both 0; reading 1 of 2d test patients" in out
    assert all(name in out for name in ("chance", "thumbnail", "metadata only", "lift in P@1"))
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--config", str(site.config), "--kind", "mr", "--json"])
    assert ended.value.code == 1 and "no scan of kind 'mr'" in capsys.readouterr().err


def test_an_unknown_encoder_is_refused_with_those_there_are(site):
    with site.db.read() as connection:
        known = [str(row.id) for row in active_encoders(connection)]
    with pytest.raises(NotFound, match=known[0]):
        evaluate_site(site, EvaluationRequest(encoder="nothing", **FEW))
    assert evaluate_site(site, EvaluationRequest(encoder=known[-1][:6], task="patient", **FEW)).cover == "2d"


def test_who_is_forgotten_while_the_figures_are_made_is_on_no_page(site, monkeypatch):
    with site.db.read() as connection:
        patient = str(connection.scalar(select(Patient.key)))

    def slow(*words, **more):
        forget_patient(open_site(site.config), found_patient(open_site(site.config), patient, None))
        return evaluate(*words, **more)

    monkeypatch.setattr("flows.evaluate.one.evaluate", slow)
    with pytest.raises(NotFound, match="nothing was recorded"):
        evaluate_site(site, EvaluationRequest(task="patient", **FEW))
    assert evaluations(site) == [] and not (site.store / "evidence").exists()
