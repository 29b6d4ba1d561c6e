"""Which scans a head is fitted to, and how much of them is looked at; known before torch is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from siamese.example import Example

FEWEST_PATIENTS = 5  # of training: fewer tell their own ways apart, not what all scans share


class TooFewPatients(ValueError):
    """Too few people to fit a head to; the trunk alone serves until there are more."""


@dataclass(frozen=True)
class Budget:
    """How much is looked at."""

    scans: int
    viewed: int  # of these
    views: int  # of each
    passes: int  # through the trunk


FIRST_NIGHT: Mapping[str, Budget] = MappingProxyType(  # what one can pay: twenty seconds of one core for each cover
    {"2d": Budget(scans=160, viewed=80, views=12, passes=400), "3d": Budget(scans=40, viewed=16, views=4, passes=80)}
)


@dataclass(frozen=True)
class Sample:
    """What a head is fitted to."""

    scans: Sequence[Example]  # seen as they are
    n_viewed: int  # of these, the first ones: seen changed as well
    n_views: int  # of each


def sample_of(learned_from: Sequence[Example], budget: Budget) -> Sample:
    """Return the scans of the patients with the lowest numbers, and how many views of how many of them.

    Raises:
        TooFewPatients: See `fit_on_trunk`.
    """
    scans = lowest_numbers(learned_from, budget.scans)
    n_viewed = min(len(scans), budget.viewed)
    return Sample(scans, n_viewed, min(budget.views, (budget.passes - len(scans)) // n_viewed))


def lowest_numbers(learned_from: Sequence[Example], most: int) -> list[Example]:
    """Return at most so many scans, those of the patients with the lowest drawn numbers.

    Raises:
        TooFewPatients: See `fit_on_trunk`.
    """
    n_patients = len({e.patient for e in learned_from})
    if n_patients < FEWEST_PATIENTS:
        raise TooFewPatients(f"{n_patients} patients for training, a head is fitted to at least {FEWEST_PATIENTS}")
    return sorted(learned_from, key=lambda e: (e.split_number, e.patient, e.scan))[:most]
