"""The header that Siemens scanners before XA put into a private element: names with texts as values.

Two forms: CSA2 begins with "SV10", CSA1 with the number of its entries. Nothing that it says of its own lengths is
believed: whatever does not fit ends the reading, with what was read until then.
"""

import re
import struct
from collections.abc import Collection, Mapping

SIGNATURE = b"SV10"
ENTRY = struct.Struct("<64si4s3i")  # name, multiplicity, VR, syngo type, items, a check word
ITEM = struct.Struct("<4i")  # lengths; CSA2 tells the item's in the second, CSA1 in the first, plus an offset
MOST_ENTRIES = 1024
LONGEST_TEXT = 64  # bytes of a value that anybody here asks for
PROTOCOL_SLICES = re.compile(rb"sSliceArray\.lSize\s{0,8}=\s{0,8}(0x[0-9a-fA-F]{1,4}|\d{1,4})\b")


def csa_values(raw: bytes, names: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the values of some names, without empty ones; a name that is absent or damaged is left out."""
    found: dict[str, tuple[str, ...]] = {}
    is_new = raw[:4] == SIGNATURE
    at = 8 if is_new else 0
    if len(raw) < at + 8:
        return found
    n_entries = min(struct.unpack_from("<I", raw, at)[0], MOST_ENTRIES)
    at += 8  # the count and a check word
    offset: int | None = 0 if is_new else None
    for _ in range(n_entries):
        if at + ENTRY.size > len(raw):
            break
        name, _, _, _, n_items, _ = ENTRY.unpack_from(raw, at)
        offset = n_items if offset is None else offset
        values, at = _items(raw, at + ENTRY.size, n_items, is_new=is_new, offset=offset)
        key = _text(name)
        if key in names and values:
            found.setdefault(key, values)
        if at < 0 or len(found) == len(names):
            break
    return found


def protocol_slices(raw: bytes) -> int | None:
    """Return sSliceArray.lSize of the protocol within a series header, None if it does not tell."""
    match = PROTOCOL_SLICES.search(raw)
    return int(match[1], 0 if match[1].startswith(b"0x") else 10) if match else None


def _items(raw: bytes, at: int, n_items: int, *, is_new: bool, offset: int) -> tuple[tuple[str, ...], int]:
    """Return the values of an entry, and where the next one begins; -1 if the bytes are no items."""
    values = list[str]()
    for _ in range(n_items):
        if at + ITEM.size > len(raw):
            return tuple(values), -1
        lengths = ITEM.unpack_from(raw, at)
        length = lengths[1] if is_new else lengths[0] - offset
        at += ITEM.size
        if not 0 <= length <= len(raw) - at:
            return tuple(values), -1
        if text := _text(raw[at : at + min(length, LONGEST_TEXT)]):
            values.append(text)
        at += (length + 3) // 4 * 4
    return tuple(values), at


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1").strip()
