"""What is said of a trained head beside the closed form."""

from dataclasses import replace

from siamese.encoder import build
from siamese.training.comparison import Comparison, comparison_of, label_of, lines_of

SETTINGS = {"loss": "triplet", "miner": "semi-hard", "memory": 0}


def manifest(**rival):
    figures = {"validation": {"auc": 0.974}, "closed_form": {"auc": 0.970, **rival}}
    return replace(build("small", "2d", 8).manifest, settings=SETTINGS, figures=figures)


def test_a_lead_whose_interval_holds_0_is_not_kept():
    found = manifest(lead=0.004, lead_low=-0.002, lead_high=0.010)
    assert not comparison_of(found).is_won
    assert lines_of(found) == [
        "triplet (semi-hard): AUC 0.974 on validation, +0.004 (-0.002 to +0.010) over the closed-form head: not kept"
    ]


def test_a_lead_whose_interval_excludes_0_is_better():
    found = manifest(lead=0.004, lead_low=0.001, lead_high=0.010)
    assert comparison_of(found).is_won and lines_of(found)[0].endswith(
        "(+0.001 to +0.010) over the closed-form head: better"
    )


def test_an_interval_that_ends_at_0_excludes_nothing():
    assert not Comparison(0.9, 0.1, 0.0, 0.2).is_won


def test_an_encoder_that_did_not_begin_with_a_closed_form_has_no_line():
    assert comparison_of(build("small", "2d", 8).manifest) is None and lines_of(build("small", "2d", 8).manifest) == []
    assert comparison_of(manifest(lead=None, lead_low=None, lead_high=None)) is None  # no pairs to compare on


def test_a_label_names_what_was_used():
    assert label_of("supcon", "") == "supcon"
    assert label_of("triplet", "hard", 256) == "triplet (hard, memory 256)"
