"""One epoch of learning: draw, change, embed, mine, step."""

import math

import torch

from siamese.pairs import relations
from siamese.training.inputs import Inputs
from siamese.training.memory import Memory
from siamese.training.mining import active_fraction, miner_named
from siamese.training.objective import objective
from siamese.training.run import Run
from siamese.training.sampler import Sampler, build_sampler
from siamese.training.settings import TrainingSettings
from siamese.training.tensor_cache import seed_of
from siamese.training.torch_distance import distance_matrix

LAST_RATE = 0.02  # of the learning rate, at the end
WARM_UP = 0.4  # of the epochs, in which a miner that begins with another does so


class CollapsedTraining(RuntimeError):
    """All scans have nearly one vector, or the loss is no number: the encoder must not be used."""


def learn_epoch(run: Run, inputs: Inputs) -> tuple[float, float]:
    """Train one epoch; return the mean loss and the mean active fraction of its steps.

    Raises:
        CollapsedTraining: The loss is not finite.
    """
    s, memory = run.settings, Memory(run.settings.memory)
    sampler = build_sampler(run.train, run.purpose, n_groups=s.groups_per_batch, n_each=s.scans_per_group, seed=s.seed)
    run.encoder.train()
    measured = [_learn_step(run, inputs, memory, sampler, step) for step in range(s.steps_per_epoch)]
    run.encoder.eval()
    losses = [loss for loss, _ in measured if loss is not None]
    active = sum(fraction for _, fraction in measured) / len(measured)
    return (sum(losses) / len(losses) if losses else 0.0), active


def _learn_step(run: Run, inputs: Inputs, memory: Memory, sampler: Sampler, step: int) -> tuple[float | None, float]:
    """Return the step's loss, None when its batch held nothing to learn from, and its active fraction."""
    s, done = run.settings, len(run.curve)
    batch = [run.train[i] for i in sampler.batch(done, step)]
    generator = torch.Generator().manual_seed(seed_of(s.seed, done, step))
    vectors = inputs.learned(run.encoder, batch, generator)
    references = memory.beside(vectors)
    relation = torch.from_numpy(relations([*batch, *memory.examples], run.purpose)[: len(batch)])
    distances = distance_matrix(vectors.detach(), s.metric, references.detach())
    active = active_fraction(distances, relation, s.margin)
    loss = objective(s, miner_of(s, done), references, relation, generator)
    memory.add(vectors, batch)
    return None if loss is None else _descend(run, loss, learning_rate(s, done, step)), active


def _descend(run: Run, loss: torch.Tensor, rate: float) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise CollapsedTraining(f"the loss became {value}: lower learning_rate ({rate:.2g}) and train again")
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if run.pull is not None:
        run.pull()
    run.optimiser.step()
    return value


def miner_of(settings: TrainingSettings, done: int) -> str:
    """Return the miner of an epoch: "hard" begins with random triplets.

    The hardest triplets of an untrained network pull all vectors to one point. Source: Schroff 2015, 3.2.
    """
    first = miner_named(settings.miner).begins_with
    return first if first and done < WARM_UP * settings.epochs else settings.miner


def learning_rate(settings: TrainingSettings, done: int, step: int) -> float:
    """Return the rate of a step: it rises over the first epoch, then falls along half a cosine."""
    at = settings.steps_per_epoch * done + step + 1  # from 1
    rise = min(1.0, at / settings.steps_per_epoch)
    fall = 0.5 * (1.0 + math.cos(math.pi * at / (settings.steps_per_epoch * settings.epochs)))
    return settings.learning_rate * rise * (LAST_RATE + (1.0 - LAST_RATE) * fall)
