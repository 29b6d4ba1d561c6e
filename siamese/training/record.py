"""What a training leaves behind besides weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class Epoch:
    """One point of the curve. Distances and deviations are those of the validation scans."""

    number: int  # from 1
    loss: float  # mean over the steps that had a triplet; 0 with active_fraction 0 is no success
    validation_loss: float
    active_fraction: float  # share of the batches' triplets that violate the margin
    auc: float | None
    p_at_1: float | None
    mean_distance: float
    embedding_std: float
    seconds: float


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went. Its patients' keys go to the database, never into an encoder's files."""

    curve: tuple[Epoch, ...]
    best_epoch: int  # the one whose weights were kept, from 1
    stopped_by: str  # "epochs", "patience" or "time budget"
    resumed_after: int | None  # epochs that an interrupted run had done
    seconds: float  # all runs together
    counts: Mapping[str, Mapping[str, int]]  # split -> patients, scans, alike, unlike
    patients: Mapping[str, tuple[str, ...]]  # split -> keys
    figures: Mapping[str, Figures]  # "validation", "test", "untrained", and "reference" when one was given
    histograms: Mapping[str, Mapping[str, Any]]  # "validation", "test" -> edges, alike, unlike
