"""Promises 1 to 4 for scans that are mended, that stand for a series in time, or are told by physics and siblings."""

import random

import pytest
from nights import Killed, killed_at_commit, run, tables
from pydicom.uid import MRImageStorage, PositronEmissionTomographyImageStorage

SPIN_ECHO = {"ScanningSequence": "SE", "RepetitionTime": "500", "EchoTime": "12", "RescaleIntercept": 0}
PLANAR = {"ScanningSequence": ["EP", "GR"], "RepetitionTime": "2000", "EchoTime": "30", "RescaleIntercept": 0}
UPTAKE = {"Units": "GML", "SUVType": "BW", "CorrectedImage": ["DECY", "ATTN"], "SeriesDescription": "FDG"}


@pytest.fixture
def files(write_dicom):
    """Return what writes one file each: two people at two visits, with five series a visit."""

    def slices(patient, year, series, n=4, per_slice=lambda z: {}, **tags):
        study = f"1.5.{patient}.{year}"
        place = lambda z: {"ImagePositionPatient": [0, 0, 5.0 * z]}  # noqa: E731
        return [
            lambda archive, z=z: write_dicom(
                archive / f"{patient}-{year}-{series}-{z}", patient=f"N{patient}", study=study,
                series=f"{study}.{series}", instance=f"{study}.{series}.{z}", date=f"{year}0101", time="101500",
                modality="CT", **(place(z) | {"InstanceNumber": z + 1} | tags | per_slice(z)),
            )
            for z in range(n)
        ]  # fmt: skip

    def everything():
        found = []
        for patient in (1, 2):
            for year in (2014, 2016):
                mr = {"SOPClassUID": MRImageStorage, "Modality": "MR", "BodyPartExamined": "", "StudyDescription": ""}
                frame = {"FrameOfReferenceUID": f"1.5.9.{patient}.{year}"}
                pt = {"SOPClassUID": PositronEmissionTomographyImageStorage, "Modality": "PT", "RescaleIntercept": 0}
                in_time = lambda z: {"ImagePositionPatient": [0, 0, 5.0 * (z % 4)]}  # noqa: E731
                tilted = lambda z: {"ImagePositionPatient": [0, 1.5 * z, 5.0 * z]}  # noqa: E731
                found += slices(patient, year, 1, per_slice=tilted, BodyPartExamined="HEAD")
                found += slices(patient, year, 2, n=12, per_slice=in_time, **(mr | PLANAR | frame))
                found += slices(patient, year, 3, **(mr | SPIN_ECHO | frame | {"BodyPartExamined": "BRAIN"}))
                found += slices(patient, year, 4, **(mr | SPIN_ECHO | frame | {"EchoTime": "13"}))
                found += slices(patient, year, 5, **(pt | UPTAKE))
        return found

    return everything()


KINDS = ["ct/head/3d", "mr/head/3d/bold", "mr/head/3d/t1", "mr/head/3d/t1", "pt/chest/3d/fdg/suv"]


@pytest.fixture
def together(make_site, files):
    site = make_site("together")
    for write in files:
        write(site.archive)
    run(site)
    return tables(site)


def test_each_has_its_kind_and_is_compared(together):
    assert sorted(row[3] for row in together["scans"]) == sorted(KINDS * 4)
    assert {row[4] for row in together["matches"]} == set(KINDS)
    assert sum(row[2] == "time-point" for row in together["files"]) == 4 * 8


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_and_any_cut_give_the_same_tables(together, make_site, files, seed):
    site, drawn = make_site("cut"), random.Random(seed)
    drawn.shuffle(files)
    for part in (files[:70], files[70:71], files[71:]):
        for write in part:
            write(site.archive)
        run(site)
    assert tables(site) == together


@pytest.mark.parametrize(("commit", "after"), [(9, True), (14, False), (23, True)])
def test_a_killed_night_goes_on_to_the_same_tables(together, make_site, files, monkeypatch, commit, after):
    site = make_site("killed")
    for write in files:
        write(site.archive)
    with pytest.raises(Killed), killed_at_commit(site, commit, monkeypatch, after=after):
        run(site)
    run(site)
    assert tables(site) == together


def test_a_scan_that_goes_takes_its_matches_and_a_sibling_s_word_along(together, make_site, files):
    site = make_site("gone")
    for write in files:
        write(site.archive)
    run(site)
    gone = sorted(site.archive.glob("1-2014-3-*"))
    kept = [(path, path.read_bytes()) for path in gone]
    for path in gone:
        path.unlink()
    run(site)
    assert tables(site) != together
    for path, content in kept:
        path.write_bytes(content)
    run(site)
    assert tables(site) == together
