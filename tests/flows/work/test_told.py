"""What Prefect is told of an error: a code and a sentence of ours, whatever failed and whatever the error quotes."""

import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from failing_nights import FAULTS, PERSON, WITH_PREFECT
from sqlalchemy import insert, text

from db.tables import IdentityPatient
from flows.site.errors import Told
from flows.work.told import told

CANARIES = ("CANARY", "19710317")
PROGRAM = Path(__file__).parents[1] / "failing_nights.py"


def chain(error):
    """Everything that a log could write of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.__context__) + str(error.__cause__)


def canaries_in(said):
    return [word for word in CANARIES if word.lower() in said.lower()]


@pytest.mark.prefect
@pytest.mark.timeout(400)
def test_statements_and_errors_of_every_kind_leave_no_canary_with_prefect(make_site, db_url, write_dicom, tmp_path):
    site = make_site(url=db_url, retries="1", retry_seconds="0.0", on_failure='["/bin/echo"]')
    write_dicom(site.archive / "CANARY^NAME.dcm", patient="CANARY-ID", study="1.2.777", series="1.2.777.1",
                instance="1.2.777.1.1", date="20210101")  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    loud = {"PREFECT_LOGGING_TO_API_ENABLED": "true", "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.1"}  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        done = subprocess.run([sys.executable, PROGRAM, site.config], env=environment | loud, stdout=log, stderr=log,
                              check=False, cwd=PROGRAM.parents[2])  # fmt: skip
    said = (tmp_path / "log").read_text()
    assert done.returncode == 0, said[-3000:]
    assert f"{len(WITH_PREFECT) + 1} of {len(WITH_PREFECT) + 1} failed" in said
    assert canaries_in(said) == []
    site.db.close()
    held = b"".join(path.read_bytes() for path in site.store.rglob("*")
                    if path.is_file() and "-identity" not in path.name)  # fmt: skip
    assert b"Encountered exception during execution" in held, "Prefect kept no log: this test proves nothing"
    assert canaries_in(held.decode("utf-8", "replace")) == []
    with site.db.read() as connection:
        rows = connection.execute(text("SELECT * FROM night")).all()
    assert len(rows) == 1
    assert canaries_in(repr(rows)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_of_the_error_itself_hangs_on_what_is_told(make_site, db_url, monkeypatch, fault):
    monkeypatch.setattr("db.sqlite.BUSY_TIMEOUT_S", 0.1)
    site = make_site(url=db_url)
    with pytest.raises(Told) as caught:
        told(fault)(site)
    assert canaries_in(chain(caught.value).replace(str(site.archive), "")) == []
    assert caught.value.__context__ is None
    assert pickle.loads(pickle.dumps(caught.value)).sentence == caught.value.sentence


@pytest.mark.parametrize("fault", FAULTS[:11], ids=lambda fault: fault.__name__)
def test_an_error_of_the_engine_quotes_no_value(make_site, db_url, fault):
    site = make_site(url=db_url)
    with pytest.raises(Exception) as caught:
        fault(site)
    if fault.__name__ in ("raw", "unspeakable"):
        return  # past the engine; and no database's error: told apart above
    said = "".join(traceback.format_exception(caught.value))
    quoted = [line for line in said.splitlines() if canaries_in(line) and not line.startswith(("    ", "[SQL:"))]
    assert quoted == []


def test_an_interrupt_stays_one_and_drops_what_was_handled():
    @told
    def work():
        try:
            raise KeyError("CANARY")
        except KeyError:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert canaries_in(chain(caught.value)) == [] or caught.value.__context__ is None


def test_a_failed_upgrade_names_no_value(db_url, monkeypatch):
    from db import migrate

    def broken(connection):
        for _ in range(2):
            connection.execute(insert(IdentityPatient), PERSON)

    monkeypatch.setattr(migrate, "create_views", broken)
    monkeypatch.setattr(migrate, "view_differences", lambda connection: ["some"])
    with pytest.raises(migrate.DatabaseError) as caught:
        migrate.upgrade(db_url)
    assert canaries_in(str(caught.value)) == []
