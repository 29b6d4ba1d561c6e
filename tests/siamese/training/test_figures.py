from itertools import product

import numpy as np
import pytest

from siamese.pairs import ALIKE, UNLIKE, relations
from siamese.search.distance import distance
from siamese.training.figures import (
    PairDistances,
    auc,
    best_cutoff,
    distance_matrix,
    figures,
    histogram,
    pair_distances,
    place_of,
)


def unit_rows(n, seed=0, d=6):
    drawn = np.random.default_rng(seed).normal(size=(n, d))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def examples(make_example):
    words = (("x", "y"), ("y", "x"), ("", "x y"), ("x", ""))
    kinds = ("ct/chest/3d", "mr/head/3d/t1")
    return [make_example(f"p{i}-1", *words[i % 4], kind=kinds[i // 10]) for i in range(20)]


def test_auc_equals_a_slow_loop_with_ties_half():
    rng = np.random.default_rng(0)
    for _ in range(5):
        near, far = rng.integers(0, 8, 12) / 8, rng.integers(2, 10, 9) / 8
        wins = [1.0 if a < u else 0.5 if a == u else 0.0 for a, u in product(near, far)]
        assert auc(near, far) == pytest.approx(np.mean(wins))


def test_auc_by_hand():
    assert auc(np.array([0.1, 0.2]), np.array([0.3])) == 1.0
    assert auc(np.array([0.3]), np.array([0.1, 0.2])) == 0.0
    assert auc(np.array([0.1, 0.3]), np.array([0.2])) == 0.5
    assert auc(np.empty(0), np.array([0.2])) is None


def test_cutoff_by_hand():
    assert best_cutoff(np.array([0.1, 0.2, 0.9]), np.array([0.3, 0.5])) == 0.2
    assert best_cutoff(np.array([0.1]), np.empty(0)) is None


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("purpose", ["finding", "patient"])
def test_pairs_and_first_hits_equal_a_slow_loop(examples, purpose, metric):
    vectors = unit_rows(len(examples))
    found = pair_distances(vectors, examples, purpose, metric=metric)
    relation = relations(examples, purpose)
    alike, unlike, every, firsts = [], [], [], []
    for i, one in enumerate(examples):
        known = {}
        for j, other in enumerate(examples):
            away = distance(vectors[i], vectors[j], metric)
            if i < j and one.kind == other.kind:
                every.append(away)
                if relation[i, j] == ALIKE:
                    alike.append(away)
                elif relation[i, j] == UNLIKE:
                    unlike.append(away)
            if relation[i, j] in (ALIKE, UNLIKE):
                known[j] = away
        if any(relation[i, j] == ALIKE for j in known):
            firsts.append(relation[i, min(known, key=known.__getitem__)] == ALIKE)
    assert sorted(found.alike) == sorted(alike)
    assert sorted(found.unlike) == sorted(unlike)
    assert found.first_is_alike.tolist() == firsts
    assert found.mean_distance == pytest.approx(np.mean(every))
    assert found.embedding_std == pytest.approx(vectors.std(axis=0).mean())


def test_a_tie_with_an_unlike_scan_is_no_hit(make_example):
    examples = [
        make_example("p1-1", "x", "y"),
        make_example("p2-1", "x", "y"),
        make_example("p3-1", "y", "x"),
    ]
    same = np.repeat(unit_rows(1), 3, axis=0)
    assert figures(pair_distances(same, examples, "finding", metric="cosine"))["p_at_1"] == 0.0


def test_nothing_gives_none_not_nan():
    found = figures(pair_distances(np.empty((0, 4), np.float32), [], "finding", metric="cosine"))
    assert (found["auc"], found["p_at_1"], found["queries"], found["mean_distance"]) == (None, None, 0.0, 0.0)


def test_distance_matrix_is_symmetric_with_zeros():
    matrix = distance_matrix(unit_rows(7), "cosine")
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(np.diag(matrix), np.zeros(7))


def pairs_of(alike, unlike):
    nobody = [np.zeros((len(distances), 2), np.int64) for distances in (alike, unlike)]
    return PairDistances(np.array(alike), np.array(unlike), *nobody, np.array([True]), 1.0, 0.1)


def test_histogram_counts_every_pair_once_ends_included():
    found = histogram(pairs_of([0.0, 0.049, 0.05, 2.0], [1.0]))
    assert len(found["edges"]) == 41
    assert (found["alike"][0], found["alike"][1], found["alike"][-1]) == (2, 1, 1)
    assert (sum(found["alike"]), sum(found["unlike"]), found["unlike"][20]) == (4, 1, 1)


def test_place_of_a_distance_among_the_pairs():
    counts = histogram(pairs_of([0.11, 0.12, 0.13, 0.51], [0.51, 1.2]))
    place = place_of(0.4, counts, 0.3)
    assert (place.alike_nearer, place.unlike_nearer, place.cutoff, place.is_alike) == (0.75, 0.0, 0.3, False)
    assert place_of(0.3, counts, 0.3).is_alike is True
    assert place_of(2.0, counts, 0.3).unlike_nearer == 1.0


def test_encoder_that_was_never_judged_gives_no_verdict():
    assert place_of(0.4, {}, None).is_alike is None
