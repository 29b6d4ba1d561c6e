"""What an encoder is said to have shown: its newest evaluation for its purpose, or why there is none."""

from datetime import UTC, datetime

import pytest
from nights import run
from sqlalchemy import select, update

from db.encoders import active_encoders, save_encoder, set_active_encoder
from db.evaluations import save_evaluation
from db.tables import Patient, Scan
from flows.records.standing import standing

FIRST = {
    "night": None, "encoder": "e", "cover": "3d", "task": "patient", "kind": "", "gallery": "prior",
    "n_queries": 40, "n_patients": 20, "p_at_1": 0.9, "p_at_1_low": 0.8, "p_at_1_high": 0.95, "map_at_r": None,
    "map_at_r_low": None, "map_at_r_high": None, "lift_over": "demographics", "lift": 0.4, "lift_low": 0.1,
    "lift_high": 0.6, "code": "earned", "result": "{}",
}  # fmt: skip
MEASURED = (
    "in 90 % of 40 searches (80 % to 95 %) the first answer is of the same patient; going by age and sex, of the plain "
    "ways the hardest to beat, reaches 50 %"
)


@pytest.fixture
def site(make_site):
    return make_site()


def said(site, *readings, **encoder):
    """The sentence about an active encoder that has these evaluations."""
    values = {"purpose": "patient", "provisional": False, "origin": "trained", "created_night": None} | encoder
    row = {
        "id": "e", "cover": "3d", "backbone": "b", "dim": 2, "metric": "cosine", "recipe": "r", "folder": "f",
        "manifest": "{}", "created_at": datetime(2026, 11, 1, tzinfo=UTC),
    } | values  # fmt: skip
    with site.db.write() as connection:
        save_encoder(connection, row)
        set_active_encoder(connection, cover="3d", purpose=row["purpose"], encoder="e", reason="test")
        for reading in readings:
            save_evaluation(connection, FIRST | reading)
        (active,) = [one for one in active_encoders(connection) if one.cover == "3d"]
        return standing(connection, active)


def test_an_earned_encoder_shows_its_share_and_that_of_the_best_plain_way(site):
    assert said(site, {}) == f"{MEASURED}, less than this encoder"


def test_a_provisional_one_is_not_said_to_be_better(site):
    assert said(site, {"code": "provisional"}, provisional=True) == MEASURED


def test_other_tasks_and_single_kinds_say_nothing_of_it(site):
    others = {"task": "finding", "p_at_1": 0.1}, {"kind": "ct/chest", "p_at_1": 0.2}
    assert said(site, {}, *others).startswith(MEASURED)


def test_the_newest_reading_counts(site):
    assert said(site, {"p_at_1": 0.7}, {}).startswith(MEASURED)


def test_where_nothing_could_be_found_nothing_is_claimed(site):
    nothing = {"p_at_1": None, "p_at_1_low": None, "p_at_1_high": None, "lift": None, "lift_over": ""}
    assert said(site, nothing, provisional=True) == "no search had anything relevant to find: nothing was measured"


def test_without_any_scan_of_its_cover_it_says_so(site):
    assert said(site, provisional=True) == "not judged yet: no scan of this cover is here"


@pytest.mark.parametrize(("origin", "n_known"), [("trained", 1), ("starter", 3)])
def test_before_anything_was_measured_it_says_who_is_missing(site, hospital, origin, n_known):
    hospital.deliver(site.archive)
    run(site, "ingest")
    with site.db.write() as connection:
        people = sorted(connection.scalars(select(Scan.patient).where(Scan.cover == "3d").distinct()))
        for patient, split in zip(people, (0.1, 0.7, 0.9), strict=True):
            connection.execute(update(Patient).where(Patient.key == patient).values(split=split))
    told = said(site, provisional=True, origin=origin)
    people = "1 patient is" if n_known == 1 else f"{n_known} patients are"
    assert told == f"not judged yet: {people} here whom it never saw, 10 are wanted"
