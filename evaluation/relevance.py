"""What counts as a right answer: graded, irrelevant, or unknown."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Findings = frozenset[str]


def grades(present: Findings, others: Sequence[Findings], absent: Sequence[Findings]) -> Floats:
    """Return how relevant each scan is to a query with these findings, (N,), NaN where it is unknown.

    A shared finding gives the Jaccard overlap of what is present, above 0. A scan in which all of the
    query's findings were marked absent gives 0. Every other scan is unknown: nobody looked. The overlap
    counts what was marked; a finding that nobody marked enlarges no union.

    Args:
        present: Of the query; without any, nothing can be relevant and every labelled scan gives 0.
        others: What is present in each scan.
        absent: What is absent in each scan.
    """
    return np.array([_grade(present, has, has_not) for has, has_not in zip(others, absent, strict=True)], np.float64)


def _grade(present: Findings, has: Findings, has_not: Findings) -> float:
    if shared := present & has:
        return len(shared) / len(present | has)
    if not present:
        return 0.0 if has or has_not else np.nan
    return 0.0 if present <= has_not else np.nan


def related(
    present: Sequence[Findings], absent: Sequence[Findings], patients: Sequence[str]
) -> tuple[list[str], NDArray[np.bool_]]:
    """Return the patients, sorted, and which of them are not known to share no finding, (P, P), query first.

    A patient has what any of its scans has; the same findings count as absent only when no scan has them.
    """
    names = sorted(set(patients))
    has: dict[str, Findings] = dict.fromkeys(names, frozenset())
    has_not: dict[str, Findings] = dict.fromkeys(names, frozenset())
    for patient, found, missing in zip(patients, present, absent, strict=True):
        has[patient], has_not[patient] = has[patient] | found, has_not[patient] | missing
    codes, table = grade_table([has[p] for p in names], [has_not[p] - has[p] for p in names])
    return names, np.asarray(table[codes[:, None], codes[None, :]] != 0.0)


def agreed(present: Findings, absent: Findings) -> tuple[Findings, Findings]:
    """Return both sets without the findings of which two sources say the opposite: those are unknown."""
    return present - absent, absent - present


def grade_table(
    present: Sequence[Findings], absent: Sequence[Findings]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a code for each scan's labels, (N,), and the grades between codes, (U, U), query first."""
    sets = list(zip(present, absent, strict=True))
    codes = {labels: code for code, labels in enumerate(dict.fromkeys(sets))}
    has, has_not = [p for p, _ in codes], [a for _, a in codes]
    table = np.array([grades(p, has, has_not) for p in has], np.float64).reshape(len(codes), len(codes))
    return np.array([codes[labels] for labels in sets], np.int64), table
