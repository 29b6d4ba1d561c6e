"""A very small hospital, and sites over it without Prefect: what the promises are broken with."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from flows.operator.new_site import new_site
from flows.site.opened import Site, open_site

SECRET = "test-test-test-test-test-test-test"


def dicom(
    path: Path, *, patient: str, study: str, series: str, instance: str, date: str, time: str = "", **tags
) -> Path:
    """Write one image of 32 x 32 pixels that depend on its names alone."""
    ds = Dataset()
    is_ct = tags.pop("modality", "DX") == "CT"
    ds.SOPClassUID = CTImageStorage if is_ct else DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.StudyInstanceUID = instance, series, study
    ds.Modality, ds.BodyPartExamined = ("CT" if is_ct else "DX"), "CHEST"
    ds.PatientID, ds.PatientName, ds.PatientSex, ds.PatientAge = patient, f"Test^{patient}", "F", "050Y"
    ds.IssuerOfPatientID, ds.AccessionNumber, ds.PatientBirthDate = "HOSPITAL", f"A{study[-4:]}", "19700101"
    ds.StudyDate = ds.AcquisitionDate = date
    ds.StudyTime = ds.AcquisitionTime = time
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.Manufacturer, ds.ManufacturerModelName = "Maker", "One"
    ds.Rows = ds.Columns = 32
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.PixelSpacing = [4.0, 4.0]
    ds.RescaleSlope, ds.RescaleIntercept = 1, (-1024 if is_ct else 0)
    if is_ct:
        ds.ImageOrientationPatient, ds.SliceThickness = [1, 0, 0, 0, 1, 0], 5
    else:
        ds.ViewPosition = "PA"
        ds.ImagerPixelSpacing = [4.0, 4.0]
    for name, value in tags.items():
        setattr(ds, name, value)
    rng = np.random.default_rng(abs(hash_of(f"{patient} {series} {instance}")))
    coarse = np.kron(rng.integers(0, 2500, (4, 4)), np.ones((8, 8)))
    ds.PixelData = (coarse + rng.integers(0, 200, (32, 32))).astype("<u2").tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def hash_of(text: str) -> int:
    """A number that depends on the text and not on the process."""
    import zlib

    return zlib.crc32(text.encode())


@dataclass(frozen=True)
class Hospital:
    """Files outside the archive, to be put into it in any order."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def deliver(self, archive: Path, files: Sequence[Path] | None = None) -> None:
        for file in self.files if files is None else files:
            target = archive / file.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)


@pytest.fixture(scope="session")
def hospital(tmp_path_factory) -> Hospital:
    """Five patients with one to four X-rays, a CT of six slices, a duplicate, same-day studies, one without date."""
    home = tmp_path_factory.mktemp("hospital")
    for number in range(5):
        for visit in range(1 + (number * 2) % 4):
            names = f"1.2.{number + 1}.{visit + 1}"
            dicom(
                home / f"{number}{visit}",
                patient=f"P{number}",
                study=names,
                series=f"{names}.1",
                instance=f"{names}.1.1",
                date=f"2020{visit + 1:02d}{number + 10}",
                time="" if number == 3 else "101500",
            )
    shutil.copy(home / "10", home / "again")
    dicom(home / "twin-a", patient="P1", study="1.2.90", series="1.2.90.1", instance="1.2.90.1.1", date="20200412")
    dicom(home / "undated", patient="P2", study="1.2.91", series="1.2.91.1", instance="1.2.91.1.1", date="")
    dicom(home / "nobody", patient="", study="1.2.92", series="1.2.92.1", instance="1.2.92.1.1", date="20200601")
    for patient, day in (("P0", "20200301"), ("P4", "20200302"), ("P2", "20200303")):
        for z in range(6):
            names = f"1.2.8{patient[1]}"
            dicom(home / f"ct{patient}-{z}", patient=patient, study=names, series=f"{names}.1",
                  instance=f"{names}.1.{z + 1}",
                  date=day, time="080000", modality="CT", ImagePositionPatient=[0, 0, 5.0 * z])  # fmt: skip
    (home / "notes.txt").write_text("not DICOM")
    return Hospital(home)


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(tmp_path) -> MakeSite:
    """Make a site over an empty archive: `make_site("name", url=..., k="5")`; its network is the quickest there is."""

    def make(name: str = "site", *, url: str | None = None, **changes: str) -> Site:
        return site_in(tmp_path / name, url=url, **changes)

    return make


@pytest.fixture(scope="module")
def make_lasting_site(tmp_path_factory) -> Callable[..., Site]:
    """Make the same, for tests of one file that only ask."""
    return lambda **changes: site_in(tmp_path_factory.mktemp("site"), **changes)


def site_in(folder: Path, *, url: str | None = None, **changes: str) -> Site:
    from db.migrate import upgrade
    from flows.site.opened import database_url
    from flows.site.settings import read_settings

    archive, config = folder / "archive", folder / "home" / "config.toml"
    archive.mkdir(parents=True)
    values = {"quiet_seconds": "0.0", "train_when": '"never"', "k": "3", "threads": "1", "max_gone_fraction": "1.0",
              "backbone": '"small"'}  # fmt: skip
    if url is not None:
        values["url"] = f'"{url}"'
    new_site(archive, config, secret=SECRET, changes=values | changes)
    upgrade(database_url(config, read_settings(config)))
    return open_site(config)


@pytest.fixture(scope="session")
def write_dicom() -> Callable[..., Path]:
    """Write one image of the small hospital's sort; see `dicom`."""
    return dicom


@pytest.fixture
def call(capsys):
    """Run the command in this process; returns exit code, standard output and standard error."""

    from flows.cli import main

    def caller(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return caller


@pytest.fixture
def matched(hospital, make_site):
    """A site after one night over the small hospital."""
    from nights import run

    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    return site


@pytest.fixture
def people(write_dicom):
    """Put X-rays of people into an archive, one each, of the people with these numbers."""

    def put(archive: Path, numbers: range, *, year: int = 2015) -> None:
        for number in numbers:
            names = f"1.3.{number}.{year}"
            write_dicom(archive / f"{number}-{year}", patient=f"F{number}", study=names, series=f"{names}.1",
                        instance=f"{names}.1.1", date=f"{year}0101", time="101500")  # fmt: skip

    return put
