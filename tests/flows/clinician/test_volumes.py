"""Any scan can be looked at with another viewer; files of many frames count once, whatever they hold."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
from enhanced import frame, write_enhanced
from nights import run, tables
from pydicom import dcmread
from sqlalchemy import select

from db.base import table_of
from db.tables import File, FurtherScan, Scan

CUBE = np.random.default_rng(0).integers(0, 900, (6, 40, 50)).astype(np.int16)


def rows_of(site, model):
    with site.db.read() as connection:
        return [dict(row) for row in connection.execute(select(table_of(model))).mappings()]


def scan_of(site, cover):
    return min(row["key"] for row in rows_of(site, Scan) if row["cover"] == cover and row["state"] == "accepted")


def slices(words=CUBE, **fields):
    return [frame((10.0, 20.0, 5.0 * z), words[z], **fields) for z in range(len(words))]


def test_a_scan_is_written_with_its_values_and_place(call, matched, tmp_path):
    scan = scan_of(matched, "3d")
    code, out, _ = call("volume", scan[:12], "--out", tmp_path / "x.nii.gz", "--config", matched.config)
    assert (code, "6 x 32 x 32 voxels of 5 x 4 x 4 mm" in out) == (0, True)
    image = nibabel.load(tmp_path / "x.nii.gz")
    assert image.shape == (32, 32, 6)
    assert image.affine.tolist() == [[-4, 0, 0, 0], [0, -4, 0, 0], [0, 0, 5, 0], [0, 0, 0, 1]]  # RAS
    slices = [dcmread(p) for p in matched.archive.rglob("ctP*-3")]
    found = image.get_fdata()[:, :, 3].T
    assert any(np.array_equal(found, ds.pixel_array - 1024.0) for ds in slices)


def test_a_projection_is_written_too(call, matched, tmp_path):
    scan = scan_of(matched, "2d")
    assert call("volume", scan, "--out", tmp_path / "x.nii", "--config", matched.config, "--quiet")[:2] == (0, "")
    assert nibabel.load(tmp_path / "x.nii").shape == (32, 32, 1)


def test_the_written_file_names_nobody(call, matched, tmp_path):
    call("volume", scan_of(matched, "3d"), "--out", tmp_path / "x.nii.gz", "--config", matched.config)
    content = (tmp_path / "x.nii.gz").read_bytes() + gzip.decompress((tmp_path / "x.nii.gz").read_bytes())
    assert not any(word in content for word in (b"Test^", b"1.2.8", b"HOSPITAL", str(matched.archive).encode()))


def test_what_cannot_be_written_is_a_sentence(call, matched, tmp_path):
    scan = scan_of(matched, "3d")
    (tmp_path / "there.nii").write_bytes(b"mine")
    for name, key, code, words in (
        ("x.png", scan, 2, ".nii or .nii.gz"),
        ("nowhere/x.nii", scan, 2, "there is no folder"),
        ("there.nii", scan, 2, "there is such a file"),
        ("x.nii", "zzz", 1, "no scan key begins with"),
    ):
        found, _, err = call("volume", key, "--out", tmp_path / name, "--config", matched.config)
        assert (found, words in err) == (code, True), err
    for path in matched.archive.rglob("ctP*-2"):
        path.unlink()
    found, _, err = call("volume", scan, "--out", tmp_path / "x.nii", "--config", matched.config)
    assert (found, "gone" in err) == (1, True), err
    run(matched)
    found, _, err = call("volume", scan, "--out", tmp_path / "x.nii", "--config", matched.config)
    assert (found, "withdrawn" in err) == (1, True), err
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["there.nii"]
    assert (tmp_path / "there.nii").read_bytes() == b"mine"


def test_a_file_of_several_scans_is_used_once_and_keeps_them_all(make_site, tmp_path, call):
    site = make_site()
    frames = slices(echo_ms=10.0) + slices(CUBE[::-1], echo_ms=80.0) + slices(part="PHASE")
    write_enhanced(site.archive / "many", frames)
    assert run(site).files["used"] == 1
    scans = rows_of(site, Scan)
    assert {(row["state"], row["n_slices"], row["n_files"]) for row in scans} == {("accepted", 6, 1)}
    assert len(scans) == 2
    (file,) = rows_of(site, File)
    (further,) = rows_of(site, FurtherScan)
    assert {file["scan"], further["scan"]} == {row["key"] for row in scans}
    assert file["why"] == "6 of 18 frames are not used: derived"
    before = tables(site)
    assert run(site).state == "nothing_new"
    assert tables(site) == before
    for row in scans:
        assert call("volume", row["key"], "--out", tmp_path / f"{row['key']}.nii", "--config", site.config)[0] == 0
    found = sorted(nibabel.load(tmp_path / f"{row['key']}.nii").get_fdata()[0, 0, 0] for row in scans)
    assert found == sorted(float(CUBE[z, 0, 0]) for z in (0, -1))


def test_scans_of_frames_leave_with_their_file(make_site):
    site = make_site()
    write_enhanced(site.archive / "many", slices(echo_ms=10.0) + slices(CUBE[::-1], echo_ms=80.0))
    run(site)
    (site.archive / "many").unlink()
    run(site)
    assert {row["state"] for row in rows_of(site, Scan)} == {"withdrawn"}
    assert rows_of(site, FurtherScan) == []


def slant(path: Path) -> None:
    """Shift a slice back by a quarter of its height, as a tilted gantry has it."""
    slice_ = dcmread(path)
    x, y, z = slice_.ImagePositionPatient
    slice_.ImagePositionPatient = [x, y + z / 4, z]
    slice_.save_as(path)


def test_a_site_that_mends_marks_the_scan_and_one_that_stops_withdraws_it(make_site, hospital):
    site = make_site(repair='["tilt"]')
    hospital.deliver(site.archive, [f for f in hospital.files if f.name.startswith("ctP0")])
    for path in site.archive.rglob("ctP0*"):
        slant(path)
    run(site)
    (row,) = rows_of(site, Scan)
    assert (row["repairs"], row["n_slices"]) == ("tilt: 14.0 degrees", 6)
    site.config.write_text(site.config.read_text().replace('repair = ["tilt"]', "repair = []"))
    from flows.site.opened import open_site

    site = open_site(site.config)
    run(site)
    (row,) = rows_of(site, Scan)
    assert row["state"] == "withdrawn"
    assert {file["code"] for file in rows_of(site, File)} == {"tilted"}
