import multiprocessing
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from db.address import parse_url, secrets_removed, sqlite_files
from db.engine import Database, Fence, open_db, utc_microseconds
from db.errors import (
    DatabaseError,
    DatabaseMissing,
    DatabaseReadOnly,
    DatabaseUnreachable,
    Fenced,
    is_disk_full,
    is_transient,
)
from db.migrate import upgrade
from db.tables import Lease


def lease(owner: str | None = "me", *, fence: int = 1, seconds: float = 60) -> dict[str, object]:
    ends = None if owner is None else datetime.now(UTC) + timedelta(seconds=seconds)
    return {"name": "night", "fence": fence, "owner": owner, "expires_at": ends}


def save_lease(db: Database, **values: object) -> None:
    with db.write() as connection:
        connection.execute(insert(Lease), lease(**values))


def count_leases(db: Database) -> int:
    with db.read() as connection:
        return len(connection.execute(select(Lease.name)).all())


def test_a_write_is_seen_by_later_reads(db: Database) -> None:
    save_lease(db)
    assert count_leases(db) == 1


def test_a_failed_write_leaves_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError), db.write() as connection:
        connection.execute(insert(Lease), lease())
        raise RuntimeError
    assert count_leases(db) == 0


def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(DBAPIError), db.read() as connection:
        connection.execute(insert(Lease), lease())
    save_lease(db)  # and the connection that refused may write again for a writer


def test_a_reader_sees_one_moment(db: Database) -> None:
    with db.read() as connection:
        assert connection.execute(select(Lease.name)).all() == []
        save_lease(db)
        assert connection.execute(select(Lease.name)).all() == []


def test_a_moment_without_zone_is_refused(db: Database) -> None:
    with pytest.raises(Exception, match="no time zone"), db.write() as connection:
        connection.execute(insert(Lease), lease() | {"expires_at": datetime(2026, 1, 1)})


def test_a_moment_comes_back_in_utc_to_the_microsecond(db: Database) -> None:
    moment = datetime(2026, 7, 1, 3, 4, 5, 678901, tzinfo=UTC)
    abroad = moment.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    with db.write() as connection:
        connection.execute(insert(Lease), lease() | {"expires_at": abroad})
        found = connection.scalar(select(Lease.expires_at))
    assert found == moment
    assert found is not None and found.utcoffset() == timedelta(0)


def test_the_database_tells_the_time(db: Database) -> None:
    with db.read() as connection:
        now = db.now(connection)
    assert abs((now - datetime.now(UTC)).total_seconds()) < 5


def test_microseconds_are_exact_before_and_after_1970() -> None:
    assert utc_microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert utc_microseconds(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_the_holder_of_the_lease_may_write(db: Database) -> None:
    save_lease(db)
    with db.write(Fence("night", 1)) as connection:
        connection.execute(update(Lease).values(owner="still me"))
    with db.read() as connection:
        assert connection.execute(select(Lease.owner)).scalar_one() == "still me"


@pytest.mark.parametrize(
    "held",
    [{"fence": 2}, {"fence": 0}, {"seconds": -1}, {"owner": None}],
    ids=["taken", "other", "expired", "free"],
)
def test_a_write_is_refused_when_the_lease_is(db: Database, held: dict[str, object]) -> None:
    save_lease(db, **held)
    with pytest.raises(Fenced), db.write(Fence("night", 1)) as connection:
        connection.execute(update(Lease).values(owner="intruder"))
    with db.read() as connection:
        assert connection.scalar(select(Lease.owner)) != "intruder"


def test_a_write_is_refused_when_there_was_never_a_lease(db: Database) -> None:
    with pytest.raises(Fenced), db.write(Fence("night", 1)):
        pass


def test_a_taker_waits_for_the_holders_transaction(db: Database) -> None:
    save_lease(db)
    took = threading.Event()

    def take() -> None:
        with db.write() as connection:
            connection.execute(update(Lease).values(fence=2))
        took.set()

    with db.write(Fence("night", 1)):
        taker = threading.Thread(target=take)
        taker.start()
        assert not took.wait(0.3)
    assert took.wait(10)
    taker.join()


def test_foreign_keys_are_held(db: Database) -> None:
    stage = "INSERT INTO stage (night, name, state, begun_at, counts) VALUES (9, 'x', 'done', '2026-01-01', '{}')"
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), db.write() as connection:
        connection.execute(text(stage))


def _write_often(url: str, first: int) -> None:
    db = open_db(url)
    for number in range(first, first + 20):
        with db.write() as connection:
            connection.execute(select(Lease.name)).all()  # a reader that turns writer: the deadlock of SQLite's default
            connection.execute(insert(Lease), lease() | {"name": f"lease {number}"})
    db.close()


def test_two_processes_write_at_once(db: Database, db_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(db_url, first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert count_leases(db) == 40


def test_threads_share_a_database(db: Database) -> None:
    def write(number: int) -> None:
        with db.write() as connection:
            connection.execute(insert(Lease), lease() | {"name": f"lease {number}"})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert count_leases(db) == 12


def test_a_missing_file_is_named_with_the_next_step(tmp_path) -> None:
    with pytest.raises(DatabaseMissing, match=r"none\.sqlite does not exist yet: run `scantwin db upgrade`"):
        open_db(f"sqlite:///{tmp_path}/none.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_identity_file_is_never_replaced_by_an_empty_one(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    upgrade(url)
    identity = sqlite_files(url)[1]
    for path in tmp_path.glob(f"{identity.name}*"):
        path.unlink()
    with pytest.raises(DatabaseMissing, match="put it back from a backup"):
        open_db(url)
    assert not identity.exists()


def test_identity_is_readable_by_its_owner_only(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/new/folder/scantwin.sqlite"
    upgrade(url)
    core, identity = sqlite_files(url)
    assert identity.name == "scantwin-identity.sqlite"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert stat.S_IMODE(core.stat().st_mode) & 0o007 == 0


def test_a_file_name_may_hold_anything(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/it's 100% #1?.sqlite"
    with pytest.raises(DatabaseMissing):
        open_db(url)
    upgrade(f"sqlite:///{tmp_path}/it's 100% #1.sqlite")
    open_db(f"sqlite:///{tmp_path}/it's 100% #1.sqlite").close()


def test_a_file_that_is_no_database_is_said_to_be(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    for path in sqlite_files(url):
        path.write_text("this is a letter to the radiologist, not a database" * 50)
    with pytest.raises(DatabaseUnreachable, match="not a database"):
        open_db(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/x", "no address", ""])
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///FILE"):
        open_db(url)


def test_an_unreachable_server_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseUnreachable) as caught:
        open_db("postgresql://reader:s3cr%40t@127.0.0.1:1/scantwin")
    assert "127.0.0.1" in str(caught.value)
    assert "s3cr" not in str(caught.value)
    assert is_transient(caught.value)


def test_a_drivers_message_loses_the_password() -> None:
    address = parse_url("postgresql://reader:s3cr%40t@host/scantwin")
    said = secrets_removed("no route to postgresql://reader:s3cr%40t@host, tried s3cr@t", address)
    assert said == "no route to postgresql://reader:***@host, tried ***"


def test_a_full_disk_is_told_from_a_passing_trouble(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    upgrade(url)
    db = open_db(url)
    with pytest.raises(DBAPIError) as caught, db.write() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(1000):
            connection.execute(insert(Lease), lease() | {"name": str(number) * 1000})
    db.close()
    assert is_disk_full(caught.value)
    assert not is_transient(caught.value)


def test_a_locked_database_is_a_passing_trouble(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("db.sqlite.BUSY_TIMEOUT_S", 0.1)
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    upgrade(url)
    db = open_db(url)
    with db.write(), pytest.raises(DBAPIError) as caught, db.write():
        pass
    db.close()
    assert is_transient(caught.value)
    assert not is_disk_full(caught.value)


def test_bad_rows_are_no_passing_trouble(db: Database) -> None:
    save_lease(db)
    with pytest.raises(DBAPIError) as caught:
        save_lease(db)
    assert not is_transient(caught.value)
    assert not is_transient(ValueError("bad"))
    assert not is_transient(DatabaseReadOnly("x"))
    assert issubclass(Fenced, DatabaseError)


def test_a_lost_connection_is_a_passing_trouble_and_the_next_one_works(postgres) -> None:
    url = postgres()
    upgrade(url)
    db, other = open_db(url), open_db(url)
    with pytest.raises(DBAPIError) as caught, db.write() as connection:
        mine = connection.scalar(text("SELECT pg_backend_pid()"))
        with other.write() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        connection.execute(insert(Lease), lease())
    assert is_transient(caught.value)
    save_lease(db)
    assert count_leases(other) == 1
    db.close()
    other.close()
