"""A new secret for the site: every key is made again from identity, in tables and in the store.

The new secret is written down first, beside the old one; while it lies there no night runs, and the same
command goes on. At the end it takes the old one's place, which stays below it for what was forgotten.
"""

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from db import rekeying
from flows.forget import TEXTS
from flows.keys import SECRET_BYTES, Keys, read_keys, write_secret
from flows.site import forget_opened, next_secret, open_site, secret_path
from flows.ticket import day_ticket
from review.words import KEY_SHOWN, short
from scans.atomic import private_folder, write_atomically

HEX = re.compile(rb"(?<![0-9A-Za-z+/])[0-9a-f]{%d}(?:[0-9a-f]{14})?(?![0-9A-Za-z+/])" % KEY_SHOWN)
PICTURES = re.compile(rb'(data:image/png;base64,[^"\']*)')


def rotate_secret(config: Path) -> dict[str, Any]:
    """Make a new secret and give everything its new keys; goes on where it was cut off.

    Raises:
        db.errors.NightRunning: A night is at work.
        ConfigError: The secret cannot be read.
    """
    site = open_site(config)
    current, waiting = secret_path(site), next_secret(site)
    if not waiting.exists():
        _write_next(current, waiting)
    new = read_keys(waiting)
    old = Keys(new.former[0])
    with day_ticket(site) as ticket:
        with site.db.write(ticket.right) as connection:
            rekeying.give_sources(connection)
        with site.db.read() as connection:
            renames = _renames(connection, old, new)
        n_files = _rename_files(site.store, renames["scan"])
        n_pages = _rename_in_pages(site.store, {**renames["scan"], **renames["patient"], **renames["study"]})
        with site.db.write(ticket.right) as connection:
            rekeying.rename(connection, renames)
            rekeying.note_key_id(connection, new.key_id)
        os.replace(waiting, current)
    forget_opened()
    return {
        "schema": 1, "key_id": new.key_id, "former": len(new.former), "files": n_files, "pages": n_pages,
        "keys": {noun: len(some) for noun, some in renames.items()},
    }  # fmt: skip


def _write_next(current: Path, waiting: Path) -> None:
    """Write a new secret above the former ones; whole or not at all."""
    draft = waiting.with_name(waiting.name + ".part")
    draft.unlink(missing_ok=True)
    write_secret(draft, "\n".join([secrets.token_hex(SECRET_BYTES), *current.read_text(encoding="ascii").split()]))
    os.replace(draft, waiting)


def _renames(connection: Any, old: Keys, new: Keys) -> dict[str, rekeying.Renames]:
    studies = rekeying.study_uids(connection)
    patients = _pairs(old, new, "patient", ((issuer, who) for who, issuer in rekeying.patient_ids(connection) if who))
    return {
        "file": _pairs(old, new, "file", ((path,) for path in rekeying.paths(connection))),
        "series": _pairs(old, new, "series", ((uid,) for uid in rekeying.series_uids(connection))),
        "study": _pairs(old, new, "study", ((uid,) for uid in studies)),
        "patient": patients | _pairs(old, new, "patient-of-study", ((uid,) for uid in studies)),
        "scan": _pairs(old, new, "scan", ((digest,) for digest in rekeying.scan_digests(connection)))
        | {d.removeprefix("key:"): new.key("scan", d) for d in rekeying.scan_digests(connection) if d[:4] == "key:"},
    }


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
