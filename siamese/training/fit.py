"""fit(...): examples in, a judged encoder out; killed at any time, it goes on where it stood.

Everything random is drawn from seed, epoch and step, sums are made by a fixed number of threads, and
all of it happens on the CPU: on processors of one kernel level the same call gives the same weights,
interrupted or not. Another level rounds otherwise, and a training makes much of little: its weights are
those of another draw.
"""

from collections.abc import Sequence
from pathlib import Path

from siamese.encoder import Encoder, build
from siamese.example import Example
from siamese.pairs import Purpose, TooFewPairs, require_pairs, split
from siamese.training.conclude import Ending, Trained, check_reference, conclude
from siamese.training.loop import OnEpoch, learn, score
from siamese.training.repeatable import repeatable
from siamese.training.run import begin
from siamese.training.settings import TrainingSettings
from siamese.training.steps import CollapsedTraining
from siamese.training.tensor_cache import TensorCache
from siamese.training.validation import Validation

__all__ = ["CollapsedTraining", "TooFewPairs", "Trained", "TrainingSettings", "fit", "score"]


def fit(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    reference: Encoder | None = None,
    on_epoch: OnEpoch | None = None,
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
    counts = require_pairs(examples, purpose)
    with repeatable(settings.threads):
        run = begin(examples, cover=cover, purpose=purpose, settings=settings, work=work)
        check_reference(reference, run.encoder)
        parts = split(examples)
        inputs = TensorCache(run.encoder.recipe)
        judge = Validation(parts, purpose, settings, inputs)
        stopped_by = learn(run, judge, inputs, on_epoch)
        untrained = build(settings.backbone, cover, settings.dim, settings.seed)
        others = {"untrained": untrained} | ({} if reference is None else {"reference": reference})
        told = f"{counts['train']['scans']} scans of {counts['train']['patients']} patients"
        return conclude(run, judge, Ending(run.encoder, parts, counts, stopped_by, told, others), origin=origin)
