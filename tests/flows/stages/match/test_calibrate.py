"""Calibrations of a site whose vectors are put into the tables."""

import json

import numpy as np
import pytest
from sqlalchemy import select, text
from vector_nights import KIND, night, vectors

from db import calibrations
from db.base import table_of
from db.labels import save_labels
from db.tables import LaneOutcome, Match
from flows.site.opened import open_site
from flows.stages.match import calibrate as stage
from siamese.calibration.chance import calibrate, share_within
from siamese.search.distance import distances


def current(site):
    columns = ("scan", "prior", "lane", "rank", "distance", "chance_code", "chance_share", "chance_below",
               "chance_low", "chance_high", "chance_basis", "change_code", "change_percentile", "change_references",
               "change_scanner")  # fmt: skip
    match_ = table_of(Match)
    with site.db.read() as connection:
        rows = connection.execute(select(*(match_.c[c] for c in columns)).where(match_.c.left_night.is_(None)))
        return sorted(tuple(row) for row in rows)


def test_a_match_holds_the_share_of_unrelated_patients_that_are_nearer(make_site, db_url):
    site, table = make_site(url=db_url), vectors(60)
    night(site, (range(60), table, 0))
    away = np.stack([distances(row, table, "cosine") for row in table])
    np.fill_diagonal(away, np.nan)
    curve = calibrate(away)
    found = current(site)
    assert found
    for row in found:
        said = share_within(curve, row[4])
        assert row[5] == said.code
        assert row[7] == pytest.approx(said.below, rel=1e-9)
        assert (row[6] is None) == (said.share is None)
        if said.share is not None:  # a plain count of the pairs that are as near
            nearer, farther = (np.mean(away[~np.isnan(away)] <= row[4] + step) for step in (-0.01, 0.01))
            assert nearer <= row[6] <= farther


def test_the_view_multiplies_the_share_by_the_patients_that_could_have_been_listed(make_site, db_url):
    site = make_site(url=db_url)
    night(site, (range(60), vectors(60), 0))
    with site.db.read() as connection:
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM match_for_review")).mappings()]
        shares = {(m.scan, m.prior): m for m in connection.execute(select(table_of(Match)))}
        lanes = {o.scan: o for o in connection.execute(select(table_of(LaneOutcome))) if o.lane == "others"}
    assert {row["chance_code"] for row in rows} <= {"estimate", "fewer-than"}
    for row in rows:
        kept, n = shares[row["scan"], row["prior"]], lanes[row["scan"]].gallery_patients
        assert row["gallery_patients"] == n
        assert row["expected_fewer_than"] == pytest.approx(n * kept.chance_below)
        assert row["expected_by_chance"] == (
            None if kept.chance_share is None else pytest.approx(n * kept.chance_share)
        )


def test_below_fifty_patients_nothing_is_calibrated_and_the_row_says_why(make_site):
    site = make_site()
    night(site, (range(49), vectors(49), 0))
    assert {row[5] for row in current(site)} == {"not-calibrated"}
    with site.db.read() as connection:
        row = calibrations.calibration_of(connection, "enc", KIND)
    assert row.curve == ""
    assert row.why_not.startswith("49 unrelated patients")


def test_the_calibration_does_not_depend_on_the_cut_into_nights(make_site, db_url):
    table, later = vectors(70), vectors(70, seed=1)
    whole, cut = make_site("whole"), make_site("cut", url=db_url)
    night(whole, (range(70), table, 0), (range(30), later, 1))
    night(cut, (range(40, 70), table, 0), (range(10), later, 1))
    night(cut, (range(40), table, 0))
    night(cut, (range(10, 30), later, 1))
    assert current(cut) == current(whole)


def marked(site):
    """(scan, lane) -> code, alarm."""
    with site.db.read() as connection:
        rows = connection.execute(select(table_of(LaneOutcome)))
        return {(row.scan, row.lane): (row.code, row.alarm) for row in rows}


def test_beyond_the_cut_off_there_is_no_similar_case_and_the_nearest_stays_visible(make_site, db_url):
    site = make_site(url=db_url, cutoff_fpir="0.3", cutoff_patients="50", k="3")
    night(site, (range(60), vectors(60), 0))
    with site.db.read() as connection:
        cutoff = calibrations.calibration_of(connection, "enc", KIND).cutoff
    first = {row[0]: row[4] for row in current(site) if row[2] == "others" and row[3] == 1}
    refused = {scan for scan, distance in first.items() if distance > cutoff}
    assert {scan for (scan, _), (code, _) in marked(site).items() if code == "no-similar-case"} == refused
    assert 0 < len(refused) < len(first)
    before, again = marked(site), night(site)
    assert (marked(site), again["lane_codes"]) == (before, 0)


def test_without_a_cut_off_lists_end_as_they_always_did(make_site):
    site = make_site()
    night(site, (range(60), vectors(60), 0))
    assert {code for code, _ in marked(site).values()} == {"ok", "fewer-than-k", "no-prior"}
    assert {alarm for _, alarm in marked(site).values()} == {""}


def test_a_scan_far_from_its_own_prior_and_near_another_patient_raises_both_alarms(make_site, db_url):
    site, table = make_site(url=db_url, alarm_fpir="0.05"), vectors(60)
    swapped = table.copy()
    swapped[[0, 1]] = swapped[[1, 0]]  # the second visits of two patients stand under each other's names
    night(site, (range(60), table, 0), (range(60), swapped, 1), purpose="patient")
    found = marked(site)
    wrong = {scan for (scan, lane), (_, alarm) in found.items() if alarm == "possible-wrong-patient"}
    same = {scan for (scan, lane), (_, alarm) in found.items() if alarm == "possible-same-person"}
    assert wrong == {"s1-000", "s1-001"}
    assert {"s1-000", "s1-001"} <= same
    assert len(same) <= 0.1 * 120


def test_too_few_patients_are_no_reference_for_an_alarm(make_site):
    site = make_site()
    night(site, (range(20), vectors(20), 0), (range(20), vectors(20), 1), purpose="patient")
    found = {(lane, alarm) for (scan, lane), (code, alarm) in marked(site).items() if scan.startswith("s1")}
    assert found == {("own", "no-reference"), ("others", "no-reference")}


def test_similar_says_how_many_unrelated_patients_chance_would_show(make_site):
    from flows.clinician.similar import compare_scans, similar_to

    site = make_site()
    night(site, (range(60), vectors(60), 0))
    (answer,) = similar_to(open_site(site.config), scan="s0-059")
    (lane,) = [lane for lane in answer.lanes if lane.lane == "others"]
    assert lane.gallery_patients == 59
    for row in lane.matches:
        told = row.expected_by_chance
        assert told.n_patients == 59
        assert told.text.startswith("among 59 patients")
    first = lane.matches[0]
    (found,) = compare_scans(open_site(site.config), "s0-059", first.scan).encoders
    assert found.expected_by_chance.text == first.expected_by_chance.text


def test_a_night_without_anything_new_reads_nothing_again(make_site):
    site = make_site()
    night(site, (range(60), vectors(60), 0))
    again = night(site)
    assert again["calibrated"] == again["shares"] == 0


def test_a_kill_after_the_calibration_is_made_good_by_the_next_night(make_site, monkeypatch):
    site, calm = make_site(), make_site("calm")
    night(calm, (range(60), vectors(60), 0))

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_read_shares", die)
        with pytest.raises(KeyboardInterrupt):
            night(site, (range(60), vectors(60), 0))
    night(site)
    assert current(site) == current(calm)


def own(site):
    """(scan, prior) -> change_code, change_percentile, change_references, change_scanner of own lists."""
    return {row[:2]: row[-4:] for row in current(site) if row[2] == "own"}


def soon_again(table, seed=5):
    """The same people a month later: a little noise on each vector, more for each next one."""
    moved = table + np.linspace(0.01, 0.6, len(table))[:, None] * vectors(len(table), seed)
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def test_an_own_prior_says_how_many_unchanged_pairs_are_nearer(make_site, db_url):
    site, table = make_site(url=db_url), vectors(60)
    again = soon_again(table)
    night(site, (range(60), table, 0), (range(60), again, 1), days=30)
    away = [float(distances(table[p], again[p : p + 1], "cosine")[0]) for p in range(60)]
    found = own(site)
    assert len(found) == 60
    for p, distance in enumerate(away):
        nearer = sum(other < distance for other in away) + 0.5  # it is one of them itself: half
        assert found[f"s1-{p:03}", f"s0-{p:03}"] == ("change", pytest.approx(100 * nearer / 60), 60, "same-scanner")
    with site.db.read() as connection:
        rows = connection.execute(text("SELECT * FROM match_for_review")).mappings().all()
    assert {row["change_code"] for row in rows if row["lane"] == "others"} == {""}
    assert {(r["scan"], r["prior"]): r["change_percentile"] for r in rows if r["lane"] == "own"} == {
        pair: told[1] for pair, told in found.items()
    }


@pytest.mark.parametrize(("n", "days"), [(49, 30), (60, 400)])
def test_too_few_pairs_or_pairs_far_apart_in_time_are_no_reference(make_site, n, days):
    site, table = make_site(), vectors(n)
    night(site, (range(n), table, 0), (range(n), soon_again(table), 1), days=days)
    assert {told[:2] for told in own(site).values()} == {("no-reference", None)}


def test_a_pair_with_a_finding_that_is_new_is_no_reference(make_site):
    site, table = make_site(), vectors(60)
    night(site, (range(60), table, 0), (range(60), soon_again(table), 1), days=30)
    label = {"subject": "study", "finding": "nodule", "value": "present", "source": "test"}
    with site.db.write() as connection:
        save_labels(connection, [label | {"subject_key": f"t-s1-{p:03}"} for p in range(5)])
        save_labels(connection, [label | {"subject_key": f"t-s0-{p:03}"} for p in range(4)])
    night(site)
    assert {told[2] for told in own(site).values()} == {59}


def test_scans_of_two_scanners_are_held_against_pairs_of_two_scanners(make_site):
    site, table = make_site(), vectors(60)
    night(site, (range(60), table, 0), (range(60), soon_again(table), 1), days=30)
    night(site, (range(1), soon_again(table, seed=6), 2), days=300, model="Two")
    assert own(site)["s2-000", "s0-000"] == ("no-reference", None, 0, "other-scanner")
    assert own(site)["s1-000", "s0-000"][2:] == (60, "same-scanner")


def test_change_does_not_depend_on_the_cut_into_nights(make_site, db_url):
    table = vectors(60)
    again = soon_again(table)
    whole, cut = make_site("whole"), make_site("cut", url=db_url)
    night(whole, (range(60), table, 0), (range(60), again, 1), days=30)
    night(cut, (range(50), again, 1), days=30)
    night(cut, (range(60), table, 0), days=30)
    night(cut, (range(50, 60), again, 1), days=30)
    assert current(cut) == current(whole)


def test_similar_tells_the_change_of_own_priors_and_who_the_references_are(make_site, call):
    site, table = make_site(), vectors(60)
    night(site, (range(60), table, 0), (range(60), soon_again(table), 1), days=30)
    _, out, _ = call("similar", "s1-059", "--config", site.config, "--json")
    lanes = {lane["lane"]: lane for lane in json.loads(out)["lanes"]}
    (row,) = lanes["own"]["matches"]
    assert row["change"] == {
        "code": "change", "percentile": pytest.approx(94.17, abs=0.01), "n_references": 60, "scanner": "same-scanner",
        "text": "farther than 94 % of 60 unchanged pairs from the same sort of scanner",
    }  # fmt: skip
    assert {row["change"] for row in lanes["others"]["matches"]} == {None}
    page = site.store / "page.html"
    _, out, _ = call("similar", "s1-059", "--config", site.config, "--page", page)
    assert "these are the ill ones" in out
    assert "farther than 94 % of 60 unchanged pairs" in page.read_text()
    assert "these are the ill ones" in page.read_text()
