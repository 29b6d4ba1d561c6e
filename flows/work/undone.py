"""Undone: work that a night left because something failed, as codes with counts, kept in the rows of its stages.

A night that has any ends `partial` with exit code 1, and the operator is called. Work that is left because it was time
to publish, or because only one stage was asked for, is no failure and has no code here.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from db.nights import StageRow
from flows.answers.status import Undone
from scans.outcome import outcome

MARK = "undone:"  # before the code, in the counts of a batch or stage


def undone(code: str, n: int) -> Counter[str]:
    """Counts that say that n pieces of work were left, and why."""
    return Counter({f"{MARK}{outcome(code).code}": n})


def codes_of(counts: Mapping[str, object]) -> Counter[str]:
    """Code -> how many pieces of work were left, of the counts of a batch or stage."""
    return Counter(
        {name.removeprefix(MARK): n for name, n in counts.items() if name.startswith(MARK) and isinstance(n, int) and n}
    )


def of_stages(rows: Iterable[StageRow]) -> Counter[str]:
    """Code -> how many pieces of work were left, over the rows of a night's stages."""
    found: Counter[str] = Counter()
    for row in rows:
        found += codes_of(json.loads(row.counts or "{}"))
    return found


def told(codes: Mapping[str, int]) -> list[Undone]:
    """The codes with their words, most work first."""
    return [
        Undone(code, n, outcome(code).meaning, outcome(code).action)
        for code, n in sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    ]
