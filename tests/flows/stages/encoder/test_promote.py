from types import SimpleNamespace

import pytest
from nights import run
from sqlalchemy import insert, update

from db.base import table_of
from db.encoders import active_encoders, all_encoders, chosen_encoders, encoder_switches, held_encoders
from db.evaluations import evaluations
from db.rows import mapping_of
from db.tables import Encoder, Patient
from evaluation.promotion import Decision
from flows.night.conductor import embed
from flows.stages.encoder.promote import decide_on
from flows.stages.encoder.train import promote
from flows.work.lease import night_ticket

CANDIDATE = "c" * 16


@pytest.fixture
def site(make_site, write_dicom, db_url):
    """Twelve people at two visits, all of the test part, and a candidate for X-rays: the starter under another id."""
    site = make_site(url=db_url)
    for number in range(12):
        for visit in (1, 2):
            names = f"1.2.{number + 700}.{visit}"
            write_dicom(site.archive / f"{number}-{visit}", patient=f"E{number}", study=names, series=f"{names}.1",
                        instance=f"{names}.1.1", date=f"20{10 + visit}0101", time="101500")  # fmt: skip
    run(site)
    with site.db.write() as connection:
        connection.execute(update(table_of(Patient)).values(split=0.9))
        (row,) = [mapping_of(r) for r in all_encoders(connection) if r.cover == "2d"]
        connection.execute(insert(Encoder), row | {"id": CANDIDATE, "origin": "trained"})
    return site


def active(site):
    with site.db.read() as connection:
        return next(row for row in active_encoders(connection) if row.cover == "2d")


def test_a_candidate_is_compared_on_the_same_queries_and_stays_in_the_shadow_unless_it_earns_the_place(site):
    before = active(site)
    candidate = SimpleNamespace(id=CANDIDATE, cover="2d", purpose=before.purpose, figures={}, is_fitted=False)
    with night_ticket(site, version="0", tick_at=None) as ticket:
        assert promote(site, ticket, candidate, [before]) == 0
    assert active(site).id == before.id
    with site.db.read() as connection:
        (held,) = held_encoders(connection)
    assert "does not exclude 0" in held.held_reason
    assert held.held_reason.endswith("reading 1 of 2d test patients; overlap@10 with the active encoder 1.00")
    with site.db.read() as connection:
        (reading,) = evaluations(connection)
    told = (reading.encoder, reading.cover, reading.reading, reading.night, reading.code)
    assert told == (CANDIDATE, "2d", 1, ticket.night, "provisional")


def test_a_candidate_that_earned_the_place_takes_it_with_the_reasons_and_is_not_provisional(site, monkeypatch):
    decision = Decision(True, False, ("better than every baseline",))
    monkeypatch.setattr("flows.stages.encoder.promote.decide_on", lambda *_: decision)
    before = active(site)
    candidate = SimpleNamespace(id=CANDIDATE, cover="2d", purpose=before.purpose, figures={}, is_fitted=False)
    with night_ticket(site, version="0", tick_at=None) as ticket:
        assert promote(site, ticket, candidate, [before]) == 1
        assert active(site).id == before.id
        embed(site, ticket)
    assert (active(site).id, active(site).provisional) == (CANDIDATE, False)
    with site.db.read() as connection:
        told = "better than every baseline; overlap@10 with the encoder before 1.00, 12 lists"
        assert encoder_switches(connection)[0].reason == told
        assert held_encoders(connection) == chosen_encoders(connection) == []


def test_too_few_people_to_ask_about_give_no_decision(site):
    with site.db.write() as connection:
        connection.execute(update(table_of(Patient)).values(split=0.1))
    with night_ticket(site, version="0", tick_at=None) as ticket:
        assert decide_on(site, ticket, CANDIDATE, active(site).id) is None
