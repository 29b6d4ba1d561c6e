"""Epoch after epoch, each judged on validation, until nothing better comes or time is up."""

import time
from collections.abc import Callable
from dataclasses import replace

from siamese.embedding import BadEmbedding
from siamese.training.inputs import Inputs
from siamese.training.record import Epoch
from siamese.training.run import Run, best_of, copy_weights, put_down
from siamese.training.steps import CollapsedTraining, learn_epoch
from siamese.training.validation import Validation

OnEpoch = Callable[[Epoch], None]


def learn(run: Run, judge: Validation, inputs: Inputs, on_epoch: OnEpoch | None = None) -> str:
    """Run epochs until one of the three ends is reached, and say which; the best one's weights are left in place.

    Raises:
        CollapsedTraining: The loss, or a vector, is no number.
    """
    while (end := _end(run)) is None:
        began = time.monotonic()
        loss, active = learn_epoch(run, inputs)
        epoch = _judged(run, judge, loss, active)
        best = best_of(run)
        if best is None or score(epoch) > score(best):
            run.best_epoch = epoch.number
            run.best_weights = copy_weights(run.encoder)
        run.curve.append(replace(epoch, seconds=round(time.monotonic() - began, 3)))
        put_down(run)
        if on_epoch is not None:
            on_epoch(run.curve[-1])
    run.encoder.load_state_dict(run.best_weights)
    run.encoder.eval()
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
