"""Which tracer a PET or a SPECT shows: pictures of two tracers show two things, and are never compared.

Source: PS3.16 CID 4021 and CID 25, by the words of the code's meaning, of Radiopharmaceutical and of descriptions.
"""

import re
from collections.abc import Sequence

UNKNOWN = "unknown"
TRACERS = (  # word of a kind, and how it is written; the first that a text names counts, and no text may name two
    ("fdg", r"FDG|FLU?ODE?OXY-?GLUCOSE|FLUORO-?DEOXY-?GLUCOSE|FLUDEOXYGLUCOSE"),
    ("psma", r"PSMA(?:[- ]?\d+)?|PIFLUFOLASTAT|GOZETOTIDE|FLOTUFOLASTAT|DCFPYL"),
    ("dota", r"DOTA-?(?:TOC|TATE|NOC)|EDOTREOTIDE|OXODOTREOTIDE"),
    ("fapi", r"FAPI(?:[- ]?\d+)?"),
    ("amyloid", r"FLORBETAPIR|FLORBETABEN|FLUTEMETAMOL|AMYVID|VIZAMYL|NEURACEQ|PIB|PITTSBURGH"),
    ("tau", r"FLORTAUCIPIR|AV-?1451|MK-?6240"),
    ("fluoride", r"NAF|SODIUM FLUORIDE|FLUORIDE"),
    ("choline", r"\w*CHOLINE"),
    ("dopa", r"F?-?DOPA|FLUORODOPA|DIHYDROXYPHENYLALANINE"),
    ("fet", r"FET|FLUOROETHYL-?\w*TYROSINE"),
    ("flt", r"FLT|FLUOROTHYMIDINE"),
    ("methionine", r"METHIONINE"),
    ("rubidium", r"RUBIDIUM(?: CHLORIDE)?|RUBIDIUM RB-?82"),
    ("ammonia", r"AMMONIA"),
    ("flurpiridaz", r"FLURPIRIDAZ"),
    ("bone", r"MDP|HDP|HMDP|DPD|MEDRONATE|OXIDRONATE|\w*DIPHOSPHONATE"),
    ("mibi", r"MIBI|SESTAMIBI|CARDIOLITE"),
    ("tetrofosmin", r"TETROFOSMIN|MYOVIEW"),
    ("thallium", r"THALLIUM|THALLOUS CHLORIDE"),
    ("ioflupane", r"IOFLUPANE|DATSCAN|FP-?CIT"),
    ("hmpao", r"HMPAO|EXAMETAZIME"),
    ("ecd", r"ECD|BICISATE"),
    ("maa", r"MAA|MACROAGGREGATED ALBUMIN|MACROSALB"),
    ("mibg", r"MIBG|IOBENGUANE"),
    ("octreotide", r"OCTREOTIDE|OCTREOSCAN|PENTETREOTIDE|TEKTROTYD"),
    ("pertechnetate", r"PERTECHNETATE"),
)
PATTERNS = tuple((word, re.compile(rf"(?<![A-Z])(?:{pattern})(?![A-Z])")) for word, pattern in TRACERS)


def tracer_of(texts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the tracer and the name of the text that told it, ("unknown", "") if none does.

    Args:
        texts: Name and content, most trusted first; the first that names one tracer decides, one that names two
            ends the search.
    """
    for name, text in texts:
        plain = " ".join(text.upper().replace("_", " ").split())
        found = [word for word, pattern in PATTERNS if pattern.search(plain)]
        if found:
            return (found[0], name) if len(found) == 1 else (UNKNOWN, "")
    return UNKNOWN, ""
