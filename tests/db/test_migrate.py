import importlib
import multiprocessing
import threading
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, text

from db import migrate
from db.address import parse_url
from db.base import table_of
from db.engine import VERSIONS, Fence, known_revisions, open_db
from db.errors import DatabaseMissing, DatabaseOutdated, DatabaseTooNew, Fenced, NightRunning
from db.lease import Begun, begin_night, renew
from db.migrate import check, revision, upgrade
from db.tables import Lease
from db.views import VIEWS


def run(url: str, *statements: str) -> None:
    db = open_db(url, must_be_current=False)
    with db.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
    db.close()


def test_an_empty_database_becomes_current_and_agrees_with_the_models(empty_url: str) -> None:
    assert upgrade(empty_url) == known_revisions()[-1]
    assert revision(empty_url) == known_revisions()[-1]
    assert check(empty_url) == []
    open_db(empty_url).close()


def test_upgrading_again_changes_nothing_and_keeps_rows(db_url: str) -> None:
    run(db_url, "INSERT INTO lease (name, fence) VALUES ('night', 5)")
    upgrade(db_url)
    db = open_db(db_url)
    with db.read() as connection:
        assert connection.scalar(text("SELECT fence FROM lease")) == 5
    db.close()


def test_a_database_without_tables_is_told_to_be_upgraded(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        migrate._opened(parse_url(_made_folder(empty_url))).close()
    assert revision(empty_url) is None
    with pytest.raises(DatabaseMissing, match="scantwin db upgrade"):
        open_db(empty_url)


def _made_folder(url: str) -> str:
    Path(url.removeprefix("sqlite:///")).parent.mkdir()
    return url


def test_an_older_database_is_told_to_be_upgraded_and_can_be(empty_url: str, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "create_views", lambda connection: None)
        patch.setattr(migrate, "_write_comments", lambda connection: None)
        patch.setattr(migrate.command, "upgrade", lambda config, head, go=migrate.command.upgrade: go(config, "0001"))
        upgrade(empty_url)
    with pytest.raises(DatabaseOutdated, match="scantwin db upgrade"):
        open_db(empty_url)
    upgrade(empty_url)
    assert check(empty_url) == []


def upgrade_to(url: str, revision: str, monkeypatch) -> None:
    """Upgrade as far as an older program would."""
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "create_views", lambda connection: None)
        patch.setattr(migrate, "_write_comments", lambda connection: None)
        patch.setattr(migrate.command, "upgrade", lambda config, head, go=migrate.command.upgrade: go(config, revision))
        upgrade(url)


def test_the_fourth_revision_has_frames_read_again_and_every_series_looked_at(empty_url: str, monkeypatch) -> None:
    upgrade_to(empty_url, "0003", monkeypatch)
    columns = (
        "key, path, size_bytes, mtime_ns, inode, state, code, why, sop_uid, series, study, series_uid, file_sha256"
    )
    row = "'{0}', '{0}', 1, 77, 1, 'read', '', '', '', '', '', '', '', '', '{{\"sop_class_uid\"\\:\"{1}\"}}', true"
    enhanced, classic = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4"
    insert = f"INSERT INTO identity.file ({columns}, pixel_sha256, header, grouped) VALUES ({row})"
    run(empty_url, insert.format("many", enhanced), insert.format("one", classic))
    upgrade_to(empty_url, "0004", monkeypatch)
    db = open_db(empty_url, must_be_current=False)
    with db.read() as connection:
        found = connection.execute(text("SELECT key, mtime_ns, grouped FROM identity.file ORDER BY key")).all()
    db.close()
    assert [(key, mtime, bool(grouped)) for key, mtime, grouped in found] == [("many", 0, False), ("one", 77, False)]


def test_the_twenty_third_revision_has_every_header_read_again(empty_url: str, monkeypatch) -> None:
    upgrade_to(empty_url, "0022", monkeypatch)
    columns = (
        "key, path, size_bytes, mtime_ns, inode, state, code, why, sop_uid, series, study, series_uid, file_sha256"
    )
    row = "'{0}', '{0}', 1, 77, 1, 'read', '', '', '', '', '', '', '', '', '{1}', true"
    insert = f"INSERT INTO identity.file ({columns}, pixel_sha256, header, grouped) VALUES ({row})"
    run(empty_url, insert.format("read", "{}"), insert.format("refused", ""))
    upgrade_to(empty_url, "0023", monkeypatch)
    db = open_db(empty_url, must_be_current=False)
    with db.read() as connection:
        found = connection.execute(text("SELECT key, mtime_ns FROM identity.file ORDER BY key")).all()
    db.close()
    assert [tuple(row) for row in found] == [("read", 0), ("refused", 77)]


def test_a_newer_database_is_refused_and_left_alone(db_url: str) -> None:
    run(db_url, "UPDATE alembic_version SET version_num = '9999'")
    for door in (open_db, upgrade):
        with pytest.raises(DatabaseTooNew, match=r"revision 9999.*install the newer scantwin"):
            door(db_url)
    assert revision(db_url) == "9999"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE patient ADD COLUMN surplus TEXT",
        "DROP INDEX ix_scan_kind",
        "ALTER TABLE scan DROP COLUMN kernel",
        "DROP VIEW night_summary; CREATE VIEW night_summary AS SELECT id FROM night",
    ],
)
def test_a_database_that_was_changed_by_hand_is_found_out(db_url: str, change: str) -> None:
    run(db_url, *change.split(";"))
    assert check(db_url)


def test_a_view_that_was_replaced_by_one_of_the_same_columns_is_found_out_and_made_again(db_url: str) -> None:
    view = next(view for view in VIEWS if view.name == "night_summary")
    is_sqlite = db_url.startswith("sqlite")
    other = view.sql.replace("n.exit_code", "n.id AS exit_code")
    create = "CREATE" if is_sqlite else "CREATE OR REPLACE"
    run(db_url, *["DROP VIEW night_summary"] * is_sqlite, f"{create} VIEW night_summary AS {other}")
    (found,) = check(db_url)
    assert "night_summary" in found
    upgrade(db_url)
    assert check(db_url) == []


def test_a_missing_rule_is_found_out(db_url: str) -> None:
    rules = table_of(Lease).constraints
    rule = CheckConstraint("fence >= 0", name="fence")
    rules.add(rule)
    try:
        assert check(db_url)
    finally:
        rules.discard(rule)


def test_a_foreign_table_in_the_same_database_is_none_of_our_business(db_url: str) -> None:
    run(db_url, "CREATE TABLE somebody_elses (id INTEGER)")
    assert check(db_url) == []
    upgrade(db_url)


def test_two_upgrades_at_once_queue(empty_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    upgrades = [context.Process(target=upgrade, args=(empty_url,)) for _ in range(2)]
    for process in upgrades:
        process.start()
    for process in upgrades:
        process.join(60)
    assert [process.exitcode for process in upgrades] == [0, 0]
    assert check(empty_url) == []


def test_an_upgrade_waits_for_another_ones_lock(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    waiting = threading.Thread(target=upgrade, args=(url,))
    with migrate._file_lock(parse_url(url)):
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert list(tmp_path.iterdir()) == []
    waiting.join(60)
    assert check(url) == []


def test_an_upgrade_that_fails_leaves_nothing(empty_url: str, monkeypatch) -> None:
    def fail(connection: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "create_views", fail)
        with pytest.raises(RuntimeError):
            upgrade(empty_url)
    assert revision(empty_url) is None
    upgrade(empty_url)
    assert check(empty_url) == []


def test_an_upgrade_that_would_orphan_rows_is_undone(tmp_path, monkeypatch) -> None:
    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    upgrade(url)
    run(url, "DROP VIEW night_summary")

    def break_it(connection) -> None:
        connection.execute(text("INSERT INTO stage VALUES (7, 'x', 'done', '2026-01-01', 1, '')"))

    with (
        monkeypatch.context() as patch,
        pytest.raises(migrate.DatabaseError, match="1 rows would refer to nothing"),
    ):
        patch.setattr(migrate, "create_views", break_it)
        upgrade(url)
    db = open_db(url)
    with db.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM stage")) == 0
    db.close()


def test_postgresql_explains_its_own_columns(postgres) -> None:
    url = postgres()
    upgrade(url)
    db = open_db(url)
    wanted = "SELECT col_description('identity.patient'::regclass, 3), obj_description('match'::regclass)"
    with db.read() as connection:
        column, table = connection.execute(text(wanted)).one()
    db.close()
    assert column.startswith("IssuerOfPatientID")
    assert table.startswith("One row a scan, prior")


def test_a_views_text_changes_with_a_revision_only() -> None:
    noted: dict[str, str] = {}
    for path in sorted(VERSIONS.glob("v*_*.py")):
        noted |= getattr(importlib.import_module(f"db.migrations.versions.{path.stem}"), "VIEWS", {})
    now = {view.name: view.digest for view in VIEWS}
    assert noted == now, "write a revision whose VIEWS names the views that changed, with View.digest of each"


def test_an_upgrade_with_nothing_to_do_touches_nothing(db_url: str, monkeypatch) -> None:
    monkeypatch.setattr(migrate, "_upgrade", lambda *_: pytest.fail("upgraded"))
    assert upgrade(db_url) == known_revisions()[-1]


@pytest.mark.parametrize("change", ["", ", 7 AS more"])
def test_a_view_that_changed_without_a_revision_is_found_and_mended(db_url: str, change: str) -> None:
    run(db_url, "DROP VIEW night_summary", f"CREATE VIEW night_summary AS SELECT id AS night{change} FROM night")
    assert "night_summary" in check(db_url)[0]
    upgrade(db_url)
    assert check(db_url) == []


def test_a_view_that_is_missing_is_found_and_made(db_url: str) -> None:
    run(db_url, "DROP VIEW night_summary")
    assert check(db_url) == ["view night_summary is missing"]
    upgrade(db_url)
    assert check(db_url) == []


def begun(url: str, ttl_s: float = 60) -> Begun:
    db = open_db(url, must_be_current=False)
    night = begin_night(db, owner="me", ttl_s=ttl_s, settings_digest="", version="", key_id="", is_dead=lambda _: False)
    db.close()
    return night


def test_an_upgrade_beside_a_night_is_refused(db_url: str) -> None:
    begun(db_url)
    run(db_url, "DROP VIEW night_summary")
    with pytest.raises(NightRunning):
        upgrade(db_url)
    upgrade(db_url, is_dead=lambda owner: owner == "me")
    assert check(db_url) == []


def test_a_night_that_stood_still_during_an_upgrade_writes_no_more(db_url: str) -> None:
    night = begun(db_url, ttl_s=0)
    run(db_url, "DROP VIEW night_summary")
    upgrade(db_url)
    db = open_db(db_url)
    with pytest.raises(Fenced):
        renew(db, Fence("night", night.fence), ttl_s=60)
    db.close()
