import json
from dataclasses import replace

import pytest
from nights import run, tables
from sqlalchemy import insert, select, update

from db.base import table_of
from db.encoders import active_encoders, all_encoders, held_encoders, hold_encoder, set_active_encoder
from db.nights import last_nights
from db.rows import mapping_of
from db.tables import Activation, Encoder
from flows.site.errors import NotFound
from flows.site.opened import open_site
from flows.stages.encoder.registry import activate_encoder, list_encoders, roll_back
from flows.stages.encoder.train import held_reason
from flows.stages.match.verify import verify_matches
from siamese.training.head import starter_of

OTHER = "f" * 16


@pytest.fixture
def site(hospital, make_site, db_url):
    """A site after a night, with a second encoder for X-rays that is not active: the starter under another id."""
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    with site.db.write() as connection:
        (row,) = [mapping_of(r) for r in all_encoders(connection) if r.cover == "2d"]
        connection.execute(insert(Encoder), row | {"id": OTHER, "origin": "trained"})
    return site


def active(site):
    with site.db.read() as connection:
        return {row.cover: row.id for row in active_encoders(connection)}


def test_the_list_says_who_is_active_since_when_and_why(site):
    found = list_encoders(open_site(site.config))
    assert {(row.cover, row.active) for row in found.encoders} == {("2d", True), ("2d", False), ("3d", True)}
    assert all(row.since and row.vectors for row in found.encoders if row.active)
    assert [row.reason for row in found.history] == ["starter: nothing trained on this archive yet"] * 2
    assert json.dumps(found.to_json())


def test_a_switch_is_one_row_and_the_next_night_matches_within_the_new_encoder_alone(site):
    before, first = tables(site), active(site)["2d"]
    assert activate_encoder(open_site(site.config), "ffff").switched
    assert active(site)["2d"] == OTHER
    assert tables(site) == before
    run(site)
    assert verify_matches(site).wrong == 0
    found = tables(site)["matches"]
    assert {row[2] for row in found} >= {first, OTHER}
    assert [row[:2] for row in found if row[2] == OTHER] == [row[:2] for row in found if row[2] == first]
    assert roll_back(open_site(site.config)).active == first
    assert active(site)["2d"] == first


def test_a_trained_encoder_that_took_the_starters_place_gives_it_back_in_one_command(site):
    first = active(site)["2d"]
    with site.db.write() as connection:
        connection.execute(update(table_of(Encoder)).where(table_of(Encoder).c.id == OTHER).values(purpose="finding"))
        night = last_nights(connection, last=1)[0].id
        connection.execute(update(table_of(Activation)).values(night=None))  # the starter came by an earlier night
        set_active_encoder(connection, cover="2d", purpose="patient", encoder=None, night=night, reason="promoted")
        set_active_encoder(connection, cover="2d", purpose="finding", encoder=OTHER, night=night, reason="promoted")
    assert active(site)["2d"] == OTHER
    roll_back(open_site(site.config))
    assert active(site)["2d"] == first
    with site.db.read() as connection:
        assert len(active_encoders(connection)) == 2


def test_rolling_back_is_refused_where_nothing_was_before(site):
    with pytest.raises(NotFound, match="nothing to go back to"):
        roll_back(open_site(site.config), "3d")


@pytest.mark.parametrize(("change", "words"), [({"recipe": "0" * 16}, "train anew"), ({"folder": "gone"}, "put store")])
def test_an_encoder_of_other_preprocessing_or_without_files_is_refused(site, change, words):
    encoder = table_of(Encoder)
    with site.db.write() as connection:
        connection.execute(update(encoder).where(encoder.c.id == OTHER).values(**change))
    with pytest.raises(NotFound, match=words):
        activate_encoder(open_site(site.config), OTHER)
    assert active(site)["2d"] != OTHER


def test_an_unknown_encoder_is_refused_with_the_known_ones(site):
    with pytest.raises(NotFound, match=OTHER):
        activate_encoder(open_site(site.config), "zzz")


def test_a_candidate_in_the_shadow_says_why(site):
    manifest = starter_of("small", "2d").manifest
    worse = replace(manifest, figures={"validation": {"auc": 0.6}, "reference": {"auc": 0.7}})
    assert held_reason(worse, is_trained=False).endswith("AUC 0.600 against 0.700")
    with site.db.write() as connection:
        hold_encoder(connection, OTHER, "why")
        assert [row.id for row in held_encoders(connection)] == [OTHER]
        assert connection.scalar(select(Encoder.held_reason).where(Encoder.id == OTHER)) == "why"
