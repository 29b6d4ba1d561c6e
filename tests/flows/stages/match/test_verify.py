"""`match --verify` is another way to the same lists: it shows what is wrong with the search."""

import ast
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from nights import run
from sqlalchemy import update

import flows.stages.match.plain_lists
import flows.stages.match.verify
from db.engine import utc_microseconds
from db.tables import LaneOutcome
from flows.stages.match.plain_lists import PlainLists, Row
from flows.stages.match.verify import verify_matches
from siamese.search.gallery import UNKNOWN_US, Gallery
from siamese.search.lanes import Neighbour, nearest_priors, own_priors

DAY = datetime(2020, 1, 1, tzinfo=UTC)


def made_up(seed, n=60, n_patients=9):
    """Rows with days in common, unknown dates, shared studies and equal vectors; vectors (n, 8)."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    vectors = numbers.normal(size=(n, 8)).astype(np.float32)
    vectors[: n // 3] = vectors[numbers.integers(0, 4, n // 3)]  # ties
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = []
    for number in range(n):
        patient = f"p{rng.randrange(n_patients)}"
        begins = None if rng.random() < 0.1 else DAY + timedelta(days=rng.randrange(20))
        ends = begins and begins + rng.choice([timedelta(days=1), timedelta(seconds=1)])
        study = f"{patient}-{rng.randrange(6)}"
        rows.append(Row(f"{number * 7919 % 1000:03}", patient, study, patient != "p0", begins, ends))
    return rows, vectors


def by_the_search(rows, vectors, *, metric, dates, k):
    """Scan -> own and others' lane, by siamese.search."""
    known = [(row.begins, row.ends) if dates != "none" else (None, None) for row in rows]
    moments = np.array([[UNKNOWN_US if m is None else utc_microseconds(m) for m in pair] for pair in known])
    codes = [
        np.array([sorted({getattr(r, name) for r in rows}).index(getattr(row, name)) for row in rows])
        for name in ("patient", "study")
    ]
    gallery = Gallery([row.scan for row in rows], vectors, codes[0], moments[:, 0], moments[:, 1], codes[1])
    order = "earlier" if dates == "true" else "any"
    others = nearest_priors(gallery, np.arange(len(rows)), k=k, order=order, metric=metric)
    owns = [own_priors(gallery, i, metric=metric) if row.own_lane else [] for i, row in enumerate(rows)]
    told = [[(n.rank, gallery.keys[n.index], n.distance) for n in lane] for lane in [*owns, *others]]
    return {row.scan: (told[i], told[len(rows) + i]) for i, row in enumerate(rows)}


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("dates", ["true", "shifted_per_patient", "none"])
@pytest.mark.parametrize("k", [1, 4, 50])
def test_the_plain_loop_and_the_search_give_the_same_lists(metric, dates, k):
    for seed in range(5):
        rows, vectors = made_up(seed)
        plain = PlainLists(rows, vectors, metric=metric, dates=dates, k=k)
        found = {plain.rows[place].scan: (plain.own(place), others) for place, others in plain.others()}
        assert found == by_the_search(rows, vectors, metric=metric, dates=dates, k=k)


def test_no_scans_have_no_lists():
    assert list(PlainLists([], np.empty((0, 8), np.float32), metric="cosine", dates="true", k=3).others()) == []


def test_verify_imports_nothing_of_the_search():
    for module in (flows.stages.match.verify, flows.stages.match.plain_lists):
        tree = ast.parse(Path(module.__file__).read_text())
        taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name for name in taken if name.startswith("siamese")} <= {"siamese.search.distance"}
        assert not taken & {"flows.records.space", "flows.stages.match.lists"}


def later_ones_too(gallery, rows, lengths, interval):
    """The own lane without its rule of time."""
    return [Neighbour(int(row), float(d), i) for i, (row, d) in enumerate(zip(rows, lengths, strict=True), 1)]


def later_strangers_too(gallery, asked, pairs):
    """The lane of other patients without its rule of time."""
    return gallery.patients[pairs.row] != asked.patients[pairs.query]


BROKEN = {
    "own": ("siamese.search.lanes._own", later_ones_too),
    "others": ("siamese.search.nearest._is_eligible", later_strangers_too),
}


@pytest.mark.parametrize("lane", BROKEN)
def test_a_wrong_rule_of_the_search_is_seen_in_its_lane_and_in_no_other(hospital, make_site, monkeypatch, lane):
    site = make_site()
    hospital.deliver(site.archive)
    monkeypatch.setattr(*BROKEN[lane])
    run(site)
    found = verify_matches(site)
    assert found.wrong > 2
    assert all(line.endswith(f"lane {lane}") for line in found.differences)


def test_a_list_that_says_it_ended_otherwise_is_seen(hospital, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    assert (verify_matches(site).wrong, verify_matches(site).waiting) == (0, 0)
    few = (LaneOutcome.lane == "others", LaneOutcome.code == "fewer-than-k")
    with site.db.write() as connection:
        n = connection.execute(update(LaneOutcome).where(*few).values(code="ok")).rowcount
    assert n > 0
    assert verify_matches(site).wrong == n


def test_scans_that_are_not_matched_yet_are_counted(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive)
    run(site, "ingest", "encoder", "embed")
    found = verify_matches(site)
    assert found.waiting * 2 == found.lists == found.wrong > 0
