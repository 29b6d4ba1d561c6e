"""Which family an MR sequence belongs to: what makes two MR images look alike."""

import re
from collections.abc import Sequence

from scans.bodypart import words_of
from scans.contrast import contrast_of
from scans.header import Header
from scans.weighting import FLAIR_TI_MS, STIR_TI_MS, weighting_of

# Words of descriptions, in the order in which they decide: a "T2 FLAIR" is a FLAIR, a "DWI T2" is a DWI.
NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("dwi", re.compile(r"DWI|DIFF|DIFFUSION|DTI|EP2D_DIFF|TRACEW?|RESOLVE|B\d{3,4}|\d+DIR")),
    ("perfusion", re.compile(r"PERF|PERFUSION|DSC|P?C?ASL|DCE|PWI")),
    ("bold", re.compile(r"BOLD\w*|(?:RS)?FMRI\w*|RESTING")),
    ("swi", re.compile(r"SWI|SWAN|VENBOLD|SWIP|SUSC")),
    ("angio", re.compile(r"TOF|MRA|ANGIO|MRV|CEMRA")),
    ("fieldmap", re.compile(r"FIELDMAP|FMAP|B0MAP|FIELDMAPPING|GRE-FIELD|FM")),
    ("flair", re.compile(r"T?2?-?FLAIR\w*|DARKFLUID|DARK-FLUID|T2FLAIR")),
    ("stir", re.compile(r"STIR")),
    ("t2star", re.compile(r"T2\*\w*|T2STAR|HEMO|MEDIC|T2FFE")),
)
# The weighting itself, and what is weighted so unless another word says otherwise. T10 to T12 are vertebrae.
WEIGHTINGS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pd", re.compile(r"PD|PDW|DENSITY|PD[-_]?(?:TSE|FSE|FS)")),
    ("t1", re.compile(r"T1(?!\d|MAP|RHO)[A-Z0-9]*|T1[23]D\w*")),
    ("t2", re.compile(r"T2(?!\d|MAP)[A-Z0-9]*|T2[23]D\w*")),
)
TECHNIQUES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("t1", re.compile(r"MPRAGE|MP-RAGE|MP2RAGE|BRAVO|SPGR|FSPGR|VIBE|TFL3D|TFE|LAVA")),
    ("t2", re.compile(r"HASTE|SSFSE|BLADE|PROPELLER")),
)
T1_WORD = dict(WEIGHTINGS)["t1"]
NULLS_FLUID = dict(NAMES)["flair"]
SUSCEPTIBLE = frozenset({"STAR", "GRE", "FFE", "FLASH", "FL2D", "MERGE"})  # beside T2: a gradient echo, T2* in truth
BALANCED = frozenset({"B", "BAL", "BALANCED"})  # beside TFE: weighted by T2/T1
INVERSION = re.compile(r"T?2?-?TIRM")  # Siemens; nulls fat or fluid, which only its inversion time tells
MAPS = frozenset({  # of a time in ms, or of a share in percent: not an image weighted by it
    "MAP", "MAPS", "MAPPING", "MAPIT", "MOLLI", "RELAXOMETRY", "FRACTION",
})  # fmt: skip
CONTRASTS = {  # AcquisitionContrast of enhanced MR, PS3.3 C.8.13.3.1.5; T1 tells nothing: field maps say it too
    "DIFFUSION": "dwi", "FLUID_ATTENUATED": "flair", "PERFUSION": "perfusion", "PROTON_DENSITY": "pd", "STIR": "stir",
    "T2": "t2", "T2_STAR": "t2star", "TOF": "angio",
}  # fmt: skip
B0_BELOW = 10.0  # s/mm2; an image with less shows no diffusion: scanners name 0 and 5 "b0"


def b_value_of(header: Header) -> float | None:
    """Return the diffusion weighting in s/mm2, None for images that have none or do not say.

    Siemens scanners before XA write it into SequenceName only: "*ep_b1000#3".
    """
    if header.b_value is not None:
        return header.b_value
    if header.maker_b_value is not None:
        return header.maker_b_value
    match = re.match(r"\*?ep_b(\d+)", header.sequence_name)
    return float(match[1]) if match else None


def sequence_of(header: Header) -> tuple[str, str]:
    """Return the family and what told it, ("unknown", "") if nothing does."""
    family, rule = _by_words(header)
    if family == "unknown" and header.acquisition_contrast in CONTRASTS:
        family, rule = CONTRASTS[header.acquisition_contrast], "AcquisitionContrast"
    if family == "unknown":
        family, rule = weighting_of(header)
    if family == "dwi" and (b_value := b_value_of(header)) is not None and b_value < B0_BELOW:
        return "dwi-b0", rule if rule == "DiffusionBValue" else f"{rule}, DiffusionBValue"
    if family == "t1" and contrast_of(header) == "given":
        return "t1+contrast", rule
    return (family, rule) if family else ("unknown", "")


def _by_words(header: Header) -> tuple[str, str]:
    if b_value_of(header):
        return "dwi", "DiffusionBValue"
    for name, text in (("SeriesDescription", header.series_description), ("ProtocolName", header.protocol_name)):
        words = _parts(words_of(text))
        is_fluid_null = any(NULLS_FLUID.fullmatch(word) for word in words) or {"DARK", "FLUID"} <= set(words)
        if is_fluid_null and any(T1_WORD.fullmatch(word) for word in words):
            return "t1", name  # a T1 contrast by inversion, not fluid suppressed
        if families := _matches(NAMES, words):
            return families[0], name
        if is_fluid_null:
            return "flair", name
        if any(INVERSION.fullmatch(word) for word in words):
            return _by_inversion(header)
        if not MAPS.isdisjoint(words):
            return "unknown", ""
        if families := _matches(WEIGHTINGS, words) or _by_technique(words):
            if families == ["t2"] and not SUSCEPTIBLE.isdisjoint(words):
                return "t2star", name
            return _one_of(families, header, name)
    return "unknown", ""


def _matches(table: Sequence[tuple[str, re.Pattern[str]]], words: Sequence[str]) -> list[str]:
    return [family for family, pattern in table if any(pattern.fullmatch(word) for word in words)]


def _by_technique(words: Sequence[str]) -> list[str]:
    is_balanced = "TFE" in words and not BALANCED.isdisjoint(words)
    return [] if is_balanced else _matches(TECHNIQUES, words)


def _one_of(families: Sequence[str], header: Header, name: str) -> tuple[str, str]:
    """Return the only family named; among several ("PD T2" of both echoes) the times decide."""
    if len(families) == 1:
        return families[0], name
    family, rule = weighting_of(header)
    return (family, f"{name}, {rule}") if family in families else ("unknown", "")


def _by_inversion(header: Header) -> tuple[str, str]:
    inversion = header.inversion_time_ms
    for family, (low, high) in (("flair", FLAIR_TI_MS), ("stir", STIR_TI_MS)):
        if inversion is not None and low <= inversion <= high:
            return family, "InversionTime"
    return "unknown", ""


def _parts(words: Sequence[str]) -> list[str]:
    """Return the words and the pieces between their hyphens."""
    return [piece for word in words for piece in {word, *word.split("-")}]
