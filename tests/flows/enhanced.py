"""Enhanced multi-frame objects made in code, for the tests of every room."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian

AXIAL = (1, 0, 0, 0, 1, 0)


def item(**tags: Any) -> list[Dataset]:
    """Return a sequence of one item."""
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return [ds]


def frame(
    position_mm: Sequence[float],
    words: np.ndarray,
    *,
    orientation: Sequence[float] = AXIAL,
    slope: float = 1,
    intercept: float = 0,
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "T1", "NONE"),
    part: str = "MAGNITUDE",
    echo_ms: float = 10.0,
    b_value: float | None = None,
    time: int = 1,
    stack: str = "1",
) -> tuple[Dataset, np.ndarray]:
    """Return the functional groups of one frame, and its pixels, (rows, columns) integers."""
    group = Dataset()
    group.PlanePositionSequence = item(ImagePositionPatient=[float(p) for p in position_mm])
    group.PlaneOrientationSequence = item(ImageOrientationPatient=[float(c) for c in orientation])
    group.PixelValueTransformationSequence = item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
    group.MRImageFrameTypeSequence = item(FrameType=list(image_type), ComplexImageComponent=part)
    group.MREchoSequence = item(EffectiveEchoTime=echo_ms)
    group.FrameContentSequence = item(StackID=stack, TemporalPositionIndex=time)
    if b_value is not None:
        group.MRDiffusionSequence = item(DiffusionBValue=b_value)
    return group, words


def write_enhanced(path: Path, frames: Sequence[tuple[Dataset, np.ndarray]], **tags: Any) -> Path:
    """Write an enhanced MR, or with Modality="CT" an enhanced CT, of pixels of 0.5 mm by 2 mm; further tags replace."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.Modality = tags.get("Modality", "MR")
    ds.SOPClassUID = EnhancedCTImageStorage if ds.Modality == "CT" else EnhancedMRImageStorage
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = "2.25.7", "2.25.7.1", "2.25.7.1.1"
    ds.PatientID, ds.PatientName, ds.StudyDate = "P7", "Canary^Carla", "20240305"
    ds.BodyPartExamined, ds.SeriesDescription = "HEAD", "T1 3D"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "T1", "NONE"]
    ds.NumberOfFrames = len(frames)
    ds.Rows, ds.Columns = frames[0][1].shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    shared = Dataset()
    shared.PixelMeasuresSequence = item(PixelSpacing=[0.5, 2.0], SliceThickness=3.0)
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [group for group, _ in frames]
    ds.PixelData = np.stack([words for _, words in frames]).astype("<i2").tobytes()
    for keyword, value in tags.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
