"""Which tag a field of a header comes from, and how its raw bytes become a value.

pydicom parses the file; the bytes of each element are turned into values here, because pydicom's own
conversion warns or raises on values that break their VR, and a damaged description must not cost a scan.
"""

import dataclasses
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pydicom.charset import decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.values import convert_SQ

LONGEST_VALUE = 4096  # bytes; far above every VR that is read here, which hold 64 characters mostly
UNDEFINED = 0xFFFFFFFF  # PS3.5 7.1.1: the length of an element that ends with a delimiter
UID_PATTERN = re.compile(r"[0-9][0-9.]{0,63}")  # PS3.5 9.1; zeros at the front of a part are common
DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)  # PS3.5 6.2, VR DS; no NaN, no 1_000
TEXT_DELIMITERS = {0x5C, 0x0D, 0x0A, 0x09, 0x0C}  # where a code extension ends, PS3.5 6.1.2.5.3
PADDING = " \0\t\r\n\f\v"  # what writers fill up values with, at either end
PIXEL_REPRESENTATION = 0x00280103
MEASUREMENT_UNITS = 0x004008EA  # MeasurementUnitsCodeSequence

_EMPTY: dict[str, Any] = {
    "text": "", "uid": "", "code": "", "whole": "", "codes": (), "meaning": "", "present": False, "short": 0,
    "doubles": None, "count": 1, "number": None, "double": None, "integer": None, "numbers": None, "pixel": None,
    "index": None, "indices": (), "units": (), "concepts": (),
}  # fmt: skip


def tag(number: int, how: str, n: int = 0) -> Any:
    """Return a dataclass field that is read from a tag; n is how many numbers belong to it."""
    return dataclasses.field(default=_EMPTY[how], metadata={"tag": number, "how": how, "n": n})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a dataclass and the tag behind it."""

    name: str
    tag: int
    how: str
    n: int


@cache
def fields_of(kind: type) -> tuple[Field, ...]:
    """Return the fields of a dataclass that come from a tag."""
    fields = [f for f in dataclasses.fields(kind) if "tag" in f.metadata]
    return tuple(Field(f.name, f.metadata["tag"], f.metadata["how"], f.metadata["n"]) for f in fields)


@cache
def tags_of(*kinds: type) -> tuple[int, ...]:
    """Return the tags that some dataclasses read."""
    return tuple(sorted({field.tag for kind in kinds for field in fields_of(kind)}))


class Reader:
    """Reads values from one parsed data set; a value that cannot be understood is an absent one.

    Where the pixels or their place would suffer, `scans.needed` tells the two apart.
    """

    def __init__(self, dataset: Dataset) -> None:
        """Look up the elements, and the character sets that the texts are written in."""
        self.elements: dict[int, RawDataElement | DataElement] = {
            int(number): dataset.get_item(number, keep_deferred=True)
            for number in dataset.keys()  # noqa: SIM118
        }
        self.dataset = dataset
        encodings = dataset.original_character_set  # what SpecificCharacterSet means to Python
        self.encodings = [encodings] if isinstance(encodings, str) else list(encodings)

    def read(self, kind: type) -> dict[str, Any]:
        """Return the values of all fields of a dataclass that come from a tag."""
        return {field.name: self.value(field) for field in fields_of(kind)}

    def value(self, field: Field) -> Any:
        """Return the value of one field, or its empty value."""
        if field.tag not in self.elements:
            return _EMPTY[field.how]
        if field.how == "present":
            return True
        if field.how == "meaning":
            return self.meaning(field.tag)
        if field.how == "units":
            return self.units(field.tag)
        if field.how == "concepts":
            return self.concepts(field.tag)
        raw = self.raw(field.tag)
        if not raw:
            return _EMPTY[field.how]
        if field.how in ("short", "double", "pixel"):
            return self._binary(field.tag, raw, field.how)
        if field.how == "doubles":
            return self._doubles(field.tag, raw, field.n)
        if field.how in ("index", "indices"):
            return self._unsigned(field.tag, raw, field.how)
        if field.how == "text":
            return self.text(raw)
        return numbers_of(raw, field.n) if field.how == "numbers" else _CONVERT[field.how](raw)

    def raw(self, number: int) -> bytes:
        """Return the bytes of an element, b"" if there are none."""
        element = self.elements.get(number)
        value = element.value if isinstance(element, RawDataElement) else None
        return value[:LONGEST_VALUE] if isinstance(value, bytes) else b""

    def holds(self, number: int) -> bool:
        """Say whether an element is there with anything in it."""
        element = self.elements.get(number)
        return element is not None and bool(element.value)

    def first(self, number: int) -> str:
        """Return the first value of a plain text element, in capitals."""
        return _parts(self.raw(number))[0].upper()

    def is_cut_short(self) -> bool:
        """Say whether an element announces more bytes than the file holds."""
        return any(
            isinstance(e, RawDataElement)
            and isinstance(e.value, bytes)
            and e.length != UNDEFINED
            and len(e.value) < e.length
            for e in self.elements.values()
        )

    def text(self, raw: bytes) -> str:
        """Return text in the file's character set, undecodable bytes replaced, without NUL."""
        if raw.isascii() and b"\x1b" not in raw:
            return raw.decode("ascii").replace("\0", "").strip()
        return decode_bytes(raw, self.encodings, TEXT_DELIMITERS).replace("\0", "").strip()

    def meaning(self, number: int) -> str:
        """Return the CodeMeaning of the first item of a code sequence, in capitals."""
        return next((code.meaning.upper() for code in self._codes(number)), "")

    def concepts(self, number: int) -> tuple[str, ...]:
        """Return what the items of a code sequence say, each as "SCHEME:CODE" in capitals."""
        codes = self._codes(number)
        return tuple(f"{code.scheme}:{code.value}".upper() for code in codes if code.scheme and code.value)

    def _codes(self, number: int) -> tuple["Code", ...]:
        element = self.elements.get(number)
        try:
            if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
                how = element.is_implicit_VR, element.is_little_endian, tuple(self.encodings)
                return _codes_in(element.value, *how)
            return tuple(map(_code, self.items(number)))
        except Exception:  # whatever a broken sequence raises: it is only a hint
            return ()

    def units(self, number: int) -> tuple[str, ...]:
        """Return the codes of the units that the items of a sequence name, or their own code, in capitals."""
        try:
            items = [
                item[MEASUREMENT_UNITS].value[0] if MEASUREMENT_UNITS in item else item for item in self.items(number)
            ]
            return tuple(str(item.get("CodeValue") or "").strip().upper() for item in items)
        except Exception:  # whatever a broken sequence raises: nothing is said of the units then
            return ()

    def items(self, number: int) -> list[Dataset]:
        """Return the items of a sequence, none if it is absent or no sequence."""
        if number not in self.elements:
            return []
        value = self.dataset[number].value
        return list(value) if isinstance(value, Sequence) else []

    def words(self, number: int) -> tuple[int, ...]:
        """Return all unsigned numbers of 2 bytes (VR US) of an element, as many as are read."""
        element, raw = self.elements.get(number), self.raw(number)
        is_big = isinstance(element, RawDataElement) and element.is_little_endian is False
        return struct.unpack(f"{'>' if is_big else '<'}{len(raw) // 2}H", raw[: len(raw) // 2 * 2])

    def _unsigned(self, number: int, raw: bytes, how: str) -> int | tuple[int, ...]:
        """Return unsigned numbers of 2 bytes (VR US, one) or of 4 (VR UL, one or many)."""
        element = self.elements[number]
        is_big = isinstance(element, RawDataElement) and element.is_little_endian is False
        size = min(len(raw), 4)
        starts = range(0, len(raw) - size + 1, size)
        values = tuple(int.from_bytes(raw[i : i + size], "big" if is_big else "little") for i in starts)
        return values if how == "indices" else values[0]

    def _binary(self, number: int, raw: bytes, how: str) -> int | float | None:
        """Return a binary number; pixel values have the sign of the pixels, whatever their VR."""
        element = self.elements[number]
        is_big = isinstance(element, RawDataElement) and element.is_little_endian is False
        if how == "double":
            form, size = ("d", 8) if len(raw) >= 8 else ("f", 4)  # VR FD or FL
            value = struct.unpack((">" if is_big else "<") + form, raw[:size])[0] if len(raw) >= size else math.nan
            return float(value) if math.isfinite(value) else None
        if len(raw) < 2:
            return 0 if how == "short" else None
        is_signed = how == "pixel" and self._binary_short(PIXEL_REPRESENTATION) == 1
        return int.from_bytes(raw[:2], "big" if is_big else "little", signed=is_signed)

    def _doubles(self, number: int, raw: bytes, n: int) -> tuple[float, ...] | None:
        """Return exactly n finite numbers of VR FD, or None."""
        element = self.elements[number]
        is_big = isinstance(element, RawDataElement) and element.is_little_endian is False
        values = struct.unpack(f"{'>' if is_big else '<'}{n}d", raw) if len(raw) == 8 * n else ()
        return values if values and all(map(math.isfinite, values)) else None

    def _binary_short(self, number: int) -> int | float | None:
        raw = self.raw(number)
        return self._binary(number, raw, "short") if raw else 0


@dataclass(frozen=True, slots=True)
class Code:
    """One item of a code sequence; "" for what it does not say."""

    scheme: str
    value: str
    meaning: str


def _code(item: Dataset) -> Code:
    names = ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")
    return Code(*(str(item.get(name) or "").strip(PADDING) for name in names))


@lru_cache(maxsize=256)  # all files of a study say the same
def _codes_in(raw: bytes, is_implicit: bool, is_little_endian: bool, encodings: tuple[str, ...]) -> tuple[Code, ...]:
    return tuple(map(_code, convert_SQ(raw, is_implicit, is_little_endian, list(encodings))))


def _parts(raw: bytes) -> list[str]:
    return [part.strip(PADDING) for part in raw.decode("latin-1").split("\\")]


def _number(text: str) -> float | None:
    number = float(text) if DECIMAL.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def numbers_of(raw: bytes, n: int) -> tuple[float, ...] | None:
    """Return exactly n finite numbers, or None."""
    found = [_number(part) for part in _parts(raw)]
    numbers = tuple(number for number in found if number is not None)
    return numbers if len(found) == len(numbers) == n else None


def integer_of(raw: bytes) -> int | None:
    """Return the first value as a whole number, None if it is none."""
    number = _number(_parts(raw)[0])
    return int(number) if number is not None and abs(number) < 2**53 and number == int(number) else None


def _uid(raw: bytes) -> str:
    text = _parts(raw)[0]
    return text if UID_PATTERN.fullmatch(text) else ""


def _codes(raw: bytes) -> tuple[str, ...]:
    return tuple(part.upper() for part in _parts(raw))


def _count(raw: bytes) -> int:
    """Return NumberOfFrames; a value that is no count is 0, which nothing accepts."""
    number = integer_of(raw)
    return number if number is not None and number > 0 else 0


_CONVERT: dict[str, Callable[[bytes], Any]] = {
    "uid": _uid,
    "code": lambda raw: _parts(raw)[0].upper(),
    "whole": lambda raw: "\\".join(_parts(raw)).upper(),
    "codes": _codes,
    "number": lambda raw: _number(_parts(raw)[0]),
    "integer": integer_of,
    "count": _count,
}
