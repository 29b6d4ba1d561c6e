"""Promises 1, 3 and 7 on a small hospital, without Prefect."""

import contextlib
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nights import Killed, killed_at_commit, run, tables

from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches

CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.fixture(scope="session")
def undisturbed(hospital, tmp_path_factory):
    """Tables after one night over everything, on SQLite."""
    from flows.operator.new_site import new_site, upgrade_database
    from flows.site.opened import open_site

    home = tmp_path_factory.mktemp("undisturbed")
    (home / "archive").mkdir()
    changes = {"quiet_seconds": "0.0", "train_when": '"never"', "k": "3", "threads": "1", "max_gone_fraction": "1.0",
               "backbone": '"small"'}  # fmt: skip
    new_site(home / "archive", home / "config.toml", secret="test-test-test-test-test-test-test", changes=changes)
    upgrade_database(home / "config.toml")
    site = open_site(home / "config.toml")
    hospital.deliver(site.archive)
    summary = run(site)
    assert summary.exit == 0
    return tables(site)


def test_every_file_ends_with_an_outcome_and_the_sums_match(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive)
    files = run(site).files
    assert files["seen"] == len(hospital.files)
    assert files["seen"] == sum(files[name] for name in ("used", "skipped", "quarantined", "waiting", "gone"))
    assert files["skipped"] == 2


def test_a_second_night_adds_its_own_rows_and_nothing_else(hospital, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    before = tables(site)
    again = run(site)
    assert again.state == "nothing_new"
    assert tables(site) == before
    assert again.matches["entered"] == again.matches["left"] == 0


def test_there_are_matches_to_speak_of(undisturbed):
    lanes = {row[3] for row in undisturbed["matches"]}
    assert lanes == {"own", "others"}
    assert {"date-unknown", "no-own-lane", "no-prior", "ok"} <= {row[3] for row in undisturbed["lanes"]}
    assert any(row[6] == "same-day" and row[5] is None for row in undisturbed["matches"])


@settings(max_examples=6, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(seed=st.integers(0, 10**6), n_nights=st.integers(2, 4))
def test_cutting_an_archive_into_nights_changes_nothing(hospital, undisturbed, make_site, request, seed, n_nights):
    site = make_site(f"cut-{seed}-{n_nights}")
    for some in _cut(hospital.files, seed, n_nights):
        hospital.deliver(site.archive, some)
        run(site)
    assert tables(site) == undisturbed


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_commit_a_rerun_ends_like_an_undisturbed_night(
    hospital, undisturbed, make_site, db_url, monkeypatch, seed
):
    site, rng = make_site(url=db_url), random.Random(seed)
    for some in _cut(hospital.files, seed, 2):
        hospital.deliver(site.archive, some)
        for _ in range(3):
            number, after = rng.randint(1, 30), rng.random() < 0.5
            with killed_at_commit(site, number, monkeypatch, after=after), contextlib.suppress(Killed):
                run(site)
    run(site)
    assert tables(site) == undisturbed
    assert verify_matches(site).wrong == 0


def test_a_withdrawn_scan_leaves_every_list_and_comes_back_as_it_was(hospital, undisturbed, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    (site.archive / "10").unlink()
    (site.archive / "again").unlink()
    (site.archive / "ctP4-2").unlink()
    gone = run(site)
    assert gone.scans["withdrawn"] == 2
    assert gone.files["gone"] == 3
    assert verify_matches(site).wrong == 0
    assert tables(site) != undisturbed
    hospital.deliver(site.archive)
    run(site)
    assert tables(site) == undisturbed


def test_a_file_that_changed_makes_another_scan(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    (site.archive / "00").write_bytes((site.archive / "40").read_bytes())
    changed = run(site)
    assert changed.scans["withdrawn"] == 1
    assert verify_matches(site).wrong == 0


def test_verify_finds_a_match_that_is_wrong(hospital, make_site):
    from sqlalchemy import update

    from db.tables import Match

    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    with site.db.write() as connection:
        connection.execute(update(Match).where(Match.id == 1).values(distance=0.123))
    assert verify_matches(site).wrong == 1


def test_a_night_that_must_finish_early_publishes_and_the_next_goes_on(hospital, undisturbed, make_site, monkeypatch):
    site = make_site()
    hospital.deliver(site.archive)
    monkeypatch.setattr("flows.work.lease.finish_time", lambda *_: 0.0)
    late = run(site)
    assert late.state == "partial"
    assert late.backlog > 0
    monkeypatch.undo()
    run(site)
    assert tables(site) == undisturbed


def _cut(files, seed, n_nights):
    rng = random.Random(seed)
    shuffled = list(files)
    rng.shuffle(shuffled)
    cuts = sorted(rng.sample(range(1, len(shuffled)), n_nights - 1))
    return [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


def test_a_file_without_permission_is_read_once_it_may_be(hospital, make_site):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:3])
    (site.archive / "00").chmod(0)
    assert run(site).exit == 3
    assert run(site).exit == 0
    (site.archive / "00").chmod(0o600)
    assert run(site).files["used"] == 3


def test_a_young_file_waits_and_is_read_when_it_has_settled(hospital, make_site, monkeypatch):
    site = make_site(quiet_seconds="3600.0")
    hospital.deliver(site.archive, hospital.files[:3])
    for file in site.archive.iterdir():
        os.utime(file)
    young = run(site)
    assert young.files["waiting"] == 3
    for file in site.archive.iterdir():
        os.utime(file, (1e9, 1e9))
    assert run(site).files["used"] == 3


def test_an_archive_that_is_suddenly_empty_is_taken_for_unmounted(hospital, make_site):
    from flows.site.errors import ArchiveShrank

    site = make_site(max_gone_fraction="0.5")
    hospital.deliver(site.archive)
    run(site)
    before = tables(site)
    for file in site.archive.iterdir():
        file.unlink()
    with pytest.raises(ArchiveShrank, match="max_gone_fraction"):
        run(site)
    assert tables(site) == before


def test_special_files_are_named_and_never_opened(hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:2])
    os.mkfifo(site.archive / "pipe")
    (site.archive / "link").symlink_to("/etc/passwd")
    (site.archive / b"caf\xe9".decode("utf-8", "surrogateescape")).write_bytes(b"odd name")
    files = run(site).files
    assert (files["seen"], files["used"], files["skipped"]) == (5, 2, 3)


def test_an_empty_archive_is_a_night_with_nothing_new(make_site):
    summary = run(make_site())
    assert (summary.state, summary.exit, summary.files["seen"]) == ("nothing_new", 0, 0)


@pytest.mark.parametrize(("dates", "ranked"), [("shifted_per_patient", True), ("none", False)])
def test_where_dates_mean_nothing_every_other_patient_is_eligible(hospital, make_site, dates, ranked):
    site = make_site(dates=f'"{dates}"')
    hospital.deliver(site.archive)
    run(site)
    found = tables(site)
    assert verify_matches(site).wrong == 0
    assert {row[3] for row in found["lanes"] if row[2] == "others"} == {"ok", "fewer-than-k"}
    assert any(row[5] is not None for row in found["matches"] if row[3] == "own") == ranked


def test_new_rules_make_every_list_anew_and_old_ones_bring_them_back(hospital, make_site, undisturbed):
    site = make_site()
    hospital.deliver(site.archive)
    run(site)
    text = site.config.read_text()
    site.config.write_text(text.replace("\nk = 3", "\nk = 1"))
    os.utime(site.config, (2e9, 2e9))
    short = open_site(site.config)
    assert run(short).matches["left"] > 0
    assert verify_matches(short).wrong == 0
    site.config.write_text(text)
    os.utime(site.config, (3e9, 3e9))
    back = open_site(site.config)
    run(back)
    assert tables(back) == undisturbed
