"""Which of several scans of one study and kind stands for it: a written rule without ties."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TARGET_THICKNESS_MM = 2.0  # between thin (1 mm) and thick (5 mm) reconstructions; noise and detail both bearable
FULL_COVERAGE = 0.95  # of the largest; reconstructions of one acquisition differ by a slice or two
# Kernels by name (GE, Philips) or by number (Siemens B70f, Br40d, I30s; Canon FC08).
SHARP_NAMES = re.compile(r"LUNG|BONE|EDGE|DETAIL|SHARP|CHST|ULTRA|^Y[A-D]$|^[CDEL]$", re.IGNORECASE)
NOT_SHARP = re.compile(r"ULTRA ?-?(?:SMOOTH|SOFT)", re.IGNORECASE)
STANDARD_NAMES = re.compile(r"STAND|STD|SOFT|SMOOTH|NORMAL|MEDIUM|^[AB]$", re.IGNORECASE)
SIEMENS = re.compile(r"^[A-Z][A-Z]?(\d\d)(?!\d)", re.IGNORECASE)
CANON = re.compile(r"^FC(\d\d)", re.IGNORECASE)
SHARP_FROM = 50  # Siemens numbers rise with sharpness; 50 and more are for bone and lung
CANON_STANDARD = (range(0, 30), range(40, 50))  # body and head; 30s bone, 50s lung, 80s high resolution


@dataclass(frozen=True, slots=True)
class MainCandidate:
    """What the rule looks at in one scan."""

    key: str
    family: str  # "ct", "mr", "xr", ...
    image_type: str  # values joined by a backslash
    orientation: str
    coverage_mm: float
    kernel: str
    slice_thickness_mm: float | None
    uid: str  # of the series, or any text that stands for it; the last resort before the key
    repairs: str = ""  # what was mended when it was read

    @classmethod
    def from_row(cls, row: Mapping[str, object]) -> "MainCandidate":
        """Return the candidate that a row of the table `scan` describes."""
        thickness = row.get("slice_thickness_mm")
        return cls(
            key=str(row["key"]),
            family=str(row["kind"]).partition("/")[0],
            image_type=str(row.get("image_type") or ""),
            orientation=str(row.get("orientation") or ""),
            coverage_mm=float(str(row.get("coverage_mm") or 0.0)),
            kernel=str(row.get("kernel") or ""),
            slice_thickness_mm=None if thickness is None else float(str(thickness)),
            uid=str(row.get("series") or ""),
            repairs=str(row.get("repairs") or ""),
        )


def main_scan(candidates: Sequence[MainCandidate]) -> tuple[str, str]:
    """Return the key of the main scan and the criterion that decided.

    Each criterion keeps the best ones that are left, in this order: original before derived, native
    plane, nothing mended, coverage, standard kernel, slice thickness nearest to 2 mm, UID, key.

    Raises:
        ValueError: There is no candidate.
    """
    if not candidates:
        raise ValueError("a main scan is chosen from at least one candidate")
    left, rule = list(candidates), "only scan of its kind"
    most = max(c.coverage_mm for c in candidates)
    for name, cost in _criteria(most):
        best = min(cost(c) for c in left)
        kept = [c for c in left if cost(c) == best]
        if len(kept) < len(left):
            left, rule = kept, name
        if len(left) == 1:
            break
    return min(c.key for c in left), rule


def kernel_rank(kernel: str) -> int:
    """Return 0 for a standard or soft reconstruction kernel, 1 for an unknown one, 2 for a sharp one."""
    name = kernel.strip()
    if match := CANON.match(name):
        return 0 if any(int(match[1]) in numbers for numbers in CANON_STANDARD) else 2
    if match := SIEMENS.match(name):
        return 2 if int(match[1]) >= SHARP_FROM else 0
    if SHARP_NAMES.search(name) and not NOT_SHARP.search(name):
        return 2
    return 0 if STANDARD_NAMES.search(name) else 1


def _criteria(most_mm: float) -> list[tuple[str, Callable[[MainCandidate], float | str]]]:
    return [
        ("original before derived", _derived_cost),
        ("native plane", _plane_cost),
        ("nothing mended", lambda c: float(bool(c.repairs))),
        ("coverage", lambda c: float(c.coverage_mm < FULL_COVERAGE * most_mm)),
        ("standard kernel", lambda c: float(kernel_rank(c.kernel))),
        ("slice thickness", _thickness_cost),
        ("UID", lambda c: c.uid),
        ("key", lambda c: c.key),
    ]


def _derived_cost(candidate: MainCandidate) -> float:
    """What one photon energy would show is computed as well, whatever it calls itself."""
    values = candidate.image_type.upper().split("\\")
    return float("DERIVED" in values or "VMI" in values)


def _plane_cost(candidate: MainCandidate) -> float:
    """CT is acquired axially; any plane is native to MR and to projections."""
    return float(candidate.family == "ct" and candidate.orientation != "axial")


def _thickness_cost(candidate: MainCandidate) -> float:
    if candidate.slice_thickness_mm is None:
        return float("inf")
    return round(abs(candidate.slice_thickness_mm - TARGET_THICKNESS_MM), 3)
