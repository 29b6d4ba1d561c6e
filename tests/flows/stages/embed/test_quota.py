"""Encoder inputs under a quota: what is dropped, what is kept, and that the lists never tell the difference."""

from dataclasses import replace
from pathlib import Path

import pytest
from nights import Killed, evaluations, run, tables
from sqlalchemy import update

from db import identity
from db.inputs import LAPSES, REQUEST, request_recipe, requested_recipes, scans_by_split
from db.scans import eligible_scans
from flows.evaluate.one import evaluate_site
from flows.evaluate.request import EvaluationRequest
from flows.operator.forget import forget_patient
from flows.operator.status import standing
from flows.site.errors import NotFound
from flows.site.opened import open_site
from flows.stages.embed import quota
from flows.stages.embed.quota import stored_inputs
from flows.stages.encoder.registry import roll_back
from flows.stages.match.verify import verify_matches
from siamese.recipe import recipe_for
from siamese.training.sample import FIRST_NIGHT

BACKBONE = "efficientnet-lite0-2x2"  # a quarter of the numbers
FITS = {"train_when": '"missing"', "backbone": f'"{BACKBONE}"'}
NONE, MUCH = {"inputs_gib": "0.0"}, {"inputs_gib": "50.0"}


def kept(site) -> int:
    return sum(map(len, stored_inputs(site.store).values()))


def by_nights(site, hospital, n: int) -> None:
    """Deliver every nth file of the hospital a night."""
    for night in range(n):
        hospital.deliver(site.archive, hospital.files[night::n])
        run(site)


def with_quota(site, gib: float):
    """The same site with another quota."""
    site.config.write_text(site.config.read_text().replace("inputs_gib = 50.0", f"inputs_gib = {gib!r}"))
    return open_site(site.config)


@pytest.fixture
def whole(hospital, make_site):
    """Tables after one night that dropped nothing."""
    site = make_site("whole", **MUCH)
    hospital.deliver(site.archive)
    found = run(site)
    assert (found.inputs["dropped"], found.inputs["kept"]) == (0, kept(site))
    return tables(site)


def test_lists_are_the_same_when_no_input_is_kept_longer_than_needed(hospital, make_site, whole, db_url):
    site = make_site(url=db_url, **NONE)
    by_nights(site, hospital, 3)
    assert tables(site) == whole and kept(site) == 0
    assert verify_matches(site).wrong == 0
    again = run(site)
    assert (standing(site).inputs.kept, standing(site).inputs.quota_gib) == (0, 0.0)
    assert (again.state, again.inputs) == ("nothing_new", {"kept": 0, "bytes": 0, "dropped": 0, "to_make": 0})


@pytest.mark.parametrize("number", [1, 3, 7])
def test_killed_while_inputs_are_dropped_nothing_is_lost(hospital, make_site, whole, monkeypatch, number):
    site, unlink, seen = make_site(**NONE), Path.unlink, []

    def die(path, missing_ok=False):
        seen.append(path)
        if "tensors" in path.parts and len(seen) >= number:
            raise Killed
        unlink(path, missing_ok)

    hospital.deliver(site.archive, hospital.files[::2])
    monkeypatch.setattr(quota.Path, "unlink", die)
    monkeypatch.setattr("flows.work.lease.is_dead", lambda name: True)
    with pytest.raises(Killed):
        run(site)
    monkeypatch.setattr(quota.Path, "unlink", unlink)
    hospital.deliver(site.archive)
    run(site)
    assert tables(site) == whole
    run(site)
    assert kept(site) == 0  # also those of half a volume, which was withdrawn the night before


def test_those_of_the_highest_numbers_go_first_and_no_more_than_the_quota_asks(hospital, make_site):
    site = make_site(**MUCH)
    hospital.deliver(site.archive)
    run(site)
    sizes = {scan: size for scans in stored_inputs(site.store).values() for scan, size in scans.items()}
    with site.db.read() as connection:
        order = [row.key for row in scans_by_split(connection)]
        numbers = [row.split for row in scans_by_split(connection)]
    assert numbers == sorted(numbers, reverse=True) and set(order) == set(sizes)
    site = with_quota(site, (sum(sizes.values()) - sizes[order[0]] - 1) / 2**30)
    run(site)
    assert {scan for scans in stored_inputs(site.store).values() for scan in scans} == set(order[2:])
    assert standing(site).inputs.dropped == 2


@pytest.fixture
def quick(monkeypatch):
    """A head of few views."""
    few = {cover: replace(budget, viewed=4, views=1) for cover, budget in FIRST_NIGHT.items()}
    monkeypatch.setattr("siamese.training.head.FIRST_NIGHT", few)


def test_the_inputs_that_a_head_is_fitted_to_stay_and_a_later_head_is_the_same(make_site, people, quick):
    found = {}
    for name, changes in (("much", MUCH), ("none", NONE)):
        site = make_site(name, **FITS, **changes)
        people(site.archive, range(12))
        run(site)
        if name == "none":
            with site.db.read() as connection:
                train = {row.key for row in eligible_scans(connection, "2d") if row.split < 0.6}
            (stored,) = stored_inputs(site.store).values()
            assert set(stored) == train and 5 <= len(train) < 12
        people(site.archive, range(12, 30))
        told = [run(site).inputs["to_make"]]  # of the people that the second head is held against
        while told[-1]:  # and of those that it has no vector of yet
            told.append(run(site).inputs["to_make"])
        assert (len(told) > 1) == (name == "none") and len(told) < 5
        run(site)
        found[name] = tables(site)
    assert found["none"] == found["much"] and len({row[1] for row in found["none"]["vectors"]}) == 2


def test_after_a_switch_to_other_inputs_and_back_the_lists_are_the_same_and_nothing_is_read_for_ever(
    make_site, people, quick
):
    found = {}
    for name, changes in (("much", MUCH), ("none", NONE)):
        site = make_site(name, **changes)
        people(site.archive, range(11))
        run(site)
        text = site.config.read_text().replace('backbone = "small"', f'backbone = "{BACKBONE}"')
        site.config.write_text(text.replace('train_when = "never"', 'train_when = "missing"'))
        site = open_site(site.config)
        nights = [run(site) for _ in range(3)]
        assert [(night.exit, night.inputs["to_make"]) for night in nights] == [(0, 11), (0, 0), (0, 0)]
        assert stored_inputs(site.store).keys() == {recipe_for("2d", BACKBONE).digest()}  # the old one's went at once
        people(site.archive, range(11, 14))
        run(site)
        roll_back(site, "2d")
        back = run(site)
        assert (back.state, back.exit) == ("partial", 0)
        assert back.inputs["to_make"] >= 3  # they never had the old one's input; and it is judged once more
        again = [run(site) for _ in range(2)]
        assert [(night.state, night.inputs["to_make"]) for night in again] == [("finished", 0), ("nothing_new", 0)]
        assert verify_matches(site).wrong == 0
        found[name] = tables(site)
    assert found["none"] == found["much"]


def test_what_serves_is_judged_after_the_archive_was_read_again_and_then_its_inputs_go(make_site, people):
    site = make_site(train_when='"missing"', **NONE)
    for numbers in (range(9), range(9, 11)):
        people(site.archive, numbers)
        people(site.archive, numbers, year=2016)
        told = run(site)
    sample = kept(site) - 4  # of training, kept for a head; the four are new, and wait with the others to be judged by
    assert told.inputs["to_make"] == 18 - sample > 0 and evaluations(site) == []
    again = run(site)
    assert len(evaluations(site)) == 1 and again.inputs["dropped"] == 22 - again.inputs["kept"] > 0
    assert (run(site).state, kept(site)) == ("nothing_new", again.inputs["kept"])


def test_a_person_who_evaluates_is_told_when_to_come_back_and_finds_the_inputs_then(make_site, people):
    site = make_site(**NONE)
    for year in (2015, 2016):
        people(site.archive, range(11), year=year)
    run(site)
    request = EvaluationRequest(task="patient", n_resamples=20, n_permutations=9)
    with pytest.raises(NotFound, match=r"22 scans are not kept any more .* asked for"):
        evaluate_site(site, request)
    night = run(site)
    assert (night.exit, night.inputs["dropped"], night.inputs["kept"]) == (0, 0, 22)
    assert evaluate_site(site, request).reading == 1
    assert run(site).inputs["dropped"] == 22


def test_what_nobody_came_back_for_lapses(make_site):
    site = make_site()
    with site.db.write() as connection:
        request_recipe(connection, "0" * 16, "evaluation")
        assert requested_recipes(connection) == {"0" * 16}
        connection.execute(update(REQUEST).values(at=site.db.now(connection) - LAPSES))
        assert not requested_recipes(connection)


def test_a_known_series_is_not_decoded_again_for_inputs_that_nobody_needs(hospital, make_site, monkeypatch):
    site = make_site(**NONE)
    hospital.deliver(site.archive)
    run(site)
    with site.db.write() as connection:
        identity.request_regroup_all(connection)
    monkeypatch.setattr("flows.stages.ingest.scans.read_volume", None)
    assert run(site).exit == 0


def test_whoever_is_forgotten_leaves_no_input_whatever_is_waited_for(make_site, people):
    site = make_site(**NONE)
    people(site.archive, range(3))
    run(site, "ingest")
    with site.db.read() as connection:
        scans = {row.key: row.patient for row in eligible_scans(connection, "2d")}
    assert kept(site) == 3
    scan, patient = next(iter(scans.items()))
    forget_patient(site, patient)
    assert scan not in {key for keys in stored_inputs(site.store).values() for key in keys} and kept(site) == 2
