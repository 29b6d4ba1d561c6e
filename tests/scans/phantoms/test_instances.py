from collections import Counter

import numpy as np
import pytest
from pydicom.dataset import Dataset

from scans.phantoms.cohort import Patient
from scans.phantoms.draw import Draw
from scans.phantoms.instances import write_series
from scans.phantoms.preset import EASY
from scans.phantoms.scanner import SCANNERS
from scans.phantoms.stored import to_stored
from scans.phantoms.study import make_study

COMMON = (
    "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality SamplesPerPixel "
    "PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation ImageType "
    "RescaleIntercept RescaleSlope"
)
PLANE = "FrameOfReferenceUID PixelSpacing ImageOrientationPatient ImagePositionPatient"
TYPE_1 = {  # PS3.3 A.3.3, A.4.3, A.26.3 and the modules they call
    "CT": f"{COMMON} {PLANE} RescaleType",
    "MR": f"{COMMON} {PLANE} ScanningSequence SequenceVariant".replace("RescaleIntercept RescaleSlope", ""),
    "DX": f"{COMMON} PresentationIntentType ImageLaterality ImagerPixelSpacing PixelIntensityRelationship "
    "PixelIntensityRelationshipSign RescaleType PresentationLUTShape LossyImageCompression PatientOrientation "
    "BurnedInAnnotation WindowCenter WindowWidth",
}
TYPE_2 = {
    "CT": "PositionReferenceIndicator SliceThickness KVP AcquisitionNumber",
    "MR": "PositionReferenceIndicator SliceThickness ScanOptions EchoTime EchoTrainLength MRAcquisitionType",
    "DX": "AcquisitionContextSequence AnatomicRegionSequence DetectorType",
}
TYPE_2_OF_ALL = (
    "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID "
    "AccessionNumber SeriesNumber InstanceNumber Manufacturer"
)


@pytest.mark.parametrize("modality", ["CT", "MR", "DX"])
def test_images_have_all_that_their_iod_requires(written, modality: str) -> None:
    images = [images[0] for images in written.series.values() if images[0].Modality == modality]
    assert images
    for image in images:
        assert not [name for name in TYPE_1[modality].split() if image.get(name) in (None, "", [])]
        assert not [name for name in f"{TYPE_2[modality]} {TYPE_2_OF_ALL}".split() if name not in image]


def test_every_value_reads_without_a_warning(written) -> None:
    for dataset in written.datasets.values():  # a warning is an error in all tests
        for element in dataset.iterall():
            assert element.value is not None or element.is_empty
        if "PixelData" in dataset:
            assert dataset.pixel_array.shape == (dataset.Rows, dataset.Columns)


def test_all_transfer_syntaxes_are_there(written) -> None:
    found = {dataset.file_meta.TransferSyntaxUID for dataset in written.datasets.values()}
    wanted = {storage.transfer_syntax for s in SCANNERS for storage in (s.ct, s.mr, s.dx)}
    assert len(wanted) == 8 and found == wanted


def test_all_pixel_conventions_are_there(written) -> None:
    found = Counter()
    for row in written.rows:
        image = written.series[row["series_uid"]][0]
        assert image.PhotometricInterpretation == row["photometric"]
        assert str(image.PixelRepresentation) == row["signed"]
        assert str(image.BitsStored) == row["bits_stored"]
        assert str(image.get("PixelPaddingValue", "")) == row["padding"]
        found[row["modality"], row["photometric"], row["signed"], row["padding"]] += 1
    assert {key[:2] for key in found if key[0] == "DX"} == {("DX", "MONOCHROME1"), ("DX", "MONOCHROME2")}
    assert {key[2:] for key in found if key[0] == "CT"} == {("0", ""), ("1", ""), ("1", "-2000")}


def test_padding_lies_outside_a_round_field_of_view(written) -> None:
    padded = [written.series[row["series_uid"]][0] for row in written.rows if row["padding"]]
    for image in padded:
        pixels = image.pixel_array
        assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == -2000).all()
        assert (pixels[image.Rows // 2] != -2000).all()


def test_instance_numbers_sometimes_run_against_the_slices(written) -> None:
    directions = set()
    for images in written.series.values():
        numbers = [int(image.InstanceNumber) for image in images]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        if len(numbers) > 1:
            directions.add(numbers[0] < numbers[-1])
    assert directions == {True, False}


def test_people_are_clearly_made_up(written) -> None:
    for row in written.rows:
        image = written.series[row["series_uid"]][0]
        assert image.PatientID == row["patient_id"]
        assert str(image.PatientName) == f"Phantom^{row['patient_id']}"
        assert image.IssuerOfPatientID == "SCANTWIN-PHANTOM"
        assert image.PatientAge == f"{int(row['age_years']):03d}Y"
        born, day = int(image.PatientBirthDate), int(image.StudyDate)
        assert (day - born) // 10000 == int(row["age_years"])


def test_dates_follow_visits_and_zones_are_written_by_some_scanners(written) -> None:
    zones = set()
    for row in written.rows:
        image = written.series[row["series_uid"]][0]
        assert f"{image.StudyDate}{image.StudyTime[:6]}" == "".join(c for c in row["study_time"] if c.isdigit())
        assert image.AcquisitionDate >= image.StudyDate
        zones.add(image.get("TimezoneOffsetFromUTC", ""))
    assert zones == {"", "+0100"}


@pytest.mark.parametrize("scanner", range(4))
@pytest.mark.parametrize("modality", ["ct", "mr", "dx"])
def test_pixels_read_back_as_they_were_stored(draw: Draw, crowd: list[Patient], modality: str, scanner: int) -> None:
    patient = next(p for p in crowd if dict(p.visits[0].scanner)[modality] == scanner)
    study = make_study(draw, EASY, patient, patient.visits[0], modality)
    series = study.series[0]
    storage = getattr(SCANNERS[scanner], modality)
    stored = to_stored(series.voxels, modality, storage)
    images = [_read(instance.content) for instance in write_series(draw, study, series)]
    assert np.array_equal(np.stack([image.pixel_array for image in images]), stored)


@pytest.mark.parametrize("scanner", range(4))
def test_rescaled_ct_pixels_are_hounsfield_units(draw: Draw, crowd: list[Patient], scanner: int) -> None:
    patient = next(p for p in crowd if dict(p.visits[0].scanner)["ct"] == scanner)
    study = make_study(draw, EASY, patient, patient.visits[0], "ct")
    series = study.series[0]
    image = _read(list(write_series(draw, study, series))[10].content)
    hounsfield = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
    inside = image.pixel_array != image.get("PixelPaddingValue", 99999)
    low = -1024 if not image.PixelRepresentation else -3000  # unsigned storage cannot go lower
    assert np.abs(hounsfield - np.maximum(series.voxels[10], low))[inside].max() <= 0.5


def test_monochrome1_is_the_same_picture_turned_round(draw: Draw, crowd: list[Patient]) -> None:
    mine, theirs = SCANNERS[0].dx, SCANNERS[2].dx
    assert (mine.photometric, theirs.photometric) == ("MONOCHROME1", "MONOCHROME2")
    voxels = make_study(draw, EASY, crowd[0], crowd[0].visits[0], "dx").series[0].voxels
    assert np.array_equal(4095 - to_stored(voxels, "dx", mine), to_stored(voxels, "dx", theirs))


def _read(content: bytes) -> Dataset:
    from io import BytesIO

    import pydicom

    return pydicom.dcmread(BytesIO(content))
