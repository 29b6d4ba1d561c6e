"""Which scans stand in one training batch: P groups of up to K alike scans, all of one kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from siamese.example import Example
from siamese.pairs import Purpose
from siamese.purposes import Group, rule_of


@dataclass(frozen=True)
class Sampler:
    """Draws batches. A batch depends on seed, epoch and step only, so a resumed run draws the same."""

    groups: dict[str, list[Group]]  # kind -> its groups
    n_groups: int  # P
    n_each: int  # K
    seed: int
    distinct: bool  # whether a scan may stand in a batch once only

    def batch(self, epoch: int, step: int) -> list[int]:
        """Return the positions of at most P x K examples of one kind."""
        rng = np.random.default_rng([self.seed, epoch, step])
        kinds = sorted(self.groups)
        sizes = np.array([sum(map(len, self.groups[kind])) for kind in kinds], float)
        groups = self.groups[kinds[rng.choice(len(kinds), p=sizes / sizes.sum())]]
        drawn: list[int] = []
        while len(drawn) < self.n_groups * self.n_each:
            before = len(drawn)
            shuffled = [groups[g] for g in rng.permutation(len(groups))]
            for group in sorted(shuffled, key=_is_lone):  # lone scans are unlike others, and fill the rest
                self._draw(group, drawn, rng)
            if len(drawn) == before:
                break
        return drawn

    def _draw(self, group: Group, drawn: list[int], rng: np.random.Generator) -> None:
        """Add up to K members of the group, one scan of each."""
        room = min(self.n_each, self.n_groups * self.n_each - len(drawn))
        for m in rng.permutation(len(group)):
            if room == 0:
                return
            scan = group[m][rng.integers(len(group[m]))]
            if self.distinct and scan in drawn:
                continue
            drawn.append(scan)
            room -= 1


def _is_lone(group: Group) -> bool:
    return len(group) == 1


def build_sampler(examples: Sequence[Example], purpose: Purpose, *, n_groups: int, n_each: int, seed: int) -> Sampler:
    """Return a sampler over the examples, which are those of one split.

    Raises:
        ValueError: No kind has two groups, or none a group with two members: there is nothing to learn.
    """
    positions: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        positions.setdefault(example.kind, []).append(i)
    rule = rule_of(purpose)
    groups = {kind: rule.groups(examples, listed, n_each) for kind, listed in positions.items()}
    usable = {kind: g for kind, g in groups.items() if len(g) > 1 and any(len(group) > 1 for group in g)}
    if not usable:
        raise ValueError(f"no kind has two groups of alike scans for purpose {purpose}")
    return Sampler(usable, n_groups, n_each, seed, distinct=rule.n_views == 1)
