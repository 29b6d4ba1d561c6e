"""What the values of a slice are measured in: Hounsfield units, the signal of an MR, or something that is no scan.

Spectral CT sends maps of iodine, of effective Z or of electron density as CT images like any other, and MR sends
maps of relaxation times. Source: PS3.3 C.11.1.1.2 (RescaleType), C.8.15.3.4 (kinds of multi-energy images).
"""

import re

from scans.header import Header
from scans.outcome import BadValue, Derived, Refusal
from scans.sopclass import family_of

VMI = "VMI"  # ImageType of a virtual monoenergetic image
UNSPECIFIED = frozenset({"", "US"})
HOUNSFIELD = re.compile(r"H\.?U\.?|\[HNSF'U\]|HOUN[DSZ]*FIELD(?: ?UNITS?)?")  # GE's workstation writes Houndsfield
CT_MAPS = frozenset({  # RescaleType, and UCUM codes of real world values
    "MGML", "Z_EFF", "ED", "EDW", "PCT", "HU_MOD", "OD", "MG/ML", "MG/CM3", "MGI/ML", "G/CM3", "G/ML", "ZEFF", "EFF_Z",
    "%", "{EFFECTIVE_Z}", "{ATOMIC_NUMBER}", "10*23/ML", "/CM3", "KEV", "MM2/G",
})  # fmt: skip
MR_MAPS = frozenset({
    "MM2/S", "UM2/S", "10*-6.MM2/S", "10*-3.MM2/S", "10^-6 MM2/S", "10^-3 MM2/S", "10-6 MM2/S", "E-6 MM2/S", "MS",
    "MSEC",
    "S", "SEC", "/S", "1/S", "S-1", "1/MS", "HZ", "RAD", "DEG", "PPM", "CM/S", "M/S", "MM/S", "KPA", "%", "PCT", "MGML",
    "ML/MIN/100G", "ML/100G/MIN", "ML/(100.G.MIN)", "ML/100ML", "/MIN", "1/MIN", "{FA}", "FA",
})  # fmt: skip
PET_MAPS = frozenset({  # Units of PET that are computed from a scan, or no picture of a tracer (PS3.3 C.8.9.1.1.3)
    "CM2", "PCNT", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM", "UMOLML", "MLMINML", "MLML", "STDDEV",
})  # fmt: skip
NO_UNITS = frozenset({"", "1", "US", "{SIGNAL}", "NO UNITS", "NORMALIZED"})
CT_COMPUTED = frozenset({  # values of ImageType behind the second; the first seven are the standard's
    "MAT_SPECIFIC", "MAT_REMOVED", "MAT_FRACTIONAL", "MAT_MODIFIED", "MAT_VALUE_BASED", "EFF_ATOMIC_NUM",
    "ELECTRON_DENSITY", "IODINE", "VNC", "VNUE", "VNCA", "ZEFF", "RHO", "PBV", "MATERIAL", "URIC", "CASUPP",
})  # fmt: skip
CT_COMPUTED_WORDS = re.compile(  # of a series description, punctuation left out
    r"\b(?:VNC|VNUE|VNCA|PBV|Z ?EFF(?:ECTIVE)?|EFFECTIVE (?:Z|ATOMIC)|ELECTRON DENS\w*|RHO Z|VIRTUAL (?:NON|UN)\w*"
    r"|MD (?:IODINE|WATER|CALCIUM|HAP)|(?:IODINE|CALCIUM|WATER|FAT|BONE) (?:MAP|OVERLAY|CONCENTRATION|FRACTION|SUPP\w*)"
    r"|(?:IODINE|CALCIUM|WATER) (?:DENSITY|IMAGE|NO|REMOVED|WATER|CALCIUM)|NO (?:IODINE|CALCIUM|WATER)|URIC ACID"
    r"|CA ?SUPP\w*|PERFUSED BLOOD|MATERIAL (?:DENS\w*|SPEC\w*|MAP))\b"
)
IODINE = re.compile(r"\bIODINE\b")
AGENT = re.compile(
    r"\b(?:WITH|W|CONTRAST|AGENT|INJ\w*|IV|ALLERG\w*|AFTER|POST|PRE|NO|WITHOUT)\b"
)  # iodine that was given
MONOENERGETIC = re.compile(r"\b(?:VMI|MONO ?E\w*|MONO(?: PLUS)? ?\d{2,3}|\d{2,3} ?KEV|VIRTUAL MONO\w*)\b")


def units_refusal(header: Header) -> Refusal | None:
    """Return why the values of a slice, or of a frame, are no scan's, or None."""
    family = family_of(header.sop_class_uid)
    if family == "ct":
        return _no_hounsfield(header) or _computed_ct(header)
    if family == "mr":
        return _mr_map(header)
    if family == "pt" and header.pet_units in PET_MAPS:
        return Derived(f"Units {header.pet_units}")
    return None  # of a radiograph, optical density is as good as any


def is_monoenergetic(header: Header) -> bool:
    """Say whether a CT shows what one photon energy would: in Hounsfield units, but not the conventional picture."""
    if family_of(header.sop_class_uid) != "ct":
        return False
    return VMI in header.image_type or bool(MONOENERGETIC.search(_plain(header.series_description)))


def _no_hounsfield(header: Header) -> Refusal | None:
    kind = header.lut_type if header.has_modality_lut else header.rescale_type
    name = "ModalityLUTType" if header.has_modality_lut else "RescaleType"
    if kind in CT_MAPS:
        return Derived(f"{name} {kind}, HU is wanted")
    units = set(header.units) - NO_UNITS
    if units and not any(HOUNSFIELD.fullmatch(unit) for unit in units):
        return Derived("real world values that are no Hounsfield units")
    if kind not in UNSPECIFIED and not HOUNSFIELD.fullmatch(kind):
        return BadValue(f"{name} is none that the standard names, HU is wanted")
    return None


def _computed_ct(header: Header) -> Refusal | None:
    values = {value.replace(" ", "_") for value in header.image_type[2:]}
    words = {word for value in values for word in value.split("_")}
    if found := CT_COMPUTED & (values | words):
        return Derived(f"ImageType {min(found)}")
    text = _plain(header.series_description)
    if CT_COMPUTED_WORDS.search(text) or (IODINE.search(text) and not AGENT.search(text)):
        return Derived("SeriesDescription")
    return None


def _mr_map(header: Header) -> Refusal | None:
    if header.rescale_type in MR_MAPS:
        return Derived(f"RescaleType {header.rescale_type}")
    units = set(header.units) - NO_UNITS
    return Derived(f"real world values in {min(units)}") if units and units <= MR_MAPS else None


def _plain(text: str) -> str:
    """Return a description in capitals, with a space for everything that is no letter or digit."""
    return " ".join(re.findall(r"[A-Z0-9]+", text.upper()))
