"""Pairs to judge: vectors are put into the tables; what a reader sees is looked at in the public JSON and the page."""

import json

import pytest
from sqlalchemy import select
from vector_nights import night, vectors

from db.base import table_of
from db.forgetting import forget_core
from db.lists import current_matches
from db.tables import Control
from db.theirs import theirs_of
from db.verdicts import newest_verdicts, save_pair_verdict
from flows.operator.status import standing
from flows.operator.verdict_statistics import labels_from_verdicts
from flows.site.opened import open_site

SCAN = "s0-039"  # the latest: 39 other patients have an earlier scan


@pytest.fixture
def make_judged(make_site):
    def make(url=None, share="0.25", n=40):
        site = make_site(url=url, k="6", control_share=share)
        night(site, (range(n), vectors(n), 0))
        return site

    return make


@pytest.fixture
def ask(call):
    def ask(site, *words):
        code, out, err = call(*words, "--config", site.config, "--json")
        assert code == 0, err
        return json.loads(out)

    return ask


def matched(site):
    with site.db.read() as connection:
        return {row.prior: row.id for row in current_matches(connection, "enc") if row.scan == SCAN}


def recorded(site):
    with site.db.read() as connection:
        return {row.prior for row in connection.execute(select(table_of(Control))) if row.scan == SCAN}


def test_controls_are_other_patients_earlier_scans_and_nothing_tells_them_apart(make_judged, ask, db_url):
    site = make_judged(db_url)
    found = ask(site, "similar", SCAN, "--judge")
    shown, listed, drawn = [row["scan"] for row in found["pairs"]], matched(site).keys(), recorded(site)
    assert set(shown) == listed | drawn
    assert (len(listed), len(drawn), listed & drawn) == (6, 2, set())  # two of eight are a quarter
    assert SCAN not in drawn
    assert {tuple(row) for row in found["pairs"]} == {("pair", "scan", "patient", "acquired", "contrast")}
    assert shown not in (sorted(shown), sorted(shown, key=lambda p: (p in drawn, p)))
    assert set(found) == {"schema", "scan", "pairs"}


def test_the_same_archive_draws_the_same_and_a_grown_one_keeps_what_was_shown(make_judged, ask):
    site = make_judged()
    first, drawn = ask(site, "similar", SCAN, "--judge"), recorded(site)
    assert ask(site, "similar", SCAN, "--judge") == first
    earlier = range(40, 400)
    table = vectors(400, seed=3)
    table[:40] = vectors(40)
    table[40:] = -vectors(40)[39]  # as far away as can be: no new match, only more to draw from
    night(site, (earlier, table, -1))
    assert ask(site, "similar", SCAN, "--judge") == first
    assert recorded(site) == drawn


def test_without_the_setting_there_are_no_controls(make_judged, ask):
    site = make_judged(share="0.0")
    assert {row["scan"] for row in ask(site, "similar", SCAN, "--judge")["pairs"]} == matched(site).keys()
    assert recorded(site) == set()


def test_programs_that_ask_for_the_lists_never_see_a_control(make_judged, ask):
    site = make_judged()
    before = ask(site, "similar", SCAN)
    ask(site, "similar", SCAN, "--judge")
    assert ask(site, "similar", SCAN) == before


def test_a_verdict_on_a_pair_counts_for_matches_or_for_controls_and_says_not_which(make_judged, ask):
    site = make_judged()
    pairs = ask(site, "similar", SCAN, "--judge")["pairs"]
    listed, drawn, before = matched(site), recorded(site), ask(site, "similar", SCAN)
    for row in pairs:
        said = "relevant" if row["scan"] in listed else "not-relevant"
        answer = ask(site, "verdict", row["pair"], said, "--by", "Dr A")
        assert set(answer) == {"schema", "id", "pair", "verdict", "by"}
    precision = {row.band: row for row in standing(open_site(site.config)).review.precision}
    assert set(precision) == {"not calibrated", "random controls"}
    told = {band: (row.relevant, row.not_relevant) for band, row in precision.items()}
    assert told == {"not calibrated": (6, 0), "random controls": (0, 2)}
    assert ask(site, "similar", SCAN) == before
    with site.db.read() as connection:
        rows = newest_verdicts(connection)
    assert {row.prior for row in rows if row.is_control} == drawn
    assert labels_from_verdicts(open_site(site.config)).labels == 7  # the scan and its six matches


def test_status_has_a_row_for_random_controls(make_judged, ask, call):
    site = make_judged()
    ask(site, "similar", SCAN, "--judge")
    with site.db.write() as connection:
        save_pair_verdict(connection, scan=SCAN, prior=min(recorded(site)), verdict="relevant", by="A")
    _, out, _ = call("status", "--config", site.config)
    assert "random controls" in out


def test_a_pair_that_was_not_shown_and_words_that_are_no_pair_are_refused(make_judged, call):
    site = make_judged()
    code, _, err = call("verdict", f"{SCAN}:s0-000x", "relevant", "--by", "A", "--config", site.config)
    assert (code, "no scan key begins" in err) == (1, True)
    other = min({f"s0-{p:03}" for p in range(39)} - matched(site).keys())
    code, _, err = call("verdict", f"{SCAN}:{other}", "relevant", "--by", "A", "--config", site.config)
    assert (code, "--judge" in err) == (1, True)
    assert call("verdict", "first", "relevant", "--by", "A", "--config", site.config)[0] == 2


def test_the_page_shows_every_pair_by_name_and_neither_rank_nor_distance(make_judged, ask):
    site = make_judged()
    page = site.store / "pairs.html"
    found = ask(site, "similar", SCAN, "--judge", "--page", page)
    text = page.read_text()
    assert all(row["pair"] in text for row in found["pairs"])
    assert "Chance" not in text and "By chance" not in text and ">rank " not in text
    for distance in (row["distance"] for lane in ask(site, "similar", SCAN)["lanes"] for row in lane["matches"]):
        assert f"{distance:.4f}" not in text


def test_a_scan_without_a_list_has_nothing_to_judge(make_judged, call):
    site = make_judged()
    code, _, err = call("similar", "s0-000", "--judge", "--config", open_site(site.config).config)
    assert (code, "no list of similar cases" in err) == (1, True)


def test_who_is_forgotten_is_no_control_any_more(make_judged, ask, db_url):
    site = make_judged(db_url)
    ask(site, "similar", SCAN, "--judge")
    gone, *left = sorted(recorded(site))
    with site.db.write() as connection:
        forget_core(connection, theirs_of(connection, f"p{gone[-3:]}"))
    assert recorded(site) == set(left)


def test_a_control_is_earlier_and_of_a_patient_whom_the_list_does_not_show(make_judged, ask):
    site = make_judged()
    found = ask(site, "similar", "s0-008", "--judge")  # eight are earlier, six of them listed: two are left to draw
    assert {row["scan"] for row in found["pairs"]} == {f"s0-{p:03}" for p in range(8)}
