"""fit(...): examples in, a judged encoder out; killed at any time, it goes on where it stood.

Everything random is drawn from seed, epoch and step, sums are made by a fixed number of threads, and
all of it happens on the CPU: on processors of one kernel level the same call gives the same weights,
interrupted or not. Another level rounds otherwise, and a training makes much of little: its weights are
those of another draw.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from siamese.embedding import BadEmbedding
from siamese.encoder import Encoder, build, sign
from siamese.example import Example
from siamese.kernels import kernels
from siamese.manifest import Manifest
from siamese.pairs import Purpose, feasible, split
from siamese.training.figures import PairDistances, figures, histogram
from siamese.training.record import Epoch, Figures, TrainingRecord
from siamese.training.repeatable import repeatable
from siamese.training.run import Run, begin, copy_weights, put_down
from siamese.training.settings import TrainingSettings
from siamese.training.steps import CollapsedTraining, learn_epoch
from siamese.training.tensor_cache import TensorCache
from siamese.training.validation import Validation

__all__ = ["CollapsedTraining", "TooFewPairs", "Trained", "TrainingSettings", "fit", "score"]

LEAST_MEAN_COSINE = 0.02  # over validation pairs; untrained networks have 0.03 to 0.1, trained ones 0.3 to 1


class TooFewPairs(ValueError):
    """The examples cannot carry this purpose yet: use another, or a starter encoder."""


@dataclass(frozen=True)
class Trained:
    """A trained encoder, in eval mode and signed, and how it came to be."""

    encoder: Encoder
    record: TrainingRecord


def fit(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    reference: Encoder | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    origin: str = "trained",
) -> Trained:
    """Train an encoder on the train split, choose its epoch on validation, read test once at the end.

    Args:
        examples: Main scans of one cover, of all splits.
        cover: "2d" or "3d".
        purpose: What makes two scans alike.
        settings: The numbers.
        work: Folder of the checkpoint. A run with equal settings and examples goes on from it; the
            caller removes it when the encoder is saved.
        reference: An encoder to judge on the same validation scans, such as the active one.
        on_epoch: Called after each epoch, when its checkpoint is on disk.
        origin: "trained" or "starter", for the manifest.

    Raises:
        TooFewPairs: Too few alike or unlike pairs; the message says what would help.
        PatientStraddles: A patient stands in two splits.
        CollapsedTraining: The result is unusable; the message has what was measured and what to change.
        BadTensor: A tensor's file is damaged.
        ValueError: The reference has another preprocessing, or a name in the settings is unknown.

    Example:
        Twenty people at two visits each; a person has a brightness of their own. One step, to be quick.

        >>> import numpy as np
        >>> from tempfile import TemporaryDirectory
        >>> from siamese.tensor import save_tensor
        >>> def scan(folder, person, visit):
        ...     path = folder / f"{person}-{visit}.npy"
        ...     picture = np.random.default_rng([person, visit]).random((1, 128, 128), np.float32)
        ...     save_tensor(path, picture * np.float32(0.3 + person / 30))
        ...     nothing = frozenset()
        ...     return Example(path.stem, str(person), path.stem, "xr/chest/2d", path, nothing, nothing, person / 20)
        >>> settings = TrainingSettings(dim=16, epochs=1, steps_per_epoch=1, groups_per_batch=4, threads=1)
        >>> with TemporaryDirectory() as folder:
        ...     examples = [scan(Path(folder), person, visit) for person in range(20) for visit in (1, 2)]
        ...     trained = fit(examples, cover="2d", purpose="patient", settings=settings, work=Path(folder))
        >>> trained.encoder.manifest.trained_on, trained.record.stopped_by
        ('24 scans of 12 patients', 'epochs')
    """
    feasibility = feasible(examples, purpose)
    if not feasibility.ok:
        raise TooFewPairs(feasibility.reason)
    with repeatable(settings.threads):
        run = begin(examples, cover=cover, purpose=purpose, settings=settings, work=work)
        _check_reference(reference, run.encoder)
        parts = split(examples)
        shelf = TensorCache(run.encoder.recipe)
        judge = Validation(parts, purpose, settings, shelf)
        stopped_by = _learn(run, judge, shelf, on_epoch)
        run.encoder.load_state_dict(run.best_weights)
        run.encoder.eval()
        return _conclude(run, judge, parts, feasibility.counts, stopped_by, reference, origin)


def _check_reference(reference: Encoder | None, candidate: Encoder) -> None:
    if reference is not None and reference.recipe != candidate.recipe:
        raise ValueError(
            f"reference encoder {reference.manifest.id} has preprocessing {reference.recipe.name}, wanted "
            f"{candidate.recipe.name}: leave it out"
        )


def _learn(run: Run, judge: Validation, shelf: TensorCache, on_epoch: Callable[[Epoch], None] | None) -> str:
    """Run epochs until one of the three ends is reached, and say which."""
    while (end := _end(run)) is None:
        began = time.monotonic()
        loss, active = learn_epoch(run, shelf)
        epoch = _judged(run, judge, loss, active)
        if run.best_epoch == 0 or score(epoch) > score(run.curve[run.best_epoch - 1]):
            run.best_epoch = epoch.number
            run.best_weights = copy_weights(run.encoder)
        run.curve.append(replace(epoch, seconds=round(time.monotonic() - began, 3)))
        put_down(run)
        if on_epoch is not None:
            on_epoch(run.curve[-1])
    return end


def _judged(run: Run, judge: Validation, loss: float, active_fraction: float) -> Epoch:
    try:
        return judge.epoch(run.encoder, len(run.curve) + 1, loss=loss, active_fraction=active_fraction)
    except BadEmbedding as error:
        raise CollapsedTraining(f"{error}: lower learning_rate ({run.settings.learning_rate:.2g})") from error


def _end(run: Run) -> str | None:
    done, s = len(run.curve), run.settings
    if done >= s.epochs:
        return "epochs"
    if done - run.best_epoch >= s.patience:
        return "patience"
    return "time budget" if sum(e.seconds for e in run.curve) > s.time_budget_s else None


def score(epoch: Epoch) -> tuple[float, float]:
    """Rank epochs by how often they tell a pair, then by loss; of equal ones the earlier stays."""
    return (epoch.auc if epoch.auc is not None else 0.0, -epoch.validation_loss)


def _conclude(
    run: Run,
    judge: Validation,
    parts: Mapping[str, Sequence[Example]],
    counts: Mapping[str, Mapping[str, int]],
    stopped_by: str,
    reference: Encoder | None,
    origin: str,
) -> Trained:
    """Judge the chosen weights, refuse them when they collapsed, else sign them."""
    validation = judge.pairs(run.encoder, "validation")
    _refuse_collapse(validation, run.settings)
    test = judge.pairs(run.encoder, "test")  # the one reading of test
    s = run.settings
    untrained = build(s.backbone, run.encoder.recipe.cover, s.dim, s.seed)
    others = {"untrained": untrained} | ({} if reference is None else {"reference": reference})
    measured: dict[str, Figures] = {"validation": figures(validation), "test": figures(test)}
    measured |= {name: figures(judge.pairs(other.eval(), "validation")) for name, other in others.items()}
    record = TrainingRecord(
        curve=tuple(run.curve),
        best_epoch=run.best_epoch,
        stopped_by=stopped_by,
        resumed_after=run.resumed_after,
        seconds=round(sum(e.seconds for e in run.curve), 3),
        counts=counts,
        patients={name: tuple(sorted({e.patient for e in part})) for name, part in parts.items()},
        figures=measured,
        histograms={"validation": histogram(validation), "test": histogram(test)},
    )
    sign(run.encoder, _manifest(run, record, origin))
    return Trained(run.encoder, record)


def _refuse_collapse(pairs: PairDistances, settings: TrainingSettings) -> None:
    least = LEAST_MEAN_COSINE if settings.metric == "cosine" else math.sqrt(2.0 * LEAST_MEAN_COSINE)
    if pairs.mean_distance < least:
        raise CollapsedTraining(
            f"mean distance of validation pairs is {pairs.mean_distance:.4f}, wanted at least {least:.2g} "
            f"(embedding deviation {pairs.embedding_std:.4f}): the encoder gives all scans one vector. Take "
            f"miner semi-hard or random instead of {settings.miner}, or lower learning_rate."
        )


def _manifest(run: Run, record: TrainingRecord, origin: str) -> Manifest:
    n = record.counts["train"]
    return replace(
        run.encoder.manifest,
        purpose=run.purpose,
        origin=origin,
        settings=dict(run.settings.named()),
        data_digest=run.data_digest,
        trained_on=f"{n['scans']} scans of {n['patients']} patients",
        counts=record.counts,
        curve=tuple({k: v for k, v in asdict(e).items() if k != "seconds"} for e in record.curve),
        histograms=record.histograms,
        figures=record.figures,
        kernels=kernels("cpu"),
        created_utc="",
    )
