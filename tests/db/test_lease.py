from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select, text

from db.address import parse_url, sqlite_files
from db.engine import Database, Fence, open_db
from db.errors import Fenced, NightRunning
from db.lease import (
    Begun,
    begin_night,
    begin_stage,
    borrow,
    end_night,
    end_stage,
    give_back,
    keep_nights_out,
    refuse_while_running,
    renew,
)
from db.tables import Lease, Night, Stage


def begin(
    db: Database, *, owner: str = "one", ttl_s: float = 60, is_dead: Callable[[str], bool] | None = None
) -> Begun:
    return begin_night(
        db, owner=owner, ttl_s=ttl_s, settings_digest="d", version="1", key_id="k",
        is_dead=is_dead or (lambda owner: False),
    )  # fmt: skip


def end(db: Database, begun: Begun, **values: Any) -> None:
    end_night(db, right(begun), night=begun.night, **({"state": "finished", "exit_code": 0} | values))


def right(begun: Begun) -> Fence:
    return Fence("night", begun.fence)


def rows(db: Database, model: Any) -> list[Any]:
    with db.read() as connection:
        return list(connection.execute(select(model).order_by(*model.__table__.primary_key)))


def test_nights_are_numbered_without_gaps(db: Database) -> None:
    for number in (1, 2, 3):
        begun = begin(db)
        assert (begun.night, begun.fence) == (number, number)
        end(db, begun)


def test_a_second_night_is_told_who_runs(db: Database) -> None:
    begin(db, owner="ward 7")
    with pytest.raises(NightRunning, match=r"night 1 is running \(ward 7\)") as caught:
        begin(db, owner="two")
    assert (caught.value.owner, caught.value.night) == ("ward 7", 1)
    assert caught.value.expires_at > datetime.now(UTC)
    assert [row.state for row in rows(db, Night)] == ["running"]


@pytest.mark.timeout(20)  # a writer on SQLite would wait for thirty seconds, on PostgreSQL for ever
def test_a_second_night_is_refused_at_once_while_the_first_stands_still_inside_a_write(db: Database) -> None:
    held = begin(db, owner="ward 7")
    with db.write(right(held)), pytest.raises(NightRunning, match="ward 7"):
        begin(db, owner="two")


@pytest.mark.parametrize("how", ["dead", "expired"])
def test_a_lost_night_is_taken_over_and_closed(db: Database, how: str) -> None:
    lost = begin(db, ttl_s=60 if how == "dead" else -1)
    with db.write() as connection:
        begin_stage(connection, lost.night, "ingest")
    begun = begin(db, owner="two", is_dead=lambda owner: how == "dead" and owner == "one")
    assert begun == Begun(2, 2)
    old, new = rows(db, Night)
    assert (old.state, old.error_code, old.exit_code) == ("failed", "owner-died", 1)
    assert old.ended_at == new.begun_at
    assert new.state == "running"
    assert [stage.state for stage in rows(db, Stage)] == ["failed"]


def test_the_old_holder_is_refused_after_a_takeover(db: Database) -> None:
    old = begin(db, ttl_s=-1)
    new = begin(db, owner="two")
    with pytest.raises(Fenced), db.write(right(old)):
        pass
    with pytest.raises(Fenced):
        renew(db, right(old), ttl_s=60)
    with pytest.raises(Fenced):
        end(db, old)
    with db.write(right(new)):
        pass


def test_only_the_databases_clock_ends_a_lease(db: Database, monkeypatch) -> None:
    begun = begin(db)
    monkeypatch.setattr(Database, "now", lambda self, connection: datetime(2100, 1, 1, tzinfo=UTC))
    with pytest.raises(Fenced, match="ran out"), db.write(right(begun)):
        pass
    assert begin(db, owner="two").fence == 2


def test_a_renewed_lease_lives_on(db: Database) -> None:
    begun = begin(db, ttl_s=-1)
    with pytest.raises(Fenced), db.write(right(begun)):
        pass
    until = renew(db, right(begun), ttl_s=60)
    assert until > datetime.now(UTC)
    with db.write(right(begun)):
        pass


def test_an_ended_night_frees_the_lease_and_may_write_no_more(db: Database) -> None:
    begun = begin(db)
    with db.write(right(begun)) as connection:
        begin_stage(connection, begun.night, "report")
    end(db, begun, state="partial", exit_code=3, summary='{"a":1}', report="nights/1.html")
    (row,) = rows(db, Night)
    assert (row.state, row.exit_code, row.summary, row.report) == ("partial", 3, '{"a":1}', "nights/1.html")
    assert row.ended_at >= row.begun_at
    assert [stage.state for stage in rows(db, Stage)] == ["failed"]  # it was never ended
    for act in (lambda: db.write(right(begun)).__enter__(), lambda: renew(db, right(begun), ttl_s=1)):
        with pytest.raises(Fenced):
            act()


def test_the_row_of_a_night_says_who_began_it_with_what_and_when(db: Database) -> None:
    before = datetime.now(UTC)
    begun = begin(db, owner="ward 7", ttl_s=600)
    (row,) = rows(db, Night)
    assert (row.id, row.fence, row.owner, row.state) == (1, begun.fence, "ward 7", "running")
    assert (row.settings_digest, row.version, row.key_id, row.summary) == ("d", "1", "k", "{}")
    assert (row.exit_code, row.ended_at, row.tick_at, row.error_code, row.report) == (None, None, None, "", "")
    assert abs(row.begun_at - before) < timedelta(minutes=5)
    (lease,) = rows(db, Lease)
    assert (lease.owner, lease.expires_at - row.begun_at) == ("ward 7", timedelta(seconds=600))


def test_a_failed_night_keeps_its_code_and_leaves_no_lease(db: Database) -> None:
    end(db, begin(db), state="failed", exit_code=1, error_code="disk-full")
    (row,), (lease,) = rows(db, Night), rows(db, Lease)
    assert (row.error_code, row.exit_code, row.summary, row.report) == ("disk-full", 1, "{}", "")
    assert (lease.owner, lease.expires_at, lease.fence) == (None, None, 1)


def test_an_ending_night_touches_no_other_night_and_no_stage_that_was_done(db: Database) -> None:
    for state in ("failed", "finished"):
        begun = begin(db)
        with db.write(right(begun)) as connection:
            for name in ("ingest", "embed"):
                begin_stage(connection, begun.night, name)
            end_stage(connection, begun.night, "ingest", state="done", seconds=1, counts={})
        end(db, begun, state=state)
    assert [row.state for row in rows(db, Night)] == ["failed", "finished"]
    assert {(row.night, row.name): row.state for row in rows(db, Stage)} == {
        (1, "ingest"): "done", (1, "embed"): "failed", (2, "ingest"): "done", (2, "embed"): "failed"
    }  # fmt: skip


def test_a_takeover_closes_nights_that_ran_and_no_other(db: Database) -> None:
    end(db, begin(db))
    begin(db, ttl_s=-1)
    begin(db, owner="two")
    assert [(row.state, row.error_code) for row in rows(db, Night)] == [
        ("finished", ""), ("failed", "owner-died"), ("running", "")
    ]  # fmt: skip


def test_the_owner_of_a_free_lease_is_asked_nothing(db: Database) -> None:
    end(db, begin(db))
    begin(db, ttl_s=-1, is_dead=lambda owner: pytest.fail("nobody holds it"))


def test_a_renewed_lease_ends_so_many_seconds_from_now(db: Database) -> None:
    begun = begin(db, ttl_s=5)
    until = renew(db, right(begun), ttl_s=600)
    (lease,) = rows(db, Lease)
    assert lease.expires_at == until
    assert timedelta(seconds=599) <= until - rows(db, Night)[0].begun_at < timedelta(seconds=700)


def test_a_refusal_names_both_numbers_and_what_to_do(db: Database) -> None:
    old = begin(db, ttl_s=-1)
    begin(db, owner="two")
    with pytest.raises(Fenced, match=r"lease 1 is no longer held \(now 2\): stop, and run again"):
        renew(db, right(old), ttl_s=60)


def test_a_stage_that_begins_again_begins_afresh(db: Database) -> None:
    begun = begin(db)
    with db.write(right(begun)) as connection:
        begin_stage(connection, 1, "embed")
        end_stage(connection, 1, "embed", state="done", seconds=2, counts={"z": 3, "a": 1})
    (row,) = rows(db, Stage)
    assert (row.state, row.seconds, row.counts) == ("done", 2.0, '{"a": 1, "z": 3}')
    with db.write(right(begun)) as connection:
        begin_stage(connection, 1, "embed")
    (row,) = rows(db, Stage)
    assert (row.state, row.seconds, row.counts) == ("running", None, "{}")
    assert abs(row.begun_at - rows(db, Night)[0].begun_at) < timedelta(minutes=5)


def test_a_night_that_outlived_its_lease_may_still_end_when_nobody_took_it(db: Database) -> None:
    begun = begin(db, ttl_s=-1)
    end(db, begun)
    assert [row.state for row in rows(db, Night)] == ["finished"]


def test_a_stage_keeps_its_begin_and_figures(db: Database) -> None:
    begun = begin(db)
    with db.write(right(begun)) as connection:
        begin_stage(connection, 1, "embed")
        begin_stage(connection, 1, "embed")
    (before,) = rows(db, Stage)
    with db.write(right(begun)) as connection:
        end_stage(connection, 1, "embed", state="done", seconds=2, counts={"new": 3})
    (row,) = rows(db, Stage)
    assert (row.state, row.seconds, row.counts) == ("done", 2.0, '{"new": 3}')
    assert row.begun_at == before.begun_at


def test_the_tick_of_the_schedule_is_kept(db: Database) -> None:
    tick = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    begin_night(
        db,
        owner="o",
        ttl_s=1,
        settings_digest="",
        version="",
        key_id="",
        is_dead=lambda owner: True,
        tick_at=tick,
    )
    assert [row.tick_at for row in rows(db, Night)] == [tick]


def test_two_begin_at_once_and_one_wins(db: Database, db_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def attempt(number: int) -> bool:
        try:
            return begin(db, owner=str(number)).night == 1
        except NightRunning:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [False] * 7 + [True]
    with db.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM night")) == 1


def lend(db: Database, *, owner: str = "two", ttl_s: float = 60, is_dead: Callable[[str], bool] | None = None) -> Begun:
    return borrow(db, owner=owner, ttl_s=ttl_s, is_dead=is_dead or (lambda owner: False))


def test_a_borrowed_lease_opens_no_night_and_lets_none_run_until_it_is_given_back(db: Database) -> None:
    assert lend(db) == Begun(0, 1)
    with pytest.raises(NightRunning, match="two") as caught:
        begin(db)
    assert caught.value.night == 0
    assert caught.value.expires_at - datetime.now(UTC) > timedelta(seconds=30)
    give_back(db, Fence("night", 1))
    assert [(lease.owner, lease.expires_at) for lease in rows(db, Lease)] == [(None, None)]
    assert rows(db, Night) == [] and begin(db) == Begun(1, 2)


def test_a_lease_is_not_lent_while_a_night_runs(db: Database) -> None:
    held = begin(db, owner="ward 7")
    with db.write(right(held)), pytest.raises(NightRunning, match="ward 7"):  # at once, although it writes
        lend(db)
    assert [row.state for row in rows(db, Night)] == ["running"]


@pytest.mark.parametrize("how", ["dead", "expired"])
def test_a_lost_night_is_closed_when_its_lease_is_lent(db: Database, how: str) -> None:
    lost = begin(db, ttl_s=60 if how == "dead" else -1)
    assert lend(db, is_dead=lambda owner: how == "dead" and owner == "one") == Begun(lost.night, lost.fence + 1)
    (row,) = rows(db, Night)
    assert (row.state, row.error_code) == ("failed", "owner-died")
    assert row.ended_at >= row.begun_at


def test_a_borrower_may_write_and_the_one_before_may_not(db: Database) -> None:
    old, new = lend(db, ttl_s=-1), lend(db, owner="three")
    with db.write(right(new)):
        pass
    with pytest.raises(Fenced):
        give_back(db, right(old))
    give_back(db, right(new))
    with pytest.raises(Fenced):
        give_back(db, right(new))


def test_lending_counts_on_from_the_newest_night(db: Database) -> None:
    for _ in range(2):
        end(db, begin(db))
    assert lend(db) == Begun(2, 3)


def alive(owner: str) -> bool:
    return False


def test_what_no_night_may_run_beside_is_refused_by_the_living_alone(db: Database) -> None:
    refuse_while_running(db, alive)
    begun = begin(db, owner="ward 7")
    with pytest.raises(NightRunning, match="ward 7"):
        refuse_while_running(db, alive)
    refuse_while_running(db, lambda owner: owner == "ward 7")
    end(db, begun)
    refuse_while_running(db, alive)


def keep_out(db: Database, is_dead: Callable[[str], bool] = alive) -> None:
    with db.write() as connection:
        keep_nights_out(db, connection, is_dead)


def test_a_night_that_lives_is_not_kept_out(db: Database) -> None:
    begun = begin(db, owner="ward 7")
    with pytest.raises(NightRunning, match="ward 7"):
        keep_out(db)
    with db.write(right(begun)):
        pass


@pytest.mark.parametrize("how", ["dead", "expired"])
def test_whoever_held_the_lease_before_nights_were_kept_out_writes_no_more(db: Database, how: str) -> None:
    lost = begin(db, ttl_s=60 if how == "dead" else -1)
    keep_out(db, lambda owner: how == "dead" and owner == "one")
    with pytest.raises(Fenced):
        renew(db, right(lost), ttl_s=60)
    (lease,) = rows(db, Lease)
    assert (lease.owner, lease.expires_at, lease.fence) == (None, None, lost.fence + 1)


def test_a_lease_that_nobody_holds_is_left_as_it_is(db: Database) -> None:
    end(db, begin(db))
    keep_out(db)
    assert [(lease.owner, lease.fence) for lease in rows(db, Lease)] == [(None, 1)]


def test_a_database_without_tables_keeps_nobody_out_and_refuses_nothing(empty_url: str, backend: str) -> None:
    if backend == "sqlite":
        for path in sqlite_files(parse_url(empty_url)):
            path.parent.mkdir(exist_ok=True)
            path.touch()
    with closing(open_db(empty_url, must_be_current=False)) as empty:
        refuse_while_running(empty, alive)
        keep_out(empty)
        with empty.read() as connection:
            assert not inspect(connection).get_table_names()  # nor does asking make any
