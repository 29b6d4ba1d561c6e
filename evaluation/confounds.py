"""What lists share besides the finding: scanner, site, sex, age. Names a shortcut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from siamese.statistics.intervals import Estimate, Resamples, mean_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

UNKNOWN = -1
UNLIKELY = 0.01  # of a link between label and trait by chance, divided among the findings
FEWEST_PATIENTS = 10  # with the trait and the label known, before a link is looked for


@dataclass(frozen=True)
class Confound:
    """One trait: how much lists share it, and whether the labels follow it."""

    trait: Annotated[str, "its name"]
    shown: Annotated[Estimate, "share of the first ten that have the query's value"]
    by_chance: Annotated[Estimate, "share of the gallery's patients that have it"]
    excess: Annotated[Estimate, "shown less by chance, paired"]
    followed_by: Annotated[str, "finding that depends most on the trait, or empty"]
    strength: Annotated[float | None, "Cramér's V of that finding, bias corrected, 0 to 1"]
    is_shortcut: Annotated[bool, "lists share it beyond chance and a finding follows it: lift cannot be told apart"]


def audit(
    trait: str,
    values: Sequence[str | None],
    shown: Ints,
    queries: Ints,
    by_chance: Floats,
    draws: Resamples,
    links: Sequence[tuple[str, float, float]],
) -> Confound:
    """Return how a trait stands in the lists.

    Args:
        trait: Its name.
        values: Of each of N scans; None: unknown, counts nowhere.
        shown: (Q, 10) rows in the lists, -1 where a list is shorter.
        queries: (Q,) rows of the queries.
        by_chance: (Q,) share of same value among the gallery's patients, see `chance_shares`.
        draws: Of the queries' patients.
        links: From `label_links` of this trait.
    """
    codes = codes_of(values)
    known = (shown >= 0) & (codes[shown] != UNKNOWN) & (codes[queries] != UNKNOWN)[:, None]
    same = known & (codes[shown] == codes[queries][:, None])
    n_known = known.sum(axis=1)
    share = np.where(n_known > 0, same.sum(axis=1) / np.maximum(n_known, 1), np.nan)
    both = np.isfinite(share) & np.isfinite(by_chance)
    share, expected = np.where(both, share, np.nan), np.where(both, by_chance, np.nan)
    excess = mean_of(share - expected, draws, bounds=(-1.0, 1.0))
    finding, strength, p = min(links, key=lambda link: (link[2], -link[1]), default=("", None, 1.0))
    follows = p < UNLIKELY / max(1, len(links))
    return Confound(
        trait,
        mean_of(share, draws),
        mean_of(expected, draws),
        excess,
        finding if follows else "",
        strength,
        bool(follows and excess.low is not None and excess.low > 0),
    )


def codes_of(values: Sequence[str | None]) -> Ints:
    """Return a number for each value, -1 for None."""
    names = {name: code for code, name in enumerate(sorted({v for v in values if v is not None}))}
    return np.array([UNKNOWN if v is None else names[v] for v in values], np.int64)


def chance_shares(codes: Ints, query_codes: Ints, may_answer: NDArray[np.bool_], patients: Ints) -> Floats:
    """Return the share of same value that random lists would have, (Q,): a mean over patients who may answer.

    Args:
        codes: (G,) of the gallery's values, -1 unknown.
        query_codes: (Q,) of the queries; -1 gives NaN.
        may_answer: (Q, G) scans that may answer each query.
        patients: (G,) codes of the gallery's patients.
    """
    by_patient = np.argsort(patients, kind="stable")
    starts = np.unique(patients[by_patient], return_index=True)[1]
    codes, may = codes[by_patient], may_answer[:, by_patient] & (codes[by_patient] != UNKNOWN)
    if not codes.size:
        return np.full(len(query_codes), np.nan)
    scans = np.add.reduceat(may, starts, axis=1, dtype=np.float64)  # (Q, patients)
    same = np.add.reduceat(may & (codes == query_codes[:, None]), starts, axis=1, dtype=np.float64)
    n_patients = (scans > 0).sum(axis=1)
    shares = (same / np.maximum(scans, 1)).sum(axis=1) / np.maximum(n_patients, 1)
    return np.where((n_patients > 0) & (query_codes != UNKNOWN), shares, np.nan)


def label_links(
    values: Sequence[str | None],
    present: Sequence[frozenset[str]],
    absent: Sequence[frozenset[str]],
    patients: Ints,
) -> list[tuple[str, float, float]]:
    """Return each finding with its Cramér's V with a trait, and the chance of such a link without any.

    One scan a patient counts, the first with both known: scans of one patient are not independent.
    """
    codes = codes_of(values)
    return [
        (finding, *link)
        for finding in sorted(frozenset().union(*present))
        if (link := _link(finding, codes, present, absent, patients)) is not None
    ]


def _link(
    finding: str, codes: Ints, present: Sequence[frozenset[str]], absent: Sequence[frozenset[str]], patients: Ints
) -> tuple[float, float] | None:
    known = [i for i in range(len(codes)) if codes[i] >= 0 and (finding in present[i]) != (finding in absent[i])]
    rows = [known[i] for i in np.unique(patients[known], return_index=True)[1].tolist()] if known else []
    if len(rows) < FEWEST_PATIENTS:
        return None
    table = np.zeros((2, int(codes.max()) + 1))
    for row in rows:
        table[int(finding in present[row]), codes[row]] += 1
    table = table[:, table.sum(axis=0) > 0][table.sum(axis=1) > 0]
    if min(table.shape) < 2:
        return None
    result = chi2_contingency(table, correction=False)
    return _corrected_v(float(result.statistic), len(rows), table.shape), float(result.pvalue)


def _corrected_v(chi2: float, n: int, shape: tuple[int, ...]) -> float:
    """Return Cramér's V less its bias (Bergsma 2013)."""
    r, c = shape
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(phi2 / smaller))) if smaller > 0 else 0.0
