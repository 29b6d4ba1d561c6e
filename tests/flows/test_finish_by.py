"""finish_by ends matching too: what is done is kept, the rest is the next night's, and promise 3 holds."""

from itertools import count

import pytest
from nights import run, tables

from db.backlog import work_left_by_stage
from flows.stages.match.verify import verify_matches
from flows.work.lease import Ticket

BEFORE = ("ingest", "encoder", "embed")
MOST_NIGHTS = 40


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr("flows.stages.match.lists.JOINERS_PER_STEP", 3)
    monkeypatch.setattr("flows.stages.match.lists.LISTS_PER_WRITE", 2)


def late_after(monkeypatch, n_looks):
    """Let the time to publish come at the look of this number."""
    looks = count()
    monkeypatch.setattr(Ticket, "is_late", lambda self: next(looks) >= n_looks)


def waiting(site):
    with site.db.read() as connection:
        return work_left_by_stage(connection)["match"]


def nights_until_done(site, monkeypatch, n_looks):
    """Match night by night, each cut at the same point; every one gets on with the scans that wait for their lists."""
    states = []
    while not states or states[-1] == "partial":
        before = waiting(site)
        late_after(monkeypatch, n_looks)
        states.append(run(site, "match").state)
        assert waiting(site) < before or before == 0
        assert len(states) <= MOST_NIGHTS, "the nights do not get on"
    monkeypatch.undo()
    return states


@pytest.fixture
def whole(hospital, make_site):
    """A site whose lists were made in one go."""
    site = make_site("whole")
    hospital.deliver(site.archive)
    run(site)
    return site


@pytest.mark.parametrize("n_looks", [0, 1, 2])
def test_matching_cut_night_by_night_ends_with_the_tables_of_one_night(
    hospital, whole, make_site, db_url, monkeypatch, small_steps, n_looks
):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site, *BEFORE)
    states = nights_until_done(site, monkeypatch, n_looks)
    assert states.count("partial") >= 1
    assert tables(site) == tables(whole)
    assert verify_matches(site).wrong == 0


@pytest.mark.parametrize("n_looks", [0, 2])
def test_scans_that_leave_and_an_older_one_that_comes_are_worked_off_night_by_night(
    hospital, whole, make_site, monkeypatch, small_steps, n_looks
):
    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    for name in ("10", "again", "ctP4-2"):
        (site.archive / name).unlink()
        (whole.archive / name).unlink()
    run(whole)
    run(site, *BEFORE)
    nights_until_done(site, monkeypatch, n_looks)
    assert tables(site) == tables(whole)
    hospital.deliver(site.archive)
    hospital.deliver(whole.archive)
    run(whole)
    run(site, *BEFORE)
    nights_until_done(site, monkeypatch, n_looks)
    assert tables(site) == tables(whole)


def test_a_late_night_says_that_it_is_partial_and_how_much_waits(hospital, make_site, monkeypatch, small_steps):
    site = make_site()
    hospital.deliver(site.archive)
    run(site, *BEFORE)
    late_after(monkeypatch, 0)
    night = run(site, "match")
    assert (night.state, night.next) == ("partial", "scantwin night")
    assert night.backlog == waiting(site) > 0
    assert night.matches["current"] > 0  # what a step wrote is published
