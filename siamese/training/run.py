"""A training while it runs: what is learned so far, and how it is put down and taken up again."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from siamese.encoder import Encoder, build, initialise, weights_sha256
from siamese.example import Example
from siamese.kernels import kernels
from siamese.pairs import Purpose, data_digest, split
from siamese.training.checkpoint import Checkpoint, Tensors, read_checkpoint, write_checkpoint
from siamese.training.record import Epoch
from siamese.training.settings import TrainingSettings


@dataclass
class Run:
    """Everything that changes during a training, and what it is made of."""

    encoder: Encoder
    optimiser: torch.optim.Optimizer
    train: Sequence[Example]
    purpose: Purpose
    settings: TrainingSettings
    work: Path | None  # where it is put down; None: nowhere
    name: str  # digest of all that makes this run this run
    data_digest: str
    curve: list[Epoch]
    best_epoch: int  # from 1; 0: what it began with
    best_weights: Tensors
    resumed_after: int | None
    start: Epoch | None = None  # what it began with, where that may be the best
    pull: Callable[[], None] | None = None  # adds the gradient of what holds the weights near those it began with


def begin(examples: Sequence[Example], *, cover: str, purpose: Purpose, settings: TrainingSettings, work: Path) -> Run:
    """Return a new run of a whole network, or the one whose checkpoint lies in the work folder."""
    encoder = initialise(build(settings.backbone, cover, settings.dim, settings.seed))
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    return begin_from(encoder, optimiser, examples, purpose=purpose, settings=settings, work=work)


def begin_from(
    encoder: Encoder, optimiser: torch.optim.Optimizer, examples: Sequence[Example], *, purpose: Purpose,
    settings: TrainingSettings, work: Path | None, behind: str = "",
    pull: Callable[[], None] | None = None,
) -> Run:  # fmt: skip
    """Return a new run that begins with this encoder, or the one whose checkpoint lies in the work folder.

    Args:
        encoder: What it begins with.
        optimiser: Of the weights that are learned.
        examples: Of all splits.
        purpose: What makes two scans alike.
        settings: The numbers.
        work: Folder of the checkpoint; None for a training that is too short for one.
        behind: Names what lies fixed before the weights that are learned; "": nothing does.
        pull: Adds the gradient of what holds the weights near those that it begins with.
    """
    seen = data_digest(examples, encoder.recipe.digest())
    made_by = {"torch": torch.__version__, "kernels": kernels("cpu")}  # else its sums would be of two sorts
    began = {"start": weights_sha256(encoder.state_dict()), "behind": behind}
    named = {**settings.named(), "data": seen, "purpose": purpose, **made_by, **began}
    run = Run(
        encoder=encoder,
        optimiser=optimiser,
        train=split(examples)["train"],
        purpose=purpose,
        settings=settings,
        work=work,
        name=hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest(),
        data_digest=seen,
        curve=[],
        best_epoch=0,
        best_weights=copy_weights(encoder),
        resumed_after=None,
        pull=pull,
    )
    stored = read_checkpoint(work, run.name) if work is not None else None
    if stored is not None:
        _restore(run, stored)
    return run


def _restore(run: Run, stored: Checkpoint) -> None:
    run.encoder.load_state_dict(stored.weights)
    groups = run.optimiser.state_dict()["param_groups"]
    run.optimiser.load_state_dict({"state": dict(stored.optimiser), "param_groups": groups})
    run.curve = [Epoch(**point) for point in stored.progress["curve"]]
    run.best_epoch = stored.progress["best_epoch"]
    run.best_weights = stored.best_weights
    run.resumed_after = len(run.curve)


def best_of(run: Run) -> Epoch | None:
    """Return the best point so far; None before there is one."""
    return run.curve[run.best_epoch - 1] if run.best_epoch else run.start


def put_down(run: Run) -> None:
    """Write the run's checkpoint, in place of the one before; a run without a folder has none."""
    if run.work is None:
        return
    progress = {"curve": [asdict(point) for point in run.curve], "best_epoch": run.best_epoch}
    moments = run.optimiser.state_dict()["state"]
    state = Checkpoint(run.name, progress, copy_weights(run.encoder), run.best_weights, moments)
    write_checkpoint(run.work, state)


def copy_weights(encoder: Encoder) -> Tensors:
    """Return the encoder's weights as they are now, untouched by later steps."""
    return {name: tensor.detach().clone() for name, tensor in encoder.state_dict().items()}
