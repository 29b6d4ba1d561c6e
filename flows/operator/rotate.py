"""A new secret for the site: every key is made again from identity, in tables and in the store.

The lease comes first. Then the new secret is written down, beside the old one; while it lies there no night runs,
and the same command goes on, or goes back. At the end it takes the old one's place, which stays below it for what
was forgotten. A database that was restored from before a renewal is brought to the present secret in the same way.
"""

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import Connection

from db import rekeying
from db.belonging import owner, take
from flows.answers.care import RenewedSecret
from flows.operator.forget import TEXTS
from flows.records.whose import part_key
from flows.site.belonging import FORMER, ours
from flows.site.errors import WrongUsage
from flows.site.keys import SECRET_BYTES, Keys, read_keys, write_secret
from flows.site.opened import Site, forget_opened, next_secret, open_site, secret_path
from flows.site.settings import ConfigError
from flows.work.lease import Ticket, day_ticket
from review.words import KEY_SHOWN, short
from scans.atomic import private_folder, write_atomically

HEX = re.compile(rb"(?<![0-9A-Za-z+/])[0-9a-f]{%d}(?:[0-9a-f]{14})?(?![0-9A-Za-z+/])" % KEY_SHOWN)
PICTURES = re.compile(rb'(data:image/png;base64,[^"\']*)')


def rotate_secret(config: Path) -> RenewedSecret:
    """Make a new secret and give everything its new keys; goes on where it was cut off.

    Raises:
        db.errors.NightRunning: A night is at work; nothing was begun.
        ConfigError: The secret cannot be read.
    """
    site = open_site(config, but=(FORMER,))
    current, waiting = secret_path(site), next_secret(site)
    with day_ticket(site) as ticket:
        found = _key_of(site)
        if not waiting.exists() and found == site.keys.key_id:
            _write_next(current, waiting)
        new = read_keys(waiting if waiting.exists() else current)
        _require_successor(new, site.keys, waiting)
        done = _renew(site, ticket, new, found)
        if waiting.exists():
            os.replace(waiting, current)
    forget_opened()
    return done


def undo_rotation(config: Path) -> RenewedSecret:
    """Go back to the secret that was before a renewal that was cut off.

    Raises:
        WrongUsage: None was begun, or the tables have their new keys already.
        db.errors.NightRunning: A night is at work.
    """
    site = open_site(config, but=(FORMER,))
    waiting = next_secret(site)
    with day_ticket(site):
        if not waiting.exists():
            raise WrongUsage("no renewal of the secret is half-way; there is nothing to undo")
        new = read_keys(waiting)
        if _key_of(site) == new.key_id:
            raise WrongUsage("the tables have their new keys already; run `scantwin db rotate-secret` to finish")
        with site.db.read() as connection:
            back = {
                noun: {n: o for o, n in some.items()} for noun, some in _renames(connection, site.keys, new).items()
            }
        done = _renew_store(site, back)
        waiting.unlink()
    forget_opened()
    return RenewedSecret(site.keys.key_id, len(site.keys.former), *done, keys={})


def _key_of(site: Site) -> str:
    """Name of the secret that the tables' keys were made with."""
    with site.db.read() as connection:
        found = owner(connection)
    return site.keys.key_id if found is None else found.key_id


def _require_successor(new: Keys, old: Keys, waiting: Path) -> None:
    if new.secret != old.secret and old.secret not in new.former:
        raise ConfigError(f"{waiting} follows another secret than this site's; remove it, or restore that secret")


def _renew(site: Site, ticket: Ticket, new: Keys, found: str) -> RenewedSecret:
    """Give store and tables their new keys; the store first, as tables say where the renewal stands."""
    former = [Keys(secret) for secret in new.former]
    with site.db.write(ticket.right) as connection:
        rekeying.give_sources(connection)
    with site.db.read() as connection:
        every = {keys.key_id: _renames(connection, keys, new) for keys in [*reversed(former), new]}
    done = _renew_store(site, {noun: _joined(every.values(), noun) for noun in rekeying.COLUMNS})
    renames = every[found]
    with site.db.write(ticket.right) as connection:
        if found != new.key_id:
            rekeying.rename(connection, renames)
        rekeying.note_key_id(connection, new.key_id)
        take(connection, ours(new, site.store))
    n_keys = {noun: len(some) for noun, some in renames.items()}
    return RenewedSecret(new.key_id, len(former), *done, keys=n_keys)


def _joined(every: Iterable[Mapping[str, rekeying.Renames]], noun: str) -> dict[str, str]:
    """Whatever a thing was called under any secret, to its new key."""
    return {old: new for renames in every for old, new in renames[noun].items() if old != new}


def _renew_store(site: Site, renames: Mapping[str, rekeying.Renames]) -> tuple[int, int]:
    """Give files and pages of the store their new keys; returns how many of each."""
    keys = {**renames["scan"], **renames["patient"], **renames["study"]}
    return _rename_files(site.store, renames["scan"]), _rename_in_pages(site.store, keys)


def _write_next(current: Path, waiting: Path) -> None:
    """Write a new secret above the former ones; whole or not at all."""
    draft = waiting.with_name(waiting.name + ".part")
    draft.unlink(missing_ok=True)
    write_secret(draft, "\n".join([secrets.token_hex(SECRET_BYTES), *current.read_text(encoding="ascii").split()]))
    os.replace(draft, waiting)


def _renames(connection: Connection, old: Keys, new: Keys) -> dict[str, rekeying.Renames]:
    studies = rekeying.studies(connection)
    uids = [uid for _, _, uid in studies]
    patients = _pairs(old, new, "patient", ((issuer, who) for who, issuer in rekeying.patient_ids(connection) if who))
    parts = _parts(old, new, studies, patients)
    return {
        "file": _pairs(old, new, "file", ((path,) for path in rekeying.paths(connection))),
        "series": _pairs(old, new, "series", ((uid,) for uid in rekeying.series_uids(connection))),
        "study": _pairs(old, new, "study", ((uid,) for uid in uids)) | parts,
        "patient": patients
        | _pairs(old, new, "patient-of-study", ((uid,) for uid in uids))
        | {old.key("patient-of-part", was): new.key("patient-of-part", now) for was, now in parts.items()},
        "scan": _pairs(old, new, "scan", ((digest,) for digest in rekeying.scan_digests(connection)))
        | {d.removeprefix("key:"): new.key("scan", d) for d in rekeying.scan_digests(connection) if d[:4] == "key:"},
    }


def _parts(
    old: Keys, new: Keys, studies: Iterable[tuple[str, str, str]], patients: Mapping[str, str]
) -> dict[str, str]:
    """Return the new keys of the parts of studies that people share.

    The part of somebody without a trusted id gets its true key when the next night tells people apart.
    """
    found = {}
    for key, patient, uid in studies:
        was, now = old.key("study", uid), new.key("study", uid)
        if key != was:
            party = ("patient", patients[patient]) if patient in patients else ("former", key)
            found[key] = part_key(new, now, party)
    return found


def _pairs(old: Keys, new: Keys, noun: str, sources: Iterable[tuple[str, ...]]) -> dict[str, str]:
    return {old.key(noun, *parts): new.key(noun, *parts) for parts in sources}


def _rename_files(store: Path, scans: Mapping[str, str]) -> int:
    """Rename tensors and pictures, which lie by the first two digits of their scan; returns how many."""
    n_renamed = 0
    for folder in ("tensors", "pictures"):
        for path in [path for path in (store / folder).rglob("*") if path.is_file()]:
            key = re.split(r"[-.]", path.name, maxsplit=1)[0]
            if key in scans:
                target = path.parent.parent / scans[key][:2] / path.name.replace(key, scans[key], 1)
                private_folder(target.parent)
                os.replace(path, target)
                n_renamed += 1
    return n_renamed


def _rename_in_pages(store: Path, keys: Mapping[str, str]) -> int:
    """Put the new keys into pages and other texts of the store; returns in how many."""
    every = {old.encode(): new.encode() for old, new in keys.items()}
    every |= {short(old).encode(): short(new).encode() for old, new in keys.items()}
    n_changed = 0
    for path in [path for path in store.rglob("*") if path.suffix in TEXTS and path.is_file()]:
        if (store / "encoders") in path.parents:
            continue
        content = path.read_bytes()
        parts = PICTURES.split(content)  # odd parts are pictures, whose letters could look like a key
        parts[::2] = [HEX.sub(lambda found: every.get(found[0], found[0]), part) for part in parts[::2]]
        if b"".join(parts) != content:
            write_atomically(path, b"".join(parts))
            n_changed += 1
    return n_changed
