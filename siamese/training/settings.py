"""The numbers of one training."""

from dataclasses import asdict, dataclass
from typing import Any

from siamese.limits import Engine, Precision, refusal
from siamese.search.distance import Metric


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
    temperature: float = 0.1  # of SupCon
    memory: int = 0  # vectors of the batches before that anchors are compared with as well
    anchor: float = 1.0  # how strongly a head is held near the closed-form one that it begins with
    views: int = 4  # changed views of each training scan that a head learns from
    tuned_blocks: int = 0  # last blocks of a pretrained trunk that learn in place of a map behind the closed-form head
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
    engine: Engine = "torch"  # of the trunk once it is trained; this and the next enter the name beside the settings
    precision: Precision = "float32"
    time_budget_s: float = 1200.0  # a guard: a run that it ended says so, and may not repeat

    def __post_init__(self) -> None:
        """Refuse numbers that no training can have."""
        if not self.time_budget_s > 0:
            raise ValueError(f"time_budget_s = {self.time_budget_s!r}: wanted a number above 0")
        for name, value in (self.named() | {"engine": self.engine, "precision": self.precision}).items():
            if why := refusal(name, value):
                raise ValueError(f"{name} = {value!r}: {why}")

    def named(self) -> dict[str, Any]:
        """Return the settings that name an encoder: all that can change its weights on purpose."""
        others = ("time_budget_s", "engine", "precision")
        return {name: value for name, value in asdict(self).items() if name not in others}
