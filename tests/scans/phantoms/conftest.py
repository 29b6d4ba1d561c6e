"""One small archive for all tests of the phantoms."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from scans.phantoms.archive import ArchiveSummary, write_archive
from scans.phantoms.cohort import Patient, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import EASY

ODD = {"localizer", "dose-report", "dicomdir", "text", "copy"}


@dataclass(frozen=True)
class Written:
    """An archive on disk, and everything in it."""

    out: Path
    summary: ArchiveSummary
    rows: list[dict[str, str]]  # of truth.csv
    datasets: dict[str, Dataset]  # by path below the archive; DICOM only
    series: dict[str, list[Dataset]]  # of truth.csv's series, by UID, in order of position

    def mask(self, row: dict[str, str]) -> np.ndarray:
        return np.load(self.out / row["mask"])


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Six patients, two visits; read with every warning an error, as all tests run."""
    out = tmp_path_factory.mktemp("hospital")
    summary = write_archive(out, n_patients=6, n_visits=2, seed=2)
    with (out / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    datasets = {
        str(path.relative_to(out / "archive")): pydicom.dcmread(path)
        for path in sorted((out / "archive").rglob("*"))
        if path.is_file() and path.name != "readme.txt"
    }
    return Written(out, summary, rows, datasets, _by_series(rows, datasets))


@pytest.fixture(scope="session")
def draw() -> Draw:
    return Draw(5, "easy 1")


@pytest.fixture(scope="session")
def crowd(draw: Draw) -> list[Patient]:
    """Two thousand people who are never scanned."""
    return draw_cohort(draw, EASY, n_patients=2000, n_visits=3)


def _by_series(rows: list[dict[str, str]], datasets: dict[str, Dataset]) -> dict[str, list[Dataset]]:
    series: dict[str, dict[str, Dataset]] = {row["series_uid"]: {} for row in rows}
    for dataset in datasets.values():
        if dataset.get("SeriesInstanceUID") in series:
            series[dataset.SeriesInstanceUID][dataset.SOPInstanceUID] = dataset
    return {uid: sorted(found.values(), key=_height_mm) for uid, found in series.items()}


def _height_mm(dataset: Dataset) -> float:
    return float(dataset.get("ImagePositionPatient", [0, 0, 0])[2])
