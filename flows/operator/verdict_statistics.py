"""What people's judgements come to: precision by reader and band, agreement, and labels to learn from."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from db.labels import delete_labels, save_labels
from db.verdicts import NewestVerdict, newest_verdicts
from flows.site.opened import Site
from siamese.statistics.intervals import wilson

BANDS = ((1.0, "below 1"), (3.0, "1 to 3"), (10.0, "3 to 10"), (float("inf"), "10 and more"))
UNKNOWN = "not calibrated"
CONTROLS = "random controls"
JUDGED = {"relevant": True, "not-relevant": False}
SOURCE = "verdicts"  # of the labels made here

Rows = Sequence[Mapping[str, Any]]


def review_figures(connection: Any) -> dict[str, Any]:
    """Return precision by reader and band of expected-by-chance, and agreement of each two readers."""
    rows = newest_verdicts(connection)
    matches = [row for row in rows if row.lane == "others"]
    return {
        "precision": precision([*matches, *(row for row in rows if row.is_control)]),
        "agreement": agreement(matches),
    }


def precision(rows: Rows) -> list[dict[str, Any]]:
    """Return for each reader and band how many reviewed matches are relevant, with Wilson's 95 % interval.

    Random controls are a band of their own. "unsure" counts beside. Readers saw what they were shown: the figure is of
    these matches, not of all.
    """
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[str(row["by"]), band(row)][str(row["verdict"])] += 1
    order = [name for _, name in BANDS] + [UNKNOWN, CONTROLS]
    return [
        {"by": by, "band": name, **_share(counts[by, name])}
        for by, name in sorted(counts, key=lambda key: (key[0], order.index(key[1])))
    ]


def band(row: Mapping[str, Any]) -> str:
    """Return the band of what chance gives: of the estimate, or of the bound where there is no estimate."""
    if row["is_control"]:
        return CONTROLS
    share = row["chance_share"] if row["chance_share"] is not None else row["chance_below"]
    if share is None or not row["gallery_patients"]:
        return UNKNOWN
    return next(name for above, name in BANDS if share * row["gallery_patients"] < above)


def _share(counts: Mapping[str, int]) -> dict[str, Any]:
    n_relevant, n_not = counts.get("relevant", 0), counts.get("not-relevant", 0)
    n = n_relevant + n_not
    low, high = wilson(n_relevant / n, n) if n else (None, None)
    return {"relevant": n_relevant, "not_relevant": n_not, "unsure": counts.get("unsure", 0),
            "precision": n_relevant / n if n else None, "low": low, "high": high}  # fmt: skip


def agreement(rows: list[NewestVerdict]) -> list[dict[str, Any]]:
    """Return for each two readers how many pairs both judged, the share that they agree on, and Cohen's kappa."""
    said: dict[str, dict[tuple[str, str], bool]] = defaultdict(dict)
    for row in rows:
        if row.verdict in JUDGED:
            said[str(row.by)][str(row.scan), str(row.prior)] = JUDGED[str(row["verdict"])]
    found = []
    for a, b in combinations(sorted(said), 2):
        both = sorted(said[a].keys() & said[b].keys())
        if both:
            found.append({"readers": [a, b], **_agreed([(said[a][pair], said[b][pair]) for pair in both])})
    return found


def _agreed(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    n = len(pairs)
    agreed = sum(x == y for x, y in pairs) / n
    yes_a, yes_b = sum(x for x, _ in pairs) / n, sum(y for _, y in pairs) / n
    chance = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    return {"pairs": n, "agreed": agreed, "kappa": (agreed - chance) / (1 - chance) if chance < 1 else None}


def labels_from_verdicts(site: Site) -> dict[str, Any]:
    """Make labels of the judgements on other patients' scans, in place of those made before; safe to repeat.

    Each list that was judged becomes a finding of its own: present in its scan's study and in the relevant priors'
    studies, absent in the others. Pairs on which readers disagree, and "unsure", make no label.
    """
    with site.db.read() as connection:
        rows = [row for row in newest_verdicts(connection) if row.lane == "others"]
    labels, n_split = label_rows(rows)
    with site.db.write() as connection:
        n_gone = delete_labels(connection, SOURCE, keep=labels)
        n_new = save_labels(connection, labels)
    return {"schema": 1, "labels": len(labels), "new_or_changed": n_new, "taken_back": n_gone, "disagreed": n_split}


def label_rows(rows: list[NewestVerdict]) -> tuple[list[dict[str, Any]], int]:
    """Return the labels of judgements, and on how many pairs readers disagree."""
    said: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row.verdict in JUDGED:
            said[str(row.scan), str(row.prior)].append(row)
    agreed = {pair: some[0] for pair, some in said.items() if len({row["verdict"] for row in some}) == 1}
    first: dict[str, int] = {}
    for row in rows:
        first[str(row.scan)] = min(int(row.id), first.get(str(row.scan), int(row["id"])))
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (scan, _), row in sorted(agreed.items()):
        finding = f"as judged {first[scan]}"  # no key in a name: keys may change, and names outlive scans
        found[str(row.study), finding] = _label(row.study, row.kind, finding, "present")
        value = "present" if JUDGED[str(row.verdict)] else "absent"
        found[str(row.prior_study), finding] = _label(row.prior_study, row.prior_kind, finding, value)
    return list(found.values()), len(said) - len(agreed)


def _label(study: Any, kind: Any, finding: str, value: str) -> dict[str, Any]:
    return {"subject": "study", "subject_key": str(study), "finding": finding, "value": value, "kind": str(kind),
            "source": SOURCE}  # fmt: skip
