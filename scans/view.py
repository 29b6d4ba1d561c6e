"""From where a projection was taken, and of which side: every place of a header that may say it.

Sources: PS3.3 C.8.1.2 (ViewPosition), C.7.6.1.1.1 (PatientOrientation: the way to which a row and a column run), PS3.16
CID 4010 and 4014.
"""

import re
from collections.abc import Iterator, Mapping

from scans import cine, coded
from scans.bodypart import PAIRED, words_of
from scans.header import Header
from scans.ultrasound import WHY

UNKNOWN = "unknown"
ANGLED = frozenset({"xa", "rf"})  # families whose view the angles of a positioner tell
VIEWS = {
    "PA": "frontal", "AP": "frontal", "AP SUPINE": "frontal", "AP ERECT": "frontal", "PA ERECT": "frontal",
    "POSTERO-ANTERIOR": "frontal", "ANTERO-POSTERIOR": "frontal", "FRONTAL": "frontal",
    "LL": "lateral", "RL": "lateral", "L": "lateral", "R": "lateral", "LAT": "lateral", "LATERAL": "lateral",
    "LLO": "oblique", "RLO": "oblique", "RAO": "oblique", "LAO": "oblique", "RPO": "oblique",
    "LPO": "oblique",
    "CC": "cc", "CRANIO-CAUDAL": "cc", "MLO": "mlo", "MEDIO-LATERAL OBLIQUE": "mlo", "ML": "ml", "LM": "lm",
}  # fmt: skip
WORDS: Mapping[str, str] = {  # of descriptions
    "PA": "frontal", "AP": "frontal", "FRONTAL": "frontal", "FRONT": "frontal", "A-P": "frontal", "P-A": "frontal",
    "FACE": "frontal",  # in French; elsewhere it is a part of the body
    "LAT": "lateral", "LATERAL": "lateral", "LATERALE": "lateral", "SEITLICH": "lateral", "PROFIL": "lateral",
    "OBL": "oblique", "OBLI": "oblique", "OBLIQUE": "oblique", "SCHRAEG": "oblique", "SCHRAG": "oblique",
}  # fmt: skip
OTHER_MEANINGS = re.compile(  # of such words: how a patient lies, a bone, a line in an artery, radiotherapy
    r"\b(?:LAT|LATERAL)\.? (?:DEC|DECUB\w*|MALL\w*|CONDYL\w*|MENISC\w*|EPICOND\w*|TIBIAL|FEMORAL)\b|"
    r"\bFRONTAL (?:SINUS\w*|BONES?|LOBES?)\b|\bPA (?:LINE|CATH\w*|PRESS\w*)\b|"
    r"\bRT[ -](?:PLAN\w*|DOSE|PORTAL|SIM\w*|FIELDS?|IMAGES?)\b|\b(?:POST|PRE|AFTER|BEFORE)[ -]?RT\b"
)
ARTERY = "PA"  # in angiography, that of the lungs
OF_A_BREAST: Mapping[str, str] = {"CC": "cc", "MLO": "mlo", "ML": "ml", "LM": "lm"}
SIDED = re.compile(r"[LR](?=(?:CC|MLO|ML|LM)$)")  # RCC, LMLO
OF_THE_BREAST = {"ml": "lateral", "lm": "lateral", "cc": "", "mlo": ""}  # what such views are of another part
TURNED: Mapping[str, frozenset[str]] = {  # the tube looked from the front, the patient was turned or bent
    "oblique": frozenset({"OBL", "OBLI", "OBLIQUE", "SCHRAEG", "SCHRAG", "RAO", "LAO", "RPO", "LPO"}),
    "axial": frozenset({"AXIAL", "AXIALE", "SUNRISE", "SKYLINE", "MERCHANT", "TANGENTIAL", "AXILLARY"}),
}
SIDES = {"L": "left", "R": "right", "B": "both", "LEFT": "left", "RIGHT": "right"}
SIDE_WORDS: Mapping[str, str] = {
    "LEFT": "left", "LT": "left", "LINKS": "left", "GAUCHE": "left", "IZQUIERDA": "left", "IZQUIERDO": "left",
    "IZQ": "left", "IZDA": "left", "DCHA": "right",
    "SINISTRA": "left", "SINISTRO": "left", "ESQUERDA": "left", "ESQUERDO": "left", "LCC": "left", "LMLO": "left",
    "RIGHT": "right", "RT": "right", "RECHTS": "right", "DROIT": "right", "DROITE": "right", "DERECHA": "right",
    "DERECHO": "right", "DESTRA": "right", "DESTRO": "right", "DIREITA": "right", "DIREITO": "right", "RCC": "right",
    "RMLO": "right",
}  # fmt: skip


def view_of(header: Header, family: str, part: str) -> tuple[str, str]:
    """Return the view and what told it, ("unknown", "") if nothing does; where two places contradict, "unknown" too."""
    if made := _how_made(header, family):
        return made
    if family in ANGLED and header.positioner_motion == "DYNAMIC":
        return UNKNOWN, "PositionerMotion DYNAMIC"
    told = list(_views(header, family, part))
    apart_from_it = [(view, name) for view, name in told if name != "PatientOrientation"]
    if len({name for _, name in apart_from_it}) > 1:
        told = apart_from_it  # two places outvote it: many scanners write one orientation whatever the view
    if not told:
        return UNKNOWN, ""
    view, name = told[0]
    for other, rule in told[1:]:
        if {view, other} == {"frontal", "lateral"}:
            return UNKNOWN, f"{name} says {view}, {rule} says {other}"
    words = set(words_of(header.series_description))
    turned = [other for other, some in TURNED.items() if view == "frontal" and some & words]
    return (turned[0], "SeriesDescription") if turned else (view, name)


def side_of(header: Header) -> tuple[str, str]:
    """Return the side and what told it, ("unknown", "") if nothing does; where two places contradict, "unknown" too."""
    told = [
        (side, name)
        for name, text in (("ImageLaterality", header.image_laterality), ("Laterality", header.laterality))
        if (side := SIDES.get(text.strip().upper()))
    ]
    if not told:
        for name, text in (("SeriesDescription", header.series_description), ("ProtocolName", header.protocol_name)):
            sides = {SIDE_WORDS[word] for word in _words(text) if word in SIDE_WORDS}
            told += [(side, name) for side in sides if len(sides) == 1]
    if not told:
        return UNKNOWN, ""
    side, name = told[0]
    for other, rule in told[1:]:
        if {side, other} == {"left", "right"}:
            return UNKNOWN, f"{name} says {side}, {rule} says {other}"
    return side, name


def _how_made(header: Header, family: str) -> tuple[str, str] | None:
    """Return what stands in the place of a view where there is none: how the picture was made.

    Of an ultrasound only the region of tissue counts; whole screens are compared with nothing.
    """
    if family == "us":
        return ("b-mode" if header.region_told == "tissue" else UNKNOWN), WHY.get(header.region_told, "")
    if family in ("es", "vl", "op"):
        return ("grey" if header.photometric.startswith("MONOCHROME") else "colour"), "PhotometricInterpretation"
    return None


def _views(header: Header, family: str, part: str) -> Iterator[tuple[str, str]]:
    """Yield what each place says, the most trusted one first."""
    is_breast = family == "mg"
    if family in ANGLED and (view := cine.view_of(header.primary_angle_deg, header.secondary_angle_deg)):
        yield view, "PositionerPrimaryAngle and PositionerSecondaryAngle"
    for name, text in (("ViewPosition", header.view), ("ViewCodeSequence", header.view_code)):
        word = text.strip().upper()
        if word in SIDES and part in PAIRED:
            continue  # which hand it is, not from where it is seen
        if view := _of_another_part(VIEWS.get(word, ""), is_breast):
            yield view, name
    views = coded.named_by(header.view_codes, coded.VIEW_OF)
    if len(views) == 1 and (view := _of_another_part(next(iter(views)), is_breast)):
        yield view, "ViewCodeSequence"
    if not is_breast and (view := _by_orientation(header.patient_orientation)):
        yield view, "PatientOrientation"
    for name, text in (("SeriesDescription", header.series_description), ("ProtocolName", header.protocol_name)):
        named = OF_A_BREAST if is_breast else WORDS
        words = [SIDED.sub("", word) if is_breast else word for word in _words(text)]
        no_view = {part.upper(), ARTERY if family in ANGLED else ""}
        found = {named[word] for word in words if word in named and word not in no_view}
        if len(found) == 1:
            yield next(iter(found)), name


def _words(text: str) -> tuple[str, ...]:
    return words_of(OTHER_MEANINGS.sub(" ", " ".join(text.upper().replace("_", " ").split())))


def _of_another_part(view: str, is_breast: bool) -> str:
    return view if is_breast else OF_THE_BREAST.get(view, view)


def _by_orientation(directions: tuple[str, ...]) -> str:
    """Return the view of a patient who stands upright or on the head in the picture, and is not turned."""
    row, column = (*directions, "", "")[:2]
    if column not in ("F", "H"):
        return ""
    return "frontal" if row in ("L", "R") else "lateral" if row in ("A", "P") else ""
