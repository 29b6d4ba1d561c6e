"""The last blocks of a trunk, trained by a loss behind the closed-form head W, and held near their own weights.

W stays as it is, so do the blocks before: to the loss |w - w0|^2 / |w0|^2 is added, times `anchor`, for the weights w
of the blocks that learn and w0 that they begin with. Epoch 0 is the trunk with W, and stays the best where no epoch is
better on validation. A step costs passes through the whole network, so a GPU does it where there is one; its sums may
differ from run to run. Source: Li, Grandvalet and Davoine 2018, arXiv:1802.01483 (L2-SP).
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from siamese.backbones import backbone_named
from siamese.embedding import choose_device, embed
from siamese.encoder import Encoder
from siamese.example import Example
from siamese.kernels import kernels
from siamese.pairs import Purpose, split
from siamese.training.anchored import Ground, drawn_numbers, ground_of
from siamese.training.comparison import RIVAL
from siamese.training.conclude import Ending, Trained, check_reference, conclude
from siamese.training.loop import OnEpoch, learn
from siamese.training.repeatable import repeatable
from siamese.training.run import Run, begin_from
from siamese.training.settings import TrainingSettings
from siamese.training.tensor_cache import TensorCache
from siamese.training.validation import Validation
from siamese.training.views import view_of

Array = npt.NDArray[np.float32]


class WholeScans:
    """Inputs of a trunk whose last blocks learn: scans and views of them. See `siamese.training.inputs.Inputs`."""

    def __init__(self, ground: Ground, device: torch.device, batch_size: int) -> None:
        self._ground = ground
        self._device = device
        self._batch_size = batch_size
        self._scans = TensorCache(ground.closed_form.recipe)

    def learned(self, encoder: Encoder, batch: Sequence[Example], generator: torch.Generator) -> torch.Tensor:
        """Return unit vectors on the CPU of scans, as they are or as views; one that stands twice is seen in two ways.

        In eval mode, because MONAI's blocks drop whole branches in the other.
        """
        encoder.eval()
        numbers = drawn_numbers(batch, self._ground.n_views, generator)
        scans = [self._seen(example, number) for example, number in zip(batch, numbers, strict=True)]
        vectors: torch.Tensor = encoder(torch.from_numpy(np.stack(scans)).to(self._device))
        return vectors.cpu()

    def vectors(self, encoder: Encoder, listed: Sequence[Example], *, n_views: int, seed: int) -> Array:
        """Return unit vectors of scans as they are, or of their views, whatever the seed."""
        return embed(encoder, self._listed(listed, n_views), batch_size=self._batch_size, device=self._device.type)

    def _listed(self, listed: Sequence[Example], n_views: int) -> Iterator[Array]:
        for row, example in enumerate(listed):
            yield self._seen(example, 0 if n_views == 1 else 1 + row % n_views)

    def _seen(self, example: Example, number: int) -> Array:
        """Return a scan as it is, number 0, or its view of number - 1."""
        scan = self._scans.scan(example)
        return scan if number == 0 else view_of(scan, example.scan, number - 1)


def fit_tuned(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    kept: Path | None = None,
    reference: Encoder | None = None,
    batch_size: int = 8,
    device: str = "cpu",
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train the last `settings.tuned_blocks` blocks of a trunk, on a device as `embed` names it.

    Arguments else as of `fit_anchored`.

    Raises:
        ValueError: See `fit_anchored`; or the backbone has fewer blocks, or there is no such device.
    """
    place = choose_device(device)
    ground = ground_of(
        examples, cover=cover, purpose=purpose, settings=settings, kept=kept or work, batch_size=batch_size
    )
    check_reference(reference, ground.closed_form)
    with repeatable(settings.threads, exactly=place.type == "cpu"):
        inputs = WholeScans(ground, place, batch_size)
        judge = Validation(split(ground.examples), purpose, settings, inputs)
        run = _begin(ground, settings, work, place)
        run.start = judge.epoch(ground.closed_form, 0, loss=0.0, active_fraction=0.0)
        stopped_by = learn(run, judge, inputs, on_epoch)
        others = {RIVAL: ground.closed_form} | ({} if reference is None else {"reference": reference})
        n_patients = len({e.patient for e in run.train})
        told = f"{len(run.train)} scans of {n_patients} patients: the last {settings.tuned_blocks} blocks of the trunk"
        noted = {"dim": run.encoder.manifest.dim, "start": "within-class covariance", "best_epoch": run.best_epoch}
        parts = split(ground.examples)
        ending = Ending(run.encoder, parts, ground.counts, stopped_by, told, others, RIVAL, noted, kernels(place.type))
        trained = conclude(run, judge, ending)
    trained.encoder.requires_grad_(False).cpu()
    return trained


def last_blocks(encoder: Encoder, n_blocks: int) -> list[nn.Module]:
    """Return the last blocks of an encoder's trunk.

    Raises:
        ValueError: It has fewer.
    """
    name = encoder.manifest.backbone
    blocks = backbone_named(name).blocks(encoder.backbone)
    if not 0 < n_blocks <= len(blocks):
        raise ValueError(f"tuned_blocks = {n_blocks}: backbone {name} has {len(blocks)} blocks that can be tuned")
    return blocks[-n_blocks:]


def _begin(ground: Ground, settings: TrainingSettings, work: Path, place: torch.device) -> Run:
    encoder = deepcopy(ground.closed_form).requires_grad_(False).to(place)
    learning = [w for block in last_blocks(encoder, settings.tuned_blocks) for w in block.parameters()]
    for weight in learning:
        weight.requires_grad_(True)
    optimiser = torch.optim.AdamW(learning, settings.learning_rate, weight_decay=0.0, fused=True)
    pull = pulling(learning, settings.anchor)
    return begin_from(
        encoder, optimiser, ground.examples, purpose=ground.purpose, settings=settings, work=work,
        behind=f"{ground.behind}/{kernels(place.type)}", pull=pull,
    )  # fmt: skip


def pulling(weights: Sequence[nn.Parameter], anchor: float) -> Callable[[], None]:
    """Return what adds the gradient of anchor |w - w0|^2 / |w0|^2 to that of weights w, which are w0 now."""
    start = [weight.detach().clone() for weight in weights]
    by = 2.0 * anchor / sum(float(one.square().sum()) for one in start)
    return partial(_pull, weights, start, by)


@torch.no_grad()
def _pull(weights: Sequence[nn.Parameter], start: Sequence[torch.Tensor], by: float) -> None:
    for weight, one in zip(weights, start, strict=True):
        if weight.grad is not None:
            weight.grad.add_(weight - one, alpha=by)
