"""The scans that an evaluation asks about, and which of them an encoder never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from siamese.pairs import PatientStraddles
from siamese.search.gallery import Gallery, check_intervals

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

FEWEST_FOR_SPLIT = 300  # patients; below it a test fifth says too little, so five folds are pooled
N_FOLDS = 5
FEWEST_PATIENTS = 10  # whom an encoder never saw; the intervals of fewer say nothing at all


@dataclass(frozen=True, eq=False)
class Cohort:
    """Main scans of any kinds; place i of every field is the same scan.

    Raises:
        ValueError: Fields of different length, a key twice, a study with two scans of a kind, a study
            of two patients, or an interval that is empty.
    """

    keys: Sequence[str]
    patients: Sequence[str]
    studies: Sequence[str]
    kinds: Sequence[str]
    from_us: Ints  # (N,) microseconds UTC or UNKNOWN_US
    until_us: Ints  # (N,)
    present: Sequence[frozenset[str]]  # findings, for the scan's kind and time
    absent: Sequence[frozenset[str]]
    traits: Mapping[str, Sequence[str | None]] = field(default_factory=lambda: MappingProxyType({}))
    # what is audited and makes subgroups: "scanner", "site", "sex", "age_decade"; None: unknown
    strata: Mapping[str, Sequence[str | None]] = field(default_factory=lambda: MappingProxyType({}))
    # how else searches are cut, see strata.py: "size", "contrast", "time"; nothing is audited for them

    def __post_init__(self) -> None:
        """Check the fields."""
        columns = ("patients", "studies", "kinds", "from_us", "until_us", "present", "absent")
        lengths = {name: len(getattr(self, name)) for name in columns}
        lengths |= {name: len(values) for name, values in (*self.traits.items(), *self.strata.items())}
        for name, length in lengths.items():
            if length != len(self.keys):
                raise ValueError(f"{name} has {length} values for {len(self.keys)} scans")
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("a scan key stands in the cohort twice")
        if len(set(zip(self.studies, self.kinds, strict=True))) != len(self.keys):
            raise ValueError("a study has two scans of one kind: only its main scan can be asked about")
        if len(set(zip(self.studies, self.patients, strict=True))) != len(set(self.studies)):
            raise ValueError("a study belongs to two patients")
        check_intervals(self.from_us, self.until_us)

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self.keys)

    def gallery(self, rows: Ints, vectors: Vectors) -> Gallery:
        """Return some scans of one kind with their vectors (G, D) as a gallery, in the order of the rows."""
        return Gallery(
            [self.keys[row] for row in rows.tolist()],
            np.ascontiguousarray(vectors),
            self.patient_codes[rows],
            self.from_us[rows],
            self.until_us[rows],
            self.study_codes[rows],
        )

    @cached_property
    def patient_codes(self) -> Ints:
        """A number for each scan's patient, (N,), 0 up."""
        return _codes(self.patients)

    @cached_property
    def study_codes(self) -> Ints:
        """A number for each scan's study, (N,), 0 up."""
        return _codes(self.studies)

    def rows_by_kind(self, rows: Ints) -> dict[str, Ints]:
        """Return these rows, apart for each kind."""
        kinds = np.asarray(self.kinds, dtype=object)[rows]
        return {kind: rows[kinds == kind] for kind in sorted(set(kinds.tolist()))}


@dataclass(frozen=True, eq=False)
class Fold:
    """The scans that one encoder may be asked about, with its vectors of them."""

    name: str
    rows: Ints  # (n,) of the cohort
    vectors: Vectors  # (n, D) unit rows
    seen: frozenset[str]  # patients that the encoder was trained, chosen or calibrated on


@dataclass(frozen=True)
class Disjoint:
    """What was counted when a fold was found to hold nobody whom its encoder knew."""

    fold: Annotated[str, "test, or its number"]
    seen_patients: Annotated[int, "patients known to the encoder"]
    asked_patients: Annotated[int, "patients that it is asked about"]
    shared_patients: Annotated[int, "both; always 0"]


def disjointness(cohort: Cohort, folds: Sequence[Fold]) -> tuple[Disjoint, ...]:
    """Return the counts of each fold, all with nobody shared.

    Raises:
        PatientStraddles: An encoder saw a patient whom it is asked about, or two folds ask about one.
        ValueError: A fold repeats a scan or has vectors for another number of scans.
    """
    asked_before: set[str] = set()
    found = []
    for fold in folds:
        if len(set(fold.rows.tolist())) != len(fold.rows) or len(fold.rows) != len(fold.vectors):
            raise ValueError(f"{fold.name}: {len(fold.vectors)} vectors, {len(set(fold.rows.tolist()))} scans")
        asked = {cohort.patients[row] for row in fold.rows.tolist()}
        for others, told in ((fold.seen, "were seen by its encoder"), (asked_before, "stand in another fold")):
            if n_shared := len(asked & others):
                raise PatientStraddles(f"{fold.name}: {n_shared} of {len(asked)} patients {told}: a leak, no figure")
        asked_before |= asked
        found.append(Disjoint(fold.name, len(fold.seen), len(asked), 0))
    return tuple(found)


def fold_of(split_number: float, n_patients: int) -> int | None:
    """Return the fold of a patient's random number, 0 to 4, or None where the archive is split instead."""
    if not 0.0 <= split_number < 1.0:
        raise ValueError(f"split number {split_number!r}: wanted one in [0, 1)")
    return int(split_number * N_FOLDS) if n_patients < FEWEST_FOR_SPLIT else None


def _codes(values: Sequence[str]) -> Ints:
    found = np.unique(np.asarray(values, dtype=object), return_inverse=True)[1]
    return np.asarray(found, dtype=np.int64).reshape(-1)
