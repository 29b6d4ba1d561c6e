"""Whether an agent was given before an image was made, from the words of its series and the agent's own tag.

Many of the words have a second meaning: what comes after "post" may be an operation, what is "native" a kidney, and
"phase contrast" needs no agent. Such phrases are taken out first; a text that then says both says nothing.
"""

import re

from scans.header import Header
from scans.sopclass import family_of

EVENTS = (  # what an image may lie before or after, other than an agent
    r"OP(?:ERATI\w*|S)?|SURG\w*|TREAT\w*|THERAP\w*|TX|RT|XRT|RADIAT\w*|RADIO\w*|CHEMO\w*|VOID\w*|MICT\w*|TRAUMA\w*|"
    r"BIOPS\w*|BX|ABLATI\w*|EMBOLI\w*|STENT\w*|TRANSPLANT\w*|PARTUM|NATAL|MORTEM|T?EVAR|TAVI|ICTAL|INTERVENT\w*|"
    r"PROC\w*|REDUCTION|CAST|LABEL\w*|EXERCISE|STRESS|DRAIN\w*|REMOVAL|RESECT\w*|CRANI\w*|IMPLANT\w*|MENOPAUS\w*|"
    r"COVID|SHUNT\w*|CLIP\w*|COIL\w*|SAT\w*|SCAN|PULSE|TIPS|TACE|CATH\w*|DELIVERY|ANGIOPLAST\w*|EINGRIFF|BESTRAHLUNG|"
    r"FOSSA|HORN|WALL|TIB\w*|ELEMENTS?|MED\w*"  # "post." is posterior as well
)
OTHER_MEANINGS = re.compile(
    rf"\b(?:POST|PRE|PR[ÄA]E?|NACH|VOR|AFTER|BEFORE|APR[EÈ]S|AVANT)[ .-]*(?:{EVENTS})\b|"
    r"\bPHASE[ -]?CONTRAST\b|\b(?:HIGH|LOW|SOFT|TISSUE|TRANSFER) CONTRAST\b|"
    r"\bCONTRAST (?:RESOLUTION|TO NOISE|RATIO|ALLERG\w*|REACTION|REFUSED|CONTRAINDICATED)\b|"
    r"\b(?:ORAL|RECTAL|NEGATIVE|ORALES) (?:CONTRAST|KM|KONTRASTMITTEL)(?: ONLY)?\b|"
    r"\bNATIVE (?:KIDNEYS?|RENAL|LIVER|LUNGS?|HEART|VALVE|AORTIC|AORTA|HIP|KNEE|JOINT|VESSELS?|ARTER\w*|PANCREAS)\b|"
    r"\b(?:W/O|WO|WITHOUT|OHNE|SANS|NO|NON)[ -](?:FS|FAT\w*|SAT\w*|MOTION|GAP|FLOW|BREATH\w*|GRAPPA|MARKERS?|METAL|"
    r"STRESS|SEDATION|AN\w*STHES\w*|WEIGHT\w*|GRID|CAST|GATING|TRIGGER\w*)\b"
)
NOT, WITH = r"(?:WITHOUT|W/?O|OHNE|SANS|SIN|SENZA)", r"(?:WITH|W|MIT|AVEC)"
AND = r"[ /&+-]*(?:AND|OR|UND|ODER|ET|Y|E)?[ /&+-]*"
SAYS_BOTH = re.compile(
    rf"\b{WITH}{AND}{NOT}\b|\b{NOT}{AND}{WITH}\b|\bWWO\b|\bCON ?[Y/] ?SIN\b|\bSIN ?[Y/] ?CON\b|"
    rf"\bPRE{AND}POST\b|\bVOR{AND}NACH\b|"
    r"\+ ?/ ?- ?(?:C|KM|CONTRAST|IV|GD|GAD\w*)\b|\bC ?[+-] ?/ ?C? ?[+-]"
)
AGENT = (
    r"(?:CONTRAST\w*|KONTRAST\w*|CON|KM|IV|GD|GAD\w*|MDC|INJ\w*|DOTAREM|PRIMOVIST|EOVIST|MULTIHANCE|OMNISCAN|MAGNEVIST)"
)
WITHOUT = re.compile(
    rf"\b{NOT}\b|\bW-O\b|\bKEIN\w* {AGENT}\b|\b(?:NO|NON|NOT)[ -]?(?:{AGENT}|ENHANCED)\b|"
    rf"\b(?:PRE|VOR|AVANT)[ -]?{AGENT}\b|"
    rf"\b{AGENT} ?(?:[:=] ?NO|[:=]? ?(?:NONE|NIL|KEIN\w*|NOT GIVEN|AUCUN\w*))\b|"
    r"\b(?:UNENHANCED|NATIVE?|NATIVO|NECT|NCCT)\b|(?:^|[ (])- ?C(?![A-Z0-9])|\bC-(?=$|[ /)])"
)
GIVEN = re.compile(
    r"\+ ?C(?![A-Z0-9])|(?:\b|T1)C\+(?![A-Z0-9])|"
    r"\b(?:CECT|CE-?MRA|CE|KM|GD|GAD|GADO\w*|CONTRAST\w*|KONTRAST\w*|MDC|T1[ -]?(?:C|CE|GD|KM)|"
    rf"(?:POST|NACH|APR[EÈ]S|AVEC|MIT|WITH|W/?)[ -]?{AGENT}|DOTAREM|PRIMOVIST|EOVIST|MULTIHANCE|OMNISCAN|MAGNEVIST)\b"
)
PHASE = re.compile(
    r"\b(ARTERIAL|ART|ARTERIELL|ART[ÉE]RIEL|VENOUS|VEN|VEN[ÖO]S|VEINEUX|PORTAL|PORTALVEN\w*|PV|DELAYED|DELAY|LATE|SP[ÄA]T|"
    r"TARDIF|EXCRETORY|NEPHRO\w*|UROGRAPH\w*|CORTICO\w*|EQUILIBRIUM|HEPATOBILIARY)\b"
)
PRE, POST = re.compile(r"\bPRE\b"), re.compile(r"\bPOST\b")  # of MR; a CT is called so after operations mostly
NO_AGENT = frozenset({
    "NO", "NONE", "NONE GIVEN", "N", "NON", "NOT GIVEN", "NIL", "0", "NA", "N/A", "KEIN", "KEINE", "KEINES", "AUCUN",
    "FALSE", "-",
})  # fmt: skip
NOT_INTO_A_VEIN = re.compile(r"(?:ORAL|RECTAL|WATER|WASSER|BARIUM|GASTRO\w*|\W)+(?: CONTRAST)?")


def contrast_of(header: Header) -> str:
    """Return whether an agent was given: "given", "not-given" or "unknown".

    The description of the series goes first: scanners write the agent of a study into its native series too.
    """
    if told := agent_by_words(header.series_description, is_mr=family_of(header.sop_class_uid) == "mr"):
        return told
    agent = header.contrast_agent.strip().upper()
    if agent in NO_AGENT or agent_by_words(agent, is_mr=False) == "not-given":
        return "not-given"
    return "unknown" if not agent or NOT_INTO_A_VEIN.fullmatch(agent) else "given"


def phase_of(header: Header) -> str:
    """Return the words of a series that tell how long after the agent it was made, "" if none does."""
    return " ".join(sorted(set(PHASE.findall(header.series_description.upper().replace("_", " ")))))


def agent_by_words(text: str, *, is_mr: bool) -> str:
    """Return what the words of a series say of an agent: "given", "not-given" or "" if nothing, or both."""
    plain = OTHER_MEANINGS.sub(" ", " ".join(text.upper().replace("_", " ").split()))
    if SAYS_BOTH.search(plain):
        return ""
    if WITHOUT.search(plain) or (is_mr and PRE.search(plain)):
        return "not-given"
    return "given" if GIVEN.search(plain) or (is_mr and POST.search(plain)) else ""
