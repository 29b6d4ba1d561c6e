"""SOP classes: what kind of object a file holds. Source: DICOM PS3.4 B.5."""

from pydicom.config import IGNORE
from pydicom.uid import UID

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
PET = "1.2.840.10008.5.1.4.1.1.128"
ROOT = "1.2.840.10008."  # everything that the standard itself defines
STORAGE = "1.2.840.10008.5.1.4.1.1."

MULTI_FRAME = {  # every frame a slice with geometry of its own: enhanced, and converted from classic
    f"{STORAGE}2.1": "ct",
    f"{STORAGE}2.2": "ct",
    f"{STORAGE}4.1": "mr",
    f"{STORAGE}4.4": "mr",
    f"{STORAGE}128.1": "pt",
    f"{STORAGE}130": "pt",
    f"{STORAGE}13.1.1": "xa",  # X-Ray 3D Angiographic
    f"{STORAGE}13.1.2": "io",  # X-Ray 3D Craniofacial
    f"{STORAGE}13.1.3": "mg",  # Breast Tomosynthesis
    f"{STORAGE}20": "nm",  # Nuclear Medicine
}
FAMILIES = {  # what can become a scan
    CT: "ct",
    MR: "mr",
    PET: "pt",
    f"{STORAGE}1": "xr",  # Computed Radiography
    f"{STORAGE}1.1": "xr",  # Digital X-Ray, for presentation
    f"{STORAGE}1.2": "mg",  # Digital Mammography, for presentation
    f"{STORAGE}1.3": "io",  # Digital Intra-Oral X-Ray, for presentation
    f"{STORAGE}12.1": "xa",  # X-Ray Angiographic
    f"{STORAGE}12.1.1": "xa",
    f"{STORAGE}12.2": "rf",  # X-Ray Radiofluoroscopic
    f"{STORAGE}12.2.1": "rf",
    f"{STORAGE}6.1": "us",
    f"{STORAGE}3.1": "us",  # Ultrasound Multi-frame
    f"{STORAGE}6": "us",  # both retired
    f"{STORAGE}3": "us",
    f"{STORAGE}77.1.1": "es",  # VL Endoscopic
    f"{STORAGE}77.1.4": "vl",  # VL Photographic
    f"{STORAGE}77.1.5.1": "op",  # Ophthalmic Photography, 8 bit
    f"{STORAGE}77.1.5.2": "op",  # and 16 bit
    **MULTI_FRAME,
}
# families of which an instance of a single frame, or of a film, is a picture of its own
PICTURES = frozenset({"xr", "mg", "xa", "rf", "us", "io", "es", "vl", "op"})
CINES = frozenset({"xa", "rf", "us", "op"})  # those that one frame of a film stands for
COLOURED = frozenset({"us", "es", "vl", "op"})  # those of whose colours the luminance is read
FOR_PROCESSING = frozenset(f"{STORAGE}{end}" for end in ("1.1.1", "1.2.1", "1.3.1"))
KEY_OBJECT = f"{STORAGE}88.59"  # Key Object Selection Document
ENHANCED = frozenset(f"{STORAGE}{end}" for end in ("4.3",))
SECONDARY_CAPTURE = frozenset(f"{STORAGE}{end}" for end in ("7", "7.1", "7.2", "7.3", "7.4"))
DERIVED_OBJECTS = frozenset(f"{STORAGE}{end}" for end in ("66.4", "66.7", "30", "481.2"))
NOT_IMAGES = (  # by the start of what follows STORAGE: no image by nature, whatever the file holds
    "88.", "104.", "9.", "11.", "66.1", "66.2", "66.3", "66.5", "67", "68.", "481.3", "481.4", "481.5",
    "481.6",
    "481.7", "481.8", "481.9", "66", "78.", "79.", "80.", "90.", "131", "200.",
)  # fmt: skip


def family_of(sop_class_uid: str) -> str:
    """Return the modality family of a class that can become a scan, else ""."""
    return FAMILIES.get(sop_class_uid, "")


def is_projection(sop_class_uid: str) -> bool:
    """Say whether each instance of the class is a picture of its own."""
    return FAMILIES.get(sop_class_uid) in PICTURES and sop_class_uid not in MULTI_FRAME


def is_cine(sop_class_uid: str) -> bool:
    """Say whether one frame of an object of several frames stands for it."""
    return FAMILIES.get(sop_class_uid) in CINES and is_projection(sop_class_uid)


def is_multi_frame(sop_class_uid: str) -> bool:
    """Say whether objects of the class hold the slices of a scan as frames."""
    return sop_class_uid in MULTI_FRAME


def has_no_image(sop_class_uid: str) -> bool:
    """Say whether objects of the class have no image by nature: reports, plans, waveforms."""
    end = sop_class_uid.removeprefix(STORAGE)
    if end == sop_class_uid:
        return sop_class_uid.startswith(ROOT)
    return any(end == start or (start.endswith(".") and end.startswith(start)) for start in NOT_IMAGES)


def name_of(sop_class_uid: str) -> str:
    """Return the standard's name of a class, "" for one that the standard does not know."""
    name = UID(sop_class_uid, validation_mode=IGNORE).name  # a malformed one would be quoted in a warning
    return "" if name == sop_class_uid else name
