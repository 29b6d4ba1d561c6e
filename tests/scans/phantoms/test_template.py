import pytest
from pydicom.dataset import Dataset

from scans.phantoms.scanner import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from scans.phantoms.template import Template, whole_file


def _slice(number: int) -> Dataset:
    own = Dataset()
    own.SOPInstanceUID, own.InstanceNumber = f"2.25.1{'7' * number}", str(number)
    own.PixelData = bytes(range(2 * number))
    own["PixelData"].VR = "OW"
    return own


def _whole(number: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.PatientName, dataset.Rows = "1.2.840.10008.5.1.4.1.1.2", "Phantom^P0001", 4
    dataset.ImagePositionPatient = ["1", "2", "3.5"]
    dataset.update(_slice(number))
    return dataset


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_filled_template_equals_the_file_that_pydicom_writes(syntax: str, number: int) -> None:
    template = Template(_whole(9), ("SOPInstanceUID", "InstanceNumber", "PixelData"), syntax)
    assert template.fill(_slice(number)) == whole_file(_whole(number), syntax)


def test_a_deflated_file_has_no_template() -> None:
    with pytest.raises(ValueError, match="one piece"):
        Template(_whole(1), ("PixelData",), DEFLATED)
