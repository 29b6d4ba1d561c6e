"""The same backbone taught by cross-entropy: what a plain classifier makes of the same scans in the same time.

Its vectors are what its last layer is given. It begins with the twin's weights, draws the twin's batches and is
judged by the same ear, so that the loss is all that differs.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from siamese.encoder import Encoder, build, initialise, sign
from siamese.example import Example
from siamese.pairs import Purpose, split
from siamese.training.augment import Augmentation, augment
from siamese.training.fit import TooFewPairs, score
from siamese.training.record import Epoch
from siamese.training.repeatable import repeatable
from siamese.training.run import copy_weights
from siamese.training.sampler import build_sampler
from siamese.training.settings import TrainingSettings
from siamese.training.steps import learning_rate
from siamese.training.tensor_cache import TensorCache, seed_of
from siamese.training.validation import Validation

UNKNOWN = -1.0  # of a target: neither present nor absent, so it teaches nothing


def fit_classifier(examples: Sequence[Example], *, cover: str, purpose: Purpose, settings: TrainingSettings) -> Encoder:
    """Train a classifier on the train split and return it as an encoder of its penultimate features.

    The classes are the findings (each present or absent, by binary cross-entropy; unknown ones do not
    count) or the patients of the train split. Epochs, steps, batches, rates and the choice of the epoch are those of
    `training.fit`; nothing of it is kept on disk.

    Args:
        examples: Main scans of one cover, of all splits; test is not looked at.
        cover: "2d" or "3d".
        purpose: "finding" or "patient".
        settings: The numbers.

    Returns:
        An encoder in eval mode whose unit vectors have as many dimensions as the backbone has features.

    Raises:
        TooFewPairs: The train split has no class, or none that anybody lacks.
        ValueError: The purpose is "view", which has no classes.
    """
    parts = split(examples)
    train = parts["train"]
    targets = targets_of(train, purpose)
    if not ((targets > 0).any() and (targets == 0).any()):
        raise TooFewPairs(f"nothing to tell apart among {len(train)} scans for purpose {purpose}")
    with repeatable(settings.threads):
        encoder = _featured(settings, cover)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            layer = nn.Linear(encoder.manifest.dim, targets.shape[1])
        shelf = TensorCache(encoder.recipe)
        judge = Validation({name: parts[name] for name in ("validation",)}, purpose, settings, shelf)
        _learn(encoder, layer, train, targets, judge, shelf, purpose, settings)
    sign(encoder, replace(encoder.manifest, purpose=purpose, origin="trained", settings=dict(settings.named())))
    return encoder.eval()


def targets_of(train: Sequence[Example], purpose: Purpose) -> torch.Tensor:
    """Return for each scan and class 1, 0 or UNKNOWN, (N, C) float32.

    Raises:
        ValueError: The purpose is "view".
    """
    if purpose == "finding":
        names = sorted({name for e in train for name in e.present | e.absent})
        rows = [[1.0 if n in e.present else 0.0 if n in e.absent else UNKNOWN for n in names] for e in train]
        return torch.tensor(rows, dtype=torch.float32).reshape(len(train), len(names))
    if purpose == "patient":
        patients = sorted({e.patient for e in train})
        codes = torch.tensor([patients.index(e.patient) for e in train], dtype=torch.int64)
        return nn.functional.one_hot(codes, max(1, len(patients))).to(torch.float32)
    raise ValueError(f"purpose {purpose!r} has no classes; wanted 'finding' or 'patient'")


def class_loss(logits: torch.Tensor, targets: torch.Tensor, purpose: Purpose) -> torch.Tensor | None:
    """Return the mean cross-entropy of logits (N, C), or None when no target is known.

    Args:
        logits: (N, C).
        targets: (N, C) of `targets_of`.
        purpose: "finding": each class apart; "patient": one of all.
    """
    if purpose == "patient":
        return nn.functional.cross_entropy(logits, targets.argmax(dim=1))
    known = targets != UNKNOWN
    if not known.any():
        return None
    return nn.functional.binary_cross_entropy_with_logits(logits[known], targets[known])


def _featured(settings: TrainingSettings, cover: str) -> Encoder:
    """Return the network that the twin begins with, without its projection."""
    return initialise(build(settings.backbone, cover, seed=settings.seed, head="none"))


def _learn(
    encoder: Encoder, layer: nn.Linear, train: Sequence[Example], targets: torch.Tensor, judge: Validation,
    shelf: TensorCache, purpose: Purpose, settings: TrainingSettings,
) -> None:  # fmt: skip
    """Run epochs until one of the twin's three ends is reached; the best epoch's weights are left in place."""
    parameters = [*encoder.parameters(), *layer.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    began, best, kept = time.monotonic(), None, copy_weights(encoder)
    for done in range(settings.epochs):
        loss = _learn_epoch(encoder, layer, train, targets, optimiser, shelf, purpose, settings, done)
        epoch = judge.epoch(encoder, done + 1, loss=loss, active_fraction=0.0)
        if best is None or score(epoch) > score(best):
            best, kept = epoch, copy_weights(encoder)
        if _is_over(epoch, best, settings, time.monotonic() - began):
            break
    encoder.load_state_dict(kept)


def _is_over(epoch: Epoch, best: Epoch, settings: TrainingSettings, seconds: float) -> bool:
    return epoch.number - best.number >= settings.patience or seconds > settings.time_budget_s


def _learn_epoch(
    encoder: Encoder, layer: nn.Linear, train: Sequence[Example], targets: torch.Tensor,
    optimiser: torch.optim.Optimizer, shelf: TensorCache, purpose: Purpose, settings: TrainingSettings, done: int,
) -> float:  # fmt: skip
    s, losses = settings, []
    sampler = build_sampler(train, purpose, n_groups=s.groups_per_batch, n_each=s.scans_per_group, seed=s.seed)
    encoder.train()
    for step in range(s.steps_per_epoch):
        rows = sampler.batch(done, step)
        generator = torch.Generator().manual_seed(seed_of(s.seed, done, step))
        scans = torch.stack([torch.from_numpy(shelf.scan(train[i])) for i in rows])
        changed = augment(scans, encoder.recipe, generator=generator, largest=Augmentation())
        loss = class_loss(layer(encoder.backbone(changed)), targets[rows], purpose)
        if loss is None:
            continue
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(s, done, step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    encoder.eval()
    return sum(losses) / len(losses) if losses else 0.0
