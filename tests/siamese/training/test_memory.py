"""What batches before are remembered by, and who is alike across them."""

import pytest
import torch

from siamese.pairs import ALIKE, UNKNOWN, UNLIKE, relations
from siamese.training.losses import build_loss, known_pairs
from siamese.training.memory import Memory


def rows(n, seed):
    drawn = torch.randn((n, 5), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=1)


def test_it_holds_the_newest_in_their_order_and_the_oldest_go(make_example):
    memory, batches = Memory(5), [rows(2, seed) for seed in range(4)]
    for number, batch in enumerate(batches):
        memory.add(batch, [make_example(f"p{number}-1"), make_example(f"p{number}-2")])
    assert [e.scan for e in memory.examples] == ["p1-2", "p2-1", "p2-2", "p3-1", "p3-2"]
    assert torch.equal(memory.vectors, torch.cat(batches)[-5:])


def test_no_size_is_no_memory(make_example):
    memory = Memory(0)
    memory.add(rows(2, 0), [make_example("a-1"), make_example("b-1")])
    assert memory.examples == [] and torch.equal(memory.beside(rows(3, 1)), rows(3, 1))


def test_what_is_remembered_has_no_gradient_and_the_batch_has(make_example):
    memory, old, new = Memory(8), rows(2, 0).requires_grad_(), rows(2, 1).requires_grad_()
    memory.add(old * 1.0, [make_example("a-1"), make_example("b-1")])
    memory.beside(new).square().sum().backward()
    assert old.grad is None and torch.allclose(new.grad, 2 * new)


def test_a_scan_from_before_is_no_pair_of_its_own_and_studies_and_patients_hold_as_within_a_batch(make_example):
    memory = Memory(8)
    before = [
        make_example("a-1"), make_example("a-2", study="study-a-1"), make_example("a-3"), make_example("b-1"),
        make_example("b-2", kind="ct/head/3d"),
    ]  # fmt: skip
    memory.add(rows(5, 0), before)
    row = relations([make_example("a-1"), *memory.examples], "patient")[0, 1:]
    assert row.tolist() == [UNKNOWN, UNKNOWN, ALIKE, UNLIKE, UNKNOWN]  # itself, its study, its patient, another, a kind
    assert relations([make_example("a-1"), *memory.examples], "view")[0, 1] == ALIKE


def slow(batch, remembered, relation):
    """Wang 2020: anchors of the batch against the batch and the queue; contrastive with margin 0.5, a mean above 0."""
    references = [*batch, *remembered]
    near, far = [], []
    for i, anchor in enumerate(batch):
        for j, other in enumerate(references):
            away = 1 - anchor @ other / (anchor.norm() * other.norm())
            if relation[i, j] == ALIKE:
                near.append(away)
            elif relation[i, j] == UNLIKE:
                far.append((0.5 - away).clamp(min=0))
    return sum(sum(kept) / len(kept) for sort in (near, far) if (kept := [term for term in sort if term > 0]))


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_with_memory_equals_a_slow_loop_over_the_queue(make_example, seed):
    """Value, and the gradient of the batch."""
    memory = Memory(6)
    for batch in range(3):
        people = [make_example(f"{name}-{batch}") for name in "abcd"]
        memory.add(rows(4, 10 * seed + batch), people)
    batch = [make_example(f"{name}-9") for name in "aceg"]
    vectors = rows(4, 10 * seed + 9).requires_grad_()
    relation = torch.from_numpy(relations([*batch, *memory.examples], "patient")[:4])
    anchors, positives, others, negatives = known_pairs(relation)
    triplets = [
        (int(a), int(p), int(n))
        for a, p in zip(anchors, positives, strict=True)
        for b, n in zip(others, negatives, strict=True)
        if a == b
    ]
    seen = relation.clone()
    seen[[i for i in range(4) if i not in {a for a, _, _ in triplets}]] = UNKNOWN  # without an alike one: no triplet
    loss = build_loss("contrastive", margin=0.5, metric="cosine")
    columns = tuple(torch.tensor(column) for column in zip(*triplets, strict=True))
    found = loss(vectors, columns, memory.beside(vectors))
    expected = slow(list(vectors), list(memory.vectors), seen)
    assert any(positive >= 4 for _, positive, _ in triplets)  # found in the queue alone
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    ours, theirs = (torch.autograd.grad(value, vectors)[0] for value in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-9) and ours.abs().max() > 1e-3
