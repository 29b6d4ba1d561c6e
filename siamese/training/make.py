"""make_encoder(...): an encoder by the settings, in closed form or by gradient."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from siamese.arithmetic import worked_by
from siamese.choices import EVERY_LOSS, NO_LOSS, PRETRAINED
from siamese.encoder import Encoder
from siamese.example import Example
from siamese.limits import Purpose
from siamese.training.anchored import fit_anchored
from siamese.training.every_loss import fit_every
from siamese.training.fit import CollapsedTraining, fit
from siamese.training.head import fit_on_trunk
from siamese.training.sample import TooFewPatients
from siamese.training.settings import TrainingSettings
from siamese.training.tuned import fit_tuned
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
    kept: Path | None = None,
    reference: Encoder | None = None,
    batch_size: int = 8,
    device: str = "cpu",
) -> Encoder:
    """Return an encoder that learned from the training patients of these examples, signed.

    Args:
        examples: Of all splits.
        cover: "2d" or "3d".
        purpose: What alike means; a head in closed form is always for "patient".
        settings: With loss "none" a head is fitted to the backbone's own weights. By another loss such a head is
            trained on, by "every" the best of all losses is taken; with `tuned_blocks` the last blocks before it learn.
            A backbone of drawn weights is trained as a whole.
        work: Where a training by gradient keeps its checkpoints.
        kept: Where it keeps features of a trunk; None for the work folder.
        reference: The encoder that serves now, to be measured beside a trained one.
        batch_size: Of the passes through a trunk on a GPU.
        device: Where the last blocks of a trunk are tuned, see `fit_tuned`.

    Raises:
        NotMade: A training collapsed, scans do not differ, or patients are too few for a head to begin with.
        ValueError: See `fit`, `fit_anchored` and `fit_on_trunk`.
    """
    try:
        if settings.loss == NO_LOSS:
            return fit_on_trunk(
                examples, cover=cover, backbone=settings.backbone, threads=settings.threads, batch_size=batch_size,
                engine=settings.engine, precision=settings.precision,
            )  # fmt: skip
        if settings.backbone not in PRETRAINED:
            run = fit(examples, cover=cover, purpose=purpose, settings=settings, work=work, reference=reference)
        else:
            by: Any = fit_every if settings.loss == EVERY_LOSS else fit_anchored
            if settings.tuned_blocks:
                by = partial(fit_tuned, device=device)
            run = by(
                examples, cover=cover, purpose=purpose, settings=settings, work=work, kept=kept, reference=reference,
                batch_size=batch_size,
            )  # fmt: skip
        return worked_by(run.encoder, settings.engine, settings.precision)
    except (CollapsedTraining, NothingDiffers) as error:
        raise NotMade(str(error)) from error
    except TooFewPatients as error:
        if settings.loss == NO_LOSS:
            raise
        raise NotMade(str(error)) from error
