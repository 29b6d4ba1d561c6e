"""DICOM made in code for the tests of this room, and the shared real files where they are there."""

import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from scans.header import Header, Identity
from scans.stack import Member

settings.register_profile("busy", deadline=None)  # a busy machine is no failure
settings.load_profile("busy")

ROOT = "2.25.1000"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def dicom(*, index: int = 0, position_mm: Sequence[float] = (0, 0, 0), value: int = 1, **tags: Any) -> Dataset:
    """Return a CT slice of 4 x 3 pixels of one value; further tags by keyword, None removes one."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(tags.pop("TransferSyntaxUID", ExplicitVRLittleEndian))
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.1.1"
    ds.SOPInstanceUID = f"{ROOT}.1.1.{index + 1}"
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = "P1", "Canary^Carla", "19600229"
    ds.PatientSex, ds.StudyDate = "F", "20240305"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined, ds.InstanceNumber = "CHEST", index + 1
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(position_mm), list(AXIAL)
    ds.PixelSpacing, ds.SliceThickness = [0.5, 0.75], 1.0
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 4, 3, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = np.full((4, 3), value, dtype="<i2").tobytes()
    for keyword, content in tags.items():
        if content is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, content)
    return ds


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write one slice, see `dicom`, and return its path."""

    def write(name: str = "one", **tags: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        dicom(**tags).save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def make_series(tmp_path: Path) -> Callable[..., Path]:
    """Write a series of axial slices and return its folder; names tell nothing about the order."""

    def write(*, positions_mm: Sequence[float], values: Sequence[int], **tags: Any) -> Path:
        folder = tmp_path / "series"
        folder.mkdir(exist_ok=True)
        for index, (z, value) in enumerate(zip(positions_mm, values, strict=True)):
            ds = dicom(index=index, position_mm=(-10, -20, z), value=value, **tags)
            ds.save_as(folder / f"f{index * 7919 % 1000:03d}", enforce_file_format=True)
        return folder

    return write


def header(*, index: int = 0, z_mm: float = 0.0, identity: dict[str, str] | None = None, **fields: Any) -> Header:
    """Return the header of an axial CT slice without a file behind it."""
    who = {
        "patient_id": "P1", "study_uid": f"{ROOT}.1", "series_uid": f"{ROOT}.1.1",
        "sop_uid": f"{ROOT}.1.1.{index + 1}",
    }  # fmt: skip
    values = {
        "size_bytes": 100, "file_sha256": f"{index:064x}", "has_preamble": True,
        "transfer_syntax_uid": ExplicitVRLittleEndian, "syntax_guessed": False, "pixel_element": "PixelData",
        "pixel_offset": 1000, "pixel_length": 24, "pixel_sha256": f"{index:064x}",
        "sop_class_uid": CTImageStorage, "modality": "CT", "image_type": ("ORIGINAL", "PRIMARY",
        "AXIAL"), "body_part": "CHEST",
        "position_mm": (-10.0, -20.0, z_mm), "orientation": AXIAL, "pixel_spacing_mm": (0.5, 0.75), "rows": 4,
        "columns": 3, "samples_per_pixel": 1, "photometric": "MONOCHROME2", "bits_allocated": 16,
        "bits_stored": 16, "high_bit": 15, "pixel_representation": 1, "study_date": "20240305",
    }  # fmt: skip
    return Header(identity=Identity(**(who | (identity or {}))), **(values | fields))


@pytest.fixture(scope="session")
def make_header() -> Callable[..., Header]:
    """Make the header of one axial CT slice; fields by keyword."""
    return header


@pytest.fixture(scope="session")
def make_members() -> Callable[..., list[Member]]:
    """Make members of one series from the z of their slices; fields by keyword hold for all."""

    def members(positions_mm: Sequence[float], start: int = 0, **fields: Any) -> list[Member]:
        headers = [header(index=start + i, z_mm=float(z), **fields) for i, z in enumerate(positions_mm)]
        return [Member(f"file{start + i}", f"p{start + i}", h) for i, h in enumerate(headers)]

    return members


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files, or a skip."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SCANTWIN_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("real test files are not here; SCANTWIN_TEST_DATA names their folder")
    return folder


@pytest.fixture(scope="session")
def unpack(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a real series by name, unpacked once a session."""
    out = tmp_path_factory.mktemp("series")

    def series(name: str) -> Path:
        plain = shared_data / "dicom_series" / name
        if plain.is_dir():
            return plain
        if not (out / name).is_dir():
            with tarfile.open(plain.with_name(f"{name}.tar.xz")) as packed:
                packed.extractall(out, filter="data")
        return out / name

    return series
