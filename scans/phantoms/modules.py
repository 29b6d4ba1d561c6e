"""What a CT, an MR and a DX image each have to say of themselves."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from scans.phantoms.stored import DX_RANGE_MM, stored_range
from scans.phantoms.study import Series, Study

MODALITY_CODES = {"ct": "CT", "mr": "MR", "dx": "DX"}
SOP_CLASSES = {
    "ct": "1.2.840.10008.5.1.4.1.1.2",
    "mr": "1.2.840.10008.5.1.4.1.1.4",
    "dx": "1.2.840.10008.5.1.4.1.1.1.1",  # for presentation
}
WINDOW_HU = {"soft": ("40", "400"), "sharp": ("-500", "1500")}
VIEW_CODES = {  # PS3.16 CID 4010
    "frontal": ("399348003", "postero-anterior"),
    "lateral": ("399173006", "left lateral"),
}


def kernel_of(study: Study, series: Series) -> str:
    """Return the reconstruction kernel of a CT, else nothing."""
    kernels = dict(zip(("soft", "sharp"), study.scanner.kernels, strict=True))
    return kernels.get(series.role, "")


def add_modality(dataset: Dataset, study: Study, series: Series) -> None:
    """Add what PS3.3 A.3 (CT), A.4 (MR) or A.26 (DX) asks for beyond the common modules."""
    {"ct": _add_ct, "mr": _add_mr, "dx": _add_dx}[study.modality](dataset, study, series)


def _add_volume(dataset: Dataset, study: Study, series: Series) -> None:
    """Frame of reference and image plane. Source: PS3.3 C.7.4.1, C.7.6.2."""
    grid = series.grid
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = study.frame_uid, ""
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = "1"
    dataset.SliceThickness = f"{grid.spacing_mm[0]:.4f}"
    dataset.PixelSpacing = [f"{grid.spacing_mm[1]:.4f}", f"{grid.spacing_mm[2]:.4f}"]
    dataset.ImageOrientationPatient = [f"{v:.10f}" for v in (*grid.axes[2], *grid.axes[1])]


def _add_ct(dataset: Dataset, study: Study, series: Series) -> None:
    _add_volume(dataset, study, series)
    kernel = kernel_of(study, series)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesDescription = f"CHEST {series.grid.spacing_mm[0]:.1f} {kernel}"
    dataset.ProtocolName, dataset.ScanOptions = "CHEST ROUTINE", "HELICAL MODE"
    dataset.KVP, dataset.XRayTubeCurrent, dataset.ExposureTime = "120", "200", "500"
    dataset.ConvolutionKernel = kernel
    dataset.DataCollectionDiameter = "500"
    dataset.ReconstructionDiameter = f"{series.grid.spacing_mm[2] * series.grid.shape[2]:.1f}"
    dataset.RescaleIntercept, dataset.RescaleSlope = f"{study.scanner.ct.intercept:g}", "1"
    dataset.RescaleType = "HU"
    dataset.WindowCenter, dataset.WindowWidth = WINDOW_HU[series.role]


def _add_mr(dataset: Dataset, study: Study, series: Series) -> None:
    _add_volume(dataset, study, series)
    scanner, place = study.scanner, ("t1", "t2").index(series.role)
    name = ("T1 SE", "T2 TSE")[place]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.SeriesDescription = f"{name} AX"
    dataset.ProtocolName = f"HEAD {name}"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", ("NONE", "SK")[place], ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime, dataset.EchoTime = f"{scanner.repetition_ms[place]:g}", f"{scanner.echo_ms[place]:g}"
    dataset.EchoTrainLength = ("1", "15")[place]
    dataset.FlipAngle, dataset.MagneticFieldStrength = "90", f"{scanner.field_tesla:g}"
    dataset.SpacingBetweenSlices = f"{series.grid.spacing_mm[0]:.4f}"
    dataset.ImagedNucleus = "1H"


def _add_dx(dataset: Dataset, study: Study, series: Series) -> None:
    """DX general, anatomy, image, detector and positioning. Source: PS3.3 C.8.11.1 to C.8.11.5."""
    frontal = series.role == "frontal"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.SeriesDescription = f"CHEST {'PA' if frontal else 'LAT'}"
    dataset.ProtocolName = "CHEST TWO VIEWS"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = DicomSequence([_code("51185008", "Chest")])
    dataset.ViewPosition = "PA" if frontal else "LL"
    dataset.ViewCodeSequence = DicomSequence([_code(*VIEW_CODES[series.role])])
    dataset.PatientOrientation = ["L", "F"] if frontal else ["P", "F"]
    dataset.DetectorType, dataset.DetectorID = "SCINTILLATOR", study.scanner.station
    spacing = [f"{series.grid.spacing_mm[1]:.4f}", f"{series.grid.spacing_mm[2]:.4f}"]
    dataset.ImagerPixelSpacing = spacing
    dataset.KVP, dataset.AcquisitionNumber = "125", "1"
    dataset.AcquisitionContextSequence = DicomSequence([])
    _add_dx_image(dataset, study)


def _add_dx_image(dataset: Dataset, study: Study) -> None:
    """Say how numbers become grey. Source: PS3.3 C.8.11.3."""
    inverted = study.scanner.dx.photometric == "MONOCHROME1"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if inverted else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"
    high = stored_range(study.scanner.dx).high
    low_mm, high_mm = DX_RANGE_MM
    black, white = np.interp([-25.0, 155.0], [low_mm, high_mm], [0, high])
    centre = (black + white) / 2
    dataset.WindowCenter = f"{high - centre if inverted else centre:.0f}"
    dataset.WindowWidth = f"{white - black:.0f}"


def _code(value: str, meaning: str) -> Dataset:
    """Return a coded concept of SNOMED CT. Source: PS3.3 8.8."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code
