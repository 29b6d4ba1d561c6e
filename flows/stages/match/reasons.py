"""Reasons: why a match entered a list or left it, as a code of scans.outcome."""

from collections import ChainMap
from collections.abc import Sequence, Set
from dataclasses import dataclass

from db.matches import NO_WHY, Why
from flows.records.space import Space


@dataclass(frozen=True)
class Reasons:
    """What the lists of one space are changed by this night."""

    leavers: dict[str, str]  # scan that may not be listed any more -> why
    former: Set[str]  # scans that are new here, and were listed by an encoder that is not active any more
    rules: str  # digest of the settings of the search

    def of(self, space: Space, index: int, lane: str, listed: Sequence[str], joins: Set[str]) -> tuple[Why, Why]:
        """Return why matches enter a list and why they leave it.

        Args:
            space: Of the list.
            index: Row of the gallery: whose list.
            lane: own or others.
            listed: Priors of the list as it will be.
            joins: Scans that were not matched before.
        """
        scan = space.gallery.keys[index]
        outcome = space.outcomes.get((scan, lane))
        if outcome is None:
            return Why({}, "encoder-changed" if scan in self.former else "new-scan"), NO_WHY
        if outcome.rules not in ("", self.rules):  # empty: asked again, because a person was forgotten
            return Why({}, "rules-changed"), Why(self.leavers, "rules-changed")
        entered = Why({prior: "new-prior" for prior in listed if prior in joins}, "place-free")
        if lane == "own":
            return entered, Why(self.leavers, "person-changed")
        theirs = space.gallery.rows_of(int(space.gallery.patients[index])).tolist()
        now_own = {space.gallery.keys[row]: "person-changed" for row in theirs}
        return entered, Why(ChainMap(now_own, self.leavers), "better-match")
