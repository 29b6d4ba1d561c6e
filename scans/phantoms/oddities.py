"""Files that lie in every real archive and are no scan: a localizer, a dose report, a list, a note, a copy."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, XRayRadiationDoseSRStorage

from scans.phantoms.draw import Draw
from scans.phantoms.instances import Instance, common_dataset, decimals
from scans.phantoms.scanner import Storage
from scans.phantoms.stored import add_pixels, describe_pixels, to_stored
from scans.phantoms.study import Study
from scans.phantoms.template import whole_file

NOTE = "Archive of made-up scans. Nobody in it exists.\n"
LOCALIZER_NUMBER, REPORT_NUMBER = 1, 501


@dataclass(frozen=True)
class OddFile:
    """A file that is no scan."""

    what: str  # "localizer", "dose-report", "dicomdir", "text", "copy"
    name: str  # a fixed name in the archive's root; empty: a shuffled one
    content: bytes


def odd_files(draw: Draw, study: Study, some_instance: Instance) -> Iterator[OddFile]:
    """Yield what comes with the first study of an archive.

    Args:
        draw: The archive's.
        study: Its first study; a localizer and a dose report come with a CT only.
        some_instance: Any file of that study, to be there twice.
    """
    if study.modality == "ct":
        yield OddFile("localizer", "", _localizer(draw, study))
        yield OddFile("dose-report", "", _dose_report(draw, study))
    yield OddFile("dicomdir", "DICOMDIR", _dicomdir(draw))
    yield OddFile("text", "readme.txt", NOTE.encode())
    yield OddFile("copy", "", some_instance.content)


def _localizer(draw: Draw, study: Study) -> bytes:
    """Return one coronal overview, as CT scanners take it before the scan."""
    grid = study.series[0].grid
    overview = study.series[0].voxels.mean(axis=1)[::-1]  # (z, x), head on top
    storage = Storage(ExplicitVRLittleEndian, bits_stored=12, intercept=-1024.0)
    dataset = common_dataset(study, LOCALIZER_NUMBER, draw.uid("localizer series", study.uid))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    dataset.SeriesDescription, dataset.ProtocolName = "SCOUT", "CHEST ROUTINE"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = study.frame_uid, ""
    dataset.PatientPosition, dataset.InstanceNumber, dataset.AcquisitionNumber = "HFS", "1", "0"
    dataset.KVP, dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "120", "-1024", "1", "HU"
    dataset.SliceThickness = "500"
    dataset.PixelSpacing = decimals(np.array([grid.spacing_mm[0], grid.spacing_mm[2]]))
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    top = grid.place(np.array([grid.shape[0] - 1.0, 0.0, 0.0]))
    dataset.ImagePositionPatient = decimals(np.array([top[0], 0.0, top[2]]))
    stored = to_stored(overview[None], "ct", storage)
    describe_pixels(dataset, stored.shape, storage)
    add_pixels(dataset, stored[0], storage)
    dataset.SOPInstanceUID = draw.uid("localizer", study.uid)
    return whole_file(dataset, storage.transfer_syntax)


def _dose_report(draw: Draw, study: Study) -> bytes:
    """Return a structured report without pixels. Source: PS3.3 A.35.8, C.17."""
    dataset = common_dataset(study, REPORT_NUMBER, draw.uid("report series", study.uid))
    for keyword in ("AcquisitionDate", "AcquisitionTime", "BodyPartExamined"):
        delattr(dataset, keyword)
    dataset.SOPClassUID, dataset.Modality = XRayRadiationDoseSRStorage, "SR"
    dataset.SeriesDescription, dataset.InstanceNumber = "DOSE REPORT", "1"
    dataset.ReferencedPerformedProcedureStepSequence = DicomSequence([])
    dataset.PerformedProcedureCodeSequence = DicomSequence([])
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator = "113701", "DCM"
    title.CodeMeaning = "X-Ray Radiation Dose Report"
    dataset.ConceptNameCodeSequence = DicomSequence([title])
    dataset.SOPInstanceUID = draw.uid("report", study.uid)
    return whole_file(dataset, ExplicitVRLittleEndian)


def _dicomdir(draw: Draw) -> bytes:
    """Return an empty directory of a medium. Source: PS3.3 F.3.2."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MediaStorageDirectoryStorage, draw.uid("dicomdir")
    dataset.FileSetID = "PHANTOM"
    dataset.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    dataset.FileSetConsistencyFlag = 0
    dataset.DirectoryRecordSequence = DicomSequence([])
    return whole_file(dataset, ExplicitVRLittleEndian)
