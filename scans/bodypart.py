"""Which part of the body an image shows, in one vocabulary."""

import re
from collections.abc import Mapping, Sequence

# Words as they stand in BodyPartExamined (PS3.16 annex L) and in descriptions, by the part we call them.
WORDS: Mapping[str, tuple[str, ...]] = {
    "head": ("HEAD", "BRAIN", "SKULL", "CRANIUM", "KOPF", "SCHAEDEL", "SCHADEL", "CEREBRUM", "CRANE",
             "CEREBRAL", "HIRN", "NEUROCRANIUM", "HEADFUNCTION", "CEREBRO", "CRANEO"),
    "face": ("FACE", "SINUS", "SINUSES", "ORBIT", "ORBITS", "PNS", "MAXILLA", "MANDIBLE", "JAW",
             "TEMPORAL", "IAC",
             "PETROUS"),
    "neck": ("NECK", "HALS", "LARYNX", "PHARYNX", "THYROID", "CAROTID", "COU"),
    "chest": ("CHEST", "THORAX", "LUNG", "LUNGS", "TORAX", "PULMONARY", "RIBS", "RIB", "STERNUM",
              "CXR", "POUMON",
              "THORACIC"),
    "heart": ("SMARTSCORE", "CASCORE", "HEART", "CARDIAC", "CORONARY", "CARDIO", "HERZ", "COEUR"),
    "abdomen": ("ABDOMEN", "ABD", "LIVER", "KIDNEY", "KIDNEYS", "PANCREAS", "SPLEEN", "LEBER",
                "RENAL", "ABDO",
                "BAUCH", "KUB", "FOIE"),
    "pelvis": ("PELVIS", "PEL", "PELVIC", "PROSTATE", "BLADDER", "UTERUS", "BECKEN", "RECTUM"),
    "hip": ("HIP", "HIPS", "HUEFTE"),
    "breast": ("BREAST", "MAMMO", "MAMMA", "MAMMOGRAPHY", "BREASTS"),
    "cspine": ("CSPINE", "CERVICALSPINE", "HWS"),
    "tspine": ("TSPINE", "THORACICSPINE", "BWS"),
    "lspine": ("LSPINE", "LUMBARSPINE", "LUMBAR", "LWS", "LSSPINE"),
    "spine": ("SPINE", "WHOLESPINE", "SACRUM", "COCCYX"),
    "shoulder": ("SHOULDER", "CLAVICLE", "SCAPULA", "SCHULTER"),
    "arm": ("ARM", "HUMERUS", "FOREARM", "UPPERARM"),
    "elbow": ("ELBOW",),
    "wrist": ("WRIST",),
    "hand": ("HAND", "HANDS", "FINGER", "THUMB"),
    "leg": ("LEG", "FEMUR", "THIGH", "CALF", "TIBIA", "LOWERLEG"),
    "knee": ("KNEE", "KNEES", "PATELLA", "KNIE"),
    "ankle": ("ANKLE",),
    "foot": ("FOOT", "FEET", "TOE", "HEEL", "CALCANEUS"),
    "wholebody": ("WHOLEBODY", "WB"),
}  # fmt: skip
PART_OF = {word: part for part, words in WORDS.items() for word in words}
PHRASES = (  # two words that mean one thing, before single words are looked at
    (re.compile(r"\b(?:C|CERVICAL)[ -]SPINE\b"), "CSPINE"),
    (re.compile(r"\b(?:T|THORACIC|DORSAL)[ -]SPINE\b"), "TSPINE"),
    (re.compile(r"\b(?:L|LUMBAR|LS)[ -]SPINE\b"), "LSPINE"),
    (re.compile(r"\bWHOLE[ -]BODY\b"), "WHOLEBODY"),
    (re.compile(r"\b(?:HEAD|FEET|FOOT)[ -]FIRST\b"), " "),  # a position on the table, not a part
)
# What is examined together has a name of its own: a chest-abdomen-pelvis CT is not a chest CT.
TOGETHER: Mapping[frozenset[str], str] = {
    frozenset({"chest", "abdomen"}): "chest-abdomen",
    frozenset({"chest", "pelvis"}): "chest-abdomen-pelvis",
    frozenset({"chest", "abdomen", "pelvis"}): "chest-abdomen-pelvis",
    frozenset({"abdomen", "pelvis"}): "abdomen-pelvis",
    frozenset({"head", "neck"}): "head-neck",
    frozenset({"head", "face"}): "head",
    frozenset({"chest", "heart"}): "heart",
    frozenset({"breast", "chest"}): "breast",
    frozenset({"hip", "pelvis"}): "pelvis",
    frozenset({"spine", "cspine"}): "cspine",
    frozenset({"spine", "tspine"}): "tspine",
    frozenset({"spine", "lspine"}): "lspine",
}
PAIRED = frozenset({"breast", "hip", "shoulder", "arm", "elbow", "wrist", "hand", "leg", "knee", "ankle", "foot"})


def words_of(text: str) -> list[str]:
    """Return the words of a description, in capitals, known phrases joined."""
    plain = re.sub(r"[_/+.,;:()\[\]^&]+", " ", text.upper())
    for pattern, word in PHRASES:
        plain = pattern.sub(word, plain)
    return re.findall(r"[A-Z0-9*-]+", plain)


def wider_part(part: str, text: str) -> str:
    """Return the region of several parts that a text names, this one among them; else "".

    A scanner that has one word for the body part writes CHEST on a scan from neck to pelvis.
    """
    parts = frozenset(PART_OF[word] for word in words_of(text) if word in PART_OF)
    region = TOGETHER.get(parts, "")
    return region if part in parts and "-" in region else ""


def body_part(texts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the part and the name of the text that told it, ("unknown", "") if none does.

    The first text with a known part decides; several parts in one text count when they are examined
    together.

    Args:
        texts: Name and content, most trusted first.
    """
    for name, text in texts:
        parts = frozenset(PART_OF[word] for word in words_of(text) if word in PART_OF)
        if len(parts) == 1:
            return next(iter(parts)), name
        if parts in TOGETHER:
            return TOGETHER[parts], name
    return "unknown", ""
