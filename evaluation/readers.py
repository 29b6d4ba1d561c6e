"""What readers' judgements of shown pairs come to: precision by reader and band of chance, and agreement."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from siamese.statistics.intervals import wilson

BANDS = ((1.0, "below 1"), (3.0, "1 to 3"), (10.0, "3 to 10"), (float("inf"), "10 and more"))
UNKNOWN = "not calibrated"
CONTROLS = "random controls"
JUDGED = {"relevant": True, "not-relevant": False}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one reader said of one pair."""

    by: str
    verdict: str  # relevant, not-relevant, or anything else
    pair: tuple[str, str]
    band: str


def precision(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Return for each reader and band how many reviewed matches are relevant, with Wilson's 95 % interval.

    Random controls are a band of their own. "unsure" counts beside. Readers saw what they were shown: the figure is of
    these matches, not of all.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for judgement in judgements:
        counts[judgement.by, judgement.band][judgement.verdict] += 1
    order = [name for _, name in BANDS] + [UNKNOWN, CONTROLS]
    return [
        {"by": by, "band": name, **_share(counts[by, name])}
        for by, name in sorted(counts, key=lambda key: (key[0], order.index(key[1])))
    ]


def band(
    *, is_control: bool, chance_share: float | None, chance_below: float | None, gallery_patients: int | None
) -> str:
    """Return the band of what chance gives: of the estimate, or of the bound where there is no estimate."""
    if is_control:
        return CONTROLS
    share = chance_share if chance_share is not None else chance_below
    if share is None or not gallery_patients:
        return UNKNOWN
    return next(name for above, name in BANDS if share * gallery_patients < above)


def _share(counts: Mapping[str, int]) -> dict[str, Any]:
    n_relevant, n_not = counts.get("relevant", 0), counts.get("not-relevant", 0)
    n = n_relevant + n_not
    low, high = wilson(n_relevant / n, n) if n else (None, None)
    return {"relevant": n_relevant, "not_relevant": n_not, "unsure": counts.get("unsure", 0),
            "precision": n_relevant / n if n else None, "low": low, "high": high}  # fmt: skip


def agreement(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Return for each two readers how many pairs both judged, the share that they agree on, and Cohen's kappa."""
    by_reader: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    for judgement in judgements:
        if judgement.verdict in JUDGED:
            by_reader[judgement.by][judgement.pair] = JUDGED[judgement.verdict]
    found = []
    for a, b in combinations(sorted(by_reader), 2):
        both = sorted(by_reader[a].keys() & by_reader[b].keys())
        if both:
            found.append({"readers": [a, b], **_agreed([(by_reader[a][pair], by_reader[b][pair]) for pair in both])})
    return found


def _agreed(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    n = len(pairs)
    agreed = sum(x == y for x, y in pairs) / n
    yes_a, yes_b = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    chance = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    return {"pairs": n, "agreed": agreed, "kappa": (agreed - chance) / (1 - chance) if chance < 1 else None}
