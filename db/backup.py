"""Copies of the whole database that are consistent and checked, and the way back."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, text

from db.address import parse_url, sqlite_files, without_password
from db.base import IDENTITY
from db.belonging import owner
from db.engine import (
    Database,
    current_revision,
    known_revisions,
    open_db,
    require_current,
)
from db.errors import BackupRefused
from db.lease import refuse_while_running

CORE_COPY, IDENTITY_COPY, DUMP = "core.sqlite", "identity.sqlite", "scantwin.dump"
MANIFEST = "backup.json"
POOLER_TRIES = 3


def backup(db: Database, folder: Path) -> list[Path]:
    """Write a copy of the database into a new folder and return its files. Nights may go on meanwhile.

    Raises:
        BackupRefused: The folder is there already, a copy failed its check, or pg_dump is missing.
    """
    if folder.exists():
        raise BackupRefused(f"{folder} is there already: name a new folder")
    if not db.is_sqlite:
        _require_own_connection(db)
    draft = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    try:
        names = _copy_sqlite(db, draft) if db.is_sqlite else _dump_postgres(db.url, draft)
        facts = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": current_revision(db),
            "key_id": _key_id(db),
            "sha256": {name: _sha256(draft / name) for name in names},
        }
        (draft / MANIFEST).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.rename(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return [folder / name for name in (*names, MANIFEST)]


def _key_id(db: Database) -> str:
    with db.read() as connection:
        found = owner(connection)
    return "" if found is None else found.key_id


def made_by(folder: Path) -> str:
    """Return which secret made the keys in a backup; "" when it does not say: it is older, or none.

    Raises:
        BackupRefused: The folder is no backup.
    """
    return str(_facts(folder).get("key_id") or "")


def restore(url: str | URL, folder: Path, *, is_dead: Callable[[str], bool] = lambda owner: False) -> None:
    """Put a backup back; SQLite files that were there are kept beside it under `.before-restore-...`.

    Raises:
        BackupRefused: The folder is no whole backup, or of another kind of database.
        DatabaseTooNew: It was made by a newer program.
        NightRunning: A night is at work on the database.
    """
    address = parse_url(url)
    names = _checked(folder)
    wanted = [CORE_COPY, IDENTITY_COPY] if address.get_backend_name() == "sqlite" else [DUMP]
    if sorted(names) != sorted(wanted):
        raise BackupRefused(f"{folder} holds {', '.join(names)}: not a backup of this kind of database")
    if address.get_backend_name() == "sqlite":
        _restore_sqlite(address, folder, is_dead)
    else:
        _restore_postgres(address, folder / DUMP, is_dead)


def _copy_sqlite(db: Database, folder: Path) -> list[str]:
    """Copy both files from one snapshot each, core first: identity may then be newer, never older."""
    with db.read() as connection:
        source = connection.connection.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise TypeError(f"not an SQLite connection: {type(source).__name__}")
        for schema, name in (("main", CORE_COPY), (IDENTITY, IDENTITY_COPY)):
            source.execute(f"SELECT count(*) FROM {schema}.sqlite_master").fetchone()
            handle = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            os.close(handle)
        for schema, name in (("main", CORE_COPY), (IDENTITY, IDENTITY_COPY)):
            with closing(sqlite3.connect(folder / name)) as target:
                source.backup(target, name=schema)
                _check_file(target, folder / name)
    return [CORE_COPY, IDENTITY_COPY]


def _check_file(copy: sqlite3.Connection, path: Path) -> None:
    copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
    said = [row[0] for row in copy.execute("PRAGMA integrity_check").fetchall()]
    if said != ["ok"] or copy.execute("PRAGMA foreign_key_check").fetchall():
        raise BackupRefused(f"{path.name} failed its check: {said[0]}; restore an older backup and look at the disk")


def _checked(folder: Path) -> list[str]:
    """Return the names of a backup's files after comparing them with its manifest."""
    facts = _facts(folder)
    hashes: dict[str, str] = facts["sha256"]
    revision: str = facts["revision"]
    for name, sha256 in hashes.items():
        path = folder / Path(name).name
        if not path.is_file() or _sha256(path) != sha256:
            raise BackupRefused(f"{path} is missing or was changed since it was written: use another backup")
    if revision not in known_revisions():
        require_current(revision, URL.create("backup", database=folder.name))
    return list(hashes)


def _facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return facts | {"sha256": dict(facts["sha256"]), "revision": str(facts["revision"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(f"{folder} holds no readable {MANIFEST}: it is not a whole backup") from error


def _restore_sqlite(address: URL, folder: Path, is_dead: Callable[[str], bool]) -> None:
    targets = sqlite_files(address)
    if targets[0].exists():
        with closing(open_db(address, must_be_current=False)) as db:
            refuse_while_running(db, is_dead)
            _empty_logs(db)
    _set_aside(targets)
    targets[0].parent.mkdir(parents=True, exist_ok=True)
    # Identity first: without the core file there is no database yet, so a half restore is never opened.
    for target, name in reversed(list(zip(targets, (CORE_COPY, IDENTITY_COPY), strict=True))):
        draft = target.with_name(f".{target.name}.part")
        shutil.copyfile(folder / name, draft)
        draft.chmod(0o600)
        with draft.open("rb") as copy:
            os.fsync(copy.fileno())
        os.replace(draft, target)


def _empty_logs(db: Database) -> None:
    with db.engine.connect() as connection:
        cursor = connection.connection.cursor()
        for schema in ("main", IDENTITY):
            busy, *_ = cursor.execute(f"PRAGMA {schema}.wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise BackupRefused(f"{db.url.database} is in use: stop what reads it, then try again")
        cursor.close()


def _set_aside(files: Sequence[Path]) -> None:
    """Rename the files that are there: core first, so that nobody opens half of a pair."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for path in (path for path in files if path.exists()):
        os.rename(path, path.with_name(f"{path.name}.before-restore-{stamp}"))
        for tail in ("-wal", "-shm"):
            path.with_name(path.name + tail).unlink(missing_ok=True)


def is_shared(db: Database) -> bool:
    """Say whether a pooler hands the server's connections from transaction to transaction, as pgbouncer does.

    Two open connections then meet the same process of the server.
    """
    for _ in range(POOLER_TRIES):  # somebody else may come between
        with db.engine.connect() as one, db.engine.connect() as other:
            found = []
            for connection in (one, other, one, other):
                found.append(connection.scalar(text("SELECT pg_backend_pid()")))
                connection.commit()
        if found[0] == found[1] or found[0] != found[2] or found[1] != found[3]:
            return True
    return False


def _require_own_connection(db: Database) -> None:
    """Refuse where pg_dump would leave its settings, such as an empty search_path, on connections of others."""
    if is_shared(db):
        raise BackupRefused(
            f"{without_password(db.url)} is a pooler of transactions (pgbouncer), through which pg_dump and pg_restore "
            "do harm: give the server's own address, in [db] url or SCANTWIN_DB__URL, for this command"
        )


def _dump_postgres(url: URL, folder: Path) -> list[str]:
    _run(url, ["pg_dump", "--format=custom", "--no-owner", f"--file={folder / DUMP}"], "pg_dump")
    (folder / DUMP).chmod(0o600)
    _run(url, ["pg_restore", "--list", str(folder / DUMP)], "pg_restore")
    return [DUMP]


def _restore_postgres(url: URL, dump: Path, is_dead: Callable[[str], bool]) -> None:
    with closing(open_db(url, must_be_current=False)) as db:
        _require_own_connection(db)
        refuse_while_running(db, is_dead)
    name = f"--dbname={url.database}"
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    _run(url, ["pg_restore", *options, name, str(dump)], "pg_restore")


def _run(url: URL, command: list[str], tool: str) -> None:
    """Run a PostgreSQL tool; the password goes by the environment, as anybody can read command lines."""
    host = url.host or url.query.get("host", "")
    given = {"PGHOST": host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    given["PGDATABASE"] = url.database
    environment = {**os.environ, **{name: str(value) for name, value in given.items() if value}}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BackupRefused(
            f"{tool} is not installed here: install the PostgreSQL client tools, or run {tool} where they are"
        ) from error
    if done.returncode:
        raise BackupRefused(f"{tool} failed: {done.stderr.strip().splitlines()[-1:]}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
