"""The tail of distances between unrelated patients, and the alarm that is set by it."""

import numpy as np
import pytest

from siamese.calibration.alarms import alarms
from siamese.calibration.tail import tail_of

AMONG, WANTED = 4000, 0.005


def people(rng: np.random.Generator, n: int, *, dimensions: int = 16, groups: int = 0):
    """Unit vectors with a falling spectrum; of people in groups that are nearer to each other."""
    scale = np.exp(-np.arange(4 * dimensions) / dimensions)
    rows = rng.standard_normal((n, len(scale))) * scale
    if groups:
        centres = np.random.default_rng(99).standard_normal((groups, len(scale))) * scale
        rows = 0.8 * rows + 0.6 * centres[rng.integers(0, groups, n)]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def between(rows: np.ndarray) -> np.ndarray:
    table = 1.0 - rows @ rows.T
    np.fill_diagonal(table, np.nan)
    return table


def test_a_power_law_is_read_off_by_hand():
    """Sixteen people, 240 distances, the nearest of them the square roots of their places: F(d) grows as d squared."""
    table = np.full((16, 16), np.nan)
    table[~np.eye(16, dtype=bool)] = np.sqrt(np.arange(1, 241))
    found = tail_of(table)
    error = np.sqrt(2 / 2 - 2 / 16) / np.log(8)
    assert (found.distance, found.share) == (4.0, 16 / 240)
    assert found.power == pytest.approx(2.0 * (1 - 1.645 * error))
    assert found.distance_of(found.share * 0.5**found.power) == pytest.approx(2.0)
    assert found.distance_of(1.0) == 4.0  # never beyond what was looked at


@pytest.mark.parametrize("n", [60, 150, 500])
@pytest.mark.parametrize("dimensions", [4, 16, 40])
@pytest.mark.parametrize("groups", [0, 40])
def test_among_thousands_of_unrelated_people_no_more_than_one_search_in_two_hundred_raises_an_alarm(
    n, dimensions, groups
):
    rng, false = np.random.default_rng(n + dimensions + groups), []
    for _ in range(4):
        tail = tail_of(between(people(rng, n, dimensions=dimensions, groups=groups)))
        asked, others = (people(rng, many, dimensions=dimensions, groups=groups) for many in (250, AMONG))
        near = (1.0 - asked @ others.T).min(axis=1)
        false.append((near <= tail.distance_of(WANTED / AMONG)).mean())
    assert np.mean(false) <= WANTED


def test_a_rate_among_fifty_is_broken_among_thousands():
    """What the alarm is not set by: the distance that one search in a hundred passes among fifty people."""
    rng = np.random.default_rng(3)
    table = between(people(rng, 500))
    distance = np.nanquantile(table, 0.01 / 50)
    near = (1.0 - people(rng, 250) @ people(rng, AMONG).T).min(axis=1)
    assert (near <= distance).mean() > 20 * WANTED


def test_a_few_people_under_two_ids_in_validation_do_not_end_the_alarm():
    rng = np.random.default_rng(5)
    rows = people(rng, 200)
    again = rows[:3] + rng.normal(scale=1e-4, size=(3, rows.shape[1]))
    plain, with_them = (
        tail_of(between(some)).distance_of(WANTED / AMONG) for some in (rows, np.concatenate([rows, again]))
    )
    assert plain / 2 < with_them <= plain  # three exact copies at a distance of about 1e-6 stand nearest of all


def test_without_a_tail_there_is_no_alarm():
    assert tail_of(np.zeros((60, 60))) is None
    assert tail_of(np.full((60, 60), 0.4)) is None
    found = alarms(np.zeros(60), np.arange(60), np.zeros((60, 60)), np.arange(60), n=AMONG, wanted_fpir=WANTED)
    assert (found.same_person.distance, found.same_person.fpir.value, found.same_person.fnir.value) == (None, 0.0, 1.0)
