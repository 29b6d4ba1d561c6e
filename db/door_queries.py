"""Reads for the doors: what status, files and the terminal show to a person."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from db.base import table_of
from db.identity import paths_of_files
from db.night_queries import is_good
from db.rows import rows_of
from db.tables import Embedding, File, IdentityFile, IdentityPatient, Match, Night, Scan, Stage, Verdict
from db.upsert import chunks

NIGHT, SCAN, MATCH, FILE = (table_of(model) for model in (Night, Scan, Match, File))
IDENTITY_FILE, IDENTITY_PATIENT = table_of(IdentityFile), table_of(IdentityPatient)
STAGE, VERDICT, EMBEDDING = table_of(Stage), table_of(Verdict), table_of(Embedding)


def files_with_outcome(
    connection: Connection, wanted: str | None, *, after: str = "", most: int = 1000
) -> list[dict[str, Any]]:
    """Return path, outcome, code, why and scan of some files, by path; `wanted` is an outcome, a code, or None.

    Identity is joined here: for the operator's door alone. The next page begins after the last path of this one.
    """
    columns = (IDENTITY_FILE.c.path, FILE.c.outcome, FILE.c.code, FILE.c.why, FILE.c.scan)
    joined = select(*columns).join(IDENTITY_FILE, IDENTITY_FILE.c.key == FILE.c.key)
    joined = joined.where(IDENTITY_FILE.c.path > after)
    if wanted is not None:
        joined = joined.where(or_(FILE.c.outcome == wanted, FILE.c.code == wanted))
    return rows_of(connection, joined.order_by(IDENTITY_FILE.c.path).limit(most))


def paths_of(connection: Connection, files: Iterable[str]) -> dict[str, str]:
    """Return key -> path of files; for the operator's door alone."""
    return paths_of_files(connection, files)


def held_back_scans(connection: Connection) -> Iterator[dict[str, Any]]:
    """Yield key, kind, patient and header (JSON, with identity) of scans that wait for a kind; for that door too."""
    one_file = func.min(FILE.c.key).label("file")
    held = select(SCAN.c.key, SCAN.c.kind, SCAN.c.patient, one_file).join(FILE, FILE.c.scan == SCAN.c.key)
    held = held.where(SCAN.c.state == "held_back").group_by(SCAN.c.key, SCAN.c.kind, SCAN.c.patient)
    by_file = {str(row["file"]): row for row in rows_of(connection, held)}
    for some in chunks(sorted(by_file)):
        read = select(IDENTITY_FILE.c.key, IDENTITY_FILE.c.header).where(IDENTITY_FILE.c.key.in_(some))
        for file, header in connection.execute(read).tuples():
            if header:
                yield by_file[file] | {"header": header}


def patients_by_id(connection: Connection) -> dict[str, list[str]]:
    """Return patient id -> keys; several keys when issuers share an id."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(IDENTITY_PATIENT.c.patient_id, IDENTITY_PATIENT.c.key)):
        if row.patient_id:
            found.setdefault(row.patient_id, []).append(row.key)
    return found


def scan_facts(connection: Connection, scans: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return key -> patient, study, kind, contrast, local date, what speaks against that, and scanner of scans."""
    names = ("key", "patient", "study", "kind", "contrast", "acquired_local_date", "date_doubts", "manufacturer",
             "model")  # fmt: skip
    columns = [SCAN.c[name] for name in names]
    facts: dict[str, dict[str, Any]] = {}
    for some in chunks(scans):
        facts.update({row["key"]: row for row in rows_of(connection, select(*columns).where(SCAN.c.key.in_(some)))})
    return facts


def nearest_entered(connection: Connection, night: int, n: int) -> list[dict[str, Any]]:
    """Return the n nearest current matches that entered in a night, each scan's first one only."""
    scan, prior = SCAN.alias("scan"), SCAN.alias("prior")
    columns = (
        MATCH.c.id, MATCH.c.kind, MATCH.c.lane, MATCH.c.rank, MATCH.c.distance, MATCH.c.scan, MATCH.c.prior,
        scan.c.acquired_local_date.label("scan_date"), prior.c.acquired_local_date.label("prior_date"),
    )  # fmt: skip
    entered = select(*columns).join(scan, scan.c.key == MATCH.c.scan).join(prior, prior.c.key == MATCH.c.prior)
    first = and_(MATCH.c.lane == "others", MATCH.c.rank == 1)
    entered = entered.where(MATCH.c.entered_night == night, MATCH.c.left_night.is_(None), first)
    return rows_of(connection, entered.order_by(MATCH.c.distance, MATCH.c.scan).limit(n))


def running_night(connection: Connection) -> int | None:
    """Return the night that runs now, None when none does."""
    newest: int | None = connection.scalar(select(func.max(NIGHT.c.id)).where(NIGHT.c.state == "running"))
    return newest


def running_stage(connection: Connection) -> str | None:
    """Return the name of the stage that runs now."""
    return connection.scalar(select(STAGE.c.name).where(STAGE.c.state == "running").limit(1))


def last_success_at(connection: Connection) -> datetime | None:
    """Return when the newest good night ended: it published, and nothing failed in it."""
    good = select(func.max(NIGHT.c.ended_at)).where(is_good())
    at: datetime | None = connection.scalar(good)
    return at


def first_begun_at(connection: Connection) -> datetime | None:
    """Return when the first night began."""
    at: datetime | None = connection.scalar(select(func.min(NIGHT.c.begun_at)))
    return at


def embedding_devices(connection: Connection, encoder: str) -> list[str]:
    """Return the devices that made an encoder's vectors: one, or none yet."""
    return list(connection.scalars(select(EMBEDDING.c.device).where(EMBEDDING.c.encoder == encoder).distinct()))


def wrong_patient_verdicts(connection: Connection) -> list[dict[str, Any]]:
    """Return the verdicts that ask the operator to check two patients' numbers."""
    columns = (VERDICT.c.match, VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by, VERDICT.c.at)
    return rows_of(connection, select(*columns).where(VERDICT.c.verdict == "wrong-patient").order_by(VERDICT.c.id))
