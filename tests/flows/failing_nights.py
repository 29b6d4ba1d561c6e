"""A program: tasks and a night of Prefect that fail in every way, each error quoting canaries; see test_told.py.

usage: python failing_nights.py CONFIG
"""

import errno
import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from db import identity
from db.tables import IdentityPatient, Patient
from flows.site.environment import prepare_environment
from flows.site.opened import Site, open_site

PERSON = {"key": "k", "patient_id": "CANARY-ID", "issuer": "CANARY-ISSUER", "name": "CANARY^NAME",
          "birth_date": "19710317", "sex": "F"}  # fmt: skip


def twice(site: Site) -> None:
    """A constraint that is broken."""
    with site.db.write() as connection:
        for _ in range(2):
            connection.execute(insert(IdentityPatient), PERSON)


def raw(site: Site) -> None:
    """The same past SQLAlchemy, as a fast path might."""
    with site.db.write() as connection:
        cursor: Any = connection.connection.cursor()
        for _ in range(2):
            cursor.execute("INSERT INTO identity.patient (key, patient_id, issuer, name, birth_date, sex)"
                           " VALUES ('k', 'CANARY-ID', 'CANARY-ISSUER', 'CANARY^NAME', '19710317', 'F')")  # fmt: skip


def literal(site: Site) -> None:
    """A value where a number is wanted; PostgreSQL quotes it."""
    with site.db.write() as connection:
        connection.execute(text("SELECT abs(CAST(:who AS INTEGER)), no_such FROM patient"), {"who": "CANARY^NAME"})


def unreadable(site: Site) -> None:
    """A text that is no UTF-8; SQLite's driver quotes it."""
    with site.db.write() as connection:
        if site.db.is_sqlite:
            connection.execute(text("SELECT CAST(x'43414e4152595e4e414d45ff' AS TEXT)")).all()
        connection.execute(text("SELECT CAST(:who AS DATE) + 1 FROM no_such"), {"who": "CANARY^NAME"}).all()


def unspeakable(site: Site) -> None:
    """A text that no database takes."""
    identity_row = PERSON | {"name": "CANARY\udce9NAME"}
    with site.db.write() as connection:
        identity.save_patients(connection, [identity_row])


def nul(site: Site) -> None:
    """A text that PostgreSQL refuses and SQLite cuts, then a row twice."""
    with site.db.write() as connection:
        for _ in range(2):
            connection.execute(insert(IdentityPatient), PERSON | {"name": "CANARY\0NAME"})


def without_parent(site: Site) -> None:
    """A row that refers to nothing."""
    with site.db.write() as connection:
        connection.execute(insert(Patient), {"key": "CANARY", "split": 7.0, "sex": "19710317", "own_lane": True,
                                             "first_night": 19710317})  # fmt: skip


def by_trigger(site: Site) -> None:
    """A rule of the site's own whose message quotes the row."""
    with site.db.write() as connection:
        if site.db.is_sqlite:
            connection.execute(text("CREATE TRIGGER identity.t BEFORE INSERT ON patient BEGIN"
                                    " SELECT RAISE(ABORT, 'CANARY^NAME is here'); END"))  # fmt: skip
        else:
            connection.execute(text("DO $$ BEGIN RAISE 'CANARY^NAME' USING ERRCODE = '53100',"
                                    " DETAIL = '19710317', HINT = 'CANARY-ID'; END $$"))  # fmt: skip
        connection.execute(insert(IdentityPatient), PERSON)


def timeout(site: Site) -> None:
    """A statement that takes too long; on SQLite one that is interrupted."""
    with site.db.write() as connection:
        if site.db.is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(lambda: 1, 1)
            try:
                connection.execute(insert(IdentityPatient), PERSON)
            finally:
                driver.set_progress_handler(None, 0)
        else:
            connection.execute(text("SET LOCAL statement_timeout = 20"))
            connection.execute(text("SELECT pg_sleep(5), CAST(:who AS TEXT)"), {"who": "CANARY^NAME"})


def full(site: Site) -> None:
    """A disk that is full."""
    with site.db.write() as connection:
        if not site.db.is_sqlite:
            connection.execute(text("SET LOCAL temp_file_limit = '64kB'"))
            connection.execute(text("SET LOCAL work_mem = '64kB'"))
            connection.execute(text("SELECT :who || g FROM generate_series(1, 300000) g ORDER BY 1 DESC"),
                               {"who": "CANARY^NAME" * 3}).all()  # fmt: skip
        pages = connection.scalar(text("PRAGMA identity.page_count"))
        connection.execute(text(f"PRAGMA identity.max_page_count = {pages}"))
        for number in range(2000):
            connection.execute(insert(IdentityPatient), PERSON | {"key": str(number), "name": "CANARY^NAME" * 99})


def ended(site: Site) -> None:
    """A server process that is ended in the middle; on SQLite a database that is busy."""
    with site.db.write() as connection:
        if not site.db.is_sqlite:
            pid = connection.scalar(text("SELECT pg_backend_pid()"))
            with site.db.write() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            connection.execute(insert(IdentityPatient), PERSON)
        import sqlite3

        other = sqlite3.connect(str(site.db.url.database), timeout=0)
        other.execute("INSERT INTO patient VALUES ('CANARY', 0, 'F', 1, 1)")


def locked(site: Site) -> None:
    """A row that somebody else holds."""
    if site.db.is_sqlite:
        return ended(site)
    with site.db.write() as connection:
        connection.execute(insert(IdentityPatient), PERSON)
        with site.db.write() as other:
            other.execute(text("SET LOCAL lock_timeout = 50"))
            other.execute(insert(IdentityPatient), PERSON)


def path(site: Site) -> None:
    """An error of the disk, with a path."""
    raise OSError(errno.EIO, "Input/output error", f"{site.archive}/CANARY^NAME.dcm")


def handled(site: Site) -> None:
    """An error while another one is dealt with."""
    try:
        {}["CANARY^NAME"]
    except KeyError:
        "CANARY\udce9".encode()


def caused(site: Site) -> None:
    """An error that says what it came from, with a note."""
    try:
        bytes("CANARY^NAME", "ascii").decode("utf-16")
        int("CANARY^NAME")
    except ValueError as error:
        error.add_note("CANARY^NOTE")
        raise RuntimeError("CANARY^NAME") from error


def validated(site: Site) -> None:
    """pydantic quotes what it was given."""
    from pydantic import TypeAdapter

    TypeAdapter(dict[str, int]).validate_python({"birth": "CANARY 19710317"})


def grouped(site: Site) -> None:
    """Several at once."""
    raise ExceptionGroup("CANARY", [KeyError("CANARY^NAME"), OSError("19710317")])


FAULTS = (twice, raw, literal, unreadable, unspeakable, nul, without_parent, by_trigger, timeout, full, ended, locked,
          path, handled, caused, validated, grouped)  # fmt: skip

WITH_PREFECT = (twice, by_trigger, timeout, full, ended, handled)  # the rest is told in the same way, without it


def main(config: Path) -> None:
    """Run a task for each fault, and a night; print how many failed as wanted."""
    site = open_site(config)
    prepare_environment(site.store)
    from flows.night import prefect_flows

    n_failed = 0
    for fault in WITH_PREFECT:

        def broken(site: Site, ticket: Any, ids: Any, fault: Any = fault) -> Any:
            fault(site)

        prefect_flows.BATCHES["read_headers"] = broken
        n_failed += fails(prefect_flows.run_batch, "read_headers", str(config), 1, 1, None, ["id"])
    prefect_flows.BATCHES["read_headers"] = lambda site, ticket, ids: twice(site)  # type: ignore[assignment, return-value]
    n_failed += fails(prefect_flows.night, str(config))
    print(f"{n_failed} of {len(WITH_PREFECT) + 1} failed")


def fails(work: Any, *words: Any) -> bool:
    """Say whether it fails, and how."""
    try:
        work(*words)
    except Exception as error:
        print(f"{error!r}: {error}", flush=True)
        return True
    return False


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(Path(sys.argv[1]))
