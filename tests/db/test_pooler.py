"""PostgreSQL behind pgbouncer in transaction mode: each transaction may get another server connection."""

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from db.backup import backup, restore
from db.engine import open_db
from db.errors import BackupRefused
from db.lease import begin_night
from db.migrate import check, upgrade

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def pooled(postgres, tmp_path):
    """The address of an empty database through a pgbouncer, which shares two server connections among all."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    direct = make_url(postgres())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "users").write_text('"postgres" ""\n')
    (tmp_path / "ini").write_text(
        f"[databases]\n{direct.database} = host={direct.query['host']} user=postgres dbname={direct.database}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {tmp_path}/users\npool_mode = transaction\ndefault_pool_size = 2\nlogfile = {tmp_path}/log\n"
    )
    user = []
    if Path("/proc/self").owner() == "root":  # as which it refuses to run; the server's account may reach the server
        user = ["-u", Path(direct.query["host"]).owner()]
        for folder in (tmp_path, *tmp_path.parents[:-2]):
            folder.chmod(folder.stat().st_mode | 0o005)
        (tmp_path / "log").touch()
        (tmp_path / "log").chmod(0o666)
    child = subprocess.Popen([PGBOUNCER, *user, tmp_path / "ini"], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"postgresql://postgres@127.0.0.1:{port}/{direct.database}"
    child.terminate()
    child.wait()


def test_through_a_pooler_of_transactions_everything_works(pooled):
    upgrade(pooled)
    assert check(pooled) == []
    db = open_db(pooled)
    begun = begin_night(db, owner="me", ttl_s=60, settings_digest="", version="", key_id="", is_dead=lambda _: False)
    assert begun.night == 1
    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            for _ in range(12):  # a statement is prepared by name from its sixth time on, where that is allowed
                with db.write() as connection:
                    connection.execute(
                        text("INSERT INTO lease (name, fence) VALUES (:name, 0) ON CONFLICT (name) DO UPDATE"
                             " SET fence = lease.fence + 1"), {"name": f"n{number}"}
                    )  # fmt: skip
                with db.read() as connection:
                    connection.execute(text("SELECT * FROM lease WHERE name = :name"), {"name": f"n{number}"}).one()
                    assert connection.scalar(text("SHOW TimeZone")) == "UTC"
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    db.close()


def test_a_backup_through_a_pooler_is_refused_with_what_to_do(pooled, tmp_path):
    upgrade(pooled)
    db = open_db(pooled)
    with pytest.raises(BackupRefused, match="pgbouncer"):
        backup(db, tmp_path / "copy")
    db.close()
    assert not (tmp_path / "copy").exists()
    assert restore


def test_a_direct_connection_is_not_taken_for_a_pooler(postgres):
    from db.backup import is_shared

    url = postgres()
    upgrade(url)
    db = open_db(url)
    assert not is_shared(db)
    db.close()
