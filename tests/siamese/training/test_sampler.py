from collections import Counter

import pytest

from siamese.pairs import ALIKE, UNLIKE, relations
from siamese.training.sampler import build_sampler


def drawn(sampler, examples, n=30):
    return [[examples[i] for i in sampler.batch(epoch, step)] for epoch in range(3) for step in range(n // 3)]


@pytest.fixture
def examples(make_example):
    found = []
    for i in range(40):
        kind = "ct/chest/3d" if i % 2 else "mr/head/3d/t1"
        words = (("x", "y"), ("y", "x"), ("", "x y"))[i % 3]
        found += [make_example(f"p{i}-{visit}", *words, kind=kind) for visit in (1, 2)]
    return found


@pytest.mark.parametrize("purpose", ["finding", "patient", "view"])
def test_batches_are_full_of_one_kind_and_have_pairs_of_both_sorts(examples, purpose):
    batches = drawn(build_sampler(examples, purpose, n_groups=4, n_each=2, seed=0), examples)
    for batch in batches:
        assert len(batch) == 8
        assert len({e.kind for e in batch}) == 1
        assert {ALIKE, UNLIKE} <= set(relations(batch, purpose).flat)
    assert len({batch[0].kind for batch in batches}) == 2


def test_finding_batches_hold_no_two_scans_in_one_group_of_one_patient(examples):
    for batch in drawn(build_sampler(examples, "finding", n_groups=3, n_each=4, seed=0), examples):
        assert max(Counter(e.patient for e in batch).values()) == 1


def test_patient_batches_hold_other_studies_of_the_same_patient(examples):
    for batch in drawn(build_sampler(examples, "patient", n_groups=4, n_each=2, seed=0), examples):
        assert set(Counter(e.patient for e in batch).values()) == {2}
        assert len({e.scan for e in batch}) == 8


def test_view_batches_hold_each_scan_k_times(examples):
    for batch in drawn(build_sampler(examples, "view", n_groups=4, n_each=3, seed=0), examples):
        assert set(Counter(e.scan for e in batch).values()) == {3}


def test_a_batch_is_a_function_of_seed_epoch_and_step(examples):
    def one(seed, epoch, step):
        return build_sampler(examples, "finding", n_groups=4, n_each=2, seed=seed).batch(epoch, step)

    assert one(0, 3, 5) == one(0, 3, 5)
    assert len({tuple(one(*numbers)) for numbers in ((0, 3, 5), (1, 3, 5), (0, 4, 5), (0, 3, 6))}) == 4


def test_patients_who_came_once_fill_a_batch_but_push_no_pair_out(make_example):
    once = [make_example(f"p{i}-1") for i in range(30)]
    twice = [make_example(f"q{i}-{visit}") for i in range(2) for visit in (1, 2)]
    for batch in drawn(build_sampler([*once, *twice], "patient", n_groups=4, n_each=2, seed=0), [*once, *twice]):
        assert {e.scan for e in batch} >= {e.scan for e in twice}
        assert len(batch) == 8


def test_few_scans_give_a_smaller_batch_not_an_endless_loop(make_example):
    few = [make_example("p1-1", "x"), make_example("p2-1", "x"), make_example("p3-1", "", "x")]
    batch = build_sampler(few, "finding", n_groups=8, n_each=4, seed=0).batch(0, 0)
    assert sorted(batch) == [0, 1, 2]


def test_nothing_to_learn_is_an_error(make_example):
    with pytest.raises(ValueError, match="no kind has two groups"):
        build_sampler([make_example("p1-1", "x"), make_example("p2-1", "y")], "finding", n_groups=2, n_each=2, seed=0)
