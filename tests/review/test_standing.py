"""What an encoder is said to have shown: its newest evaluation for its purpose, or why there is none."""

from datetime import date

import pytest

from db.encoders import active_encoders
from db.evaluations import save_evaluation
from review.standing import standing

FIRST = {
    "night": 1, "encoder": "e", "cover": "3d", "task": "patient", "kind": "", "gallery": "prior",
    "n_queries": 40, "n_patients": 20, "p_at_1": 0.9, "p_at_1_low": 0.8, "p_at_1_high": 0.95, "map_at_r": None,
    "map_at_r_low": None, "map_at_r_high": None, "lift_over": "demographics", "lift": 0.4, "lift_low": 0.1,
    "lift_high": 0.6, "code": "earned", "result": "{}",
}  # fmt: skip
MEASURED = (
    "in 90 % of 40 searches (80 % to 95 %) the first answer is of the same patient; going by age and sex, of the plain "
    "ways the hardest to beat, reaches 50 %"
)


@pytest.fixture
def empty_house(make_house):
    return make_house()


def said(house, *readings, **encoder):
    house.encoder(vectors_of=[], **{"purpose": "patient", "provisional": False, **encoder})
    with house.write() as connection:
        for reading in readings:
            save_evaluation(connection, FIRST | reading)
        (row,) = active_encoders(connection)
        return standing(connection, row)


def test_an_earned_encoder_shows_its_share_and_that_of_the_best_plain_way(empty_house):
    assert said(empty_house, {}) == f"{MEASURED}, less than this encoder"


def test_a_provisional_one_is_not_said_to_be_better(empty_house):
    assert said(empty_house, {"code": "provisional"}, provisional=True) == MEASURED


def test_other_tasks_and_single_kinds_say_nothing_of_it(empty_house):
    others = {"task": "finding", "p_at_1": 0.1}, {"kind": "ct/chest", "p_at_1": 0.2}
    assert said(empty_house, {}, *others).startswith(MEASURED)


def test_the_newest_reading_counts(empty_house):
    assert said(empty_house, {"p_at_1": 0.7}, {}).startswith(MEASURED)


def test_where_nothing_could_be_found_nothing_is_claimed(empty_house):
    nothing = {"p_at_1": None, "p_at_1_low": None, "p_at_1_high": None, "lift": None, "lift_over": ""}
    assert (
        said(empty_house, nothing, provisional=True) == "no search had anything relevant to find: nothing was measured"
    )


@pytest.mark.parametrize(("origin", "n_known"), [("trained", 0), ("starter", 3)])
def test_before_anything_was_measured_it_says_who_is_missing(empty_house, origin, n_known):
    with empty_house.write():
        for number in range(3):  # all of them of the training split
            empty_house.scan(f"s{number}", f"p{number}", date(2026, 1, 1 + number))
    told = said(empty_house, provisional=True, origin=origin)
    assert told == f"not judged yet: {n_known} patients are here whom it never saw, 10 are wanted"
