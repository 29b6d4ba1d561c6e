"""Forget a person: every place that holds something of them, in an order that may be cut off and run again.

Tombstone, then the store, then core rows, then identity, then the free space of the files; the tombstone
is settled last, so that whatever was cut off is found by it.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from db import forgetting
from db.address import sqlite_files
from db.engine import open_db
from db.errors import DatabaseError
from flows.asked import NotFound, WrongUsage
from flows.site import Site, open_site
from flows.ticket import Ticket, day_ticket
from review.words import short
from scans.atomic import write_atomically

TEXTS = (".html", ".json", ".svg", ".csv", ".txt", ".md")
STUB = (
    '<!doctype html><meta charset="utf-8"><title>scantwin</title>'
    "<p>This page was removed: it showed a person who has been forgotten since. "
    "The figures of the night are in the tables; see <code>scantwin status</code>.</p>\n"
)
OUTSIDE = [
    "folders that `scantwin export`, `scantwin volume`, `scantwin evaluate --out` or --page wrote, and copies of them",
    "backups and snapshots that others make of the store, the database or its log",
    "files that could not be read: nobody knows whose they are",
]


def found_patient(config: Path, patient: str, issuer: str | None) -> str | None:
    """Return the key of a patient by id or key; None when they were forgotten before.

    Raises:
        NotFound: Nobody is known by this.
        WrongUsage: Several people are; their keys are named.
    """
    site = open_site(config)
    with site.db.read() as connection:
        found = forgetting.patients_named(connection, patient, issuer)
        if not found and forgetting.has_patient(connection, patient):
            return patient
        buried = forgetting.tombstones(connection)
    if len(found) > 1:
        keys = ", ".join(row["key"] for row in found)
        raise WrongUsage(f"{len(found)} patients have this id; name one by --issuer or by key: {keys}")
    if found:
        return str(found[0]["key"])
    if not buried.isdisjoint(site.keys.tombstones(patient, issuer or "", "")):
        return None
    with site.db.read() as connection:
        if forgetting.pending_patients(connection):
            return None
    raise NotFound("nobody here has this patient id or key; an id needs its --issuer when it has one")


def forget_patient(config: Path, patient: str | None) -> dict[str, Any]:
    """Forget a patient by key, and finish what was cut off before; returns what was done and what is left.

    Raises:
        db.errors.NightRunning: A night is at work; forget when it has ended.
    """
    site = open_site(config)
    found: dict[str, Any] = {"schema": 1, "patients": 0, "scans": 0, "files": 0, "pages": 0, "files_in_archive": [],
                             "backups": [], "encoders": [], "outside": list(OUTSIDE)}  # fmt: skip
    with day_ticket(site) as ticket:
        if patient is not None:
            _bury(site, ticket, patient)
        with site.db.read() as connection:
            waiting = forgetting.pending_patients(connection)
        for key in waiting:
            _forget(site, ticket, key, found)
        if waiting:
            forgetting.vacuum(site.db)
            with site.db.write(ticket.right) as connection:
                for key in waiting:
                    forgetting.settle(connection, key)
            forgetting.vacuum(site.db)  # the keys that were pending
    if os.environ.get("PREFECT_API_URL"):
        found["outside"].append("runs that the Prefect server remembers: their parameters hold keys")
    if not site.db.is_sqlite:
        found["outside"].append("PostgreSQL's write-ahead log and archived log files")
    found["backups"] = sorted({*found["backups"], *_set_aside(site)})
    return found


def _bury(site: Site, ticket: Ticket, patient: str) -> None:
    """Write the tombstones of every id and study of a patient."""
    with site.db.read() as connection:
        names, studies = forgetting.names_of(connection, patient), forgetting.study_uids_of(connection, patient)
    keys = [key for patient_id, issuer in names for key in site.keys.tombstones(patient_id, issuer, "")]
    keys += [key for study in studies for key in site.keys.tombstones("", "", study)]
    with site.db.write(ticket.right) as connection:
        forgetting.bury(connection, keys, patient=patient)


def _forget(site: Site, ticket: Ticket, patient: str, found: dict[str, Any]) -> None:
    with site.db.read() as connection:
        scans, files = forgetting.scans_of(connection, patient), forgetting.files_of(connection, patient)
        former = [site.keys.patient(*who, "") for who in forgetting.names_of(connection, patient)]
        found["backups"] += [f for f in forgetting.backups_since(connection, [patient, *former]) if Path(f).exists()]
    found["patients"] += 1
    found["scans"] += len(scans)
    found["files_in_archive"] += [row["path"] for row in files if row["state"] != "gone"]
    found["files"] += remove_files(site.store, [*scans, patient, *former])
    found["pages"] += _remove_pages(site.store, [*scans, patient, *former])
    for folder in ("training", "prefect"):  # half-made training; keys in the parameters of past runs
        shutil.rmtree(site.store / folder, ignore_errors=True)
    with site.db.write(ticket.right) as connection:
        found["encoders"] += forgetting.forget_core(connection, patient, former)
    with site.db.write(ticket.right) as connection:
        forgetting.forget_identity(connection, patient)


def remove_files(store: Path, keys: Sequence[str]) -> int:
    """Delete every file of the store that bears one of the keys in its name; returns how many."""
    wanted, n_removed = frozenset(keys), 0
    for path in _files(store):
        if wanted.intersection(path.name.replace(".", "-").split("-")):
            path.unlink()
            n_removed += 1
    return n_removed


def _remove_pages(store: Path, keys: Iterable[str]) -> int:
    """Put a sentence in the place of every page that shows one of the keys; delete other such texts."""
    shown, n_removed = [short(key).encode() for key in keys], 0
    for path in _files(store):
        if path.suffix not in TEXTS or (store / "encoders") in path.parents:
            continue
        content = path.read_bytes()
        if any(key in content for key in shown):
            n_removed += 1
            if path.suffix == ".html":
                write_atomically(path, STUB.encode())
            else:
                path.unlink()
    return n_removed


def _files(store: Path) -> Iterable[Path]:
    return [path for path in store.rglob("*") if path.is_file() and not path.is_symlink()]


def _set_aside(site: Site) -> list[str]:
    """Return databases that a restore has set aside: they hold whom they held."""
    if not site.db.is_sqlite:
        return []
    files = sqlite_files(site.db.url)
    return [str(path) for file in files for path in file.parent.glob(f"{file.name}.before-restore-*")]


def tombstones_of(url: str) -> list[dict[str, Any]]:
    """Return the tombstones of a database that is about to be replaced; none when it cannot be read."""
    try:
        with closing(open_db(url)) as db, db.read() as connection:
            return forgetting.tombstone_rows(connection)
    except DatabaseError:
        return []


def forget_again(config: Path, buried: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put tombstones into a restored database, and forget whom it brought back."""
    site = open_site(config)
    with site.db.write() as connection:
        forgetting.restore_tombstones(connection, buried)
    keys = frozenset(str(row["key"]) for row in buried)
    with site.db.read() as connection:
        back = {
            patient
            for patient, patient_id, issuer, study in forgetting.everybody(connection)
            if not keys.isdisjoint(site.keys.tombstones(patient_id, issuer, study))
        }
    return [forget_patient(config, patient) for patient in sorted(back)]
