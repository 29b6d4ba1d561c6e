"""Objects that were cut into several instances: are all parts there. Source: DICOM PS3.3 C.7.6.16.2.2.4."""

from collections.abc import Mapping, Sequence

from scans.header import Header
from scans.outcome import ConcatenationIncomplete

MOST_NAMED = 5  # parts in one sentence


def incomplete(headers: Sequence[Header]) -> Mapping[int, ConcatenationIncomplete]:
    """Return index of header -> why it cannot be used, for parts of objects that are not here as a whole.

    How many parts there are is optional in DICOM: where no part tells it, only a hole between them can be seen.

    Args:
        headers: Of the instances of one series that count, one of each.
    """
    parts: dict[str, list[int]] = {}
    for index, header in enumerate(headers):
        if header.concatenation_uid:
            parts.setdefault(header.concatenation_uid, []).append(index)
    refused = {}
    for indices in parts.values():
        if facts := _fault([headers[i] for i in indices]):
            refused.update(dict.fromkeys(indices, ConcatenationIncomplete(facts)))
    return refused


def _fault(parts: Sequence[Header]) -> str:
    """Say what keeps parts from being one object, "" if nothing does."""
    numbers = sorted(part.concatenation_number for part in parts)
    total = max(part.concatenation_total for part in parts)
    wanted = total or numbers[-1]
    if missing := sorted(set(range(1, wanted + 1)) - set(numbers)):
        named = ", ".join(map(str, missing[:MOST_NAMED])) + (" ..." if len(missing) > MOST_NAMED else "")
        return f"{len(parts)} of {wanted} parts of a concatenation; missing: {named}"
    if numbers != list(range(1, wanted + 1)) or {p.concatenation_total for p in parts} - {0, total}:
        return f"{len(parts)} parts of a concatenation do not number from 1 to {wanted}"
    n_before = 0
    for part in sorted(parts, key=lambda p: p.concatenation_number):
        if part.concatenation_offset not in (None, n_before):
            number, told = part.concatenation_number, part.concatenation_offset
            return f"part {number} of a concatenation begins behind {told} frames, {n_before} are here"
        n_before += part.n_frames
    return ""
