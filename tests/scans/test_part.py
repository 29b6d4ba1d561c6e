"""Every place of a header that may say which part of the body a scan shows, the order in which they count."""

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from scans import coded
from scans.bodypart import PART_OF, REACH, contradict, part_in
from scans.part import SIBLING, part_of
from scans.siblings import names_no_part, part_beside
from scans.tags import Reader

NOTHING = {"body_part": "", "region": "", "study_description": "", "series_description": "", "protocol_name": ""}


@pytest.mark.parametrize(
    ("fields", "part", "rule"),
    [
        ({"region_codes": ("SCT:69536005",)}, "head", "AnatomicRegionSequence"),
        ({"region_codes": ("SRT:T-D1100",)}, "head", "AnatomicRegionSequence"),
        ({"region_codes": ("SNM3:T-D3000",), "region": "POITRINE"}, "chest", "AnatomicRegionSequence"),
        ({"region_codes": ("RADLEX:RID56",)}, "abdomen", "AnatomicRegionSequence"),
        ({"region_codes": ("99LOCAL:69536005",), "region": "KNEE"}, "knee", "AnatomicRegionSequence"),
        ({"region_codes": ("SCT:69536005", "SCT:72696002")}, "unknown", "AnatomicRegionSequence names several parts"),
        ({"performed_description": "MR Schädel"}, "head", "PerformedProcedureStepDescription"),
        ({"procedure_codes": ("LN:24590-2",)}, "head", "ProcedureCodeSequence"),
        ({"procedure": "CT CHEST W CONTRAST"}, "chest", "ProcedureCodeSequence"),
        ({"requested_codes": ("SCT:71651007",)}, "breast", "RequestedProcedureCodeSequence"),
        ({"requested_procedure": "XR KNEE 2V"}, "knee", "RequestedProcedureCodeSequence"),
        ({"requested_description": "IRM DU GENOU"}, "knee", "RequestedProcedureDescription"),
        ({"receive_coil": "8HRBRAIN"}, "head", "ReceiveCoilName"),
        ({"receive_coil": "HEAD", "study_description": "WRIST"}, "wrist", "StudyDescription"),
        ({"transmit_coil": "Tx/Rx Head"}, "head", "TransmitCoilName"),
        ({"receive_coil": "7CH BREAST"}, "breast", "ReceiveCoilName"),
        ({"receive_coil": "HeadNeck_20"}, "unknown", ""),
        ({"receive_coil": "8NVHEAD_A"}, "unknown", ""),
        ({"receive_coil": "C-GE_HNS Head+SPINE"}, "unknown", ""),
        ({"receive_coil": "8CH KNEE"}, "unknown", ""),
        ({"receive_coil": "BODY"}, "unknown", ""),
        ({"series_description": "anat-T1w"}, "head", "SeriesDescription"),
        ({"series_description": "func-bold_task-rest"}, "head", "SeriesDescription"),
        ({"series_description": "anat T1w"}, "unknown", ""),
    ],
)  # fmt: skip
def test_a_part_is_found_wherever_it_is_told(make_header, fields, part, rule):
    assert part_of(make_header(**(NOTHING | fields)), "mr") == (part, rule)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"body_part": "CHEST", "series_description": "KNEE LAT"},
         ("unknown", "BodyPartExamined says chest, SeriesDescription says knee")),
        ({"body_part": "HEAD", "region_codes": ("SCT:51185008",)},
         ("unknown", "BodyPartExamined says head, AnatomicRegionSequence says chest")),
        ({"study_description": "CT HEAD", "requested_description": "CT FOOT"},
         ("unknown", "StudyDescription says head, RequestedProcedureDescription says foot")),
        ({"study_description": "MRI BRAIN AND C-SPINE", "requested_description": "MRI BRAIN"},
         ("unknown", "StudyDescription names several parts")),
        ({"requested_codes": ("LN:24590-2", "LN:24627-2"), "study_description": "CT HEAD"},
         ("unknown", "RequestedProcedureCodeSequence names several parts")),
        ({"series_description": "BRAIN + C-SPINE", "study_description": "MRI BRAIN"},
         ("unknown", "SeriesDescription names several parts")),
        ({"body_part": "HEAD", "series_description": "HEAD AND KNEE"}, ("head", "BodyPartExamined")),
        ({"study_description": "LEG AND KNEE", "requested_description": "KNEE"},
         ("knee", "RequestedProcedureDescription")),
        ({"body_part": "HEAD", "study_description": "CHEST AND HEAD CT OF THE CHEST"}, ("head", "BodyPartExamined")),
        ({"body_part": "HEAD", "study_description": "CT CHEST"}, ("head", "BodyPartExamined")),
        ({"body_part": "SPINE", "series_description": "L-SPINE"}, ("spine", "BodyPartExamined")),
        ({"body_part": "SHOULDER", "series_description": "ARM"}, ("shoulder", "BodyPartExamined")),
        ({"body_part": "CHEST", "series_description": "CHEST/ABD/PEL"},
         ("chest-abdomen-pelvis", "BodyPartExamined and SeriesDescription")),
    ],
)  # fmt: skip
def test_a_contradiction_is_said_and_nothing_is_believed(make_header, fields, told):
    """The series may be one of several of an examination: only places of the same sort contradict each other."""
    assert part_of(make_header(**(NOTHING | fields)), "ct") == told


def test_a_contradicted_part_is_not_mended_by_siblings(make_header):
    header = make_header(**(NOTHING | {"body_part": "CHEST", "series_description": "KNEE"}))
    assert part_of(header, "ct", sibling="chest")[0] == "unknown"
    assert not names_no_part(header) and names_no_part(make_header(**NOTHING))


def test_an_examination_of_several_parts_is_not_mended_by_siblings(make_header):
    """The neck that nothing names lies in the frame of reference of the brain that its series names."""
    header = make_header(**(NOTHING | {"study_description": "MRI BRAIN AND C-SPINE"}))
    assert part_of(header, "mr", sibling="head") == ("unknown", "StudyDescription names several parts")
    assert not names_no_part(header)


def test_parts_contradict_where_no_scan_of_one_shows_the_other():
    assert all(contradict(*pair) for pair in (("head", "knee"), ("chest", "abdomen"), ("hand", "foot"), ("x", "head")))
    for pair in (("head", "head-neck"), ("hip", "pelvis"), ("spine", "cspine"), ("chest", "heart"), ("leg", "knee"),
                 ("chest-abdomen-pelvis", "abdomen"), ("wholebody", "foot"), ("x", "x")):  # fmt: skip
        assert not contradict(*pair) and not contradict(*pair[::-1])


def test_every_word_and_code_names_a_part_that_has_its_place_in_the_body():
    parts = set(PART_OF.values()) | {piece for part in coded.PART_OF.values() for piece in part.split("-")}
    assert parts <= REACH.keys()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Schädel nativ", "head"), ("IRM du crâne", "head"), ("TC CRÁNEO", "head"), ("Hüfte rechts", "hip"),
        ("muñeca", "wrist"), ("épaule gauche", "shoulder"), ("Fuß links", "foot"), ("rachis cervical", "cspine"),
        ("columna lumbar", "lspine"), ("CORPS ENTIER", "wholebody"), ("Rx torace", "chest"),
        ("bassin de face", "pelvis"),
    ],
)  # fmt: skip
def test_words_of_other_languages_are_read_with_their_accents(text, part):
    assert part_in(text) == part


@pytest.fixture
def sibling(make_header):
    frame = {"frame_of_reference_uid": "1.2.7"}

    def make(patient="P1", study="1.2.3", **fields):
        header = make_header(**(NOTHING | frame | fields))
        return replace(header, identity=replace(header.identity, patient_id=patient, study_uid=study))

    return make


def test_a_series_takes_its_part_from_siblings_of_its_frame_of_reference(sibling):
    own, brain = sibling(), sibling(body_part="BRAIN")
    assert part_beside(own, [brain, sibling()]) == "head"
    assert part_of(own, "mr", sibling="head") == ("head", SIBLING)
    elsewhere = sibling(body_part="BRAIN", frame_of_reference_uid="1.2.8")
    contradicted = sibling(body_part="CHEST", series_description="KNEE")
    for other in (elsewhere, contradicted, sibling("P2", body_part="BRAIN"), sibling(study="1.2.4", body_part="BRAIN")):
        assert part_beside(own, [other]) == ""
    assert part_beside(own, [brain, sibling(body_part="NECK")]) == ""
    nowhere = {"frame_of_reference_uid": ""}
    assert part_beside(sibling(**nowhere), [sibling(body_part="BRAIN", **nowhere)]) == ""


def test_codes_are_read_from_the_items_of_a_sequence():
    item, broken, data = Dataset(), Dataset(), Dataset()
    item.CodingSchemeDesignator, item.CodeValue = "sct ", "69536005"
    broken.CodeMeaning = "Head"
    data.AnatomicRegionSequence = Sequence([item, broken])
    assert Reader(data).concepts(0x00082218) == ("SCT:69536005",)
    data.AnatomicRegionSequence = None
    assert Reader(data).concepts(0x00082218) == ()
