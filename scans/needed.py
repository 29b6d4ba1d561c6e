"""The tags that pixels and their place need: what is there and cannot be understood is a fault, never an absent value.

A damaged description, date or technical hint costs no scan; a damaged value of a tag of this file does. Faults name
the tag and the form of what was found, every digit shown as 9 and every letter as a: a name or a number of the
patient may stand where a value was shifted.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from pydicom.dataelem import RawDataElement

from scans.tags import Reader, integer_of, numbers_of

DEPTHS = (8, 16, 32)  # Bits Allocated of samples that fill whole bytes
WORD_VRS = frozenset({None, "US", "SS", "UN"})  # None: implicit
BINARY_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "OB", "OW", "OF", "OD", "OL", "OV", "AT", "SQ"})
HU_A_STEP = (0.001, 1000.0)  # of a CT's stored numbers; 8 bits over all that metal reaches take 256
FARTHEST_HU = 1e5  # intercept of a CT
LONGEST_SHOWN = 16  # characters of a value; PS3.5 6.2, VR DS


@dataclass(frozen=True, slots=True)
class Need:
    """A tag, and what has to stand in it where it stands."""

    keyword: str
    tag: int
    how: Literal["word", "numbers", "count"]  # 2 bytes; decimal numbers as text; a whole number above 0 as text
    n: int = 1
    is_required: bool = False  # type 1 of every image: absent or empty is a fault as well


PIXELS = (
    Need("Rows", 0x00280010, "word", is_required=True),
    Need("Columns", 0x00280011, "word", is_required=True),
    Need("SamplesPerPixel", 0x00280002, "word", is_required=True),
    Need("NumberOfFrames", 0x00280008, "count"),
    Need("BitsAllocated", 0x00280100, "word", is_required=True),
    Need("BitsStored", 0x00280101, "word", is_required=True),
    Need("HighBit", 0x00280102, "word", is_required=True),
    Need("PixelRepresentation", 0x00280103, "word", is_required=True),
    Need("PixelPaddingValue", 0x00280120, "word"),
    Need("PixelPaddingRangeLimit", 0x00280121, "word"),
)
RESCALE = (Need("RescaleSlope", 0x00281053, "numbers"), Need("RescaleIntercept", 0x00281052, "numbers"))
SPACING = (Need("PixelSpacing", 0x00280030, "numbers", 2),)
PLACE = (
    Need("ImagePositionPatient", 0x00200032, "numbers", 3),
    Need("ImageOrientationPatient", 0x00200037, "numbers", 6),
)
DETECTOR = (Need("ImagerPixelSpacing", 0x00181164, "numbers", 2),)
OF_A_FRAME = (*RESCALE, *SPACING, *PLACE)
LAYOUT = frozenset({"Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated"})  # how long the pixels are


def faults_in(reader: Reader, needs: Collection[Need], twice: Collection[int] = ()) -> Iterator[str]:
    """Yield what is wrong with some tags of one data set.

    Args:
        reader: Of the data set.
        needs: The tags.
        twice: Tags that stand in it more than once: nobody can tell which of two values is meant.
    """
    for need in needs:
        if need.tag in twice:
            yield f"{need.keyword} stands there twice"
        elif fault := _fault(reader, need):
            yield f"{need.keyword} {fault}"


def bits_fault(allocated: int, stored: int, high: int) -> str:
    """Return why numbers of bits cannot describe the samples of an image, "" if they can."""
    if allocated not in DEPTHS or not 1 <= stored <= allocated:
        return f"{stored} bits stored of {allocated} allocated"
    if not stored <= high + 1 <= allocated:
        return f"high bit {high} with {stored} bits stored"
    return ""


def rescale_fault(slope: float | None, intercept: float | None, *, is_ct: bool) -> str:
    """Return why a rescale gives no values, "" if it does; half of one is none (PS3.3 C.11.1.1.2)."""
    if slope is None or intercept is None:
        if slope is not None or intercept is not None:
            there, missing = ("Slope", "Intercept") if intercept is None else ("Intercept", "Slope")
            return f"Rescale{there} without Rescale{missing}: both or none are wanted"
        return "RescaleSlope and RescaleIntercept are absent: nothing says what is 0 HU" if is_ct else ""
    if slope == 0:
        return "RescaleSlope is 0"
    if is_ct and not (HU_A_STEP[0] <= abs(slope) <= HU_A_STEP[1] and abs(intercept) <= FARTHEST_HU):
        return f"RescaleSlope {slope:g} and RescaleIntercept {intercept:g} give no Hounsfield units"
    return ""


def _fault(reader: Reader, need: Need) -> str:
    element = reader.elements.get(need.tag)
    if element is None:
        return "is absent" if need.is_required else ""
    if not isinstance(element, RawDataElement):
        return "holds items, a value is wanted"
    raw = reader.raw(need.tag)
    if not (raw if need.how == "word" else raw.strip(b" \0")):
        return "is empty" if need.is_required else ""
    if need.how == "word":
        return _word_fault(element.VR, raw, need)
    if element.VR in BINARY_VRS:
        return f"has the VR {element.VR}, text is wanted"
    return _text_fault(raw, need)


def _word_fault(vr: str | None, raw: bytes, need: Need) -> str:
    if vr not in WORD_VRS:
        return f"has the VR {vr}, US is wanted"
    return "" if len(raw) == 2 else f"is {len(raw)} bytes long, 2 are wanted"


def _text_fault(raw: bytes, need: Need) -> str:
    if need.how == "count":
        count = integer_of(raw) if b"\\" not in raw else None
        return "" if count is not None and count > 0 else f"reads like {_form(raw)}, a number above 0 is wanted"
    wanted = f"{need.n} decimal number{'s' if need.n > 1 else ''}"
    return "" if numbers_of(raw, need.n) is not None else f"reads like {_form(raw)}, {wanted} wanted"


def _form(raw: bytes) -> str:
    """Return the form of a text without what it says."""
    text = raw.decode("latin-1").strip(" \0")
    shown = "".join(
        "9" if c.isdigit() else "a" if c.isalpha() else c if c in " +-.,\\/" else "?" for c in text[:LONGEST_SHOWN]
    )
    return f"'{shown}'" + ("..." if len(text) > LONGEST_SHOWN else "")
