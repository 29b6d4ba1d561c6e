"""Five patient-grouped folds: where patients are few, each is asked about by an encoder that never saw them."""

from collections.abc import Sequence
from dataclasses import replace

from evaluation.cohort import FEWEST_FOR_SPLIT, N_FOLDS, fold_of
from siamese.example import Example
from siamese.pairs import TRAIN_BELOW, VALIDATION_BELOW

LEARNED, CHOSEN_BY, ASKED = 0.0, TRAIN_BELOW, VALIDATION_BELOW  # numbers that `split_of` takes for the three


class TooManyPatients(ValueError):
    """There are patients enough for a fixed split, whose test fifth says more than folds."""


def dealt(examples: Sequence[Example], fold: int) -> list[Example]:
    """Return the examples with the split that one fold gives them: asked about, chosen by (the next fold), learned.

    The shares are those of the fixed split, 60/20/20, and the fold of a patient comes of the same stored
    number, so it is the same in every run.

    Args:
        examples: Of all patients, with their own numbers.
        fold: 0 to 4, the one that is asked about.

    Raises:
        TooManyPatients: There are `cohort.FEWEST_FOR_SPLIT` patients or more.
        ValueError: There is no such fold.
    """
    if not 0 <= fold < N_FOLDS:
        raise ValueError(f"fold {fold}: wanted 0 to {N_FOLDS - 1}")
    n_patients = len({e.patient for e in examples})
    if n_patients >= FEWEST_FOR_SPLIT:
        raise TooManyPatients(f"{n_patients} patients: from {FEWEST_FOR_SPLIT} on a test fifth is asked, not folds")
    numbers = {fold: ASKED, (fold + 1) % N_FOLDS: CHOSEN_BY}
    return [replace(e, split_number=numbers.get(fold_of(e.split_number, n_patients) or 0, LEARNED)) for e in examples]
