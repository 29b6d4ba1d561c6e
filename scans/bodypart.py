"""Which part of the body an image shows, in one vocabulary."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

# Words as they stand in BodyPartExamined (PS3.16 annex L) and in descriptions, by the part we call them.
WORDS: Mapping[str, tuple[str, ...]] = {
    "head": ("HEAD", "BRAIN", "SKULL", "CRANIUM", "CEREBRUM", "BRAINSTEM", "CEREBRAL", "NEUROCRANIUM", "HEADFUNCTION",
             "KOPF", "SCHAEDEL", "SCHADEL", "HIRN", "GEHIRN", "CRANE", "CERVEAU", "ENCEPHALE", "TETE", "CABEZA",
             "CEREBRO", "CRANEO", "ENCEFALO", "CRANIO", "TESTA", "CERVELLO", "CABECA", "HOOFD", "HERSENEN", "SCHEDEL",
             "HJERNE", "HJARNA", "GLOWA", "MOZG", "BEYIN"),
    "face": ("FACE", "SINUS", "SINUSES", "ORBIT", "ORBITS", "PNS", "MAXILLA", "MANDIBLE", "JAW", "IAC", "PETROUS",
             "NNH", "ORBITA", "FELSENBEIN", "MANDIBULA"),
    "neck": ("NECK", "LARYNX", "PHARYNX", "THYROID", "CAROTID", "CAROTIDS", "HALS", "COU", "CUELLO", "COLLO",
             "PESCOCO"),
    "chest": ("CHEST", "THORAX", "LUNG", "LUNGS", "PULMONARY", "RIBS", "RIB", "STERNUM", "CXR", "THORACIC", "LUNGE",
              "POUMON", "POUMONS", "TORAX", "TORACE", "TORAKS", "LONGEN", "LUNGOR"),
    "heart": ("SMARTSCORE", "CASCORE", "HEART", "CARDIAC", "CORONARY", "CARDIO", "HERZ", "COEUR", "CORAZON", "CUORE",
              "CORACAO"),
    "abdomen": ("ABDOMEN", "ABD", "LIVER", "KIDNEY", "KIDNEYS", "PANCREAS", "SPLEEN", "RENAL", "ABDO", "KUB", "LEBER",
                "NIERE", "NIEREN", "PANKREAS", "BAUCH", "FOIE", "HIGADO", "FEGATO", "ADDOME", "BUIK", "BRZUCH"),
    "pelvis": ("PELVIS", "PEL", "PELVIC", "PROSTATE", "BLADDER", "UTERUS", "RECTUM", "BECKEN", "PROSTATA", "BASSIN",
               "BACINO", "BEKKEN", "MIEDNICA"),
    "hip": ("HIP", "HIPS", "HUEFTE", "HUFTE", "HANCHE", "CADERA", "ANCA", "QUADRIL", "HEUP"),
    "breast": ("BREAST", "MAMMO", "MAMMA", "MAMMOGRAPHY", "BREASTS", "MAMMOGRAPHIE", "SEINS", "MAMA", "MAMAS"),
    "cspine": ("CSPINE", "CERVICALSPINE", "HWS"),
    "tspine": ("TSPINE", "THORACICSPINE", "BWS"),
    "lspine": ("LSPINE", "LUMBARSPINE", "LUMBAR", "LWS", "LSSPINE", "LOMBAIRE"),
    "spine": ("SPINE", "WHOLESPINE", "SACRUM", "COCCYX", "WIRBELSAEULE", "WIRBELSAULE", "RACHIS", "RACHIDE"),
    "shoulder": ("SHOULDER", "CLAVICLE", "SCAPULA", "SCHULTER", "EPAULE", "HOMBRO", "SPALLA", "OMBRO", "SCHOUDER"),
    "arm": ("ARM", "HUMERUS", "FOREARM", "UPPERARM", "OBERARM", "UNTERARM", "BRAS", "AVANT-BRAS", "BRAZO", "BRACCIO"),
    "elbow": ("ELBOW", "ELLENBOGEN", "COUDE", "CODO", "GOMITO", "COTOVELO", "ELLEBOOG"),
    "wrist": ("WRIST", "HANDGELENK", "POIGNET", "MUNECA", "POLSO", "PUNHO", "POLS"),
    "hand": ("HAND", "HANDS", "FINGER", "THUMB", "MANO"),
    "leg": ("LEG", "FEMUR", "THIGH", "CALF", "TIBIA", "LOWERLEG", "OBERSCHENKEL", "UNTERSCHENKEL", "JAMBE"),
    "knee": ("KNEE", "KNEES", "PATELLA", "KNIE", "GENOU", "RODILLA", "GINOCCHIO", "JOELHO", "KOLANO"),
    "ankle": ("ANKLE", "SPRUNGGELENK", "OSG", "CHEVILLE", "TOBILLO", "CAVIGLIA", "TORNOZELO", "ENKEL"),
    "foot": ("FOOT", "FEET", "TOE", "HEEL", "CALCANEUS", "FUSS", "PIED", "PIEDE", "VOET"),
    "wholebody": ("WHOLEBODY", "WB", "GANZKOERPER", "GANZKORPER"),
}  # fmt: skip
PART_OF = {word: part for part, words in WORDS.items() for word in words}
COILS = r"(?:COILS?|ARRAY|SPULE|BOBINE|HOLDER|REST|SUPPORT|PHANTOM)"
ANY = "(?:" + "|".join(sorted(PART_OF)) + ")"
ENDS = "(?:TETE|COL|TESTA|COLLO|CABEZA|CUELLO|CABECA|COLO|KOPF|HALS)"  # of a bone or an organ, as head and neck are
TOP = "(?:SKULL(?: BASE)?|VERTEX|EYES?|HEAD)"
COLUMN = "(?:RACHIS|COLUMNA|COLONNE|COLONNA|COLUNA|RACHIDE)"
OF = "(?:DE LA|DELLA|DELL|DE L|DEL|DES|DE|DU|DO|DA)"
TEXTS = 1024  # whose words are kept: all slices of a series are described alike
PHRASES = (  # what means one thing, or another than its words alone, before single words are looked at
    (re.compile(r"\b(?:C|CERVICAL)[ -]SPINE\b"), "CSPINE"),
    (re.compile(r"\b(?:T|TH|D|THORACIC|DORSAL)[ -]SPINE\b"), "TSPINE"),
    (re.compile(r"\b(?:L|LUMBAR|LS)[ -]SPINE\b"), "LSPINE"),
    (re.compile(r"\bWHOLE[ -]BODY\b|\bCORPS ENTIER\b|\bCUERPO ENTERO\b"), "WHOLEBODY"),
    # the names of the Brain Imaging Data Structure (bids-specification.readthedocs.io): of brains alone
    (re.compile(r"\b(?:ANAT|FUNC|FMAP)-(?=(?:T1W|T2W|T2STARW|PDW|FLAIR|BOLD|SBREF|EPI|TASK|PHASEDIFF)\b)"), "BRAIN "),
    (re.compile(rf"\b{COLUMN} CERVICALE?\b"), "CSPINE"),
    (re.compile(rf"\b{COLUMN} (?:DORSALE?|THORACIQUE|TORACICA)\b"), "TSPINE"),
    (re.compile(rf"\b{COLUMN} (?:LUMBAR|LOMBAIRE|LOMBARE?)\b"), "LSPINE"),
    (re.compile(rf"\b{TOP} (?:TO|BIS) (?:(?:MID|UPPER) ?-?)?(?:THIGHS?|TOES?|FEET)\b"), "WHOLEBODY"),
    (re.compile(r"\bHEEL LICHAAM\b|\bTOTAL BODY\b"), "WHOLEBODY"),  # in Dutch "heel" is whole
    (re.compile(r"\bTHORACO[ -]?ABDOMINO[ -]?PELV\w*"), "CHEST ABDOMEN PELVIS"),
    (re.compile(r"\bTHORACO[ -]?ABDOMIN\w*"), "CHEST ABDOMEN"),
    (re.compile(r"\bABDOMINO[ -]?PELV\w*"), "ABDOMEN PELVIS"),
    # what a patient has is not what is examined, what a machine or a hand does is none of the patient
    (re.compile(rf"\b{ANY} (?:CANCER|CARCINOMA|FAILURE|INSUFF\w*)\b(?! SCREEN)"), " "),
    (re.compile(rf"\b(?:CANCER|CARCINOMA) (?:OF (?:THE )?|{OF} )?(?:SEIN|{ANY})\b"), " "),
    (re.compile(r"\b(?:BREAST|LUNG|PROSTATE|PANCREAS|RENAL|THYROID|BLADDER|LIVER|RECTUM|UTERUS) CA\b"), " "),
    (re.compile(r"\bANCA(?: ?\+|[ -](?:VAS[CK]\w*|ASSOC\w*|POS\w*|NEG\w*))|\bSINUS TACHY\w*\b"), " "),
    (re.compile(r"\bA MANO\b|\bBRAS (?:LEVES?|CROISES|EN L AIR|LE LONG)\b|\bFACE (?:TO|A) FACE\b"), " "),
    (re.compile(r"\bCRANIO[ -]?CAUDAL\w*\b"), "CC"),
    # in German "sein" is to be, in French the breast
    (re.compile(r"^SEIN$|\b(?:DU|LE|IRM|ECHO\w*|UN) SEIN\b|\bSEIN (?=(?:GAUCHE|DROITE?)\b)"), "SEINS "),
    # a position on the table, a coil, a window or a task is no part that is examined
    (re.compile(r"\b(?:HEAD|FEET|FOOT)[ -]FIRST\b|\bKOPF VORAN\b"), " "),
    (re.compile(rf"\b(?:HEAD NECK|{ANY})[ -]{COILS}\b"), " "),
    (re.compile(rf"\b{ANY} (?:WINDOWS?|FENSTER|KERNEL|ALGORITHM|FILTER)\b"), " "),
    (re.compile(rf"\b{ANY} (?:TAP|TAPPING|TASK|MOTOR|CLENCH\w*|SQUEEZE)\b"), " "),
    (re.compile(r"\b(?:CARDIAC|HEART|RESP\w*)[ -](?:GAT\w*|TRIG\w*|RATE|PHASE|SYNC\w*)\b|\bSINUS RHYTHM\b"), " "),
    (
        re.compile(
            r"\bARMS?[ -](?:UP|DOWN|RAISED|ABOVE|OVER|AT SIDE)\b(?: (?:THE )?HEAD)?|\bARME? HOCH\b|\bC[ -]ARM\b"
        ),
        " ",
    ),
    (re.compile(r"\b(?:RIGHT|LEFT)?[ -]?HAND[ -](?:SIDE|INJ\w*|HELD)\b|\bLUMBAR PUNCTURE\b"), " "),
    # ends and necks of bones and organs
    (re.compile(r"\b(?:FEMORAL|FEMUR) (?:HEADS?|NECK)\b|\b(?:HEADS?|NECK) OF (?:THE )?FEMUR\b"), "HIP"),
    (re.compile(rf"\b{ENDS} (?:{OF}[ ']?)?FEM(?:UR|OR)\w*\b"), "HIP"),
    (re.compile(r"\b(?:HUMERAL|HUMERUS) (?:HEAD|NECK)\b|\b(?:HEAD|NECK) OF (?:THE )?HUMERUS\b"), "SHOULDER"),
    (re.compile(rf"\b{ENDS} (?:{OF}[ ']?)?H?[UO]MER\w*\b"), "SHOULDER"),
    (re.compile(rf"\b{ENDS} (?:{OF}[ ']?)?(?:RADI\w*|PERON\w*|FIBUL\w*|METAC\w*|METAT\w*)\b"), " "),
    (re.compile(rf"\b{ENDS} (?:{OF}[ ']?)?(?:[UV]TER\w*|VESCIC\w*|VESICAL|VEJIGA|VESSIE)\b"), "BLADDER"),
    (re.compile(rf"\b{ENDS} (?:{OF}[ ']?)?PANCREA\w*\b"), "PANCREAS"),
    (re.compile(r"\bSURGICAL NECK\b"), "SHOULDER"),
    (re.compile(r"\b(?:RADIAL|RADIUS) (?:HEAD|NECK)\b|\b(?:HEAD|NECK) OF (?:THE )?RADIUS\b"), "ELBOW"),
    (re.compile(r"\b(?:FIBULAR?|TIBIAL) (?:HEAD|NECK)\b|\bHEAD OF (?:THE )?FIBULA\b"), "KNEE"),
    (re.compile(r"\bMETATARSAL HEADS?\b|\bTALAR NECK\b|\bSINUS TARSI\b"), "FOOT"),
    (re.compile(r"\bMETACARPAL (?:HEADS?|NECK)\b"), "HAND"),
    (
        re.compile(r"\b(?:PANCREA\w+) (?:HEAD|NECK)\b|\b(?:HEAD|NECK) OF (?:THE )?PANCREAS\b|\bPANKREASKOPF\b"),
        "PANCREAS",
    ),
    (re.compile(r"\bBLADDER NECK\b"), "BLADDER"),
    (re.compile(r"\bGALL[ -]?BLADDER\b"), "LIVER"),
    (re.compile(r"\bBRAIN[ -]?STEM\b|\bTEMPORAL LOBES?\b"), "BRAIN"),
    (re.compile(r"\bTEMPORAL BONES?\b"), "PETROUS"),
    (re.compile(r"\bCOU[ -]DE[ -]PIED\b"), "CHEVILLE"),
    (re.compile(r"\b(?:SAGITTAL|TRANSVERSE|CAVERNOUS|DURAL|VENOUS|SIGMOID) SINUS(?:ES)?\b"), "BRAIN"),
    (re.compile(r"\bCORONARY SINUS\b"), "CORONARY"),
)
# Words that name a part only where nothing else does: WB is "weight bearing" beside a knee, and the French call
# the frontal view of a chest FACE.
WEAK = frozenset({"WB", "FACE"})
SPINES = {"C": "CSPINE", "T": "TSPINE", "TH": "TSPINE", "L": "LSPINE"}
SPINE_WORDS = re.compile(r"SPINE|SPINAL|VERTEBRA|WIRBEL|\b(?:HWS|BWS|LWS|LEVELS?|DIS[CK]S?|RACHIS|COLUMNA?)\b")
LEVEL = r"(?:(C)([1-7])|(TH?)(1[0-2]|[1-9])|(L)([1-6])|(S)([1-5]))"
LEVELS = re.compile(
    rf"(?<![A-Z0-9]){LEVEL} ?(-|–|/| TO | BIS | THRU | THROUGH | A | À ) ?(?:{LEVEL}|(1[0-2]|[1-9]))(?![A-Z0-9])"
)
SURELY_LEVELS = 3  # "T1-6" counts vertebrae, "T1-2" may count series
ONE_LEVEL = re.compile(
    r"\b(?:LEVEL|VERTEBRA|VERTEBRAL BODY|[BHL]?WK|WIRBEL) ?T[12]\b|"
    r"\bT[12][ -](?:LEVEL|VERTEBRA\w*|FRACTURE|FX|FRAKTUR|COMPRESSION|BODY)\b"
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
REACH: Mapping[str, tuple[str, ...]] = {  # regions of the body that a scan of a part lies in
    "head": ("head",), "face": ("head",), "neck": ("neck",), "chest": ("chest",), "heart": ("chest",),
    "abdomen": ("abdomen",), "pelvis": ("pelvis",), "hip": ("pelvis", "leg"), "breast": ("chest",),
    "cspine": ("neck",), "tspine": ("chest",), "lspine": ("abdomen", "pelvis"),
    "spine": ("neck", "chest", "abdomen", "pelvis"), "shoulder": ("chest", "arm"), "arm": ("arm", "hand"),
    "elbow": ("arm",), "wrist": ("arm", "hand"), "hand": ("hand",), "leg": ("leg", "foot"), "knee": ("leg",),
    "ankle": ("leg", "foot"), "foot": ("foot",),
    "wholebody": ("head", "neck", "chest", "abdomen", "pelvis", "arm", "hand", "leg", "foot"),
}  # fmt: skip
PAIRED = frozenset({"breast", "hip", "shoulder", "arm", "elbow", "wrist", "hand", "leg", "knee", "ankle", "foot"})


@lru_cache(TEXTS)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a description, in capitals, known phrases joined."""
    letters = unicodedata.normalize("NFKD", text.upper())
    plainly = "".join(letter for letter in letters if not unicodedata.combining(letter))
    upper = _without_levels(" ".join(plainly.replace("_", " ").split()))
    plain = " ".join(re.sub(r"[/+.,;:()\[\]^&]+", " ", upper).split())
    for pattern, word in PHRASES:
        plain = pattern.sub(word, plain)
    return tuple(re.findall(r"[A-Z0-9*-]+", plain))


def _without_levels(text: str) -> str:
    """Put the part of the spine in the place of vertebrae: "T1-T6" are no sequences.

    Where "T1-T2" or "T2-3" may be either, another word has to speak of the spine.
    """
    is_spine = SPINE_WORDS.search(text) is not None

    def part(match: re.Match[str]) -> str:
        groups = match.groups()
        (letter, low), (other, high) = _level(groups[:8]), _level(groups[9:17])
        high = high or groups[17]
        is_bare = not other
        if is_bare and (groups[8] == "/" or int(high) <= int(low)):
            return match[0]
        if letter.startswith("T") and other in ("", letter) and not is_spine:
            is_short = int(high) - int(low) < SURELY_LEVELS if is_bare else int(low) <= 2 and int(high) <= 2
            if is_short and int(low) <= 2:
                return match[0]
        if is_bare or letter == other:
            return f" {SPINES.get(letter, 'SPINE')} "
        return " LSPINE " if (letter, other) == ("L", "S") else " SPINE "

    return ONE_LEVEL.sub(" TSPINE ", LEVELS.sub(part, text))


def _level(groups: Sequence[str | None]) -> tuple[str, str]:
    """Return letter and number of the alternative that matched, twice "" if none did."""
    told = [group for group in groups if group]
    return (told[0], told[1]) if told else ("", "")


@lru_cache(TEXTS)
def _parts_in(text: str) -> frozenset[str]:
    """Return the parts that a text names."""
    words = [word for word in words_of(text) if word in PART_OF]
    strong = [word for word in words if word not in WEAK]
    return frozenset(PART_OF[word] for word in strong or words)


def wider_part(part: str, text: str) -> str:
    """Return the region of several parts that a text names, this one among them; else "".

    A scanner that has one word for the body part writes CHEST on a scan from neck to pelvis.
    """
    parts = _parts_in(text)
    region = TOGETHER.get(parts, "")
    return region if part in parts and "-" in region else ""


def part_in(text: str) -> str:
    """Return the part that a text names, or the region of several that are examined together; else ""."""
    parts = _parts_in(text)
    return next(iter(parts)) if len(parts) == 1 else TOGETHER.get(parts, "")


def lie_apart(text: str) -> bool:
    """Say whether a text names parts that no scan of one of them shows."""
    parts = _parts_in(text)
    return any(contradict(one, other) for one in parts for other in parts)


def contradict(one: str, other: str) -> bool:
    """Say whether two parts lie apart: no scan of the one shows the other."""
    return _reach(one).isdisjoint(_reach(other))


def _reach(part: str) -> frozenset[str]:
    """Return the regions of the body that a scan of a part may show; an unknown part is one of its own."""
    regions = [REACH.get(piece, (piece,)) for piece in (REACH.keys() & {part} or part.split("-"))]
    return frozenset(region for some in regions for region in some)
