"""A head trained by a loss on kept features: it begins as the closed-form head W, and is held near it.

What is learned is a square map A behind W, at first the identity: the vector of features x is A W (x - mean), made one
long. Behind W alike scans differ equally in all directions, so a step moves none of them more than it should; the same
descent on the weights themselves lost what W knew within an epoch. To the loss |A - I|^2 / |I|^2 is added, times
`anchor`. Epoch 0 is W, and stays the best where no epoch is better on validation.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from siamese.arithmetic import worked_by
from siamese.encoder import Encoder, build, initialise, weights_sha256
from siamese.example import Example
from siamese.pairs import Purpose, feasible, require_pairs, split
from siamese.training.comparison import RIVAL
from siamese.training.conclude import Ending, Trained, check_reference, conclude
from siamese.training.figures import PairDistances
from siamese.training.head import visits_of, with_head
from siamese.training.kept_features import KeptFeatures, through, unit
from siamese.training.loop import OnEpoch, learn
from siamese.training.repeatable import repeatable
from siamese.training.run import Run, begin_from
from siamese.training.sample import lowest_numbers
from siamese.training.settings import TrainingSettings
from siamese.training.validation import Validation
from siamese.training.wccn import Head, fit_head

MOST_LEARNED_FROM = {"2d": 1000, "3d": 300}  # scans of training: their passes through the trunk are what takes time

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ground:
    """What heads of one archive are trained on, and what they are held against."""

    kept: KeptFeatures
    examples: Sequence[Example]  # of all splits
    purpose: Purpose
    n_views: int
    head: Head  # W and the mean
    closed_form: Encoder  # the trunk with W alone
    identity: Encoder  # the trunk with the map that a training begins with
    counts: Mapping[str, Mapping[str, int]]  # of all that there were, see `pairs.feasible`
    behind: str  # digest of trunk and W


class BehindW:
    """Inputs of the map behind W: features, less their mean, through W. See `siamese.training.inputs.Inputs`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._weight = torch.from_numpy(ground.head.weight).to(torch.float32)
        self._mean = torch.from_numpy(ground.head.mean).to(torch.float32)

    def learned(self, encoder: Encoder, batch: Sequence[Example], generator: torch.Generator) -> torch.Tensor:
        """Return unit vectors of scans, as they are or as views; one that stands twice is seen in two ways."""
        n_views = self._ground.n_views
        numbers = drawn_numbers(batch, n_views, generator)
        rows = [self._ground.kept.of(one, n_views)[number] for one, number in zip(batch, numbers, strict=True)]
        return unit(encoder.head(self._whitened(np.stack(rows))))

    def vectors(self, encoder: Encoder, listed: Sequence[Example], *, n_views: int, seed: int) -> Array:
        """Return unit vectors of scans as they are, or of their views."""
        return through(encoder.head, self._whitened(self._ground.kept.listed(listed, n_views)))

    def _whitened(self, rows: Array) -> torch.Tensor:
        return (torch.from_numpy(rows) - self._mean) @ self._weight.T


def drawn_numbers(batch: Sequence[Example], n_views: int, generator: torch.Generator) -> list[int]:
    """Return as what each scan of a batch is seen: 0 as it is, else the number of a view, from 1.

    One that stands twice is seen in two ways.
    """
    drawn = torch.randint(1 + n_views, (len(batch),), generator=generator).tolist()
    times: dict[str, int] = {}
    numbers = []
    for example, first in zip(batch, drawn, strict=True):
        number = times.setdefault(example.scan, first)
        times[example.scan] = number + 1
        numbers.append(number % (1 + n_views))
    return numbers


def fit_anchored(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    kept: Path | None = None,
    reference: Encoder | None = None,
    batch_size: int = 8,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train a head from the closed-form one, choose its epoch on validation, read test once at the end.

    Args:
        examples: Main scans of one cover, of all splits.
        cover: "2d" or "3d".
        purpose: What makes two scans alike.
        settings: With a backbone that has weights of its own; `dim` and `weight_decay` do not count.
        work: Folder of the checkpoint, as of `fit`.
        kept: Where features are kept; None for the work folder.
        reference: An encoder to judge on the same validation scans, such as the active one.
        batch_size: Of the passes through the trunk on a GPU.
        on_epoch: Called after each epoch, when its checkpoint is on disk.

    Raises:
        TooFewPairs: Too few alike or unlike pairs; the message says what would help.
        TooFewPatients: Too few to fit W to.
        NothingDiffers: All scans and views have the same features.
        PatientStraddles: A patient stands in two splits.
        CollapsedTraining: The result is unusable.
        BadTensor: A tensor's file is damaged.
        WeightsMissing: The weights of the backbone are not installed.
        ValueError: The reference has another preprocessing, or a name in the settings is unknown.
    """
    ground = ground_of(
        examples, cover=cover, purpose=purpose, settings=settings, kept=kept or work, batch_size=batch_size
    )
    check_reference(reference, ground.closed_form)
    run, stopped_by = train_on(ground, settings, work, on_epoch)
    return concluded(ground, run, stopped_by, reference)


def ground_of(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    kept: Path,
    batch_size: int,
) -> Ground:
    """Let the trunk see each scan and view that it has not seen, and fit W to those of training.

    Raises:
        ValueError: See `fit_anchored`.
    """
    parts = split(examples)
    learned_from = lowest_numbers(parts["train"], MOST_LEARNED_FROM[cover])
    used = [*sorted(learned_from, key=lambda e: e.scan), *parts["validation"], *parts["test"]]
    require_pairs(used, purpose)
    counts = feasible(examples, purpose).counts
    with repeatable(settings.threads):
        own = initialise(build(settings.backbone, cover, head="none"))
        trunk = worked_by(own, settings.engine, settings.precision)
        features = KeptFeatures(trunk, kept, batch_size=batch_size)
        seen = [features.of(example, settings.views).astype(np.float64) for example in learned_from]
        plain = np.stack([rows[0] for rows in seen])
        head = fit_head(plain.mean(axis=0), [seen, visits_of(learned_from, plain)])
        closed_form, identity = with_head(trunk, head), _identity(trunk)
    behind = weights_sha256(closed_form.state_dict())
    return Ground(features, used, purpose, settings.views, head, closed_form, identity, counts, behind)


def train_on(
    ground: Ground, settings: TrainingSettings, work: Path | None = None, on_epoch: OnEpoch | None = None
) -> tuple[Run, str]:
    """Return a finished run, its encoder with the map of the best epoch, and what ended it.

    Raises:
        CollapsedTraining: A number is none.
    """
    with repeatable(settings.threads):
        encoder = deepcopy(ground.identity)
        optimiser = torch.optim.AdamW(
            [encoder.head.get_parameter("weight")], settings.learning_rate, weight_decay=0.0, fused=True
        )
        inputs = BehindW(ground)
        judge = Validation(split(ground.examples), ground.purpose, settings, inputs)
        start = judge.epoch(encoder, 0, loss=0.0, active_fraction=0.0)
        run = begin_from(
            encoder,
            optimiser,
            ground.examples,
            purpose=ground.purpose,
            settings=settings,
            work=work,
            behind=ground.behind,
            pull=partial(pull_back, encoder.head.get_parameter("weight"), settings.anchor),
        )
        run.start = start
        return run, learn(run, judge, inputs, on_epoch)


def pairs_on(
    ground: Ground, settings: TrainingSettings, encoder: Encoder | None = None, *, part: str = "validation"
) -> PairDistances:
    """Return the distances of a split's pairs by a run's encoder; without one by W."""
    with repeatable(settings.threads):
        judge = Validation(split(ground.examples), ground.purpose, settings, BehindW(ground))
        return judge.pairs(encoder or ground.identity, part)


def concluded(ground: Ground, run: Run, stopped_by: str, reference: Encoder | None = None) -> Trained:
    """Put map and W together into one head, and judge and sign it as it will serve.

    Raises:
        CollapsedTraining: All scans have nearly one vector.
    """
    s, parts = run.settings, split(ground.examples)
    learned = run.encoder.head.get_parameter("weight").detach().numpy().astype(np.float64)
    with repeatable(s.threads):
        both = torch.from_numpy(learned) @ torch.from_numpy(ground.head.weight)  # torch: its threads are fixed here
        encoder = with_head(ground.kept.trunk, Head(both.numpy(), ground.head.mean))
        others = {RIVAL: ground.closed_form} | ({} if reference is None else {"reference": reference})
        noted = {"dim": encoder.manifest.dim, "start": "within-class covariance", "best_epoch": run.best_epoch}
        n_patients = len({e.patient for e in run.train})
        told = f"{len(run.train)} scans of {n_patients} patients, from the head in closed form on"
        ending = Ending(encoder, parts, ground.counts, stopped_by, told, others, RIVAL, noted)
        judge = Validation(parts, ground.purpose, s, ground.kept)
        return conclude(run, judge, ending)


def _identity(trunk: Encoder) -> Encoder:
    """Return an encoder of the trunk whose head leaves everything as it is; it is only used behind W."""
    n_features = trunk.manifest.dim
    encoder = with_head(trunk, Head(np.eye(n_features), np.zeros(n_features)))
    encoder.backbone.requires_grad_(False)
    encoder.head.get_parameter("bias").requires_grad_(False)
    return encoder


@torch.no_grad()
def pull_back(weight: torch.Tensor, anchor: float) -> None:
    """Add the gradient of anchor |A - I|^2 / |I|^2 to that of a square weight A: autograd would take twice a step."""
    if weight.grad is None:
        raise ValueError("the weight has no gradient: nothing was learned from")
    by = 2.0 * anchor / len(weight)
    weight.grad.add_(weight, alpha=by)
    weight.grad.diagonal().sub_(by)
