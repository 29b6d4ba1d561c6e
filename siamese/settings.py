"""The numbers of one training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from siamese.distance import Metric, check_metric

BACKBONES = ("small", "resnet10", "resnet18", "densenet121")  # built in siamese.backbones
LOSSES = ("contrastive", "triplet")  # siamese.losses
MINERS = ("random", "semi-hard", "hard")  # siamese.mining
LARGEST_MARGIN = 2.0  # of both metrics on unit vectors


@dataclass(frozen=True)
class TrainingSettings:
    """How an encoder is trained. All but the time budget are part of its name.

    The defaults are those of a first night: about 40 s on two free cores for 3-D scans, whatever their number.
    """

    backbone: str = "small"
    dim: int = 128
    loss: str = "triplet"
    miner: str = "semi-hard"
    margin: float = 0.3  # in units of the metric's distance
    metric: Metric = "cosine"
    epochs: int = 8
    steps_per_epoch: int = 10
    groups_per_batch: int = 16  # P
    scans_per_group: int = 2  # K
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    patience: int = 6  # epochs without a better validation before it stops
    seed: int = 0
    threads: int = 2  # fixed, because the order of sums, hence the weights, depends on it
    time_budget_s: float = 1200.0  # a guard: a run that it ended says so, and may not repeat

    def __post_init__(self) -> None:
        """Refuse numbers that no training can have."""
        check_metric(self.metric)
        for name, known in (("backbone", BACKBONES), ("loss", LOSSES), ("miner", MINERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} = {getattr(self, name)!r}: wanted one of {', '.join(known)}")
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)!r}: wanted a number above 0")
        if not 0.0 < self.margin < LARGEST_MARGIN:
            raise ValueError(f"margin = {self.margin!r}: wanted one between 0 and {LARGEST_MARGIN}")
        if self.scans_per_group < 2 or self.groups_per_batch < 2:
            raise ValueError("scans_per_group and groups_per_batch: wanted at least 2 each, to draw a pair")
        if self.seed < 0 or self.weight_decay < 0:
            raise ValueError(f"seed = {self.seed}, weight_decay = {self.weight_decay}: wanted none below 0")

    def named(self) -> Mapping[str, Any]:
        """Return the settings that name an encoder: all that can change its weights on purpose."""
        return {name: value for name, value in asdict(self).items() if name != "time_budget_s"}


_POSITIVE = (
    "dim", "epochs", "steps_per_epoch", "learning_rate", "patience", "threads", "time_budget_s",
)  # fmt: skip
