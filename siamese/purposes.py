"""What an encoder can be trained for: what makes two scans alike, and how a batch is drawn of them.

Whose patients have no classes to learn, as "view", has no classifier beside it in a learning curve
(siamese.training.classifier).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from siamese.limits import Purpose

if TYPE_CHECKING:
    from siamese.example import Example

Bools = npt.NDArray[np.bool_]
Group = list[list[int]]  # members that are alike; each a list of scans of which one may be drawn
WITHOUT_FINDING = ""  # the group of scans known to lack the findings of the others


@dataclass(frozen=True)
class PurposeRule:
    """One purpose.

    Attributes:
        compare: Which pairs (N, N) of examples are alike, and which unlike; the others are unknown. Kinds are
            parted elsewhere.
        groups: Groups of alike scans among the listed positions of examples of one kind, each drawn up to so often.
        remedy: What to do where it has too few pairs.
        n_views: How often a scan is shown: twice where two views of it are a pair.
    """

    compare: Callable[[Sequence[Example]], tuple[Bools, Bools]]
    groups: Callable[[Sequence[Example], Sequence[int], int], list[Group]]
    remedy: str
    n_views: int = 1


def _compare_findings(examples: Sequence[Example]) -> tuple[Bools, Bools]:
    """Return which pairs of two patients share a finding, and which are known to share none though one has some."""
    names = sorted({name for e in examples for name in e.present | e.absent})
    present = np.array([[n in e.present for n in names] for e in examples], np.int32).reshape(len(examples), len(names))
    absent = np.array([[n in e.absent for n in names] for e in examples], np.int32).reshape(len(examples), len(names))
    n_present = present.sum(axis=1)
    refuted = present @ absent.T == n_present[:, None]  # all that the row has, the column has not
    some = (n_present[:, None] + n_present[None, :]) > 0
    alike, of_two = present @ present.T > 0, ~_same(examples, "patient")
    return alike & of_two, refuted & refuted.T & some & ~alike & of_two


def _compare_patients(examples: Sequence[Example]) -> tuple[Bools, Bools]:
    same = _same(examples, "patient")
    return same & ~_same(examples, "study"), ~same


def _compare_views(examples: Sequence[Example]) -> tuple[Bools, Bools]:
    return _same(examples, "scan"), ~_same(examples, "patient")


def _same(examples: Sequence[Example], field: str) -> Bools:
    return equal(codes([getattr(e, field) for e in examples]))


def codes(values: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return a number for each value, equal for equal ones."""
    return np.unique(np.asarray(values, dtype=object), return_inverse=True)[1].reshape(-1)


def equal(codes: npt.NDArray[np.intp]) -> Bools:
    """Return which codes (N,) are equal, (N, N)."""
    return np.asarray(codes[:, None] == codes[None, :])


def _group_findings(examples: Sequence[Example], listed: Sequence[int], n_each: int) -> list[Group]:
    by_finding: dict[str, dict[str, list[int]]] = {}
    for i in listed:
        e = examples[i]
        for name in sorted(e.present) or ([WITHOUT_FINDING] if e.absent else []):
            by_finding.setdefault(name, {}).setdefault(e.patient, []).append(i)
    return [list(by_finding[name].values()) for name in sorted(by_finding)]


def _group_patients(examples: Sequence[Example], listed: Sequence[int], n_each: int) -> list[Group]:
    by_patient: dict[str, dict[str, list[int]]] = {}
    for i in listed:
        by_patient.setdefault(examples[i].patient, {}).setdefault(examples[i].study, []).append(i)
    return [list(studies.values()) for studies in by_patient.values()]


def _group_views(examples: Sequence[Example], listed: Sequence[int], n_each: int) -> list[Group]:
    return [[[i]] * n_each for i in listed]


RULES: Mapping[Purpose, PurposeRule] = MappingProxyType(
    {
        "finding": PurposeRule(
            _compare_findings, _group_findings,
            "label more patients as present and absent, or use purpose patient or view",
        ),
        "patient": PurposeRule(
            _compare_patients, _group_patients, "wait until more patients came twice, or use purpose view"
        ),
        "view": PurposeRule(_compare_views, _group_views, "wait for scans of more patients", n_views=2),
    }
)  # fmt: skip


def rule_of(purpose: Purpose) -> PurposeRule:
    """Return the rule of a purpose.

    Raises:
        ValueError: There is none.
    """
    if purpose not in RULES:
        raise ValueError(f"purpose {purpose!r}: wanted one of {', '.join(RULES)}")
    return RULES[purpose]
