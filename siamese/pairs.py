"""Who is alike: the three-valued truth of a pair of scans, by purpose, and splits by patient.

A pair is alike, unlike, or unknown, and only the first two are ever learned from or counted. A
finding that nobody marked absent is unknown, not absent; scans of two kinds are never compared.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siamese.example import Example
from siamese.limits import Purpose as Purpose  # others take it from here
from siamese.purposes import RULES, codes, equal, rule_of

PURPOSES: tuple[Purpose, ...] = tuple(RULES)
SPLITS = ("train", "validation", "test")
TRAIN_BELOW, VALIDATION_BELOW = 0.6, 0.8

ALIKE, UNLIKE, UNKNOWN = 1, 0, -1

FEWEST_PAIRS = {"train": 8, "validation": 3}  # alike and unlike each; below it a curve says nothing
MOST_COMPARED = 1000  # scans of a split and kind: pairs grow with the square, their figures hardly change


class PatientStraddles(ValueError):
    """One patient's scans stand in two splits, or one scan stands twice: nothing may be learned."""


class TooFewPairs(ValueError):
    """The examples cannot carry this purpose yet: use another, or a starter encoder."""


@dataclass(frozen=True)
class Feasibility:
    """Whether a purpose can be trained on these examples, why not, and what was counted."""

    ok: bool
    reason: str  # "" when ok; else a sentence with the next step
    counts: Mapping[str, Mapping[str, int]]  # split -> patients, scans, alike, unlike


def split_of(number: float) -> str:
    """Return the split of a patient's random number: 60 % train, 20 % validation, 20 % test.

    Raises:
        ValueError: The number is outside [0, 1).
    """
    if not 0.0 <= number < 1.0:
        raise ValueError(f"split number {number!r}: wanted one in [0, 1)")
    if number < TRAIN_BELOW:
        return "train"
    return "validation" if number < VALIDATION_BELOW else "test"


def split(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Return the examples of each split, in the order of their scan keys.

    Raises:
        PatientStraddles: A patient has scans in two splits, or a scan is listed twice.
    """
    parts: dict[str, list[Example]] = {name: [] for name in SPLITS}
    split_of_patient: dict[str, str] = {}
    for example in sorted(examples, key=lambda e: e.scan):
        name = split_of(example.split_number)
        if split_of_patient.setdefault(example.patient, name) != name:
            raise PatientStraddles(
                f"a patient of scan {example.scan} has split numbers of both "
                f"{split_of_patient[example.patient]} and {name}: store one number a patient"
            )
        if parts[name] and parts[name][-1].scan == example.scan:
            raise PatientStraddles(f"scan {example.scan} is listed twice")
        parts[name].append(example)
    return parts


def relations(examples: Sequence[Example], purpose: Purpose) -> npt.NDArray[np.int8]:
    """Return ALIKE, UNLIKE or UNKNOWN for each pair, (N, N) and symmetric; a row with itself is UNKNOWN.

    For purpose "view" the same scan may be listed several times, once a view.
    """
    alike, unlike = rule_of(purpose).compare(examples)
    matrix = np.full(alike.shape, UNKNOWN, np.int8)
    matrix[unlike] = UNLIKE
    matrix[alike] = ALIKE
    matrix[~equal(codes([e.kind for e in examples]))] = UNKNOWN
    np.fill_diagonal(matrix, UNKNOWN)
    return matrix


def feasible(examples: Sequence[Example], purpose: Purpose) -> Feasibility:
    """Say whether the purpose has enough pairs to learn from and to be judged by.

    Raises:
        PatientStraddles: See `split`.
    """
    parts = split(examples)
    tallies = {name: _tallies(part, purpose) for name, part in parts.items()}
    counts = {name: _counts(parts[name], tallies[name]) for name in SPLITS}
    for name, fewest in FEWEST_PAIRS.items():
        usable = [tally for tally in tallies[name].values() if tally[ALIKE] and tally[UNLIKE]]
        for sort, word in ((ALIKE, "alike"), (UNLIKE, "unlike")):
            n_pairs = sum(tally[sort] for tally in usable)
            if n_pairs < fewest:
                reason = (
                    f"{n_pairs} {word} pairs for purpose {purpose} in {name}, wanted at least {fewest} among "
                    f"kinds that have both sorts: {rule_of(purpose).remedy}"
                )
                return Feasibility(False, reason, counts)
    return Feasibility(True, "", counts)


def require_pairs(examples: Sequence[Example], purpose: Purpose) -> Mapping[str, Mapping[str, int]]:
    """Return what was counted, split -> patients, scans, alike, unlike.

    Raises:
        TooFewPairs: Too few pairs to learn from or to be judged by; the message says what would help.
        PatientStraddles: See `split`.
    """
    feasibility = feasible(examples, purpose)
    if not feasibility.ok:
        raise TooFewPairs(feasibility.reason)
    return feasibility.counts


def _tallies(part: Sequence[Example], purpose: Purpose) -> dict[str, Counter[int]]:
    """Return how many pairs of each relation each kind has."""
    tallies = {}
    for kind, listed in by_kind(part).items():
        seen = [e for e in listed for _ in range(rule_of(purpose).n_views)]
        matrix = relations(seen, purpose)
        tallies[kind] = Counter(matrix[np.triu_indices(len(seen), 1)].tolist())
    return tallies


def _counts(part: Sequence[Example], tallies: Mapping[str, Counter[int]]) -> dict[str, int]:
    return {
        "patients": len({e.patient for e in part}),
        "scans": len(part),
        "alike": sum(tally[ALIKE] for tally in tallies.values()),
        "unlike": sum(tally[UNLIKE] for tally in tallies.values()),
    }


def by_kind(part: Sequence[Example]) -> dict[str, list[Example]]:
    """Return the examples of each kind, at most MOST_COMPARED of them, chosen by a hash of their keys."""
    kinds: dict[str, list[Example]] = {}
    for example in part:
        kinds.setdefault(example.kind, []).append(example)
    return {kind: _fewer(kinds[kind]) for kind in sorted(kinds)}


def _fewer(listed: list[Example]) -> list[Example]:
    if len(listed) <= MOST_COMPARED:
        return listed
    drawn = sorted(listed, key=lambda e: hashlib.sha256(e.scan.encode()).digest())[:MOST_COMPARED]
    return sorted(drawn, key=lambda e: e.scan)


def data_digest(examples: Sequence[Example], recipe_digest: str) -> str:
    """Return 16 hex digits of all that training sees: scans, patients, labels, splits, preprocessing."""
    digest = hashlib.sha256(recipe_digest.encode())
    for e in sorted(examples, key=lambda e: e.scan):
        labels = sorted(e.present), sorted(e.absent)
        row = (e.scan, e.patient, e.study, e.kind, labels, split_of(e.split_number))
        digest.update(repr(row).encode())
    return digest.hexdigest()[:16]
