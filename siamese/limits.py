"""What the settings of training and search may be, told once: config.toml and the trainer both ask here."""

import math
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from siamese.choices import BACKBONES, EVERY_LOSS, LOSSES, MINERS, NO_LOSS, Words

Metric = Literal["cosine", "euclidean"]
Purpose = Literal["finding", "patient", "view"]  # a rule each in siamese.purposes
Engine = Literal["torch", "openvino"]  # siamese.arithmetic
Precision = Literal["float32", "bf16"]
WantedPurpose = Literal["auto", Purpose]


@dataclass(frozen=True)
class Number:
    """A finite number between two others."""

    low: float
    high: float
    is_whole: bool = False
    above: bool = False  # the low end itself may not be
    below: bool = False  # nor the high one

    def refuse(self, found: object) -> str:
        """Return what is wrong and what is wanted; "" when it may be."""
        if self._is_of_the_sort(found) and self._is_within(float(found)):  # type: ignore[arg-type]
            return ""
        ends = f"{'above ' if self.above else ''}{self.low:.12g} to {'below ' if self.below else ''}{self.high:.12g}"
        return f"wanted a {'whole ' if self.is_whole else ''}number from {ends}"

    def _is_of_the_sort(self, found: object) -> bool:
        sort = int if self.is_whole else int | float
        return isinstance(found, sort) and not isinstance(found, bool)

    def _is_within(self, found: float) -> bool:
        over = found > self.low if self.above else found >= self.low
        under = found < self.high if self.below else found <= self.high
        return math.isfinite(found) and over and under


def whole(low: int, high: int) -> Number:
    """A whole number from low to high."""
    return Number(low, high, is_whole=True)


A_YEAR_MINUTES = 366 * 24 * 60
LARGEST_MARGIN = 2.0  # distance of opposite unit vectors, of both metrics
LARGEST_SEED = 2**31 - 1001  # a column of whole numbers holds it, with those that --seeds counts on from it

LIMITS: Mapping[str, Words | Number] = MappingProxyType(
    {
        "purpose": Words(get_args(WantedPurpose)),
        "fewest_patients": whole(2, 1_000_000_000),
        "backbone": Words(BACKBONES.keys()),
        "dim": whole(8, 512),
        "metric": Words(get_args(Metric)),
        "loss": Words(ChainMap({NO_LOSS: "", EVERY_LOSS: ""}, LOSSES)),
        "miner": Words(MINERS.keys()),
        "margin": Number(0.0, LARGEST_MARGIN, above=True, below=True),
        "temperature": Number(0.0, 10.0, above=True),
        "memory": whole(0, 65_536),
        "anchor": Number(0.0, 1e6),
        "views": whole(1, 64),
        "tuned_blocks": whole(0, 1000),
        "epochs": whole(1, 10_000),
        "steps_per_epoch": whole(1, 1_000_000),
        "groups_per_batch": whole(2, 1024),  # two, to draw an unlike pair
        "scans_per_group": whole(2, 1024),  # two, to draw an alike one
        "learning_rate": Number(0.0, 1.0, above=True),
        "weight_decay": Number(0.0, 1.0),
        "patience": whole(1, 10_000),
        "seed": whole(0, LARGEST_SEED),
        "time_budget_minutes": Number(0.0, A_YEAR_MINUTES, above=True),
        "background_minutes": Number(0.0, A_YEAR_MINUTES, above=True),
        "threads": whole(1, 256),
        "device": Words(("auto", "cpu", "cuda")),  # siamese.embedding
        "batch_size": whole(1, 256),
        "engine": Words(get_args(Engine)),
        "precision": Words(get_args(Precision)),
        "k": whole(1, 1000),
        "cutoff_fpir": Number(0.0, 1.0, below=True),
        "cutoff_patients": whole(1, 1_000_000_000),
        "control_share": Number(0.0, 0.5),
        "alarm_fpir": Number(0.0, 1.0, above=True, below=True),
        "alarm_patients": whole(1, 1_000_000_000),
    }
)


def refusal(name: str, found: object) -> str:
    """Return why a setting cannot have this value; "" when it can."""
    return LIMITS[name].refuse(found)
