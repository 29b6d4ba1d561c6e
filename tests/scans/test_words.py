"""Phrases whose words have another meaning than the one in the table of words."""

from collections.abc import Callable

import pytest

from scans.bodypart import part_in
from scans.contrast import contrast_of
from scans.header import Header
from scans.kind import kind_of
from scans.mainscan import kernel_rank
from scans.screen import screen
from scans.sequence import sequence_of

CR, MG, MR = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("1", "1.2", "4"))
SPIN_ECHO = {"scanning_sequence": ("SE",), "repetition_time_ms": 4000.0, "echo_time_ms": 100.0}
Maker = Callable[..., Header]


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("SAG T1-T6", "unknown"), ("T1 - T12 axial", "unknown"), ("TSPINE T1/T6", "unknown"), ("T2-T9", "unknown"),
        ("T1 TO T4", "unknown"), ("T3 bis T8", "unknown"), ("T1-6 SAG", "unknown"), ("C7-T1", "unknown"),
        ("C7/T1 AX", "unknown"), ("T12-L1", "unknown"), ("T12", "unknown"), ("T10 axial", "unknown"),
        ("T11-T12", "unknown"), ("Th1-Th12", "unknown"), ("TH2", "unknown"), ("spine T1-T2", "unknown"),
        ("BWS level T2", "unknown"), ("T1 fracture", "unknown"), ("WK T1", "unknown"), ("AX L4/5", "unknown"),
        ("T1 T1-T6", "t1"), ("SAG T2 T1-T6", "t2"), ("T2 TSE C2-T2", "t2"), ("STIR T1-L5", "stir"),
        ("T1 L-SPINE", "t1"), ("T1W TSPINE", "t1"), ("t2_tse_sag", "t2"), ("T1_3D", "t1"), ("T13D SAG", "t1"),
        ("SAG-T1W", "t1"), ("T1-W TSE", "t1"), ("T2 TFE", "t2"), ("T1 TFE", "t1"), ("3D TFE", "t1"),
        ("T1 BLADE", "t1"), ("T2 BLADE", "t2"), ("BLADE", "t2"), ("T1 MAP", "unknown"), ("T2 mapping", "unknown"),
        ("T1RHO", "unknown"), ("T1 FLAIR", "t1"),
        ("T1W_FLAIR", "t1"), ("t1_tirm_tra_dark-fluid", "t1"), ("T1 DARK FLUID", "t1"), ("T2 SPC DARK FLUID", "flair"),
        ("T2 STAR", "t2star"), ("AX T2 GRE", "t2star"), ("T2W_FFE", "t2star"), ("T1 FFE", "t1"), ("PD FFE", "pd"),
        ("T2 relaxometry", "unknown"), ("T1 MOLLI", "unknown"), ("T2_MapIt", "unknown"), ("B-TFE", "unknown"),
        ("balanced TFE", "unknown"), ("AX DIFFUSION", "dwi"), ("PROTON THERAPY PLAN", "unknown"),
        ("PROTON DENSITY", "pd"), ("PROTON DENSITY FAT FRACTION", "unknown"),
        ("T2 FLAIR", "flair"), ("PD T2 dual", "t2"), ("T1/T2", "t2"),
        ("T1-T2", "t2"), ("tirm cor", "unknown"), ("t2_tirm_tra_dark-fluid", "flair"), ("PD FS", "pd"),
    ],
)  # fmt: skip
def test_a_sequence_is_told_by_words_that_mean_one(make_header: Maker, text: str, family: str) -> None:
    times = SPIN_ECHO if family in ("t2",) and ("T1" in text or "PD" in text) else {}
    header = make_header(sop_class_uid=MR, modality="MR", series_description=text, **times)
    assert sequence_of(header)[0] == family


@pytest.mark.parametrize(("inversion", "family"), [(150.0, "stir"), (2500.0, "flair"), (700.0, "unknown")])
def test_the_inversion_time_says_what_a_tirm_nulls(make_header: Maker, inversion: float, family: str) -> None:
    header = make_header(sop_class_uid=MR, series_description="t2_tirm_cor", inversion_time_ms=inversion)
    assert sequence_of(header)[0] == family


@pytest.mark.parametrize(("echo", "family"), [(15.0, "pd"), (100.0, "t2")])
def test_the_echo_says_which_of_two_weightings_a_description_means(
    make_header: Maker, echo: float, family: str
) -> None:
    header = make_header(sop_class_uid=MR, series_description="PD/T2 TSE", **(SPIN_ECHO | {"echo_time_ms": echo}))
    assert sequence_of(header)[0] == family


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("T1-T6", "tspine"), ("L1-L5", "lspine"), ("L4/L5", "lspine"), ("L5-S1", "lspine"), ("C2-C7", "cspine"),
        ("C7-T1", "spine"), ("CSPINE C2-T2", "cspine"), ("T2-T9", "tspine"), ("T1-T2", "unknown"),
        ("SPINE T1-T2", "tspine"), ("C SPINE", "cspine"), ("D-SPINE", "tspine"),
        ("femoral head", "hip"), ("HEAD OF THE PANCREAS", "abdomen"), ("pancreatic head", "abdomen"),
        ("humeral head", "shoulder"), ("RADIAL HEAD", "elbow"), ("metatarsal heads", "foot"), ("FEMORAL NECK", "hip"),
        ("NECK OF FEMUR", "hip"), ("bladder neck", "pelvis"), ("GALL BLADDER", "abdomen"), ("CHEST WALL", "chest"),
        ("chest arms up", "chest"), ("ABDOMEN ARMS ABOVE HEAD", "abdomen"), ("C-ARM", "unknown"), ("C ARM", "unknown"),
        ("FEET FIRST CHEST", "chest"), ("CHEST HEAD-FIRST", "chest"), ("KNEE COIL 8CH", "unknown"),
        ("ankle, knee coil", "ankle"), ("SHOULDER HEAD/NECK COIL", "shoulder"), ("HIPPOCAMPUS", "unknown"),
        ("BRAIN STEM", "head"), ("BRAINSTEM", "head"), ("TEMPORAL LOBE", "head"), ("TEMPORAL BONE", "face"),
        ("temporal resolution liver", "abdomen"), ("CARDIAC GATED CHEST", "chest"), ("SAGITTAL SINUS", "head"),
        ("SINUS RHYTHM", "unknown"), ("SINUS", "face"), ("ABDOMEN LUNG WINDOW", "abdomen"),
        ("BRAIN finger tapping", "head"), ("LEFT HAND SIDE", "unknown"), ("LEFT HAND", "hand"), ("KNEE WB", "knee"),
        ("WB", "wholebody"), ("THORAX FACE", "chest"), ("FACE", "face"), ("SKULL BASE TO MID-THIGH", "wholebody"),
        ("LUMBAR PUNCTURE", "unknown"), ("LEG", "leg"),
        ("testa del femore", "hip"), ("tête fémorale", "hip"), ("CABEZA FEMORAL", "hip"),
        ("TESTA E COLLO", "head-neck"),
        ("Col du fémur", "hip"), ("cuello uterino", "pelvis"), ("collo vescicale", "pelvis"), ("COLLO", "neck"),
        ("tête de l'humérus", "shoulder"), ("cabeza del radio", "unknown"), ("testa del pancreas", "abdomen"),
        ("cou-de-pied", "ankle"), ("COU DE PIED", "ankle"), ("cou", "neck"), ("TESTA", "head"),
        ("Patient muss nüchtern sein", "unknown"), ("SEIN", "breast"), ("IRM du sein", "breast"),
        ("sein gauche", "breast"), ("MAMA IZQ", "breast"), ("p-ANCA vasculitis", "unknown"),
        ("ANCA vasculitis", "unknown"), ("ANCA positive", "unknown"), ("RX ANCA", "hip"),
        ("inyección a mano", "unknown"),
        ("MANO DX", "hand"), ("TDM thorax bras levés", "chest"), ("BRAS", "arm"), ("heel lichaam", "wholebody"),
        ("HEEL", "foot"), ("vertex to thigh", "wholebody"), ("eyes to thighs", "wholebody"), ("punho", "wrist"),
        ("breast cancer", "unknown"), ("cancer du sein", "unknown"), ("breast CA staging chest", "chest"),
        ("lung cancer screening", "chest"), ("CORONARY CA SCORE", "heart"), ("renal failure", "unknown"),
        ("renal insufficiency chest", "chest"), ("brain tumor", "head"), ("T2 COR TEMPORAL", "unknown"),
        ("CRANIO CAUDAL", "unknown"), ("CAROTIDS", "neck"), ("colonna lombare", "lspine"), ("COLUNA LOMBAR", "lspine"),
        ("colonna cervicale", "cspine"), ("face to face", "unknown"), ("POLS LINKS", "wrist"),
        ("TDM thoraco-abdomino-pelvienne", "chest-abdomen-pelvis"), ("CT THORACO-ABDOMINAL", "chest-abdomen"),
        ("scanner abdomino-pelvien", "abdomen-pelvis"), ("PET total body", "wholebody"),
        ("thoracic aorta", "chest"),
    ],
)  # fmt: skip
def test_a_part_is_told_by_words_that_mean_one(text: str, part: str) -> None:
    assert (part_in(text) or "unknown") == part


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("T1 post op", "unknown"), ("T1 POST-OP", "unknown"), ("T1 postop", "unknown"), ("T1 preop", "unknown"),
        ("T1 post gad", "given"), ("T1 POST", "given"), ("T1 post op post gad", "given"), ("T1 post op +C", "given"),
        ("T1 post KM", "given"), ("T1 nach KM", "given"), ("T1 vor KM", "not-given"), ("T1 ohne KM", "not-given"),
        ("T1 post optic nerve", "given"), ("T1 POST FOSSA", "unknown"), ("T2 post void", "unknown"),
        ("T1 post treatment", "unknown"), ("T1 post biopsy w/o", "not-given"), ("T1 post radiation GD", "given"),
        ("T1 PRE", "not-given"), ("T1 pre op", "unknown"), ("T1 PRE-SAT", "unknown"), ("T1 PRE GAD", "not-given"),
        ("T1 W/O", "not-given"), ("T1 wo", "not-given"), ("T1 W/WO", "unknown"), ("T1 W WO CONTRAST", "unknown"),
        ("T1 with and without", "unknown"), ("T1 without and with contrast", "unknown"), ("T1 W/O & W", "unknown"),
        ("T1 mit und ohne KM", "unknown"), ("T1 pre/post", "unknown"), ("T1 +/-C", "unknown"), ("T1 C+/C-", "unknown"),
        ("contrast: none", "not-given"), ("CONTRAST NOT GIVEN", "not-given"), ("no contrast", "not-given"),
        ("NON-CONTRAST", "not-given"), ("kein KM", "not-given"), ("sans injection", "not-given"),
        ("avec injection", "given"), ("sin contraste", "not-given"), ("con contraste", "given"), ("T1+C", "given"),
        ("T1 + C", "given"), ("T1 C+", "given"), ("T1 C-", "not-given"), ("T1 +COR", "unknown"), ("SAG+COR", "unknown"),
        ("C-SPINE T1", "unknown"), ("T1CE", "given"), ("CE-MRA", "given"), ("T1 without FS", "unknown"),
        ("T1 FS post gad without motion", "given"), ("native kidney T1", "unknown"), ("native T1", "not-given"),
        ("phase contrast", "unknown"), ("oral contrast", "unknown"), ("post processed", "unknown"),
        ("POST STRESS", "unknown"), ("posterior T1", "unknown"), ("T1", "unknown"),
    ],
)  # fmt: skip
def test_an_agent_is_told_by_words_that_mean_one(make_header: Maker, text: str, told: str) -> None:
    assert contrast_of(make_header(sop_class_uid=MR, modality="MR", series_description=text)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [("CHEST POST OP", "unknown"), ("CHEST POST", "unknown"), ("ABD WO CON", "not-given"), ("ABD W CON", "given"),
     ("CHEST W/WO", "unknown"), ("LIVER NATIV", "not-given"), ("ABD POST CONTRAST", "given"), ("CHEST +COR", "unknown"),
     ("CHEST CONTRAST ALLERGY", "unknown"), ("ABD CONTRAST REFUSED", "unknown"), ("CHEST CONTRAST", "given"),
     ("NATIVE KIDNEY", "unknown"), ("ABD ORAL CONTRAST ONLY", "unknown")],
)  # fmt: skip
def test_a_ct_tells_its_agent_by_words_that_mean_one(make_header: Maker, text: str, told: str) -> None:
    assert contrast_of(make_header(series_description=text)) == told


@pytest.mark.parametrize(
    ("agent", "told"),
    [("none given", "not-given"), ("Without contrast", "not-given"), ("KEIN", "not-given"), ("oral", "unknown"),
     ("WATER", "unknown"), ("Oral & Omnipaque", "given"), ("Omnipaque 350", "given"), ("contrast: no", "not-given")],
)  # fmt: skip
def test_the_agent_s_own_tag_may_say_that_there_was_none(make_header: Maker, agent: str, told: str) -> None:
    assert contrast_of(make_header(contrast_agent=agent)) == told


def test_after_an_operation_is_no_contrast_of_a_kind(make_header: Maker) -> None:
    fields = {"sop_class_uid": MR, "modality": "MR", "body_part": "HEAD"}
    keys = [
        kind_of(make_header(series_description=text, **fields), is_volume=True).key
        for text in ("T1 post op", "T1 post")
    ]
    assert keys == ["mr/head/3d/t1", "mr/head/3d/t1+contrast"]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"body_part": "HAND", "view": "L", "laterality": "L"}, "xr/hand/2d/unknown/left"),
        ({"body_part": "CHEST", "view": "L"}, "xr/chest/2d/lateral"),
        ({"body_part": "KNEE", "view": "ML", "laterality": "RIGHT"}, "xr/knee/2d/lateral/right"),
        ({"body_part": "", "view": "", "series_description": "FACE", "study_description": "RX GENOU",
          "laterality": "L"}, "xr/knee/2d/frontal/left"),
        ({"body_part": "FACE", "view": "AP"}, "xr/face/2d/frontal"),
        ({"body_part": "", "region": "Face", "view": "AP"}, "xr/face/2d/frontal"),
        ({"body_part": "KNEE", "view": "CC", "laterality": "R"}, "xr/knee/2d/unknown/right"),
        ({"body_part": "", "view": "AP", "study_description": "FOOT WB", "laterality": "L"}, "xr/foot/2d/frontal/left"),
        ({"body_part": "", "view": "AP", "series_description": "WB", "study_description": "ANKLE", "laterality": "L"},
         "xr/ankle/2d/frontal/left"),
    ],
)  # fmt: skip
def test_a_view_is_told_by_words_that_mean_one(make_header: Maker, fields: dict[str, str], key: str) -> None:
    assert kind_of(make_header(sop_class_uid=CR, **fields), is_volume=False).key == key


@pytest.mark.parametrize(("view", "key"), [("ML", "mg/breast/2d/ml/left"), ("CC", "mg/breast/2d/cc/left")])
def test_the_views_of_a_breast_stay_its_own(make_header: Maker, view: str, key: str) -> None:
    header = make_header(sop_class_uid=MG, view=view, body_part="", image_laterality="L")
    assert kind_of(header, is_volume=False).key == key


def test_an_ultra_smooth_kernel_is_not_sharp() -> None:
    assert [kernel_rank(name) for name in ("ULTRA SMOOTH", "ULTRA", "Smooth")] == [0, 2, 0]


@pytest.mark.parametrize(
    ("text", "is_set_aside"),
    [("T1 SUB", True), ("T1_SUBTRACTION", True), ("MIP COR", True), ("ASL_rCBF", True), ("T1 SUB-ACUTE", False),
     ("T1 SUBDURAL", False), ("T1 VIBE", False)],
)  # fmt: skip
def test_a_derived_mr_that_is_called_a_result_is_one(make_header: Maker, text: str, is_set_aside: bool) -> None:
    fields = {"sop_class_uid": MR, "modality": "MR", "series_description": text}
    assert (screen(make_header(image_type=("DERIVED", "SECONDARY"), **fields)) is not None) == is_set_aside
    assert screen(make_header(image_type=("ORIGINAL", "PRIMARY", "M"), **fields)) is None
