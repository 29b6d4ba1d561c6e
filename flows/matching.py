"""Match: every list of every active encoder becomes what the archive's vectors say it is.

What has to be done is read from the tables, never remembered: scans whose vector has not been matched yet
(joiners), current matches of scans that are not eligible any more (leavers), lists made by other rules.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from db import matches, queries
from flows.batch import Call, direct, slices
from flows.calibrating import calibrate
from flows.reasons import Reasons
from flows.rules import reading_rules
from flows.site import Site
from flows.space import Space, order_of, read_space
from flows.ticket import Ticket
from siamese.gallery import UNKNOWN_US
from siamese.search import Neighbour, eligible_patients, may_enter, nearest_priors, own_priors

LANES = ("own", "others")
LISTS_PER_WRITE = 512
SEARCH_VERSION = 1  # raise when the meaning of a list changes: every list is then made again


def match(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Bring the match table up to date for every active encoder and kind."""
    counts: Counter[str] = Counter()
    with site.db.read() as connection:
        spaces = [
            f"{encoder['id']} {kind}"
            for encoder in queries.active_encoders(connection)
            for kind in queries.kinds_to_match(connection, encoder["id"], rules_of(site, encoder["metric"]))
        ]
    for space in spaces:
        counts.update(call(match_space, site, ticket, [space]))
    return counts + calibrate(site, ticket, call)


def match_space(site: Site, ticket: Ticket, spaces: Sequence[str]) -> Counter[str]:
    """Bring the lists of "ENCODER KIND" up to date."""
    counts: Counter[str] = Counter()
    for name in spaces:
        encoder, kind = name.split(" ", 1)
        with site.db.read() as connection:
            leavers = queries.ineligible_current(connection, encoder, kind)
            space = read_space(site, connection, encoder, kind)
            joiners = [space.gallery.keys[i] for i in np.flatnonzero(space.joins).tolist()]
            # A scan that is in lists already and joins again belongs to another patient now.
            broken = queries.scans_matched_with(connection, encoder, [*leavers, *joiners])
            reasons = Reasons(
                queries.why_ineligible(connection, leavers, kind),
                queries.listed_before(connection, joiners),
                rules_of(site, space.metric),
            )
        counts += _close(site, ticket, encoder, reasons.leavers)
        counts += _update(site, ticket, space, broken, reasons)
    return counts


def rules_of(site: Site, metric: str) -> str:
    """16 hex digits that change when a setting changes what a list holds."""
    text = json.dumps([SEARCH_VERSION, site.settings.siamese.k, metric, reading_rules(site)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _close(site: Site, ticket: Ticket, encoder: str, leavers: Mapping[str, str]) -> Counter[str]:
    """Close the lists of scans that are not eligible any more; they join anew if they come back."""
    counts: Counter[str] = Counter()
    for some in slices(leavers, LISTS_PER_WRITE):
        whys = {scan: matches.Why({}, leavers[scan]) for scan in some}
        lists = [matches.Lane(encoder, scan, lane, [], left=whys[scan]) for scan in some for lane in LANES]
        with site.db.write(ticket.right) as connection:
            entered, left = matches.replace_lanes(connection, lists, ticket.night)
            matches.delete_lane_outcomes(connection, encoder, some)
            matches.mark_matched(connection, encoder, some, None)
        counts.update(entered=entered, left=left)
    return counts


def _update(site: Site, ticket: Ticket, space: Space, broken: Sequence[str], reasons: Reasons) -> Counter[str]:
    outdated = _affected(site, space, set(broken), reasons.rules)
    joined = [space.gallery.keys[i] for i in np.flatnonzero(space.joins).tolist()]
    joins = frozenset(joined)
    counts: Counter[str] = Counter()
    n_eligible = _eligible(site, space)
    for indices in slices(np.flatnonzero(outdated["own"] | outdated["others"]).tolist(), LISTS_PER_WRITE):
        lists, rows = _lists(site, space, indices, n_eligible, reasons, joins)
        with site.db.write(ticket.right) as connection:
            entered, left = matches.replace_lanes(connection, lists, ticket.night)
            matches.save_lane_outcomes(connection, [row | {"night": ticket.night} for row in rows])
        counts.update(entered=entered, left=left, lists=len(lists))
    _refresh_counts(site, ticket, space, n_eligible, done=outdated["own"] | outdated["others"])
    for some in slices(joined, LISTS_PER_WRITE):
        with site.db.write(ticket.right) as connection:
            matches.mark_matched(connection, space.encoder, some, ticket.night)
    return counts


def _affected(site: Site, space: Space, broken: set[str], rules: str) -> dict[str, np.ndarray]:
    """Masks (N,) of scans whose list may change, a lane each."""
    gallery = space.gallery
    found = [space.outcomes.get((key, "others")) for key in gallery.keys]
    joins = space.joins | np.array([row is None or row["rules"] != rules for row in found], bool)
    stale = joins | np.array([key in broken for key in gallery.keys], bool)
    own = stale | np.isin(gallery.patients, gallery.patients[joins])
    others = stale.copy()
    waiting = np.flatnonzero(~stale)
    if joins.any() and waiting.size:
        reach = np.array([_reach(found[i]) for i in waiting.tolist()])
        others[waiting] = may_enter(
            gallery, new=np.flatnonzero(joins), queries=waiting, kth_distance=reach, order=order_of(site),
            metric=space.metric,
        )  # fmt: skip
    return {"own": own, "others": others}


def _reach(outcome: Mapping[str, Any] | None) -> float:
    """Distance that a new scan must not exceed to enter a list; infinite while the list is short."""
    reach = None if outcome is None else outcome["reach"]
    return np.inf if reach is None else float(reach)


def _eligible(site: Site, space: Space) -> np.ndarray:
    n = np.arange(len(space.gallery.keys))
    return eligible_patients(space.gallery, n, order=order_of(site)) if n.size else n


def _lists(
    site: Site, space: Space, indices: Sequence[int], n_eligible: np.ndarray, reasons: Reasons, joins: Set[str]
) -> tuple[list[matches.Lane], list[dict[str, Any]]]:
    """Both lanes of some scans, from the vectors alone."""
    gallery, k, order = space.gallery, site.settings.siamese.k, order_of(site)
    others = nearest_priors(gallery, np.array(indices), k=k, order=order, metric=space.metric)
    lists, rows = [], []
    for index, near in zip(indices, others, strict=True):
        own = own_priors(gallery, index, metric=space.metric) if space.own_lane[index] else []
        key = gallery.keys[index]
        for lane, found in (("own", own), ("others", near)):
            entries = [_entry(space, some) for some in found]
            why = reasons.of(space, index, lane, [entry["prior"] for entry in entries], joins)
            lists.append(matches.Lane(space.encoder, key, lane, entries, *why))
            rows.append({
                "scan": key, "encoder": space.encoder, "lane": lane, "rules": reasons.rules, "n_matches": len(found),
                "code": lane_code(site, space, index, lane, len(found)),
                "gallery_patients": int(n_eligible[index]) if lane == "others" else int(bool(found)),
                "reach": float(near[-1].distance) if lane == "others" and len(near) >= k else None,
            })  # fmt: skip
    return lists, rows


def _entry(space: Space, neighbour: Neighbour) -> dict[str, Any]:
    return {
        "prior": space.gallery.keys[neighbour.index], "rank": neighbour.rank, "kind": space.kind,
        "code": "prior" if neighbour.rank is not None else "same-day", "distance": neighbour.distance,
    }  # fmt: skip


def lane_code(site: Site, space: Space, index: int, lane: str, n_found: int) -> str:
    """How a lane ended, as a code of scans.outcome."""
    if lane == "own" and not space.own_lane[index]:
        return "no-own-lane"
    needs_date = site.settings.scans.dates == "true"
    if needs_date and space.gallery.from_us[index] == UNKNOWN_US:
        return "date-unknown"
    if n_found == 0:
        return "no-prior"
    return "fewer-than-k" if lane == "others" and n_found < site.settings.siamese.k else "ok"


def _refresh_counts(site: Site, ticket: Ticket, space: Space, n_eligible: np.ndarray, *, done: np.ndarray) -> None:
    """Write how many patients each list chose among, where that changed and nothing else did."""
    rows = []
    for index in np.flatnonzero(~done).tolist():
        row = space.outcomes[(space.gallery.keys[index], "others")]
        if row["gallery_patients"] != int(n_eligible[index]):
            rows.append({**row, "gallery_patients": int(n_eligible[index]), "night": ticket.night})
    for some in slices(rows, 5 * LISTS_PER_WRITE):
        with site.db.write(ticket.right) as connection:
            matches.save_lane_outcomes(connection, some)
