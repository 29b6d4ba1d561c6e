import math

import pytest
import torch

from siamese.search.distance import distance
from siamese.training.losses import build_loss

TRIPLETS = (torch.tensor([0, 0, 1, 3]), torch.tensor([1, 1, 0, 4]), torch.tensor([2, 3, 5, 0]))


def unit_rows(n=6, d=5, seed=0):
    rows = torch.randn((n, d), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=1)


def slow_mean_above_zero(terms):
    positive = [t for t in terms if t > 0]
    return sum(positive) / len(positive) if positive else 0.0


def slow_triplet(v, margin, metric):
    terms = []
    for a, p, n in zip(*TRIPLETS, strict=True):
        terms.append(max(0.0, distance(v[a], v[p], metric) - distance(v[a], v[n], metric) + margin))
    return slow_mean_above_zero(terms)


def slow_contrastive(v, margin, metric):
    alike = {(int(a), int(p)) for a, p in zip(*TRIPLETS[:2], strict=True)}
    unlike = {(int(a), int(n)) for a, n in zip(TRIPLETS[0], TRIPLETS[2], strict=True)}
    near = [distance(v[i], v[j], metric) for i, j in alike]
    far = [max(0.0, margin - distance(v[i], v[j], metric)) for i, j in unlike]
    return slow_mean_above_zero(near) + slow_mean_above_zero(far)


SLOW = {"triplet": slow_triplet, "contrastive": slow_contrastive}


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("margin", [0.05, 0.3, 1.2])
@pytest.mark.parametrize("name", SLOW)
def test_loss_equals_a_slow_loop_over_our_own_distance(name, margin, metric):
    for seed in range(5):
        vectors = unit_rows(seed=seed)
        found = float(build_loss(name, margin=margin, metric=metric)(vectors, TRIPLETS))
        assert math.isclose(found, SLOW[name](vectors.numpy(), margin, metric), abs_tol=1e-7)


@pytest.mark.parametrize("name", SLOW)
def test_no_triplets_give_zero_not_nan(name):
    empty = (torch.empty(0, dtype=torch.long),) * 3
    assert float(build_loss(name, margin=0.3, metric="cosine")(unit_rows(), empty)) == 0.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("name", SLOW)
def test_gradient_stays_finite_when_all_scans_have_one_vector(name, metric):
    vectors = unit_rows(1).repeat(6, 1).requires_grad_()
    build_loss(name, margin=0.3, metric=metric)(vectors, TRIPLETS).backward()
    assert torch.isfinite(vectors.grad).all()


@pytest.mark.parametrize("name", SLOW)
def test_descending_brings_alike_nearer_and_unlike_farther(name):
    vectors = unit_rows().requires_grad_()
    triplets = tuple(torch.tensor(rows) for rows in ([0, 1], [1, 0], [2, 2]))
    build_loss(name, margin=1.9, metric="cosine")(vectors, triplets).backward()
    moved = torch.nn.functional.normalize(vectors - 0.05 * vectors.grad, dim=1).detach().numpy()
    before = vectors.detach().numpy()
    assert distance(moved[0], moved[1]) < distance(before[0], before[1])
    assert distance(moved[0], moved[2]) > distance(before[0], before[2])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"'ntxent'.*contrastive"):
        build_loss("ntxent", margin=0.1, metric="cosine")
    with pytest.raises(ValueError, match="manhattan"):
        build_loss("triplet", margin=0.1, metric="manhattan")
