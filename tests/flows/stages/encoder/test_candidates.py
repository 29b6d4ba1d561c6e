"""Candidates in the background: the starter under another id stands for one that was trained."""

import json
from itertools import count

import numpy as np
import pytest
from nights import Killed, killed_at_commit, run, tables
from sqlalchemy import insert, select, update

from db.base import table_of
from db.embeddings import scans_to_embed, vector_counts
from db.encoders import (
    active_encoders,
    all_encoders,
    choose_encoder,
    encoder_switches,
    held_encoders,
    unchoose_encoders,
)
from db.rows import mapping_of
from db.tables import Encoder, Match
from evaluation.overlap import shared
from flows.operator.status import standing
from flows.site.opened import open_site
from flows.stages.encoder.registry import activate_encoder, list_encoders, roll_back
from flows.stages.match.verify import verify_matches
from siamese.search.gallery import Gallery

OTHER = "f" * 16
SLOW = {"background_minutes": "1e-9", "scans_per_task": "4"}  # one batch of four a night


@pytest.fixture
def make_chosen(hospital, make_site, db_url):
    """A site after a night, with a second encoder for X-rays that was chosen."""

    def make(name="site", **changes):
        site = make_site(name, url=db_url if name == "site" else None, **changes)
        hospital.deliver(site.archive)
        run(site)
        with site.db.write() as connection:
            (row,) = [mapping_of(r) for r in all_encoders(connection) if r.cover == "2d"]
            connection.execute(insert(Encoder), row | {"id": OTHER, "origin": "trained"})
            choose_encoder(connection, OTHER, "it is better")
        return site

    return make


def active(site):
    with site.db.read() as connection:
        return next(row.id for row in active_encoders(connection) if row.cover == "2d")


def of_active(site):
    """What the lists of the active encoders hold, without its id."""
    return [row[:2] + row[3:] for row in tables(site)["matches"] if row[2] == active(site)]


def vectors(site):
    with site.db.read() as connection:
        return vector_counts(connection).get(OTHER, 0)


def test_a_small_archive_switches_in_the_same_night(make_chosen):
    site = make_chosen()
    before = of_active(site)
    summary = run(site)
    assert active(site) == OTHER
    assert (of_active(site), verify_matches(site).wrong) == (before, 0)
    with site.db.read() as connection:
        newest = encoder_switches(connection)[0]
    assert (newest.night, newest.reason.split(", ")[0]) == (
        summary.night, "it is better; overlap@10 with the encoder before 1.00")  # fmt: skip
    page = (site.store / f"reports/night-{summary.night:05d}.html").read_text()
    assert "Became active this night" in page
    assert run(site).state == "nothing_new"


def test_the_old_encoder_answers_until_the_last_scan_is_embedded_night_by_night(make_chosen):
    site = make_chosen(**SLOW)
    old, lists = active(site), of_active(site)
    with site.db.read() as connection:
        n_scans = len(scans_to_embed(connection, OTHER, "2d"))
    assert n_scans > 8
    for done in range(4, n_scans, 4):
        summary = run(site)
        assert (active(site), vectors(site), of_active(site)) == (old, done, lists)
        assert (summary.state, summary.backlog) == ("partial", n_scans - done)
        (row,) = [row for row in list_encoders(open_site(site.config)).encoders if row.id == OTHER]
        assert (row.chosen_reason, row.waiting, row.active) == ("it is better", n_scans - done, False)
        assert standing(open_site(site.config)).chosen[0].waiting == n_scans - done
        page = (site.store / f"reports/night-{summary.night:05d}.html").read_text()
        assert f"{n_scans - done} scans still wait for its vector" in page
        with site.db.read() as connection:
            match = table_of(Match)
            assert connection.scalar(select(match.c.id).where(match.c.encoder == OTHER).limit(1)) is None
    run(site)
    assert (active(site), vectors(site), of_active(site)) == (OTHER, n_scans, lists)


def test_killed_at_any_commit_the_next_night_ends_with_the_same_tables(make_chosen, monkeypatch):
    calm = make_chosen("calm", **SLOW)
    while active(calm) != OTHER:
        run(calm)
    wanted = tables(calm)
    site = make_chosen("killed", **SLOW)
    for number in count(1):
        if active(site) == OTHER:
            break
        try:
            with killed_at_commit(site, number, monkeypatch, after=number % 2 == 0):
                run(site, "embed")
        except Killed:
            pass
        assert number < 40
    run(site)
    run(site)
    found = tables(site)
    assert {name: found[name] for name in ("scans", "vectors")} == {name: wanted[name] for name in ("scans", "vectors")}
    assert [row for row in found["matches"] if row[2] == OTHER] == [row for row in wanted["matches"] if row[2] == OTHER]
    with site.db.read() as connection:
        assert [row.encoder for row in encoder_switches(connection)].count(OTHER) == 1


def test_a_candidate_in_the_shadow_is_embedded_but_never_switched_to(make_chosen):
    site = make_chosen()
    old = active(site)
    with site.db.write() as connection:
        unchoose_encoders(connection, "2d", None, "not good enough")
    run(site)
    assert active(site) == old
    assert vectors(site) > 8
    assert run(site).state == "nothing_new"


def test_a_switch_by_hand_is_not_undone_by_a_candidate_that_was_chosen_before(make_chosen):
    site = make_chosen()
    old = active(site)
    activate_encoder(open_site(site.config), old)
    run(site)
    assert active(site) == old
    with site.db.read() as connection:
        assert held_encoders(connection)[0].held_reason.startswith("an encoder was switched by hand")


def test_rolling_back_the_switch_gives_the_old_lists_again(make_chosen):
    site = make_chosen()
    old, lists = active(site), of_active(site)
    run(site)
    roll_back(open_site(site.config))
    run(site)
    assert (active(site), of_active(site)) == (old, lists)


@pytest.mark.parametrize(("change", "words"), [({"recipe": "0" * 16}, "train anew"), ({"folder": "gone"}, "put store")])
def test_a_chosen_encoder_that_cannot_be_used_goes_into_the_shadow_and_the_night_says_so(make_chosen, change, words):
    site = make_chosen()
    old = active(site)
    with site.db.write() as connection:
        connection.execute(update(table_of(Encoder)).where(table_of(Encoder).c.id == OTHER).values(**change))
    told = run(site)
    assert (told.state, told.exit, [row.code for row in told.undone]) == ("partial", 1, ["candidate-unusable"])
    assert active(site) == old
    assert run(site).exit == 0  # it is chosen no more: nothing is left undone
    with site.db.read() as connection:
        assert words in held_encoders(connection)[0].held_reason
    assert json.dumps(list_encoders(open_site(site.config)).to_json())


def test_overlap_is_the_share_of_the_first_ten_that_both_show():
    rng, n = np.random.default_rng(0), 24
    at, who = np.arange(n) * 10, np.arange(n)
    ours, theirs = (rng.normal(size=(n, 6)).astype(np.float32) for _ in range(2))
    ours, theirs = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (ours, theirs))
    galleries = [Gallery([f"k{i:02}" for i in range(n)], v, who, at, at + 1) for v in (ours, theirs)]
    wanted = []
    for i in range(1, n):  # the first has nobody before it
        a, b = ({j for _, j in sorted((1 - float(v[i] @ v[j]), j) for j in range(i))[:10]} for v in (ours, theirs))
        wanted.append(len(a & b) / len(a))
    assert shared(galleries, who, ["cosine", "cosine"], "earlier") == wanted
    assert 0 < min(wanted) < max(wanted) == 1
