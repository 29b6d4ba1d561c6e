"""From where a projection was taken, and of which side: tags, codes, orientation and words."""

import pytest

from scans.view import side_of, view_of


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"patient_orientation": ("L", "F")}, ("frontal", "PatientOrientation")),
        ({"patient_orientation": ("R", "F")}, ("frontal", "PatientOrientation")),
        ({"patient_orientation": ("R", "H")}, ("frontal", "PatientOrientation")),
        ({"patient_orientation": ("A", "F")}, ("lateral", "PatientOrientation")),
        ({"patient_orientation": ("P", "F")}, ("lateral", "PatientOrientation")),
        ({"patient_orientation": ("LA", "F")}, ("unknown", "")),
        ({"patient_orientation": ("L", "P")}, ("unknown", "")),
        ({"patient_orientation": ("L",)}, ("unknown", "")),
        ({"view_codes": ("SCT:399348003",)}, ("frontal", "ViewCodeSequence")),
        ({"view_codes": ("SRT:R-10236",), "view_code": "SEITLICH"}, ("lateral", "ViewCodeSequence")),
        ({"view_codes": ("SCT:399162004",)}, ("unknown", "")),
        ({"series_description": "Thorax pa"}, ("frontal", "SeriesDescription")),
        ({"series_description": "CHEST PA PA"}, ("frontal", "SeriesDescription")),
        ({"series_description": "Thorax seitlich"}, ("lateral", "SeriesDescription")),
        ({"series_description": "CHEST PA AND LATERAL"}, ("unknown", "")),
        ({"protocol_name": "W Chest Lat."}, ("lateral", "ProtocolName")),
        ({"series_description": "Schräg"}, ("oblique", "SeriesDescription")),
        ({"view": "PA", "patient_orientation": ("A", "F")},
         ("unknown", "ViewPosition says frontal, PatientOrientation says lateral")),
        ({"view": "PA", "series_description": "LAT"},
         ("unknown", "ViewPosition says frontal, SeriesDescription says lateral")),
        ({"view": "LL", "patient_orientation": ("L", "F"), "series_description": "Cervical LAT"},
         ("lateral", "ViewPosition")),
        ({"view": "LL", "patient_orientation": ("L", "F"), "series_description": "PA"},
         ("unknown", "ViewPosition says lateral, SeriesDescription says frontal")),
        ({"view": "LL", "patient_orientation": ("P", "F"), "series_description": "Lat"}, ("lateral", "ViewPosition")),
        ({"series_description": "Thorax face"}, ("frontal", "SeriesDescription")),
        ({"patient_orientation": ("L", "F"), "series_description": "OBL"}, ("oblique", "SeriesDescription")),
        ({"patient_orientation": ("L", "F"), "series_description": "Sunrise"}, ("axial", "SeriesDescription")),
        ({"view": "AP", "series_description": "Patella axial"}, ("axial", "SeriesDescription")),
        ({"series_description": "AXIAL"}, ("unknown", "")),
        ({"series_description": "LEFT LAT DECUB"}, ("unknown", "")),
        ({"view": "AP", "series_description": "LATERAL DECUBITUS"}, ("frontal", "ViewPosition")),
        ({"series_description": "LAT CONDYLE"}, ("unknown", "")),
        ({"series_description": "FRONTAL SINUSES"}, ("unknown", "")),
        ({"series_description": "LATE"}, ("unknown", "")),
        ({"series_description": "CHEST PA CATHETER"}, ("unknown", "")),
        ({"series_description": "AP PORT"}, ("frontal", "SeriesDescription")),
    ],
)  # fmt: skip
def test_a_view_is_found_wherever_it_is_told(make_header, fields, told):
    assert (
        view_of(make_header(**({"view": "", "series_description": "", "protocol_name": ""} | fields)), "xr", "chest")
        == told
    )


@pytest.mark.parametrize(
    ("text", "view", "side"),
    [("R CC", "cc", "unknown"), ("LMLO", "mlo", "left"), ("RT MLO", "mlo", "right"), ("PA", "unknown", "unknown")],
)
def test_a_mammogram_is_described_by_its_own_words(make_header, text, view, side):
    header = make_header(view="", series_description=text, protocol_name="", image_laterality="", laterality="")
    assert (view_of(header, "mg", "breast")[0], side_of(header)[0]) == (view, side)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"image_laterality": "R"}, ("right", "ImageLaterality")),
        ({"laterality": "L"}, ("left", "Laterality")),
        ({"image_laterality": "L", "laterality": "R"}, ("unknown", "ImageLaterality says left, Laterality says right")),
        ({"image_laterality": "L", "laterality": "B"}, ("left", "ImageLaterality")),
        ({"series_description": "Knie rechts ap"}, ("right", "SeriesDescription")),
        ({"protocol_name": "LT ANKLE"}, ("left", "ProtocolName")),
        ({"series_description": "LEFT AND RIGHT"}, ("unknown", "")),
        ({"series_description": "RT PLAN"}, ("unknown", "")),
        ({"series_description": "RT DOSE"}, ("unknown", "")),
        ({"series_description": "LT HUMERUS POST RT"}, ("left", "SeriesDescription")),
        ({"series_description": "RT KNEE"}, ("right", "SeriesDescription")),
        ({"series_description": "MANO IZQ"}, ("left", "SeriesDescription")),
        ({"series_description": "RIGHT", "protocol_name": "LEFT"},
         ("unknown", "SeriesDescription says right, ProtocolName says left")),
        ({"laterality": "L", "series_description": "RIGHT"}, ("left", "Laterality")),
    ],
)  # fmt: skip
def test_a_side_is_found_wherever_it_is_told(make_header, fields, told):
    empty = {"image_laterality": "", "laterality": "", "series_description": "", "protocol_name": ""}
    assert side_of(make_header(**(empty | fields))) == told


@pytest.mark.parametrize(("text", "view"), [("PA", "unknown"), ("AP", "frontal")])
def test_an_angiography_called_pa_shows_an_artery(make_header, text, view):
    header = make_header(view="", series_description=text, protocol_name="")
    assert view_of(header, "xa", "chest")[0] == view
