import numpy as np
import pytest
import torch

from siamese.pairs import ALIKE, UNKNOWN, UNLIKE
from siamese.search.distance import distance
from siamese.training.mining import active_fraction, mine
from siamese.training.torch_distance import distance_matrix

N = 9


def rows(seed):
    drawn = torch.randn((N, 4), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=1)


def relations(seed):
    drawn = np.random.default_rng(seed).choice([ALIKE, UNLIKE, UNKNOWN], (N, N))
    upper = np.triu(drawn, 1)
    return torch.from_numpy(upper + upper.T + np.diag([UNKNOWN] * N)).to(torch.int8)


def every_triplet(relation):
    return [
        (a, p, n)
        for a in range(N)
        for p in range(N)
        for n in range(N)
        if relation[a, p] == ALIKE and relation[a, n] == UNLIKE
    ]


def mined(name, vectors, relation, metric, margin=0.3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = mine(name, vectors, relation, margin=margin, metric=metric, generator=generator)
    return sorted(zip(*(column.tolist() for column in found), strict=True))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("seed", range(4))
def test_semi_hard_equals_a_slow_loop(seed, metric):
    vectors, relation = rows(seed), relations(seed)
    expected = []
    for a, p, n in every_triplet(relation):
        gap = distance(vectors[a].numpy(), vectors[n].numpy(), metric) - distance(
            vectors[a].numpy(), vectors[p].numpy(), metric
        )
        if 0 < gap <= 0.3:
            expected.append((a, p, n))
    assert expected
    assert mined("semi-hard", vectors, relation, metric) == expected


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("seed", range(4))
def test_hard_equals_a_slow_loop(seed, metric):
    vectors, relation = rows(seed), relations(seed)
    expected = []
    for a in range(N):
        away = {j: distance(vectors[a].numpy(), vectors[j].numpy(), metric) for j in range(N)}
        near = [j for j in range(N) if relation[a, j] == ALIKE]
        far = [j for j in range(N) if relation[a, j] == UNLIKE]
        if near and far:
            expected.append((a, max(near, key=away.__getitem__), min(far, key=away.__getitem__)))
    assert expected
    assert mined("hard", vectors, relation, metric) == expected


@pytest.mark.parametrize("seed", range(4))
def test_random_takes_each_positive_once_with_a_true_negative(seed):
    relation = relations(seed)
    found = mined("random", rows(seed), relation, "cosine")
    assert set(found) <= set(every_triplet(relation))
    assert sorted((a, p) for a, p, _ in found) == sorted({(a, p) for a, p, _ in every_triplet(relation)})


def test_random_depends_on_its_generator_alone():
    draws = [tuple(mined("random", rows(1), relations(1), "cosine", seed=s)) for s in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("name", ["random", "semi-hard", "hard"])
@pytest.mark.parametrize("known", [UNKNOWN, ALIKE, UNLIKE])
def test_one_sort_of_pair_alone_gives_no_triplet(name, known):
    relation = torch.full((N, N), known, dtype=torch.int8)
    relation.fill_diagonal_(UNKNOWN)
    assert mined(name, rows(0), relation, "cosine") == []


def test_unknown_miner_is_refused():
    with pytest.raises(ValueError, match=r"'easy'.*semi-hard"):
        mined("easy", rows(0), relations(0), "cosine")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distance_matrix_is_our_distance(metric):
    vectors = rows(3)
    matrix = distance_matrix(vectors, metric)
    for i in range(N):
        for j in range(N):
            assert matrix[i, j] == pytest.approx(distance(vectors[i].numpy(), vectors[j].numpy(), metric), abs=2e-4)


def test_active_fraction_equals_a_slow_loop():
    vectors, relation = rows(5), relations(5)
    d = distance_matrix(vectors, "cosine")
    violating = [bool(d[a, p] + 0.3 > d[a, n]) for a, p, n in every_triplet(relation)]
    assert active_fraction(d, relation, 0.3) == pytest.approx(np.mean(violating))
    assert active_fraction(d, torch.full((N, N), UNKNOWN), 0.3) == 0.0
