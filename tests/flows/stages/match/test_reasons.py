"""Why matches enter, move and leave: each reason is brought about once, with vectors put into the tables."""

import json

import numpy as np
import pytest
from sqlalchemy import select, update
from vector_nights import night

from db.base import table_of
from db.encoders import set_active_encoder
from db.lease import end_night
from db.lists import history_of_scan, list_changes
from db.nights import last_nights
from db.tables import LaneOutcome, Match, Scan
from flows.stages.match.lists import match
from flows.work.lease import night_ticket
from scans.outcome import OUTCOMES


def at_angles(*degrees):
    """Vectors in a plane: the smaller the difference of two angles, the nearer the two."""
    turns = np.radians(degrees)
    table = np.zeros((len(degrees), 8), np.float32)
    table[:, 0], table[:, 1] = np.cos(turns), np.sin(turns)
    return table


def changed(site, **values):
    """A night in which the scan of the first patient becomes something else."""
    with night_ticket(site, version="0", tick_at=None) as ticket:
        with site.db.write(ticket.right) as connection:
            scan = table_of(Scan)
            if values.get("state") == "withdrawn":
                values["withdrawn_night"] = ticket.night
            connection.execute(update(scan).where(scan.c.key == "s0-000").values(**values))
        match(site, ticket)
        end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)


def listed(site, scan):
    """prior -> rank, entered_why, left_why, rank before the move."""
    with site.db.read() as connection:
        return {
            row.prior: (row.rank, row.entered_why, row.left_why, row.rank_before)
            for row in history_of_scan(connection, scan)
        }


def test_a_new_scan_brings_its_list_and_later_priors_push_others_down_and_out(make_site, db_url):
    site, table = make_site(url=db_url, k="2"), at_angles(5, 10, 20, 0)
    night(site, ([1, 2, 3], table, 0))
    assert listed(site, "s0-003") == {"s0-001": (1, "new-scan", "", None), "s0-002": (2, "new-scan", "", None)}
    night(site, ([0], table, 0))
    assert listed(site, "s0-003") == {
        "s0-000": (1, "new-prior", "", None),
        "s0-001": (2, "new-scan", "", 1),
        "s0-002": (2, "new-scan", "better-match", None),
    }


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"state": "withdrawn", "code": "withdrawn", "is_main": False}, "withdrawn"),
        ({"is_main": False}, "alternate-reconstruction"),
        ({"kind": "dx/hand/2d"}, "kind-changed"),
    ],
)
def test_a_scan_that_may_not_be_listed_leaves_with_its_reason_and_the_next_one_moves_up(make_site, values, code):
    site, table = make_site(k="2"), at_angles(5, 10, 20, 0)
    night(site, (range(4), table, 0))
    changed(site, **values)
    assert listed(site, "s0-003") == {
        "s0-000": (1, "new-scan", code, None),
        "s0-001": (1, "new-scan", "", 2),
        "s0-002": (2, "place-free", "", None),
    }
    with site.db.read() as connection:
        newest = last_nights(connection, last=1)[0].id
        found = {(row.what, row.lane, row.code, row.n) for row in list_changes(connection, newest)}
    assert {("left", "others", code, 1)} <= found or ("left", "others", code, 3) in found
    assert ("entered", "others", "place-free", 1) in found


def test_a_scan_of_another_patient_now_leaves_one_list_and_enters_the_other(make_site):
    from db import matches

    site, table = make_site(k="2"), at_angles(5, 10, 20, 0)
    night(site, (range(4), table, 0))
    with site.db.write() as connection:
        scan = table_of(Scan)
        connection.execute(update(scan).where(scan.c.key == "s0-000").values(patient="p003"))
        matches.request_match(connection, ["s0-000"])
    night(site)
    with site.db.read() as connection:
        rows = [row for row in history_of_scan(connection, "s0-003") if row.prior == "s0-000"]
    assert {(row.lane, row.entered_why, row.left_why) for row in rows} == {
        ("others", "new-scan", "person-changed"),
        ("own", "new-prior", ""),
    }


def test_other_settings_are_the_reason_unless_somebody_was_forgotten(make_site):
    table = at_angles(5, 10, 20, 0)
    site = make_site(k="2")
    night(site, (range(4), table, 0))
    text = site.config.read_text()
    site.config.write_text(text.replace("\nk = 2", "\nk = 1"))
    from flows.site.opened import open_site

    night(open_site(site.config))
    assert listed(site, "s0-003")["s0-001"] == (2, "new-scan", "rules-changed", None)
    site.config.write_text(text)
    with site.db.write() as connection:
        connection.execute(update(table_of(LaneOutcome)).values(rules=""))  # as `forget` asks again
    night(open_site(site.config))
    with site.db.read() as connection:
        whys = [row.entered_why for row in history_of_scan(connection, "s0-003")]
    assert sorted(whys) == ["new-scan", "new-scan", "place-free"]


def test_lists_of_an_encoder_that_took_over_say_so(make_site):
    from sqlalchemy import insert

    from db.tables import Embedding, Encoder

    site, table = make_site(k="2"), at_angles(5, 10, 20, 0)
    night(site, (range(4), table, 0))
    with site.db.write() as connection:
        encoder, vector = table_of(Encoder), table_of(Embedding)
        (row,) = connection.execute(select(encoder)).mappings()
        connection.execute(insert(encoder), dict(row) | {"id": "new"})
        rows = [dict(r) | {"encoder": "new", "matched_night": None} for r in
                connection.execute(select(vector)).mappings()]  # fmt: skip
        connection.execute(insert(vector), rows)
        set_active_encoder(connection, cover="2d", purpose="view", encoder="new", reason="test")
    with night_ticket(site, version="0", tick_at=None) as ticket:
        match(site, ticket)
        end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)
    with site.db.read() as connection:
        m = table_of(Match)
        whys = connection.execute(select(m.c.encoder, m.c.entered_why).distinct()).tuples().all()
    assert sorted(whys) == [("enc", "new-scan"), ("new", "encoder-changed")]


def test_every_reason_is_a_code_with_words():
    codes = {"new-scan", "new-prior", "place-free", "better-match", "person-changed", "kind-changed", "rules-changed",
             "encoder-changed", "withdrawn", "alternate-reconstruction"}  # fmt: skip
    assert codes <= OUTCOMES.keys()


def test_similar_shows_the_history_when_asked(make_site, call):
    site, table = make_site(k="2"), at_angles(5, 10, 20, 0)
    night(site, ([1, 2, 3], table, 0))
    night(site, ([0], table, 0))
    _, out, _ = call("similar", "s0-003", "--config", site.config, "--json", "--history")
    assert [row["left_why"] for row in json.loads(out)["history"]] == ["", "better-match", ""]
    _, out, _ = call("similar", "s0-003", "--config", site.config, "--json")
    assert "history" not in json.loads(out)
    _, out, _ = call("similar", "s0-003", "--config", site.config, "--history")
    assert "better-match" in out
