"""make_encoder(...): an encoder by the settings, in closed form or by gradient."""

from collections.abc import Sequence
from pathlib import Path

from siamese.arithmetic import worked_by
from siamese.choices import NO_LOSS
from siamese.encoder import Encoder
from siamese.example import Example
from siamese.limits import Purpose
from siamese.training.fit import CollapsedTraining, fit
from siamese.training.head import fit_on_trunk
from siamese.training.settings import TrainingSettings
from siamese.training.wccn import NothingDiffers


class NotMade(ValueError):
    """What was made cannot be used; the text says what was measured."""


def make_encoder(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    reference: Encoder | None = None,
    batch_size: int = 8,
) -> Encoder:
    """Return an encoder that learned from the training patients of these examples, signed.

    Args:
        examples: Of all splits.
        cover: "2d" or "3d".
        purpose: What alike means; a head in closed form is always for "patient".
        settings: With loss "none" a head is fitted to the backbone's own weights, else it is trained by that loss.
        work: Where a training by gradient keeps its checkpoints.
        reference: The encoder that serves now, to be measured beside a trained one.
        batch_size: Of the passes through a trunk on a GPU.

    Raises:
        NotMade: A training collapsed, or scans do not differ.
        ValueError: See `fit` and `fit_on_trunk`.
    """
    try:
        if settings.loss == NO_LOSS:
            return fit_on_trunk(
                examples, cover=cover, backbone=settings.backbone, threads=settings.threads, batch_size=batch_size,
                engine=settings.engine, precision=settings.precision,
            )  # fmt: skip
        run = fit(examples, cover=cover, purpose=purpose, settings=settings, work=work, reference=reference)
        return worked_by(run.encoder, settings.engine, settings.precision)
    except (CollapsedTraining, NothingDiffers) as error:
        raise NotMade(str(error)) from error
