import pytest

from siamese.choices import BACKBONES, EVERY_LOSS, LOSSES, NO_LOSS
from siamese.limits import LIMITS
from siamese.training.losses import build_loss
from siamese.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dim", 0), ("epochs", 0), ("steps_per_epoch", -1), ("learning_rate", 0.0), ("patience", 0),
        ("threads", 0), ("time_budget_s", 0), ("margin", 0.0), ("margin", 2.0), ("margin", float("nan")),
        ("seed", -1), ("metric", "manhattan"),
        ("groups_per_batch", 1), ("scans_per_group", 1), ("weight_decay", -1.0),
        ("backbone", "vgg"), ("loss", "ntxent"), ("miner", "easy"),
    ],
)  # fmt: skip
def test_numbers_no_training_can_have_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        TrainingSettings(**{field: value})


def test_time_budget_is_no_part_of_an_encoders_name():
    assert TrainingSettings(time_budget_s=1).named() == TrainingSettings(time_budget_s=2).named()
    assert TrainingSettings(seed=1).named() != TrainingSettings(seed=2).named()


def test_every_name_that_settings_allow_is_built():
    assert set(LIMITS["backbone"].allowed) == set(BACKBONES)
    assert set(LIMITS["loss"].allowed) == {NO_LOSS, EVERY_LOSS, *LOSSES}  # none: a head in closed form
    for loss in LOSSES:
        build_loss(loss, margin=0.3, metric="cosine")
