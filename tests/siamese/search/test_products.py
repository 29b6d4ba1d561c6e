"""Rough products: each lies within its margin of the cosine, and the rougher ones find the same lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.search import nearest, products
from siamese.search.distance import float32_error
from siamese.search.gallery import Gallery
from siamese.search.lanes import nearest_priors
from siamese.search.products import (
    BFLOAT16_UNIT_ROUNDOFF,
    Products,
    bfloat16_error,
    in_bfloat16,
    in_float32,
    products_for,
)

pytestmark = pytest.mark.floats

WAYS = {"float32": (in_float32, float32_error), "bfloat16": (in_bfloat16, bfloat16_error)}


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def farthest_off(into, left, right):
    """The greatest distance of a product from the cosine of its vectors, by float64."""
    out = np.empty((len(left), len(right)), np.float32)
    into(left, right, out)
    exact = unit(left.astype(np.float64)).astype(np.float64) @ unit(right.astype(np.float64)).astype(np.float64).T
    return float(np.abs(out - exact).max())


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.booleans())
def test_no_product_lies_farther_off_than_its_margin(way, seed, n_dimensions, of_one_sign):
    into, error = WAYS[way]
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((24, n_dimensions))
    vectors = unit(np.abs(rows) if of_one_sign else rows)
    assert farthest_off(into, vectors[:8], vectors) <= error(n_dimensions, 1e-6)


def test_the_margin_of_bfloat16_is_needed_where_all_numbers_are_rounded_one_way():
    """1/sqrt(254) lies nearly half a step below the next number of bfloat16: all of 254 grow, in both vectors."""
    rounded_up = unit(np.ones((1, 254)))
    off = farthest_off(in_bfloat16, rounded_up, rounded_up)
    assert bfloat16_error(254, 1e-6) / 2 < off <= bfloat16_error(254, 1e-6)


def test_the_margin_of_bfloat16_is_that_of_the_theory():
    u = BFLOAT16_UNIT_ROUNDOFF
    assert bfloat16_error(256, 0.0) == pytest.approx(3 * u, rel=0.02)
    assert bfloat16_error(2048, 1e-4) < 0.0125


@pytest.fixture(scope="module")
def near_and_far():
    """2,000 scans, half of them in clusters tighter than bfloat16 can tell, and 250 patients."""
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((10, 96))
    clustered = centres[rng.integers(0, 10, 1000)] + 1e-3 * rng.standard_normal((1000, 96))
    vectors = unit(np.concatenate([clustered, rng.standard_normal((1000, 96))]))
    from_us = rng.integers(0, 10**6, 2000)
    keys = [f"{i:04x}" for i in rng.permutation(2000)]
    return Gallery(keys, vectors, rng.integers(0, 250, 2000), from_us, from_us + 1)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_both_ways_find_the_same_lists(near_and_far, metric, monkeypatch):
    rows = np.arange(0, 2000, 20)
    exact = nearest_priors(near_and_far, rows, k=20, metric=metric)
    rough = Products(in_bfloat16, bfloat16_error(96, 1e-6))
    monkeypatch.setattr(nearest, "products_for", lambda *_: rough)
    assert nearest_priors(near_and_far, rows, k=20, metric=metric, block=256) == exact
    narrow = Products(in_bfloat16, float32_error(96, 1e-6))
    monkeypatch.setattr(nearest, "products_for", lambda *_: narrow)
    assert nearest_priors(near_and_far, rows, k=20, metric=metric, block=256) != exact  # it is the margin that does it


@pytest.mark.parametrize(("has", "work", "way"), [(True, 1e12, in_bfloat16), (True, 1e6, in_float32),
                                                  (False, 1e12, in_float32)])  # fmt: skip
def test_bfloat16_is_taken_where_the_processor_has_it_and_much_is_to_be_done(has, work, way, monkeypatch):
    monkeypatch.setattr(products, "_has_bfloat16", lambda: has)
    assert products_for(256, 0.0, work).into is way
