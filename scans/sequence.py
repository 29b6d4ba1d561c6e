"""Which family an MR sequence belongs to: what makes two MR images look alike."""

import re
from collections.abc import Sequence

from scans.bodypart import words_of
from scans.header import Header
from scans.sopclass import family_of

# Words of descriptions, in the order in which they decide: a "T2 FLAIR" is a FLAIR, a "DWI T2" is a DWI.
NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("dwi", re.compile(r"DWI|DIFF|DTI|EP2D_DIFF|TRACEW?|RESOLVE|B\d{3,4}")),
    ("perfusion", re.compile(r"PERF|PERFUSION|DSC|ASL|PCASL|DCE|PWI")),
    ("bold", re.compile(r"BOLD|FMRI|RSFMRI|EPI-FMRI|RESTING")),
    ("swi", re.compile(r"SWI|SWAN|VENBOLD|SWIP|SUSC")),
    ("angio", re.compile(r"TOF|MRA|ANGIO|MRV|CEMRA")),
    ("fieldmap", re.compile(r"FIELDMAP|FMAP|B0MAP|FIELDMAPPING|GRE-FIELD")),
    ("flair", re.compile(r"T?2?-?FLAIR\w*|DARKFLUID|TIRM|T2FLAIR")),
    ("stir", re.compile(r"STIR")),
    ("t2star", re.compile(r"T2\*\w*|T2STAR|HEMO|MEDIC|T2FFE")),
    ("pd", re.compile(r"PD|PDW|PROTON|PD[-_]?(?:TSE|FSE|FS)")),
    (
        "t1",
        re.compile(r"T1|T1W|T1-?W\w*|T1\w*|MPRAGE|MP-RAGE|MP2RAGE|BRAVO|SPGR|FSPGR|VIBE|TFL3D|TFE|LAVA|\w*-T1W?"),
    ),
    ("t2", re.compile(r"T2|T2-?W\w*|T2\w*|HASTE|SSFSE|BLADE|PROPELLER|\w*-T2W?")),
)
CONTRASTS = {  # AcquisitionContrast of enhanced MR, PS3.3 C.8.13.3.1.5; T1 tells nothing: field maps say it too
    "DIFFUSION": "dwi", "FLUID_ATTENUATED": "flair", "PERFUSION": "perfusion", "PROTON_DENSITY": "pd", "STIR": "stir",
    "T2": "t2", "T2_STAR": "t2star", "TOF": "angio",
}  # fmt: skip
CONTRAST_WORDS = frozenset({"+C", "GD", "GAD", "POST", "KM", "CONTRAST", "GADO", "POSTGAD", "POST-GAD", "CE", "T1C"})
NO_CONTRAST = frozenset({"PRE", "WO", "W-O", "WITHOUT", "NATIVE", "NATIV", "NON-CONTRAST", "NONCONTRAST"})
WITHOUT = frozenset({"", "NO", "NONE", "N", "NOT GIVEN", "WITHOUT", "NO CONTRAST", "NATIVE", "0"})
# Of a CT series; "pre" and "post" alone may as well speak of an operation there.
CT_WITHOUT = re.compile(
    r"\b(?:W/O|WO|WITHOUT|(?:NO|NON)[ -]?(?:CONTRAST|CON|KM|IV)|UNENHANCED|NATIVE?|NECT|NCCT|OHNE|PRE[ -]?CONTRAST)\b"
)
CT_WITH = re.compile(r"(?:^|[ /-])\+ ?C\b|\bC\+|\b(?:CECT|CE|KM|CONTRAST)\b")

SHORT_TR_MS, SHORT_TE_MS, LONG_TR_MS, LONG_TE_MS = 900.0, 30.0, 1800.0, 70.0  # textbook spin echo, up to 3 T
FLAIR_TI_MS, STIR_TI_MS = (1500.0, 3200.0), (80.0, 260.0)  # null fluid, null fat; between 0.5 and 7 T


def contrast_of(header: Header) -> str:
    """Return whether an agent was given: "given", "not-given" or "unknown".

    The description of the series goes first: scanners write the agent of a study into its native series too.
    """
    if told := _contrast_by_words(header):
        return told
    agent = header.contrast_agent.strip().upper()
    if agent and agent not in WITHOUT:
        return "given"
    return "not-given" if agent in WITHOUT - {""} else "unknown"


def _contrast_by_words(header: Header) -> str:
    text = header.series_description.upper()
    if family_of(header.sop_class_uid) == "ct":
        text = text.replace("_", " ")
        return "not-given" if CT_WITHOUT.search(text) else "given" if CT_WITH.search(text) else ""
    words = set(words_of(text))
    if words & NO_CONTRAST:
        return "not-given"
    return "given" if words & CONTRAST_WORDS or "+C" in text else ""


def b_value_of(header: Header) -> float | None:
    """Return the diffusion weighting in s/mm2, None for images that have none or do not say.

    Siemens scanners before XA write it into SequenceName only: "*ep_b1000#3".
    """
    if header.b_value is not None:
        return header.b_value
    match = re.match(r"\*?ep_b(\d+)", header.sequence_name)
    return float(match[1]) if match else None


def sequence_of(header: Header) -> tuple[str, str]:
    """Return the family and what told it, ("unknown", "") if nothing does."""
    family, rule = _by_words(header)
    if family == "unknown" and header.acquisition_contrast in CONTRASTS:
        family, rule = CONTRASTS[header.acquisition_contrast], "AcquisitionContrast"
    if family == "unknown":
        family, rule = _by_times(header)
    if family == "t1" and contrast_of(header) == "given":
        return "t1+contrast", rule
    return family, rule


def _by_words(header: Header) -> tuple[str, str]:
    if b_value_of(header):
        return "dwi", "DiffusionBValue"
    texts = (("SeriesDescription", header.series_description), ("ProtocolName", header.protocol_name))
    for name, text in texts:
        words = _parts(words_of(text))
        if {"T1", "FLAIR"} <= set(words):  # a T1 contrast by inversion, not fluid suppressed
            return "t1", name
        for family, pattern in NAMES:
            if any(pattern.fullmatch(word) for word in words):
                return family, name
    return "unknown", ""


def _parts(words: Sequence[str]) -> list[str]:
    """Return the words and the pieces between their hyphens."""
    return [piece for word in words for piece in {word, *word.split("-")}]


def _by_times(header: Header) -> tuple[str, str]:
    repetition, echo, inversion = header.repetition_time_ms, header.echo_time_ms, header.inversion_time_ms
    if echo is None or repetition is None or "EP" in header.scanning_sequence:
        return "unknown", ""
    if "IR" in header.scanning_sequence and inversion and echo >= LONG_TE_MS:
        if FLAIR_TI_MS[0] <= inversion <= FLAIR_TI_MS[1]:
            return "flair", "InversionTime"
        return "unknown", ""
    if "IR" in header.scanning_sequence and inversion and STIR_TI_MS[0] <= inversion <= STIR_TI_MS[1]:
        return "stir", "InversionTime"
    if "SE" not in header.scanning_sequence:
        return (
            "unknown",
            "",
        )  # a gradient echo needs its flip angle and spoiling to be told, and words do that
    if repetition <= SHORT_TR_MS and echo <= SHORT_TE_MS:
        return "t1", "RepetitionTime and EchoTime"
    if repetition >= LONG_TR_MS and echo >= LONG_TE_MS:
        return "t2", "RepetitionTime and EchoTime"
    if repetition >= LONG_TR_MS and echo <= SHORT_TE_MS:
        return "pd", "RepetitionTime and EchoTime"
    return "unknown", ""
