from collections.abc import Callable

import pytest
from pydicom.uid import UID, CTImageStorage

from scans.bodypart import part_in
from scans.contrast import contrast_of
from scans.header import Header
from scans.kind import check_table, kind_of

CR, DX, MG = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("1", "1.1", "1.2"))
MR, US = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.6.1"
Maker = Callable[..., Header]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "ct/chest/3d"),
        ({"body_part": "BRAIN"}, "ct/head/3d"),
        ({"body_part": "", "study_description": "CT ABD AND PELVIS WITH IV CONT"}, "ct/abdomen-pelvis/3d"),
        ({"body_part": "", "series_description": "CHEST 2.5 MM/ABD.PEL 2.5MM"}, "ct/chest-abdomen-pelvis/3d"),
        ({"body_part": "", "protocol_name": "5.2 CHEST (FEET FIRST)"}, "ct/chest/3d"),
        ({"body_part": "EXTREMITY", "region": "KNEE"}, "ct/knee/3d"),
        ({"body_part": "", "study_description": "L-SPINE WO"}, "ct/lspine/3d"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "t1_fl2d_sag"}, "mr/head/3d/t1"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "AX T2 FLAIR"}, "mr/head/3d/flair"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "AX T1 FLAIR"}, "mr/head/3d/t1"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "T2_TSE_TRA"}, "mr/head/3d/t2"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "SAG MPRAGE +C"},
        "mr/head/3d/t1+contrast"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "T1 PRE",
        "contrast_agent": "Gadovist"},
         "mr/head/3d/t1"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "T1", "contrast_agent": "Gadovist"},
         "mr/head/3d/t1+contrast"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "series_description": "ep2d_diff_b1000"},
        "mr/head/3d/dwi"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "b_value": 800.0}, "mr/head/3d/dwi"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "scanning_sequence": ("SE",), "repetition_time_ms": 500.0,
          "echo_time_ms": 12.0}, "mr/head/3d/t1"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "scanning_sequence": ("SE",),
        "repetition_time_ms": 4000.0,
          "echo_time_ms": 100.0}, "mr/head/3d/t2"),
        ({"sop_class_uid": MR, "body_part": "HEAD", "scanning_sequence": ("SE", "IR"),
        "repetition_time_ms": 9e3,
          "echo_time_ms": 120.0, "inversion_time_ms": 2500.0}, "mr/head/3d/flair"),
    ],
)  # fmt: skip
def test_a_volume_s_kind_comes_from_its_tags(make_header: Maker, fields: dict[str, object], key: str) -> None:
    kind = kind_of(make_header(**fields), is_volume=True)
    assert (kind.key, kind.cover, kind.known) == (key, "3d", True)
    assert kind.rule != "no tag tells"


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"sop_class_uid": CR, "view": "PA"}, "xr/chest/2d/frontal"),
        ({"sop_class_uid": DX, "view": "AP"}, "xr/chest/2d/frontal"),
        ({"sop_class_uid": CR, "view": "LL"}, "xr/chest/2d/lateral"),
        ({"sop_class_uid": DX, "view": "RL"}, "xr/chest/2d/lateral"),
        ({"sop_class_uid": DX, "view_code": "POSTERO-ANTERIOR"}, "xr/chest/2d/frontal"),
        ({"sop_class_uid": DX, "view": "PA", "laterality": "L"}, "xr/chest/2d/frontal"),
        (
            {"sop_class_uid": DX, "view": "AP", "body_part": "HAND", "laterality": "R"},
            "xr/hand/2d/frontal/right",
        ),
        (
            {"sop_class_uid": MG, "view": "MLO", "body_part": "", "image_laterality": "L"},
            "mg/breast/2d/mlo/left",
        ),
    ],
)
def test_a_projection_s_kind_has_view_and_side(make_header: Maker, fields: dict[str, object], key: str) -> None:
    kind = kind_of(make_header(**fields), is_volume=False)
    assert (kind.key, kind.cover, kind.known) == (key, "2d", True)


@pytest.mark.parametrize(
    ("fields", "is_volume", "key"),
    [
        ({"body_part": ""}, True, "ct/unknown/3d"),
        ({"body_part": "", "study_description": "HEAD OR KNEE"}, True, "ct/unknown/3d"),
        ({"sop_class_uid": CR, "view": ""}, False, "xr/chest/2d/unknown"),
        ({"sop_class_uid": CR, "view": "PA", "body_part": "HAND"}, False, "xr/hand/2d/frontal/unknown"),
        ({"sop_class_uid": MR, "series_description": "seq 7"}, True, "mr/chest/3d/unknown"),
        ({"sop_class_uid": MR, "scanning_sequence": ("EP",), "echo_time_ms": 80.0, "repetition_time_ms": 5e3},
         True, "mr/chest/3d/unknown"),
    ],
)  # fmt: skip
def test_what_the_header_does_not_tell_is_unknown_and_held_back(
    make_header: Maker, fields: dict[str, object], is_volume: bool, key: str
) -> None:
    kind = kind_of(make_header(**fields), is_volume=is_volume)
    assert (kind.key, kind.known) == (key, False)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"BodyPartExamined=THX": "chest"}, "ct/chest/3d"),
        ({"ct/unknown/3d": "ct/chest/3d"}, "ct/chest/3d"),
        ({"BodyPartExamined=OTHER": "chest"}, "ct/unknown/3d"),
    ],
)
def test_the_site_s_table_decides_first(make_header: Maker, table: dict[str, str], key: str) -> None:
    assert kind_of(make_header(body_part="THX"), is_volume=True, table=table).key == key


@pytest.mark.parametrize(
    ("table", "key", "rule"),
    [
        ({" BodyPartExamined = thx ": " Chest "}, "ct/chest/3d", "BodyPartExamined in the table of the site"),
        ({"StudyDescription=ROUTINE": "head"}, "ct/head/3d", "StudyDescription in the table of the site"),
        ({"ct/unknown/3d": " ct/Chest/3d "}, "ct/chest/3d", "no tag tells; table of the site"),
        ({"ct/unknown/3d": "ct/head/3d", "BodyPartExamined=THX": "chest"}, "ct/chest/3d",
         "BodyPartExamined in the table of the site"),
        ({"BodyPartExamined=ABC": "head", "BodyPartExamined=THX": "chest"}, "ct/chest/3d",
         "BodyPartExamined in the table of the site"),
    ],
)  # fmt: skip
def test_a_line_of_the_table_holds_whatever_stands_around_it_and_the_rule_says_so(
    make_header: Maker, table: dict[str, str], key: str, rule: str
) -> None:
    check_table(table)
    kind = kind_of(make_header(body_part="THX", study_description="routine"), is_volume=True, table=table)
    assert (kind.key, kind.rule, kind.known) == (key, rule, True)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"body_part": "HAND", "view": "AP", "image_laterality": "R", "laterality": "L"},
         ("xr/hand/2d/frontal/unknown",
          "BodyPartExamined, ViewPosition, ImageLaterality says right, Laterality says left")),
        ({"body_part": "HAND", "view": "AP", "image_laterality": "R", "laterality": "B"},
         ("xr/hand/2d/frontal/right", "BodyPartExamined, ViewPosition, ImageLaterality")),
        ({"body_part": "HAND", "view": "AP", "laterality": " b "},
         ("xr/hand/2d/frontal/both", "BodyPartExamined, ViewPosition, Laterality")),
        ({"body_part": "", "view": " pa ", "study_description": "THORAX"},
         ("xr/chest/2d/frontal", "StudyDescription, ViewPosition")),
        ({"view": "XY", "view_code": " antero-posterior "},
         ("xr/chest/2d/frontal", "BodyPartExamined, ViewCodeSequence")),
        ({"body_part": "XY", "view": ""}, ("xr/unknown/2d/unknown", "no tag tells")),
        ({"body_part": "CHEST", "view": ""}, ("xr/chest/2d/unknown", "BodyPartExamined")),
        ({"body_part": "HAND", "view": "AP"}, ("xr/hand/2d/frontal/unknown", "BodyPartExamined, ViewPosition")),
    ],
)  # fmt: skip
def test_the_rule_of_a_projection_names_the_tag_behind_each_part(
    make_header: Maker, fields: dict[str, object], rule: tuple[str, str]
) -> None:
    kind = kind_of(make_header(sop_class_uid=DX, **fields), is_volume=False)
    assert (kind.key, kind.rule) == rule


@pytest.mark.parametrize(
    ("field", "tag"),
    [("body_part", "BodyPartExamined"), ("region", "AnatomicRegionSequence"),
     ("series_description", "SeriesDescription"), ("protocol_name", "ProtocolName"),
     ("study_description", "StudyDescription")],
)  # fmt: skip
def test_the_tag_that_names_the_part_is_the_rule(make_header: Maker, field: str, tag: str) -> None:
    kind = kind_of(make_header(**({"body_part": ""} | {field: "KNEE"})), is_volume=True)
    assert (kind.key, kind.rule) == ("ct/knee/3d", tag)


def test_a_region_is_widened_by_the_series_as_a_body_part_is(make_header: Maker) -> None:
    header = make_header(body_part="", region="CHEST", series_description="CHEST ABDOMEN")
    kind = kind_of(header, is_volume=True)
    assert (kind.key, kind.rule) == ("ct/chest-abdomen/3d", "AnatomicRegionSequence and SeriesDescription")


def test_a_value_of_the_table_may_hold_an_equals_sign(make_header: Maker) -> None:
    table = {"SeriesDescription=TE=30": "t2"}
    check_table(table)
    header = make_header(sop_class_uid=MR, series_description="te=30")
    assert kind_of(header, is_volume=True, table=table).key == "mr/chest/3d/t2"


def test_a_mammogram_that_names_the_breast_says_so_by_its_tag(make_header: Maker) -> None:
    kind = kind_of(make_header(sop_class_uid=MG, view="CC", body_part="BREAST", laterality="R"), is_volume=False)
    assert kind.rule == "BodyPartExamined, ViewPosition, Laterality"


def test_a_mammogram_is_of_the_breast_whatever_it_does_not_say(make_header: Maker) -> None:
    kind = kind_of(make_header(sop_class_uid=MG, view="CC", body_part="", laterality="R"), is_volume=False)
    assert (kind.key, kind.rule) == ("mg/breast/2d/cc/right", "SOPClassUID, ViewPosition, Laterality")


def test_the_rule_of_a_wider_kind_names_both_tags(make_header: Maker) -> None:
    wider = kind_of(make_header(body_part="CHEST", series_description="CHEST ABDOMEN"), is_volume=True)
    assert (wider.key, wider.rule) == ("ct/chest-abdomen/3d", "BodyPartExamined and SeriesDescription")


def test_a_class_of_no_family_is_held_back(make_header: Maker) -> None:
    kind = kind_of(make_header(sop_class_uid="1.2.3"), is_volume=True)
    assert not kind.known


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"Colour=RED": "chest"}, r"^'Colour=RED': the tag has to be one of BodyPartExamined, StudyDescription, "),
        ({"ViewPosition=XY": "the view"}, r"'the view': wanted one word such as chest, frontal or t2$"),
        ({"ct/unknown": "ct/chest/3d"}, r"wanted two kinds such as ct/unknown/3d and ct/chest/3d$"),
        ({"ct/unknown/3d": "ct/chest/2d"}, r"2d and 3d cannot be exchanged$"),
        ({"ViewPosition=XY": "frontal", "ct/unknown/3d": "ct/chest/2d"}, r"2d and 3d cannot be exchanged$"),
    ],
)
def test_an_error_in_the_table_says_what_is_allowed(table: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_table(table)


def test_the_site_s_table_can_set_view_and_sequence(make_header: Maker) -> None:
    cr, mr = (
        make_header(sop_class_uid=CR, view="XY"),
        make_header(sop_class_uid=MR, series_description="seq 7"),
    )
    assert kind_of(cr, is_volume=False, table={"ViewPosition=XY": "frontal"}).key == "xr/chest/2d/frontal"
    assert kind_of(mr, is_volume=True, table={"SeriesDescription=SEQ 7": "t2"}).key == "mr/chest/3d/t2"


@pytest.mark.parametrize(
    "table",
    [
        {"bodypartexamined=THX": "chest"}, {"Colour=RED": "chest"}, {"ct/unknown": "ct/chest/3d"},
        {"ct/unknown/3d": "chest"}, {"ct/unknown/3d": "ct/chest/2d"}, {"BodyPartExamined=THX": ""},
        {"BodyPartExamined=THX": "the chest"},
    ],
)  # fmt: skip
def test_a_line_of_the_table_that_means_nothing_is_an_error(table: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(table)).split("=")[0]):
        check_table(table)


def test_the_rule_names_tags_and_never_values(make_header: Maker) -> None:
    header = make_header(body_part="", study_description="CHEST of Carla Canary")
    assert kind_of(header, is_volume=True).rule == "StudyDescription"


def test_a_known_word_among_unknown_ones_is_found() -> None:
    assert part_in("Rx_Thorax^Routine") == "chest"


@pytest.mark.parametrize(("agent", "told"), [("", "unknown"), ("NONE", "not-given"), ("Ultravist 370", "given")])
def test_contrast_is_given_not_given_or_unknown(make_header: Maker, agent: str, told: str) -> None:
    assert contrast_of(make_header(contrast_agent=agent)) == told


@pytest.mark.parametrize(
    ("description", "agent", "told"),
    [
        ("CHEST +C", "", "given"), ("THORAX KM 5.0 B31", "", "given"), ("Abd C+ portal", "NONE", "given"),
        ("CHEST W/O CONTRAST", "OMNIPAQUE", "not-given"), ("CHEST_WO_CONTRAST", "", "not-given"),
        ("NATIV 5.0", "Ultravist", "not-given"), ("NON-CONTRAST HEAD", "", "not-given"),
        ("CHEST 1.25 MM", "", "unknown"),
        ("POST OP", "", "unknown"), ("ABC 2.5", "", "unknown"), ("PRE OP", "Iomeron", "given"),
    ],
)  # fmt: skip
def test_the_description_of_a_ct_goes_before_the_agent_of_its_study(
    make_header: Maker, description: str, agent: str, told: str
) -> None:
    assert contrast_of(make_header(series_description=description, contrast_agent=agent)) == told


@pytest.mark.parametrize(
    ("part", "description", "key"),
    [
        ("CHEST", "CHEST/ABD/PEL 2.5", "ct/chest-abdomen-pelvis/3d"), ("ABDOMEN", "ABD PEL", "ct/abdomen-pelvis/3d"),
        ("CHEST", "ABD PEL", "ct/unknown/3d"), ("CHEST", "LUNG 1.25", "ct/chest/3d"),
        ("CHEST", "CARDIAC", "ct/chest/3d"),
        ("THORAX", "THORAX ABDOMEN", "ct/chest-abdomen/3d"),
    ],
)  # fmt: skip
def test_a_series_that_names_the_part_and_more_is_of_the_wider_kind(
    make_header: Maker, part: str, description: str, key: str
) -> None:
    assert kind_of(make_header(body_part=part, series_description=description), is_volume=True).key == key


def test_the_study_s_description_widens_nothing(make_header: Maker) -> None:
    header = make_header(body_part="CHEST", study_description="CT CHEST ABDOMEN PELVIS")  # each may be a series
    assert kind_of(header, is_volume=True).key == "ct/chest/3d"


def test_a_turned_patient_makes_an_oblique_view(make_header: Maker) -> None:
    turned = make_header(sop_class_uid=CR, view="AP", body_part="CSPINE", series_description="Cervical OBLI 1")
    kind = kind_of(turned, is_volume=False)
    assert (kind.key, kind.rule) == ("xr/cspine/2d/oblique", "BodyPartExamined, SeriesDescription")


@pytest.mark.parametrize(
    ("sop_class", "view", "part", "key"),
    [(CR, "LL", "CSPINE", "xr/cspine/2d/lateral"), (MG, "MLO", "BREAST", "mg/breast/2d/mlo/left")],
)
def test_only_a_frontal_view_is_made_oblique_by_the_description(
    make_header: Maker, sop_class: str, view: str, part: str, key: str
) -> None:
    fields = {"sop_class_uid": sop_class, "view": view, "body_part": part, "image_laterality": "L"}
    header = make_header(series_description="LAT AND OBLIQUE", **fields)
    assert kind_of(header, is_volume=False).key == key


@pytest.mark.parametrize(
    ("part", "view", "key"),
    [
        ("CHEST", "L", "xr/chest/2d/lateral"), ("CHEST", "R", "xr/chest/2d/lateral"),
        ("HAND", "L", "xr/hand/2d/unknown/right"), ("HAND", " r ", "xr/hand/2d/unknown/right"),
        ("HAND", "LL", "xr/hand/2d/lateral/right"),
        ("HAND", "ML", "xr/hand/2d/lateral/right"), ("HAND", "LM", "xr/hand/2d/lateral/right"),
        ("HAND", "CC", "xr/hand/2d/unknown/right"), ("HAND", "MLO", "xr/hand/2d/unknown/right"),
    ],
)  # fmt: skip
def test_a_view_is_read_by_what_it_is_of(make_header: Maker, part: str, view: str, key: str) -> None:
    header = make_header(sop_class_uid=DX, body_part=part, view=view, image_laterality="R")
    assert kind_of(header, is_volume=False).key == key


@pytest.mark.parametrize(("sop_class", "key"), [(DX, "xr/unknown/2d/frontal"), (CTImageStorage, "ct/wholebody/3d")])
def test_wb_is_weight_bearing_on_a_radiograph_and_the_whole_body_elsewhere(
    make_header: Maker, sop_class: str, key: str
) -> None:
    header = make_header(sop_class_uid=sop_class, body_part="", series_description="WB 2", view="AP")
    assert kind_of(header, is_volume=sop_class != DX).key == key


@pytest.mark.parametrize("view", ["CC", "MLO", "ML", "LM"])
def test_a_view_of_the_breast_keeps_its_own_name(make_header: Maker, view: str) -> None:
    header = make_header(sop_class_uid=MG, body_part="BREAST", view=view, image_laterality="R")
    assert kind_of(header, is_volume=False).key == f"mg/breast/2d/{view.lower()}/right"


def test_the_classes_are_the_standard_s() -> None:
    names = [UID(uid).name for uid in (CTImageStorage, MR, CR, DX, MG, US)]
    assert [name.split(" Image")[0] for name in names] == [
        "CT", "MR", "Computed Radiography", "Digital X-Ray", "Digital Mammography X-Ray", "Ultrasound",
    ]  # fmt: skip
