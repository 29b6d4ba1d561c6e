"""A training while it runs: what is learned so far, and how it is put down and taken up again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from siamese.encoder import Encoder, build, initialise
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
    work: Path
    name: str  # digest of all that makes this run this run
    data_digest: str
    curve: list[Epoch]
    best_epoch: int  # from 1; 0 before the first
    best_weights: Tensors
    resumed_after: int | None


def begin(examples: Sequence[Example], *, cover: str, purpose: Purpose, settings: TrainingSettings, work: Path) -> Run:
    """Return a new run, or the one whose checkpoint lies in the work folder."""
    encoder = initialise(build(settings.backbone, cover, settings.dim, settings.seed))
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    seen = data_digest(examples, encoder.recipe.digest())
    made_by = {"torch": torch.__version__, "kernels": kernels("cpu")}  # else its sums would be of two sorts
    named = {**settings.named(), "data": seen, "purpose": purpose, **made_by}
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
    )
    stored = read_checkpoint(work, run.name)
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


def put_down(run: Run) -> None:
    """Write the run's checkpoint, in place of the one before."""
    progress = {"curve": [asdict(point) for point in run.curve], "best_epoch": run.best_epoch}
    moments = run.optimiser.state_dict()["state"]
    state = Checkpoint(run.name, progress, copy_weights(run.encoder), run.best_weights, moments)
    write_checkpoint(run.work, state)


def copy_weights(encoder: Encoder) -> Tensors:
    """Return the encoder's weights as they are now, untouched by later steps."""
    return {name: tensor.detach().clone() for name, tensor in encoder.state_dict().items()}
