import pytest

from evaluation.readers import Judgement, agreement, band, precision


@pytest.mark.parametrize(
    ("share", "below", "n", "name"),
    [(0.005, 0.02, 100, "below 1"), (0.01, 0.05, 100, "1 to 3"), (None, 0.05, 100, "3 to 10"),
     (0.5, 0.6, 100, "10 and more"), (None, None, 100, "not calibrated"), (0.5, 0.6, 0, "not calibrated")],
)  # fmt: skip
def test_a_band_is_of_the_estimate_or_of_the_bound(share, below, n, name):
    found = band(is_control=False, chance_share=share, chance_below=below, gallery_patients=n)
    assert found == name


def test_precision_is_one_row_a_reader_and_band_with_wilsons_interval():
    judged = [Judgement("A", v, ("s", "p"), "below 1") for v in ["relevant"] * 8 + ["not-relevant"] * 2 + ["unsure"]]
    (found,) = precision(judged)
    assert (found["by"], found["band"], found["relevant"], found["not_relevant"], found["unsure"]) == (
        "A", "below 1", 8, 2, 1
    )  # fmt: skip
    # Wilson 1927, 8 of 10: 0.4902 to 0.9433
    assert (found["precision"], round(found["low"], 4), round(found["high"], 4)) == (0.8, 0.4902, 0.9433)


def test_agreement_is_given_beyond_chance():
    # Both judged 4 pairs; yes/yes 2, no/no 1, yes/no 1: agreed 3/4, chance 3/4*1/2 + 1/4*1/2 = 1/2, kappa 1/2
    said = {"a": ("relevant", "relevant"), "b": ("relevant", "relevant"), "c": ("not-relevant", "not-relevant"),
            "d": ("relevant", "not-relevant")}  # fmt: skip
    rows = [
        Judgement(by, verdict, ("s", prior), "below 1")
        for prior, both in said.items()
        for by, verdict in zip("AB", both, strict=True)
    ]
    assert agreement(rows) == [{"readers": ["A", "B"], "pairs": 4, "agreed": 0.75, "kappa": 0.5}]
