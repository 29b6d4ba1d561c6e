"""Forget a person: every place that holds something of them, in an order that may be cut off and run again.

Tombstone, then the store, then core rows, then identity, then the free space of the files; the tombstone
is settled last, so that whatever was cut off is found by it.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from db import forgetting, identity, persons
from db.address import sqlite_files
from db.engine import open_db
from db.errors import DatabaseError
from db.theirs import Studied, Theirs, files_of, studies_of, theirs_of
from flows.answers.answer import filled
from flows.answers.corrections import Forgotten
from flows.records.persons import contested_persons, finish_persons, patients_of
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site, open_site
from flows.work.lease import Ticket, day_ticket
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


def found_patient(site: Site, patient: str, issuer: str | None) -> str | None:
    """Return the key of a patient by id or key; None when they were forgotten before.

    Raises:
        NotFound: Nobody is known by this.
        WrongUsage: Several people are; their keys are named.
    """
    with site.db.read() as connection:
        found = [row.key for row in forgetting.patients_named(connection, patient, issuer)]
        if not found and forgetting.has_patient(connection, patient):
            return patient
        tombstones = forgetting.tombstones(connection)
        n_unread = identity.n_files_in(connection, ("listed", "arriving"))
    found = found or _found_in_headers(site, patient, issuer)
    if len(found) > 1 and (one := _one_person(site, found)):  # under a key of before a merge, and that of today
        return one
    if len(found) > 1:
        raise WrongUsage(f"{len(found)} patients have this id; name one by --issuer or by key: {', '.join(found)}")
    if found:
        return found[0]
    if not tombstones.isdisjoint(site.keys.tombstones(patient, issuer or "", "")):
        return None
    with site.db.read() as connection:
        if forgetting.pending_patients(connection):
            return None
    more = f"; {n_unread} files are not read yet, ask again after the next night" if n_unread else ""
    raise NotFound(f"nobody here has this patient id or key; an id needs its --issuer when it has one{more}")


def _found_in_headers(site: Site, patient_id: str, issuer: str | None) -> list[str]:
    """Return the keys of people whose headers were read by a night that was cut off before it knew whose they are.

    Raises:
        NotFound: Their id is not trusted: which study is whose is known when the night has ended.
    """
    with site.db.read() as connection:
        rows, merges = persons.present_persons(connection), persons.merges(connection)
        contested = contested_persons(site, connection, rows)
    mine = {r.key for r in rows if r.patient_id == patient_id and issuer in (None, r.issuer)}
    now = patients_of(site, rows, merges, contested) if mine else {}
    if mine and not any(now[key] for key in mine):
        raise NotFound("files with this patient id were read by a night that was cut off; run a night, then ask again")
    return sorted({now[key] for key in mine if now[key]})


@dataclass
class _Tally:
    """What was done so far, and where the person may still be."""

    patients: int = 0
    scans: int = 0
    files: int = 0
    pages: int = 0
    files_in_archive: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    encoders: list[str] = field(default_factory=list)


def forget_patient(site: Site, patient: str | None) -> Forgotten:
    """Forget a patient by key, and finish what was cut off before; returns what was done and what is left.

    Raises:
        db.errors.NightRunning: A night is at work; forget when it has ended.
    """
    tally = _Tally()
    with day_ticket(site) as ticket:
        if patient is not None:
            if not _is_known(site, patient):  # their headers were read, and nobody has said yet whose they are
                finish_persons(site, ticket)
            _write_tombstones(site, ticket, patient)
        with site.db.read() as connection:
            waiting = forgetting.pending_patients(connection)
        for key in waiting:
            _forget(site, ticket, key, tally)
        if waiting:
            forgetting.vacuum(site.db)
            with site.db.write(ticket.right) as connection:
                for key in waiting:
                    forgetting.finish_forgetting(connection, key)
            forgetting.vacuum(site.db)  # the keys that were pending
    backups = sorted({*tally.backups, *_set_aside(site)})
    return filled(Forgotten, tally, backups=backups, outside=_outside(site))


def _outside(site: Site) -> list[str]:
    """Return what is not reached from here."""
    outside = list(OUTSIDE)
    if os.environ.get("PREFECT_API_URL"):
        outside.append("runs that the Prefect server remembers: their parameters hold keys")
    if not site.db.is_sqlite:
        outside.append("PostgreSQL's write-ahead log and archived log files")
    return outside


def _theirs(site: Site, connection: Connection, patient: str) -> Theirs:
    return theirs_of(connection, patient, lambda patient_id, issuer: site.keys.patient(patient_id, issuer, ""))


def _one_person(site: Site, keys: Sequence[str]) -> str:
    """Return the key of the person whom all of some keys stand for, "" if they stand for several."""
    with site.db.read() as connection:
        theirs = {key: _theirs(site, connection, key).patients for key in keys}
    return next((key for key in keys if set(keys) <= set(theirs[key])), "")


def _is_known(site: Site, patient: str) -> bool:
    with site.db.read() as connection:
        return bool(_theirs(site, connection, patient).files)


def _write_tombstones(site: Site, ticket: Ticket, patient: str) -> None:
    """Write the tombstones of every id and study of a patient; of a study that others share, of their part."""
    with site.db.read() as connection:
        theirs = _theirs(site, connection, patient)
        studies = studies_of(connection, theirs)
    keys = [key for patient_id, issuer in theirs.names for key in site.keys.tombstones(patient_id, issuer, "")]
    keys += [key for study in studies for key in _signs(site, study)]
    keys = keys or site.keys.tombstones_in_study("", patient)  # nothing is left but rows: they go as well
    with site.db.write(ticket.right) as connection:
        forgetting.write_tombstones(connection, keys, patient=patient)


def _signs(site: Site, study: Studied) -> list[str]:
    """Return the tombstones of a study, or of a person's part of it."""
    if not study.others:
        return site.keys.tombstones("", "", study.uid)
    if set(study.ids).isdisjoint(study.others):
        return [key for who in study.ids for key in site.keys.tombstones_in_study(study.uid, *who)]
    return [key for person in study.persons for key in site.keys.tombstones_in_study(study.uid, person)]


def _forget(site: Site, ticket: Ticket, patient: str, tally: _Tally) -> None:
    with site.db.read() as connection:
        theirs = _theirs(site, connection, patient)
        studies = studies_of(connection, theirs)
        files = files_of(connection, theirs)
        keys = theirs.patients
        tally.backups += [f for f in forgetting.backups_since(connection, keys) if Path(f).exists()]
    _spare_others(site, ticket, patient, studies)
    tally.patients += 1
    tally.scans += len(theirs.scans)
    tally.files_in_archive += [row.path for row in files if row.state != "gone"]
    tally.files += remove_files(site.store, [*theirs.scans, *keys])
    tally.pages += _remove_pages(site.store, [*theirs.scans, *keys])
    for folder in ("training", "prefect"):  # half-made training; keys in the parameters of past runs
        shutil.rmtree(site.store / folder, ignore_errors=True)
    with site.db.write(ticket.right) as connection:
        tally.encoders += forgetting.forget_core(connection, theirs)
    with site.db.write(ticket.right) as connection:
        forgetting.forget_identity(connection, theirs)


def _spare_others(site: Site, ticket: Ticket, patient: str, studies: Sequence[Studied]) -> None:
    """Put right what an earlier version wrote tombstones for and did not finish: a whole study that others share."""
    shared = [study for study in studies if study.others]
    if not shared:
        return
    with site.db.write(ticket.right) as connection:
        forgetting.write_tombstones(
            connection, [key for study in shared for key in _signs(site, study)], patient=patient
        )
        forgetting.delete_tombstones(
            connection, [key for study in shared for key in site.keys.tombstones("", "", study.uid)]
        )


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


def tombstones_of(url: str) -> list[forgetting.TombstoneRow]:
    """Return the tombstones of a database that is about to be replaced; none when it cannot be read."""
    try:
        with closing(open_db(url)) as db, db.read() as connection:
            return forgetting.tombstone_rows(connection)
    except DatabaseError:
        return []


def forget_again(config: Path, tombstones: Sequence[forgetting.TombstoneRow]) -> list[Forgotten]:
    """Put tombstones into a restored database, and forget whom it brought back."""
    site = open_site(config)
    with site.db.write() as connection:
        forgetting.restore_tombstones(connection, tombstones)
    keys = frozenset(row.key for row in tombstones)
    with site.db.read() as connection:
        back = {
            patient
            for patient, patient_id, issuer, study in forgetting.everybody(connection)
            if not keys.isdisjoint(
                site.keys.tombstones(patient_id, issuer, study)
                + site.keys.tombstones_in_study(study, patient_id, issuer)
            )
        }
    return [forget_patient(site, patient) for patient in sorted(back)]
