"""A folder that is alive: whatever happened to it, its last state alone decides."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nights import run, tables
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from flows.operator.kinds import unknown_kinds
from flows.operator.status import every_file
from flows.stages.match.verify import verify_matches

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
CT = [f"ctP0-{z}" for z in range(6)]
FILES = ["10", "11", "12", "20", "30", "31", "32", "twin-a", *CT]
STEPS = ("add", "move", "delete", "replace", "half", "touch", "note", "unnote", "night")

LIFE = st.tuples(st.sampled_from(STEPS), st.integers(0, 99), st.integers(0, 99))


def write_note(path: Path, *uids: str, code: str = "113001") -> Path:
    """Write a rejection note that names instances."""

    def item(**tags: object) -> Dataset:
        ds = Dataset()
        for name, value in tags.items():
            setattr(ds, name, value)
        return ds

    named = [item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.1.1", ReferencedSOPInstanceUID=uid) for uid in uids]
    series = [item(SeriesInstanceUID="1.2", ReferencedSOPSequence=named)]
    ds = item(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59", SOPInstanceUID=f"1.3.{len(uids)}.{uids[0]}", Modality="KO",
        StudyInstanceUID="1.3.1", SeriesInstanceUID="1.3.2", PatientID="P1", PatientName="Test^P1",
        ConceptNameCodeSequence=[item(CodeValue=code, CodingSchemeDesignator="DCM", CodeMeaning="Rejected")],
        CurrentRequestedProcedureEvidenceSequence=[item(StudyInstanceUID="1.2", ReferencedSeriesSequence=series)],
    )  # fmt: skip
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def by_path(site, wanted=None):
    return {row.path: row for row in every_file(site.config, wanted)}


@pytest.mark.parametrize("when", ["after", "before", "together"])
def test_a_rejection_note_withdraws_whenever_it_comes_and_its_removal_brings_back(hospital, make_site, when):
    site = make_site()
    note = write_note(site.archive.parent / "note", "1.2.2.2.1.1")  # file 11
    wanted = [hospital.folder / name for name in FILES]
    without = None
    if when == "after":
        hospital.deliver(site.archive, wanted)
        run(site)
        without = tables(site)
    shutil.copy2(note, site.archive / "note")
    if when == "before":
        run(site)
    hospital.deliver(site.archive, wanted)
    run(site)
    found = by_path(site)
    assert (found["note"].outcome, found["note"].code) == ("skipped", "rejection-note")
    assert (found["11"].outcome, found["11"].code, found["11"].scan) == ("skipped", "rejected", None)
    assert found["11"].others == ["note"] and "113001, Rejected for Quality Reasons" in found["11"].why
    assert verify_matches(site).wrong == 0
    (site.archive / "note").unlink()
    run(site)
    assert by_path(site, "used").keys() >= {"11"}
    assert verify_matches(site).wrong == 0
    assert without in (None, tables(site))


def test_a_note_keeps_its_uids_in_the_identity_schema(hospital, make_site):
    site = make_site()
    write_note(site.archive / "note", "1.2.2.2.1.1")
    hospital.deliver(site.archive, [hospital.folder / "11"])
    run(site)
    assert "1.2.2.2" not in repr(tables(site))
    core = Path(str(site.db.url.database)).read_bytes()
    assert b"1.2.2.2.1.1" not in core


def test_a_late_slice_opens_its_scan_again_and_a_moved_one_changes_nothing(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive, [hospital.folder / name for name in FILES if name != CT[5]])
    run(site)
    (early,) = {row.scan for row in by_path(site, "used").values() if row.path in CT}
    hospital.deliver(site.archive, [hospital.folder / CT[5]])
    late = run(site)
    assert (late.scans["new"], late.scans["withdrawn"]) == (1, 1)
    (whole,) = {row.scan for row in by_path(site, "used").values() if row.path in CT}
    assert whole != early and verify_matches(site).wrong == 0
    (site.archive / "deep").mkdir()
    for name in CT:
        (site.archive / name).rename(site.archive / "deep" / name)
    moved = run(site)
    assert (moved.scans["new"], moved.scans["withdrawn"], moved.matches["entered"], moved.matches["left"]) == (0,) * 4
    assert {row.scan for row in by_path(site, "used").values() if "ct" in row.path} == {whole}


def test_a_slice_that_is_being_replaced_leaves_its_scan_at_once(hospital, make_site):
    site = make_site(quiet_seconds="3600.0")
    hospital.deliver(site.archive, [hospital.folder / name for name in CT])
    for name in CT:
        os.utime(site.archive / name, (1e9, 1e9))
    assert run(site).files["used"] == 6
    (site.archive / CT[5]).write_bytes((hospital.folder / "10").read_bytes())  # young: another series is copied over it
    during = run(site)
    assert (during.files["used"], during.files["waiting"], during.scans["withdrawn"]) == (5, 1, 1)
    os.utime(site.archive / CT[5], (2e9, 2e9))
    assert run(site).files["used"] == 6


def test_a_copy_that_keeps_its_date_is_not_read_while_it_grows(hospital, make_site, monkeypatch):
    site = make_site(quiet_seconds="1.0")
    whole, waited = (hospital.folder / "10").read_bytes(), []

    def grow(seconds: float) -> None:  # the copy goes on while the night waits
        waited.append(seconds)
        (site.archive / "10").write_bytes(whole)
        os.utime(site.archive / "10", (1e9, 1e9))

    monkeypatch.setattr("flows.stages.ingest.listing.time.sleep", grow)
    (site.archive / "10").write_bytes(whole[: len(whole) // 2])
    os.utime(site.archive / "10", (1e9, 1e9))
    first = run(site)
    assert waited.count(1.0) == 1  # others of this process sleep too
    assert (first.files["waiting"], first.files["quarantined"]) == (1, 0)


def test_a_night_leaves_the_archive_as_it_was(hospital, make_site):
    def state(site):
        return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns, p.lstat().st_ctime_ns)
                for p in [site.archive, *site.archive.rglob("*")]}  # fmt: skip

    site = make_site()
    hospital.deliver(site.archive)
    before = state(site)
    run(site)
    assert state(site) == before


@settings(max_examples=4, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99), st.integers(0, 99)), min_size=6, max_size=24)
)
def test_any_life_of_a_folder_ends_like_a_fresh_site_over_its_last_state(hospital, make_site, steps):
    name = f"life-{abs(hash(tuple(steps)))}"
    site = make_site(name)
    hospital.deliver(site.archive, [hospital.folder / some for some in FILES])
    run(site)
    for step in steps:
        _live(site, hospital, *step)
    for half in site.archive.rglob("half-*"):  # every copy comes to its end
        shutil.copy2(hospital.folder / half.name.removeprefix("half-"), half)
    run(site)
    fresh = make_site(f"{name}-fresh")
    shutil.copytree(site.archive, fresh.archive, dirs_exist_ok=True)
    run(fresh)
    assert tables(site) == tables(fresh)
    assert verify_matches(site).wrong == 0


def _live(site, hospital, step: str, one: int, other: int) -> None:
    here = sorted(path for path in site.archive.rglob("*") if path.is_file())
    source = hospital.folder / FILES[one % len(FILES)]
    chosen = here[one % len(here)] if here else site.archive / "nothing"
    if step == "night":
        run(site)
    elif step == "add":
        shutil.copy2(source, site.archive / source.name)
    elif step == "half":
        (site.archive / f"half-{source.name}").write_bytes(source.read_bytes()[: 200 + 7 * other])
    elif step == "note":
        uids = {"10": "1.2.2.1.1.1", "11": "1.2.2.2.1.1", CT[2]: "1.2.80.1.3", "30": "1.2.4.1.1.1"}
        write_note(site.archive / f"note-{other % 2}", list(uids.values())[one % 4], code="113037")
    elif step == "unnote":
        (site.archive / f"note-{other % 2}").unlink(missing_ok=True)
    elif not here:
        return
    elif step == "move":
        (site.archive / f"moved{other % 3}").mkdir(exist_ok=True)
        chosen.rename(site.archive / f"moved{other % 3}" / chosen.name)
    elif step == "delete":
        chosen.unlink()
    elif step == "replace":
        shutil.copy2(source, chosen)
    else:
        os.utime(chosen)


def test_files_names_the_other_side_of_a_conflict_and_what_to_do(hospital, make_site, write_dicom):
    site = make_site()
    hospital.deliver(site.archive, [hospital.folder / name for name in ("10", "again", "11")])
    other = {"patient": "P1", "study": "1.2.2.2", "series": "1.2.2.2.1", "instance": "1.2.2.2.1.1", "date": "20200212"}
    write_dicom(site.archive / "other", **other, RescaleSlope=2)
    run(site)
    found = by_path(site)
    assert {path: row.code for path, row in found.items() if path in ("11", "other")} == {
        "11": "uid-conflict", "other": "uid-conflict",
    }  # fmt: skip
    assert (found["11"].others, found["other"].others) == (["other"], ["11"])
    assert found["11"].why.endswith("the others: other") and found["11"].action.startswith("Find out")
    (duplicate,) = (row for row in found.values() if row.code == "duplicate")
    assert {duplicate.path, *duplicate.others} == {"10", "again"}


def test_a_lossless_recompression_is_a_duplicate_of_the_file_it_was_made_of(hospital, make_site):
    from pydicom import dcmread
    from pydicom.uid import RLELossless

    site = make_site()
    hospital.deliver(site.archive, [hospital.folder / "10"])
    packed = dcmread(hospital.folder / "10")
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(site.archive / "packed")
    run(site)
    assert sorted(row.code for row in by_path(site).values()) == ["duplicate", "used"]


def test_two_reconstructions_of_one_exposure_share_a_key_and_no_uid_leaves(make_site, write_dicom):
    from sqlalchemy import select

    from db.tables import Scan

    site = make_site()
    for series, agent in (("1.2.7.1", "Ultravist"), ("1.2.7.2", "NONE")):
        for z in range(3):
            write_dicom(
                site.archive / f"{series}-{z}", patient="P1", study="1.2.7", series=series, instance=f"{series}.{z}",
                date="20200101", modality="CT", ImagePositionPatient=[0, 0, 5.0 * z], ContrastBolusAgent=agent,
                IrradiationEventUID="1.2.7.99",
            )  # fmt: skip
    run(site, "ingest")
    with site.db.read() as connection:
        rows = connection.execute(select(Scan.acquisition, Scan.contrast)).all()
    assert len(rows) == 2 and len({row.acquisition for row in rows}) == 1
    assert sorted(row.contrast for row in rows) == ["given", "not-given"]
    assert "1.2.7" not in str(rows[0].acquisition) and len(str(rows[0].acquisition)) == 24


def test_kinds_lists_what_is_unknown_without_identity_and_how_to_name_it(hospital, make_site, write_dicom):
    site = make_site()
    for number in range(3):
        names = f"1.2.{number}"
        write_dicom(
            site.archive / str(number), patient=f"P{number % 2}", study=names, series=names + ".1",
            instance=names + ".1.1", date="20200101", BodyPartExamined="THX",
            StudyDescription=f"Rx of TEST, P{number % 2}",
        )  # fmt: skip
    hospital.deliver(site.archive, [hospital.folder / "10"])
    run(site)
    words = [sys.executable, "-m", "flows.cli", "kinds", "--config", str(site.config)]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    (row,) = unknown_kinds(site.config).combinations
    assert (row.kind, row.scans, row.patients) == ("xr/unknown/2d/frontal", 3, 2)
    assert row.add == '"BodyPartExamined=THX" = "PART"'
    assert row.tags["StudyDescription"] == "Rx of ..., ..."
    assert row.add in shown and "3 scans of 2 patients" in shown and "TEST" not in shown
    text = site.config.read_text()
    site.config.write_text(text.replace("[scans.kinds]", '[scans.kinds]\n"BodyPartExamined=THX" = "chest"\n#'))
    os.utime(site.config, (2e9, 2e9))
    from flows.site.opened import open_site

    named = open_site(site.config)
    run(named)
    assert unknown_kinds(named.config).combinations == []
    assert {row[3] for row in tables(named)["scans"]} == {"xr/chest/2d/frontal"}
