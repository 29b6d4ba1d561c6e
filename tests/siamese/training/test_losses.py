import math

import pytest
import torch

from siamese.choices import LOSSES
from siamese.pairs import ALIKE, UNKNOWN, UNLIKE
from siamese.search.distance import distance
from siamese.training.losses import ALPHA, BETA, build_loss, known_pairs, loss_named

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


def relations(n=6, m=9, seed=0):
    """Of n anchors and m references, the first n of which they are: some alike, some unlike, some unknown."""
    drawn = torch.randint(-1, 2, (m, m), generator=torch.Generator().manual_seed(seed)).triu(1)
    return (drawn + drawn.T + torch.diag(torch.full((m,), UNKNOWN)))[:n]


def slow_distance(left, right, metric):
    """Our distance with a gradient; the cosine is that of directions, whatever their length."""
    if metric == "euclidean":
        return sum((a - b) ** 2 for a, b in zip(left, right, strict=True)) ** 0.5
    product, left_square, right_square = (
        sum(a * b for a, b in zip(one, other, strict=True))
        for one, other in ((left, right), (left, left), (right, right))
    )
    return 1 - product / (left_square * right_square) ** 0.5


def slow_multi_similarity(v, relation, metric, margin, temperature):
    """Wang 2019, equation 15: a mean over anchors, with the threshold as a distance."""
    terms = []
    for i, row in enumerate(relation.tolist()):
        away = [slow_distance(v[i], other, metric) for other in v]
        near = [torch.exp(ALPHA * (away[j] - margin)) for j, sort in enumerate(row) if sort == ALIKE]
        far = [torch.exp(-BETA * (away[j] - margin)) for j, sort in enumerate(row) if sort == UNLIKE]
        terms.append(
            torch.log(1 + sum(near, v.new_zeros(()))) / ALPHA + torch.log(1 + sum(far, v.new_zeros(()))) / BETA
        )
    return sum(terms) / len(terms)


def slow_supcon(v, relation, metric, margin, temperature):
    """Khosla 2020, equation 2, over the known pairs; anchors without a positive have no term."""
    terms = []
    for i, row in enumerate(relation.tolist()):
        likeness = [torch.exp(-slow_distance(v[i], other, metric) / temperature) for other in v]
        positives = [likeness[j] for j, sort in enumerate(row) if sort == ALIKE]
        known = sum(likeness[j] for j, sort in enumerate(row) if sort != UNKNOWN)
        if positives:
            terms.append(-sum(torch.log(p / known) for p in positives) / len(positives))
    return sum(terms) / len(terms)


SLOW = {"triplet": slow_triplet, "contrastive": slow_contrastive}
SLOW_OF_PAIRS = {"multi-similarity": slow_multi_similarity, "supcon": slow_supcon}


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(("margin", "temperature"), [(0.3, 0.1), (0.7, 0.5)])
@pytest.mark.parametrize("name", SLOW_OF_PAIRS)
def test_loss_of_pairs_and_its_gradient_equal_those_of_a_slow_loop(name, margin, temperature, metric):
    """Anchors are compared with references beyond their batch; unknown pairs change nothing."""
    for seed in range(4):
        vectors, relation = unit_rows(9, seed=seed).requires_grad_(), relations(seed=seed)
        loss = build_loss(name, margin=margin, metric=metric, temperature=temperature)
        found = loss(vectors[:6], known_pairs(relation), vectors)
        (gradient,) = torch.autograd.grad(found, vectors)
        expected = SLOW_OF_PAIRS[name](vectors, relation, metric, margin, temperature)
        (slow,) = torch.autograd.grad(expected, vectors)
        assert math.isclose(found.item(), expected.item(), rel_tol=1e-6)
        assert torch.allclose(gradient, slow, rtol=1e-5, atol=1e-7) and gradient.abs().max() > 1e-3


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("name", LOSSES)
def test_gradient_equals_finite_differences(name, metric):
    """Along a drawn direction, with a step at which a kink is unlikely: no term of these vectors lies so near one."""
    vectors, direction = unit_rows(9, seed=3), unit_rows(9, seed=4)
    found = known_pairs(relations(seed=3)) if not loss_named(name).is_mined else TRIPLETS
    loss = build_loss(name, margin=0.5, metric=metric)

    def at(step):
        moved = vectors + step * direction
        return loss(moved[:6], found, moved)

    start = vectors.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(start[:6], found, start), start)
    by_steps = float(at(1e-6) - at(-1e-6)) / 2e-6
    assert math.isclose(float((gradient * direction).sum()), by_steps, rel_tol=1e-4, abs_tol=1e-7)


@pytest.mark.parametrize("name", SLOW_OF_PAIRS)
def test_loss_of_pairs_pulls_alike_nearer_and_pushes_unlike_away(name):
    vectors = unit_rows(4).requires_grad_()
    relation = torch.tensor([[UNKNOWN, ALIKE, UNLIKE, UNKNOWN], [ALIKE, UNKNOWN, UNLIKE, UNKNOWN]])
    build_loss(name, margin=0.5, metric="cosine")(vectors[:2], known_pairs(relation), vectors).backward()
    moved = torch.nn.functional.normalize(vectors - 0.05 * vectors.grad, dim=1).detach().numpy()
    before = vectors.detach().numpy()
    assert distance(moved[0], moved[1]) < distance(before[0], before[1])
    assert distance(moved[0], moved[2]) > distance(before[0], before[2])
    assert (vectors.grad[3] == 0).all()  # of whom nothing is known


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("margin", [0.05, 0.3, 1.2])
@pytest.mark.parametrize("name", SLOW)
def test_loss_equals_a_slow_loop_over_our_own_distance(name, margin, metric):
    for seed in range(5):
        vectors = unit_rows(seed=seed)
        found = float(build_loss(name, margin=margin, metric=metric)(vectors, TRIPLETS, vectors))
        assert math.isclose(found, SLOW[name](vectors.numpy(), margin, metric), abs_tol=1e-7)


@pytest.mark.parametrize("name", SLOW)
def test_no_triplets_give_zero_not_nan(name):
    empty = (torch.empty(0, dtype=torch.long),) * 3
    assert float(build_loss(name, margin=0.3, metric="cosine")(unit_rows(), empty, unit_rows())) == 0.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("name", SLOW)
def test_gradient_stays_finite_when_all_scans_have_one_vector(name, metric):
    vectors = unit_rows(1).repeat(6, 1).requires_grad_()
    build_loss(name, margin=0.3, metric=metric)(vectors, TRIPLETS, vectors).backward()
    assert torch.isfinite(vectors.grad).all()


@pytest.mark.parametrize("name", SLOW)
def test_descending_brings_alike_nearer_and_unlike_farther(name):
    vectors = unit_rows().requires_grad_()
    triplets = tuple(torch.tensor(rows) for rows in ([0, 1], [1, 0], [2, 2]))
    build_loss(name, margin=1.9, metric="cosine")(vectors, triplets, vectors).backward()
    moved = torch.nn.functional.normalize(vectors - 0.05 * vectors.grad, dim=1).detach().numpy()
    before = vectors.detach().numpy()
    assert distance(moved[0], moved[1]) < distance(before[0], before[1])
    assert distance(moved[0], moved[2]) > distance(before[0], before[2])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"'ntxent'.*contrastive"):
        build_loss("ntxent", margin=0.1, metric="cosine")
    with pytest.raises(ValueError, match="manhattan"):
        build_loss("triplet", margin=0.1, metric="manhattan")
