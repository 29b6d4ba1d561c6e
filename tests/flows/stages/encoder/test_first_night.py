"""What serves on a first night: a head fitted to the training patients, the trunk alone where they are too few."""

import json

from nights import killed_at_commit, run
from sqlalchemy import select

from db.base import table_of
from db.encoders import active_encoders, all_encoders, encoder_switches
from db.evaluations import evaluations
from db.tables import Embedding, Patient, Scan
from flows.site.opened import Site, open_site
from flows.stages.encoder.plan import plan
from flows.stages.encoder.registry import roll_back
from siamese.recipe import recipe_for

BACKBONE = "efficientnet-lite0-2x2"  # a quarter of the numbers
PATIENT = table_of(Patient)
FITS = {"train_when": '"missing"', "backbone": f'"{BACKBONE}"'}


def serving(site: Site):
    with site.db.read() as connection:
        return next(row for row in active_encoders(connection) if row.cover == "2d")


def vectors(site: Site) -> dict[tuple[str, str], bytes]:
    table = table_of(Embedding)
    with site.db.read() as connection:
        rows = connection.execute(select(table.c.scan, table.c.encoder, table.c.vector)).tuples()
        return {(scan, encoder): bytes(vector) for scan, encoder, vector in rows}


def test_a_first_night_fits_a_head_that_serves_at_once(make_site, people, db_url):
    site = make_site(url=db_url, **FITS)
    people(site.archive, range(12))
    run(site)
    row = serving(site)
    manifest = json.loads(row.manifest)
    with site.db.read() as connection:
        numbers = {key: split for key, split in connection.execute(select(PATIENT.c.key, PATIENT.c.split)).tuples()}
        assert [encoder.id for encoder in all_encoders(connection) if encoder.cover == "2d"] == [row.id]
        assert encoder_switches(connection)[0].reason.startswith("first night: a head fitted to ")
    n_train = sum(number < 0.6 for number in numbers.values())
    assert (row.origin, row.backbone, row.dim) == ("trained", BACKBONE, 448)
    assert manifest["counts"] == {"train": {"patients": n_train, "scans": n_train}} and 5 <= n_train < 12
    assert {encoder for _, encoder in vectors(site)} == {row.id} and len(vectors(site)) == 12  # nothing twice
    before = vectors(site)
    run(site)
    assert vectors(site) == before and serving(site).id == row.id


def test_below_ten_people_the_trunk_serves_alone_and_gives_way_when_there_are_enough(make_site, people):
    site = make_site(**FITS)
    people(site.archive, range(7))
    run(site)
    trunk = serving(site)
    assert (trunk.origin, trunk.dim, json.loads(trunk.manifest)["head"]) == ("starter", 448, "none")
    assert plan(site, "2d").reason == "7 patients, fewest_patients = 10"
    people(site.archive, range(7, 12))
    run(site)
    fitted = serving(site)
    assert fitted.origin == "trained" and len(vectors(site)) == 7 + 5 + 12
    roll_back(site, "2d")
    assert serving(site).id == trunk.id


def test_killed_anywhere_in_the_first_night_the_next_one_ends_with_the_same_head(make_site, people, monkeypatch):
    def site_of(name: str) -> Site:
        site = make_site(name, **FITS)
        people(site.archive, range(11))
        return site

    whole = site_of("whole")
    run(whole)
    for number in (9, 17, 24):  # from before the head is fitted until the vectors are written
        cut = site_of(f"cut-{number}")
        with killed_at_commit(cut, number, monkeypatch, after=bool(number % 2)):
            try:
                run(cut)
            except BaseException as error:
                assert type(error).__name__ in ("Killed", "Fenced", "OperationalError")
        run(cut)
        assert serving(cut).id == serving(whole).id
        assert vectors(cut) == vectors(whole)


def test_an_encoder_of_other_inputs_answers_until_the_archive_is_read_again_and_can_be_gone_back_to(make_site, people):
    """After a change of the backbone: the old one serves, inputs are made anew, the new one takes over."""
    site = make_site(backbone='"small"')
    people(site.archive, range(11))
    run(site)
    old = serving(site)
    text = site.config.read_text().replace('backbone = "small"', f'backbone = "{BACKBONE}"')
    site.config.write_text(text.replace('train_when = "never"', 'train_when = "missing"'))
    site = open_site(site.config)
    run(site)
    assert serving(site).id == old.id and len(vectors(site)) == 11
    run(site)
    new = serving(site)
    assert (new.backbone, new.recipe) == (BACKBONE, recipe_for("2d", BACKBONE).digest())
    assert sum(encoder == new.id for _, encoder in vectors(site)) == 11
    roll_back(site, "2d")
    people(site.archive, range(11, 13))
    summary = run(site)
    assert summary.exit == 0 and serving(site).id == old.id
    assert sum(encoder == old.id for _, encoder in vectors(site)) == 13


def test_what_serves_is_measured_once_and_again_when_people_have_doubled(make_site, people):
    site = make_site(**FITS, fewest_patients="1000")  # a starter knows nobody here, so everybody may be asked about

    def readings() -> list[int]:
        with site.db.read() as connection:
            return [row.reading for row in evaluations(connection) if row.cover == "2d"]

    def night(numbers: range) -> list[int]:
        for year in (2015, 2016):
            people(site.archive, numbers, year=year)
        run(site)
        return readings()

    assert night(range(9)) == []
    assert night(range(9, 11)) == [1]
    assert night(range(11, 14)) == [1]
    assert night(range(14, 22)) == [2, 1]
    assert serving(site).provisional
    scan = table_of(Scan)
    with site.db.read() as connection:
        assert connection.execute(select(scan.c.key).where(scan.c.state == "held_back")).all() == []
