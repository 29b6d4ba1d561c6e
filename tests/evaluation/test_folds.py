import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.folds import TooManyPatients, dealt
from siamese.pairs import split

numbers = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40)


@given(numbers)
def test_every_patient_is_asked_about_in_one_fold_learned_from_in_three(make_example, drawn):
    examples = [make_example(f"p{i}-{visit}", number=number) for i, number in enumerate(drawn) for visit in (1, 2)]
    parts = [split(dealt(examples, fold)) for fold in range(5)]
    for name, times in (("test", 1), ("validation", 1), ("train", 3)):
        counted = [e.scan for part in parts for e in part[name]]
        assert sorted(counted) == sorted([e.scan for e in examples] * times)


def test_a_fold_is_a_fifth_of_the_numbers_and_the_next_one_chooses_the_epoch(make_example):
    examples = [make_example(f"p{i}-1", number=i / 10 + 0.05) for i in range(10)]
    parts = split(dealt(examples, 4))
    assert [e.scan for e in parts["test"]] == ["p8-1", "p9-1"]
    assert [e.scan for e in parts["validation"]] == ["p0-1", "p1-1"]


def test_three_hundred_patients_are_split_and_not_folded(make_example):
    examples = [make_example(f"p{i}-1") for i in range(300)]
    assert len(dealt(examples[:299], 0)) == 299
    with pytest.raises(TooManyPatients, match="300 patients"):
        dealt(examples, 0)


def test_there_is_no_sixth_fold(make_example):
    with pytest.raises(ValueError, match="wanted 0 to 4"):
        dealt([make_example("p-1")], 5)
