"""DICOM instances of a study: what every image says, whatever the modality."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from pydicom.dataset import Dataset

from scans.phantoms.draw import Draw
from scans.phantoms.modules import MODALITY_CODES, SOP_CLASSES, add_modality
from scans.phantoms.scanner import DEFLATED, Storage
from scans.phantoms.stored import add_pixels, describe_pixels, to_stored
from scans.phantoms.study import Series, Study
from scans.phantoms.template import Template, whole_file

ISSUER = "SCANTWIN-PHANTOM"
CHANGING = ("SOPInstanceUID", "InstanceNumber", "PixelData")
CHANGING_IN_VOLUMES = (*CHANGING, "ImagePositionPatient", "SliceLocation")
SECONDS_PER_SERIES = 240


@dataclass(frozen=True)
class Instance:
    """One DICOM file that has no name yet."""

    sop_uid: str
    content: bytes


def write_series(draw: Draw, study: Study, series: Series) -> Iterator[Instance]:
    """Yield the files of a series, from the first slice to the last."""
    storage = storage_of(study)
    stored = to_stored(series.voxels, study.modality, storage)
    dataset = common_dataset(study, series.number, series.uid)
    add_modality(dataset, study, series)
    describe_pixels(dataset, stored.shape, storage)
    deflated = storage.transfer_syntax == DEFLATED
    changing = CHANGING if study.modality == "dx" else CHANGING_IN_VOLUMES
    template = None if deflated else Template(dataset, changing, storage.transfer_syntax)
    for place, frame in enumerate(stored):
        slice_ = _own_elements(draw, study, series, place)
        add_pixels(slice_, frame, storage)
        if template:
            yield Instance(slice_.SOPInstanceUID, template.fill(slice_))
        else:
            dataset.update(slice_)
            yield Instance(slice_.SOPInstanceUID, whole_file(dataset, storage.transfer_syntax))


def storage_of(study: Study) -> Storage:
    """Return how the study's scanner stores this modality."""
    storage: Storage = {"ct": study.scanner.ct, "mr": study.scanner.mr, "dx": study.scanner.dx}[study.modality]
    return storage


def common_dataset(study: Study, series_number: int, series_uid: str) -> Dataset:
    """Return the patient, study, series and equipment modules. Source: PS3.3 C.7.1 to C.7.5."""
    patient, scanner = study.patient, study.scanner
    dataset = Dataset()
    if scanner.charset:
        dataset.SpecificCharacterSet = scanner.charset
    dataset.SOPClassUID = SOP_CLASSES[study.modality]
    dataset.PatientName = f"Phantom^{patient.patient_id}"
    dataset.PatientID = patient.patient_id
    dataset.IssuerOfPatientID = ISSUER
    dataset.PatientBirthDate = f"{patient.birth_date:%Y%m%d}"
    dataset.PatientSex = patient.sex
    dataset.PatientAge = f"{age_years(study):03d}Y"
    dataset.StudyInstanceUID, dataset.StudyID = study.uid, study.accession[-4:]
    dataset.AccessionNumber, dataset.ReferringPhysicianName = study.accession, ""
    dataset.StudyDescription = f"{study.region.upper()} {MODALITY_CODES[study.modality]}"
    dataset.Modality = MODALITY_CODES[study.modality]
    dataset.SeriesInstanceUID, dataset.SeriesNumber = series_uid, str(series_number)
    dataset.BodyPartExamined = study.region.upper()
    dataset.Manufacturer, dataset.ManufacturerModelName = scanner.manufacturer, scanner.model
    dataset.StationName, dataset.SoftwareVersions = scanner.station, "1.0"
    dataset.InstitutionName = "Phantom Hospital"
    if scanner.timezone:
        dataset.TimezoneOffsetFromUTC = scanner.timezone
    _add_times(dataset, study, series_number)
    return dataset


def age_years(study: Study) -> int:
    """Return whole years at the day of the study."""
    born, today = study.patient.birth_date, study.when.date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def decimals(values: np.ndarray, digits: int = 4) -> list[str]:
    """Return decimal strings of at most 16 characters, as VR DS wants them (PS3.5 6.2)."""
    return [f"{value:.{digits}f}" for value in np.ravel(values)]


def _add_times(dataset: Dataset, study: Study, series_number: int) -> None:
    series_time = study.when + timedelta(seconds=SECONDS_PER_SERIES * series_number)
    for name, when in (("Study", study.when), ("Series", series_time), ("Acquisition", series_time)):
        setattr(dataset, f"{name}Date", f"{when:%Y%m%d}")
        setattr(dataset, f"{name}Time", f"{when:%H%M%S}.000000")
    _set_content_time(dataset, series_time + timedelta(seconds=20))


def _set_content_time(dataset: Dataset, when: datetime) -> None:
    dataset.ContentDate, dataset.ContentTime = f"{when:%Y%m%d}", f"{when:%H%M%S}.000000"


def _own_elements(draw: Draw, study: Study, series: Series, place: int) -> Dataset:
    """Return what differs from slice to slice, but for the pixels."""
    own = Dataset()
    own.SOPInstanceUID = draw.uid("instance", series.uid, place)
    own.InstanceNumber = str(series.grid.shape[0] - place if study.scanner.counts_down else place + 1)
    if study.modality != "dx":
        position = series.grid.place(np.array([place, 0.0, 0.0]))
        own.ImagePositionPatient = decimals(position)
        own.SliceLocation = f"{position[2]:.2f}"
    return own
