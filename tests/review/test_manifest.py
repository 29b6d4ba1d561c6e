import json

import pytest

from review.manifest import training_of


def read(**told):
    return training_of("abc", "3d", "view", json.dumps(told))


def test_curves_are_read_by_epoch():
    curves = read(curve=[{"number": 1, "loss": 0.5, "validation_loss": 0.75}, {"number": 2, "loss": 0.25}]).curves
    assert curves == {"training loss": ((1.0, 0.5), (2.0, 0.25)), "validation loss": ((1.0, 0.75),)}


def test_validation_pairs_are_shown_before_training_pairs():
    bins = {"edges": [0, 1], "alike": [1], "unlike": [2]}
    training = read(histograms={"train": bins | {"alike": [9]}, "validation": bins})
    assert training.edges == (0.0, 1.0) and training.pair_counts == {
        "alike pairs (n = 1)": (1.0,),
        "unlike pairs (n = 2)": (2.0,),
    }


ODD = (
    "", "null", "[]", "{", "3", "[" * 100_000, '{"curve": 3, "histograms": [], "figures": "x"}',
    '{"curve": [1, {"loss": "x"}, {"number": true, "loss": null}], "counts": {"train": 5}, "figures": {"a": []}}',
    '{"histograms": {"validation": {"edges": [0, "1"], "alike": [1]}}}', '{"histograms": {"test": {"edges": 5}}}',
    '{"curve": [{"number": 1, "loss": NaN}, {"number": 1, "loss": 1e999}]}',
)  # fmt: skip


def test_empty_bins_behind_the_farthest_pair_are_left_out():
    training = read(histograms={"test": {"edges": [0, 1, 2, 3], "alike": [1, 0, 0], "unlike": [0, 2, 0]}})
    assert training.edges == (0.0, 1.0, 2.0) and list(training.pair_counts.values()) == [(1.0, 0.0), (0.0, 2.0)]


def test_splits_come_in_their_order_and_comparisons_after_them():
    figures = {name: {"auc": 0.5, "queries": 7.0} for name in ("untrained", "validation", "test")}
    assert [row[:2] for row in read(figures=figures).figures] == [
        ("validation", "7"),
        ("test", "7"),
        ("untrained", "7"),
    ]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_what_is_missing_or_odd_is_left_out(text):
    training = training_of("abc", "3d", "view", text)
    assert not training.curves and not training.pair_counts and not training.figures and not training.counts


def test_it_reads_what_a_real_manifest_holds():
    from siamese.manifest import Manifest

    made = Manifest(
        id="x", cover="3d", purpose="view", backbone="b", dim=2, recipe="r", recipe_digest="d", weights_sha256="w",
        origin="trained", counts={"train": {"patients": 3, "scans": 5}},
        curve=({"number": 1, "loss": 0.5, "validation_loss": 0.6, "active_fraction": 0.7},),
        histograms={"validation": {"edges": [0.0, 1.0], "alike": [1], "unlike": [2]}},
        figures={"validation": {"auc": 0.9, "p_at_1": None}},
    )  # fmt: skip
    training = training_of(made.id, made.cover, made.purpose, made.to_json())
    assert len(training.curves) == 3 and training.pair_counts and training.counts == (("train", "3 patients, 5 scans"),)
    assert training.figures == (("validation", "–", "0.900", "–"),)
