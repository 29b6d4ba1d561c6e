"""A night over real scans and awkward files, where the shared data is at hand."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from nights import run, tables
from sqlalchemy import select

from db.tables import Match, Scan
from flows.stages.match.verify import verify_matches

DATA = Path(os.environ.get("SCANTWIN_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no shared data at {DATA}; set SCANTWIN_TEST_DATA")


@needs_data
def test_a_night_over_all_real_and_odd_files_accounts_for_each_of_them(make_site):
    site = make_site()
    for packed in sorted((DATA / "dicom_series").glob("*.tar.xz")):
        with tarfile.open(packed) as file:
            file.extractall(site.archive, filter="data")
    for folder in (DATA / "dicom_series").iterdir():
        if folder.is_dir():
            shutil.copytree(folder, site.archive / folder.name)
    shutil.copytree(DATA / "dicom_odd", site.archive / "odd")
    n_files = sum(path.is_file() for path in site.archive.rglob("*"))
    first = run(site)
    assert first.exit in (0, 3)
    assert first.files["seen"] == n_files
    assert first.files["seen"] == sum(first.files[o] for o in ("used", "skipped", "quarantined", "waiting", "gone"))
    assert first.files["waiting"] == 0
    before = tables(site)
    again = run(site)
    assert (again.state, again.exit) == ("nothing_new", 0)
    assert tables(site) == before


@needs_data
def test_a_person_who_was_published_twice_is_found(make_site):
    site = make_site(dates='"shifted_per_patient"', backbone='"efficientnet-lite0"')
    out = site.archive.parent / "out"
    words = [sys.executable, str(DATA / "dicomise.py"), str(DATA / "retrieval_cxr" / "labels.csv"), str(out)]
    subprocess.run(words, check=True, capture_output=True)
    for patient in ("97", "178", "5", "22", "27", "28", "30"):
        shutil.copytree(out / patient, site.archive / patient)
    summary = run(site)
    assert summary.files["used"] == summary.files["seen"]
    assert verify_matches(site).wrong == 0
    first = select(Match.scan, Match.prior, Match.distance).where(Match.lane == "others", Match.rank == 1)
    with site.db.read() as connection:
        patients = dict(connection.execute(select(Scan.key, Scan.patient)).tuples().all())
        nearest = connection.execute(first.order_by(Match.distance)).tuples().all()
    twins = [frozenset({patients[scan], patients[prior]}) for scan, prior, distance in nearest if distance < 0.05]
    assert len(set(twins)) == 1 and len(twins) >= 4  # of images of one day, a main scan is chosen for each by itself
    assert nearest[len(twins)].distance > 0.2
