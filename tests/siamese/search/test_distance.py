import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.search.distance import distance, distances, float32_error, least_similarity


def unit(rng, *shape):
    vectors = rng.standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def pair(seed, n_dimensions):
    return unit(np.random.default_rng(seed), 2, n_dimensions)


seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 300)
unhurried = settings(deadline=None, max_examples=60)
metrics = pytest.mark.parametrize("metric", ["cosine", "euclidean"])


def slow_distance(left, right, metric):
    """The definition in exact sums, from the angle between two directions."""
    dot = math.fsum(float(a) * float(b) for a, b in zip(left, right, strict=True))
    lengths = [math.sqrt(math.fsum(float(a) ** 2 for a in v)) for v in (left, right)]
    cosine = max(0.0, 1.0 - dot / (lengths[0] * lengths[1]))
    return cosine if metric == "cosine" else math.sqrt(2 * cosine)


@metrics
@unhurried
@given(seeds, sizes)
def test_distance_is_that_of_exact_sums(metric, seed, n_dimensions):
    left, right = pair(seed, n_dimensions)
    wanted = slow_distance(left, right, metric)
    noise = 1e-9 if metric == "cosine" or wanted > 1e-3 else 1e-7  # the root magnifies float64's noise near 0
    assert distance(left, right, metric) == pytest.approx(wanted, abs=noise)


@pytest.mark.parametrize(("metric", "expected"), [("cosine", (0, 1, 2)), ("euclidean", (0, 2**0.5, 2))])
def test_same_orthogonal_and_opposite_have_known_distances(metric, expected):
    a, b = np.eye(2, dtype=np.float32)
    assert [distance(a, x, metric) for x in (a, b, -a)] == pytest.approx(expected, abs=1e-9)


@metrics
@unhurried
@given(seeds, sizes)
def test_a_vector_is_at_zero_from_itself_exactly(metric, seed, n_dimensions):
    left, _ = pair(seed, n_dimensions)
    assert distance(left, left.copy(), metric) == 0.0


@metrics
def test_vectors_of_one_direction_are_never_nearer_than_zero(metric):
    block = unit(np.random.default_rng(2), 1000, 64)
    lengths = distances(block, block * np.float32(1 + 3e-5), metric)
    assert not np.signbit(lengths).any() and (lengths < 1e-7).all()


@metrics
@unhurried
@given(seeds, sizes)
def test_distance_is_symmetric_bit_for_bit(metric, seed, n_dimensions):
    left, right = pair(seed, n_dimensions)
    assert distance(left, right, metric) == distance(right, left, metric)


@metrics
@unhurried
@given(seeds, sizes, st.integers(1, 40))
def test_distance_does_not_depend_on_the_neighbours_in_a_block(metric, seed, n_dimensions, n_rows):
    block = unit(np.random.default_rng(seed), n_rows, n_dimensions)
    together = distances(block, block[0], metric)
    assert together.tolist() == [distance(row, block[0], metric) for row in block]


def test_distance_does_not_depend_on_how_memory_is_laid_out():
    block = unit(np.random.default_rng(5), 33, 257)
    turned = np.asfortranarray(block)
    assert distances(block[::2], block[1]).tobytes() == distances(turned[::2], turned[1]).tobytes()


def test_distance_is_rounded_to_nine_decimals():
    left, right = pair(1, 256)
    assert distance(left, right) == round(distance(left, right), 9)


def test_both_metrics_order_pairs_alike():
    block = unit(np.random.default_rng(7), 500, 16)
    orders = [np.argsort(distances(block, block[0], metric), kind="stable") for metric in ("cosine", "euclidean")]
    assert orders[0].tolist() == orders[1].tolist()


@metrics
@unhurried
@given(seeds, sizes)
def test_no_float32_product_falls_below_what_its_distance_allows(metric, seed, n_dimensions):
    block = unit(np.random.default_rng(seed), 20, n_dimensions)
    block[::2] *= np.float32(1 + 3e-5)  # as far from unit length as some library may leave it
    deviation = float(np.abs(np.linalg.norm(block.astype(float), axis=1) - 1).max())
    least = least_similarity(distances(block, block[0], metric), metric, float32_error(n_dimensions, deviation))
    for products in (
        block @ block[0],
        np.einsum("ij,j->i", block, block[0]),
        (block * block[0]).cumsum(1)[:, -1],
    ):
        assert (products >= least).all()


def test_the_margin_of_float32_is_that_of_the_theory():
    assert float32_error(256, 0.0) == pytest.approx(256 * 2**-24, rel=1e-4)
    assert float32_error(1, 1e-3) > 2e-3


@pytest.mark.parametrize(("metric", "expected"), [("cosine", 0.0), ("euclidean", 0.5)])
def test_least_similarity_lies_just_below_that_of_the_distance(metric, expected):
    least = least_similarity(np.array([1.0, np.inf]), metric, 1e-6)
    assert least.dtype == np.float32
    assert expected - 1.2e-6 < least[0] < expected - 1e-6 and least[1] == -np.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 0.9])
def test_what_is_not_a_finite_unit_vector_is_refused(bad):
    block = np.eye(3, dtype=np.float32)
    block[1, 1] = bad
    with pytest.raises(ValueError, match="vector 1 has length"):
        distances(block, np.eye(3, dtype=np.float32)[0])


def test_unknown_metric_and_different_sizes_are_refused():
    a, b = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match=r"manhattan.*cosine, euclidean"):
        distance(a, b, "manhattan")
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        distance(a, b[:1])
