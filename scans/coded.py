"""Coded terms that name a part of the body or a view: what a code says in whatever language its meaning is written.

Regions and views: DICOM PS3.16 CID 4031, 4010 and 4014, by their SNOMED CT number and the SNOMED-RT code before it.
Procedures: SNOMED CT, and LOINC of single-region studies. Regions of RadLex: radlex.org. Only what names one part of
our vocabulary is listed; another code says nothing here, and its meaning is read as words.
"""

from collections.abc import Mapping, Sequence

SCHEMES = {"SCT": "SCT", "SRT": "SRT", "SNM3": "SRT", "99SDM": "SRT", "RADLEX": "RADLEX", "LN": "LN"}  # PS3.16 8
REGIONS: Mapping[str, tuple[tuple[str, str], ...]] = {  # part -> SNOMED CT, SNOMED-RT
    "head": (("69536005", "T-D1100"), ("89546000", "T-11100"), ("12738006", "T-A0100"), ("42575006", "T-D1460")),
    "face": (
        ("2095001", "T-22000"), ("661005", "T-D1213"), ("91609006", "T-11180"), ("70925003", "T-11170"),
        ("91397008", "T-11196"), ("363654007", "T-D14AE"), ("74386004", "T-11149"), ("361078006", "T-AB959"),
        ("53620006", "T-15290"),
    ),
    "head-neck": (("774007", "T-D1000"),),
    "neck": (("45048000", "T-D1600"), ("4596009", "T-24100")),
    "chest": (
        ("816094009", "T-D3000"), ("51185008", "T-D3000"), ("56873002", "T-11210"), ("113197003", "T-11300"),
        ("72410000", "T-D3300"), ("86598002", "T-280A0"), ("39607008", "T-28000"),
    ),
    "heart": (("80891009", "T-32000"),),
    "chest-abdomen": (("416550000", "R-FAB55"),),
    "chest-abdomen-pelvis": (("416775004", "R-FAB56"),),
    "abdomen": (
        ("818981001", "T-D4000"), ("113345001", "T-D4000"), ("10200004", "T-62000"), ("15776009", "T-65000"),
        ("64033007", "T-71000"), ("28231008", "T-63000"), ("69695003", "T-57000"),
    ),
    "abdomen-pelvis": (("818982008", "R-FAB57"), ("416949008", "R-FAB57")),
    "pelvis": (("816092008", "T-D6000"), ("12921003", "T-D6000"), ("41216001", "T-92000"), ("89837001", "T-74000")),
    "breast": (("76752008", "T-04000"),),
    "cspine": (("122494005", "T-11501"),),
    "tspine": (("122495006", "T-11502"),),
    "lspine": (("122496007", "T-11503"), ("1217253001", "T-11503")),
    "spine": (("421060004", "T-D04FF"), ("54735007", "T-11AD0"), ("64688005", "T-11BF0")),
    "hip": (("24136001", "T-15710"), ("29836001", "T-D2500")),
    "shoulder": (("16982005", "T-D2220"), ("51299004", "T-12310"), ("79601000", "T-12280"), ("85856004", "T-15420")),
    "arm": (("40983000", "T-D8200"), ("14975008", "T-D8500"), ("85050009", "T-12410"), ("53120007", "T-D8000")),
    "elbow": (("16953009", "T-15430"),),
    "wrist": (("74670003", "T-15460"),),
    "hand": (("85562004", "T-D8700"), ("7569003", "T-D8800"), ("76505004", "T-D8810")),
    "leg": (("68367000", "T-D9100"), ("30021000", "T-D9400"), ("71341001", "T-12710"), ("61685007", "T-D9000")),
    "knee": (("72696002", "T-D9200"), ("64234005", "T-12730")),
    "ankle": (("70258002", "T-15750"),),
    "foot": (("56459004", "T-D9700"), ("80144004", "T-12770"), ("29707007", "T-D9800")),
    "wholebody": (("38266002", "T-D0010"),),
}  # fmt: skip
OTHERS: Mapping[str, Mapping[str, str]] = {  # scheme -> code -> part
    "SCT": {
        "303653007": "head", "34227000": "head", "816077007": "head", "169069000": "chest", "399208008": "chest",
        "71651007": "breast",
    },
    "RADLEX": {
        "RID9080": "head", "RID1243": "chest", "RID1301": "chest", "RID1385": "heart", "RID56": "abdomen",
    },
    "LN": {
        "24725-4": "head", "24590-2": "head", "24627-2": "chest", "36643-5": "chest", "42272-5": "chest",
    },
}  # fmt: skip
VIEWS: Mapping[str, tuple[tuple[str, str], ...]] = {  # view -> SNOMED CT, SNOMED-RT
    "frontal": (("399348003", "R-10206"), ("272479007", "R-40888"), ("399033003", "R-10202")),
    "lateral": (("399067008", "R-102CD"), ("399198007", "R-10232"), ("399173006", "R-10236")),
    "oblique": (
        ("399182000", "R-102C1"), ("399038007", "R-10210"), ("399059000", "R-10216"), ("399135007", "R-10220"),
        ("399236003", "R-10234"), ("399356000", "R-40985"), ("399312000", "R-10208"), ("399184004", "R-10238"),
        ("399006002", "R-10212"),
    ),
    "cc": (("399162004", "R-10242"),),
    "mlo": (("399368009", "R-10226"),),
    "ml": (("399260004", "R-10224"),),
    "lm": (("399352003", "R-10228"),),
}  # fmt: skip


def _by_code(rows: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, str]:
    codes = {}
    for name, pairs in rows.items():
        for new, old in pairs:
            codes[f"SCT:{new}"] = codes[f"SRT:{old}"] = name
    return codes


PART_OF = _by_code(REGIONS) | {
    f"{scheme}:{code}": part for scheme, some in OTHERS.items() for code, part in some.items()
}
VIEW_OF = _by_code(VIEWS)


def named_by(concepts: Sequence[str], names: Mapping[str, str]) -> frozenset[str]:
    """Return what coded concepts name.

    Args:
        concepts: Each "SCHEME:CODE", as `scans.tags` reads them.
        names: PART_OF or VIEW_OF.
    """
    return frozenset(name for concept in concepts if (name := names.get(_known(concept))))


def _known(concept: str) -> str:
    scheme, _, code = concept.partition(":")
    return f"{SCHEMES.get(scheme, scheme)}:{code}"
