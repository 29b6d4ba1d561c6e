from hypothesis import given
from hypothesis import strategies as st

from evaluation.spread import Spread, spread

figures = st.lists(st.floats(-1, 1) | st.none(), max_size=6)


def test_mean_and_spread_are_those_worked_out_by_hand():
    found = spread([0.2, 0.4, 0.6])
    assert (round(found.mean, 12), found.low, found.high, found.n) == (0.4, 0.2, 0.6, 3)
    assert round(found.deviation, 12) == 0.2  # sqrt((0.04 + 0 + 0.04) / 2)


def test_a_seed_without_the_figure_counts_nowhere():
    assert spread([0.5, None, float("nan")]) == Spread(0.5, 0.5, 0.5, 0.0, 1)
    assert spread([None]) == Spread(None, None, None, None, 0)


@given(figures)
def test_the_mean_lies_between_the_seeds(values):
    found = spread(values)
    if found.n:
        assert found.low - 1e-12 <= found.mean <= found.high + 1e-12
        assert 0 <= found.deviation <= (found.high - found.low) + 1e-12
