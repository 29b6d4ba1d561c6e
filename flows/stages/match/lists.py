"""Match: every list of every active encoder becomes what the archive's vectors say it is.

What has to be done is read from the tables, never remembered: scans whose vector has not been matched yet
(joiners), current matches of scans that are not eligible any more (leavers), lists made by other rules.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from db import matches
from db.encoders import active_encoders
from db.lists import LaneRow, ineligible_current, kinds_to_match, listed_before, scans_matched_with, why_ineligible
from db.rows import mapping_of
from flows.records.space import Space, order_of, read_space
from flows.site.opened import Site
from flows.site.rules import reading_rules
from flows.stages.match.calibrate import calibrate
from flows.stages.match.ending import ending_of
from flows.stages.match.reasons import Reasons
from flows.work.batch import Call, direct, slices
from flows.work.batch_ids import EncoderKind
from flows.work.lease import Ticket
from siamese.search.gallery import UNKNOWN_US
from siamese.search.lanes import Neighbour, eligible_patients, may_enter, nearest_priors, own_priors

LANES = ("own", "others")
LISTS_PER_WRITE = 512
JOINERS_PER_STEP = 512  # a step is what a late night still does: about a minute among 100,000 scans
SEARCH_VERSION = 1  # raise when the meaning of a list changes: every list is then made again


def match(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Bring the match table up to date for every active encoder and kind, as far as `finish_by` allows.

    A night that is late already does one step, so that nights which embed until then get on here too.
    """
    counts: Counter[str] = Counter()
    with site.db.read() as connection:
        spaces = spaces_to_match(site, connection)
    if ticket.is_late() and spaces:
        turn = ticket.night % len(spaces)  # else one kind would have the step of every such night
        spaces = spaces[turn:] + spaces[:turn]
    for number, space in enumerate(spaces):
        if number and ticket.is_late():
            break
        counts.update(call(match_space, site, ticket, [str(space)]))
    return counts + calibrate(site, ticket, call)


def spaces_to_match(site: Site, connection: Connection) -> list[EncoderKind]:
    """Return every space whose lists may change."""
    return [
        EncoderKind(encoder.id, kind)
        for encoder in active_encoders(connection)
        for kind in kinds_to_match(connection, encoder.id, rules_of(site, encoder.metric))
    ]


def match_space(site: Site, ticket: Ticket, spaces: Sequence[str]) -> Counter[str]:
    """Bring the lists of "ENCODER KIND" up to date; once it is time to publish, no step more than the first.

    What a step wrote stays: the next night reads from the tables what is left, as after a kill.
    """
    counts: Counter[str] = Counter()
    for name in spaces:
        asked = EncoderKind.parse(name)
        encoder, kind = asked.encoder, asked.kind
        with site.db.read() as connection:
            leavers = ineligible_current(connection, encoder, kind)
            space = read_space(site, connection, encoder, kind)
            joiners = [space.gallery.keys[i] for i in np.flatnonzero(space.joins).tolist()]
            broken = scans_matched_with(connection, encoder, leavers)
            reasons = Reasons(
                why_ineligible(connection, leavers, kind),
                listed_before(connection, joiners),
                rules_of(site, space.metric),
            )
        n_eligible = _eligible(site, space)
        _refresh_counts(site, ticket, space, n_eligible)
        counts += _close(site, ticket, encoder, reasons.leavers)
        counts += _update(site, ticket, space, broken, reasons, n_eligible)
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


def _update(
    site: Site, ticket: Ticket, space: Space, broken: Sequence[str], reasons: Reasons, n_eligible: np.ndarray
) -> Counter[str]:
    counts: Counter[str] = Counter()
    work = _Work(site, space, set(broken), reasons)
    for number, (indices, joined) in enumerate(work.steps()):
        if number and ticket.is_late():
            return counts
        for some in slices(indices, LISTS_PER_WRITE):
            lists, rows = _lists(site, space, some, n_eligible, reasons, work.joined)
            with site.db.write(ticket.right) as connection:
                entered, left = matches.replace_lanes(connection, lists, ticket.night)
                matches.save_lane_outcomes(connection, [{**row, "night": ticket.night} for row in rows])
            counts.update(entered=entered, left=left, lists=len(lists))
        with site.db.write(ticket.right) as connection:
            matches.mark_matched(connection, space.encoder, joined, ticket.night)
    return counts


class _Work:
    """What a space has to do, in steps that are each worth keeping."""

    def __init__(self, site: Site, space: Space, broken: Set[str], reasons: Reasons) -> None:
        self.site, self.space = site, space
        keys = space.gallery.keys
        self.found = [space.outcomes.get((key, "others")) for key in keys]
        no_list = [row is None or row.rules != reasons.rules for row in self.found]
        self.joins = space.joins | np.array(no_list, bool)
        self.broken = np.array([key in broken for key in keys], bool)
        self.done = np.zeros(len(keys), bool)  # lists that were made anew: from all vectors, so once is enough
        self.joined = frozenset(keys[i] for i in np.flatnonzero(space.joins).tolist())

    def steps(self) -> Iterator[tuple[list[int], list[str]]]:
        """Yield lists to make and the scans that are matched once these are written.

        First what others left behind, then what joins, newest first: each with the lists that it may enter.
        """
        behind = list(slices(np.flatnonzero(self.broken & ~self.joins).tolist(), LISTS_PER_WRITE))
        newest = np.lexsort((np.arange(len(self.joins)), -self.space.gallery.from_us.astype(float)))
        chunks = list(slices(newest[self.joins[newest]].tolist(), JOINERS_PER_STEP))
        for number, some in enumerate([*behind, *chunks], 1):
            joining = some if number > len(behind) else []
            outdated = self._affected(joining) if joining else self._mask(some)
            self.done |= outdated
            joined = [self.space.gallery.keys[i] for i in joining if self.space.joins[i]]
            yield np.flatnonzero(outdated).tolist(), joined

    def _mask(self, indices: Sequence[int]) -> np.ndarray:
        mask = np.zeros(len(self.joins), bool)
        mask[indices] = True
        return mask

    def _listing(self, joining: Sequence[str]) -> np.ndarray:
        """Mask (N,) of lists that hold these: one that joins again may belong to another patient now."""
        with self.site.db.read() as connection:
            found = set(scans_matched_with(connection, self.space.encoder, joining))
        return np.array([key in found for key in self.space.gallery.keys], bool)

    def _affected(self, joining: Sequence[int]) -> np.ndarray:
        """Mask (N,) of scans whose list these may change, but for those made anew and those whose turn comes."""
        gallery, new = self.space.gallery, self._mask(joining)
        settled = ~self.done & ~self.joins
        affected: np.ndarray = new | (settled & np.isin(gallery.patients, gallery.patients[new]))
        affected |= settled & self._listing([gallery.keys[i] for i in joining])
        waiting = np.flatnonzero(settled & ~affected)
        if waiting.size:
            reach = np.array([_reach(self.found[i]) for i in waiting.tolist()])
            affected[waiting] = may_enter(
                gallery, new=np.flatnonzero(new), queries=waiting, kth_distance=reach, order=order_of(self.site),
                metric=self.space.metric,
            )  # fmt: skip
        return affected


def _reach(outcome: LaneRow | None) -> float:
    """Distance that a new scan must not exceed to enter a list; infinite while the list is short."""
    return np.inf if outcome is None or outcome.reach is None else outcome.reach


def _eligible(site: Site, space: Space) -> np.ndarray:
    n = np.arange(len(space.gallery.keys))
    return eligible_patients(space.gallery, n, order=order_of(site)) if n.size else n


def _lists(
    site: Site, space: Space, indices: Sequence[int], n_eligible: np.ndarray, reasons: Reasons, joins: Set[str]
) -> tuple[list[matches.Lane], list[dict[str, object]]]:
    """Both lanes of some scans, from the vectors alone."""
    gallery, k, order = space.gallery, site.settings.siamese.k, order_of(site)
    others = nearest_priors(gallery, np.array(indices), k=k, order=order, metric=space.metric)
    lists: list[matches.Lane] = []
    rows: list[dict[str, object]] = []
    for index, near in zip(indices, others, strict=True):
        own = own_priors(gallery, index, metric=space.metric) if space.own_lane[index] else []
        key = gallery.keys[index]
        for lane, found in (("own", own), ("others", near)):
            entries = [_entry(space, some) for some in found]
            why = reasons.of(space, index, lane, [gallery.keys[some.index] for some in found], joins)
            lists.append(matches.Lane(space.encoder, key, lane, entries, *why))
            rows.append({
                "scan": key, "encoder": space.encoder, "lane": lane, "rules": reasons.rules, "n_matches": len(found),
                "code": lane_code(site, space, index, lane, len(found)),
                "gallery_patients": int(n_eligible[index]) if lane == "others" else int(bool(found)),
                "reach": float(near[-1].distance) if lane == "others" and len(near) >= k else None,
            })  # fmt: skip
    return lists, rows


def _entry(space: Space, neighbour: Neighbour) -> dict[str, object]:
    return {
        "prior": space.gallery.keys[neighbour.index], "rank": neighbour.rank, "kind": space.kind,
        "code": "prior" if neighbour.rank is not None else "same-day", "distance": neighbour.distance,
    }  # fmt: skip


def lane_code(site: Site, space: Space, index: int, lane: str, n_found: int) -> str:
    """How a lane ended, as a code of scans.outcome."""
    is_dated = site.settings.scans.dates != "true" or bool(space.gallery.from_us[index] != UNKNOWN_US)
    has_own_lane = bool(space.own_lane[index])
    return ending_of(lane, n_found, k=site.settings.siamese.k, has_own_lane=has_own_lane, is_dated=is_dated)


def _refresh_counts(site: Site, ticket: Ticket, space: Space, n_eligible: np.ndarray) -> None:
    """Write how many patients each list chooses among, where that changed.

    Comes first: once nothing else is left to do in a space, no later night would look at it.
    """
    rows = []
    for key, n in zip(space.gallery.keys, n_eligible.tolist(), strict=True):
        row = space.outcomes.get((key, "others"))
        if row is not None and row.gallery_patients != n:
            rows.append(replace(row, gallery_patients=n, night=ticket.night))
    for some in slices(rows, 5 * LISTS_PER_WRITE):
        with site.db.write(ticket.right) as connection:
            matches.save_lane_outcomes(connection, map(mapping_of, some))
