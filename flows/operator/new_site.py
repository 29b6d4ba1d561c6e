"""A new site, and the care of its database."""

import contextlib
import tomllib
from contextlib import closing
from pathlib import Path

from db import backup as backups
from db import forgetting, migrate
from db.engine import open_db
from db.errors import BackupRefused, DatabaseTooNew, DatabaseUnreachable
from flows.site.belonging import FORMER, STORE, adopt, claim, require_ours_at
from flows.site.keys import Keys, read_keys, write_secret
from flows.site.opened import database_url, forget_opened, open_site, place
from flows.site.settings import ConfigError, read_settings
from flows.work.lease import day_ticket, is_dead
from scans.atomic import private_folder, write_atomically

ARCHIVE_LINE = 'archive = "archive"               #'


def new_site(archive: Path, config: Path, *, secret: str | None = None, changes: dict[str, str] | None = None) -> None:
    """Write a commented configuration and the site's secret.

    Args:
        archive: Folder of DICOM files; must exist.
        config: Where the configuration goes; the secret goes beside it.
        secret: A fixed secret, for figures that must repeat; a random one otherwise.
        changes: Lines to change, as key -> TOML value.

    Raises:
        ConfigError: Something is there already, or the archive is not a folder.
    """
    if not archive.is_dir():
        raise ConfigError(f"{archive} is not a folder; name the folder that holds the DICOM files")
    secret_file = config.parent / "site.secret"
    for path in (config, secret_file):
        if path.is_symlink() or path.exists():
            raise ConfigError(f"{path} is there already and is not overwritten; run in another folder or move it away")
    private_folder(config.parent)
    text = _filled(str(archive.resolve()), changes or {})
    write_secret(secret_file, secret)
    write_atomically(config, text.encode())  # it may come to hold the database's password


def _filled(archive: str, changes: dict[str, str]) -> str:
    """The template with the archive's path and some other values put in."""
    quoted = archive.replace("\\", "\\\\").replace('"', '\\"')
    wanted = {"archive": f'"{quoted}"'} | changes
    lines = []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        key, sign, rest = line.partition(" = ")
        if sign and key in wanted:
            comment = rest.partition("  #")[2] or rest.partition(" # ")[2]
            line = f"{key} = {wanted.pop(key)}" + (f"  # {comment.strip()}" if comment else "")
        lines.append(line)
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    return text


TEMPLATE = Path(__file__).with_name("config.template.toml")


def upgrade_database(config: Path) -> str:
    """Bring the database to this version's revision, and take it for this site; returns the revision.

    Raises:
        flows.site.belonging.OtherSite: It is another site's; it was left as it is.
        db.errors.NightRunning: A night is at work.
    """
    url, keys, store = _checked(config, FORMER)
    revision = migrate.upgrade(url, is_dead=is_dead)
    with closing(open_db(url)) as db, db.write() as connection:
        claim(connection, db, keys, store)
    return revision


def check_database(config: Path) -> list[str]:
    """What models and database disagree about; empty when nothing."""
    return migrate.check(_checked(config)[0])


def backup_database(config: Path, out: Path) -> list[Path]:
    """Write a consistent copy of core and identity."""
    db = open_site(config).db
    paths = backups.backup(db, out)
    with db.write() as connection:  # a person who is forgotten later is still in there
        forgetting.note_backup(connection, out.resolve())
    return paths


def restore_database(config: Path, folder: Path) -> None:
    """Put a backup back, also of a former secret; whoever was forgotten since it was made is forgotten again.

    Raises:
        flows.site.belonging.OtherSite: The database that is there is another site's.
        db.errors.BackupRefused: The backup is another site's, or cannot be used.
    """
    from flows.operator.forget import forget_again, tombstones_of
    from flows.operator.rotate import rotate_secret

    with contextlib.suppress(DatabaseUnreachable, DatabaseTooNew):  # what cannot be read may be replaced
        _checked(config, FORMER, STORE)
    url, keys, store = _named(config)
    _require_own_backup(folder, keys)
    tombstones = tombstones_of(url)
    backups.restore(url, folder, is_dead=is_dead)
    forget_opened()
    with closing(open_db(url, must_be_current=False)) as db, db.write() as connection:
        found = adopt(connection, keys, store)
    is_former = found is not None and found.key_id != keys.key_id
    if tombstones or is_former:
        migrate.upgrade(url)
    if is_former:
        rotate_secret(config)
    if tombstones:
        forget_again(config, tombstones)


def adopt_database(config: Path) -> Path:
    """Take a database of this site's secret for the store that the configuration names; returns that."""
    site = open_site(config, but=(STORE,))
    with day_ticket(site) as ticket, site.db.write(ticket.right) as connection:
        claim(connection, site.db, site.keys, site.store)
        adopt(connection, site.keys, site.store)
    forget_opened()
    return site.store


def _named(config: Path) -> tuple[str, Keys, Path]:
    """Database, keys and store of a configuration."""
    settings = read_settings(config)
    keys = read_keys(place(config, settings.site.secret_file))
    return database_url(config, settings), keys, place(config.resolve(), settings.site.store)


def _checked(config: Path, *but: str) -> tuple[str, Keys, Path]:
    """The same, of a database that is this site's or missing."""
    url, keys, store = _named(config)
    secret = place(config, read_settings(config).site.secret_file)
    require_ours_at(url, keys, store=store, secret=secret, config=config, but=but)
    return url, keys, store


def _require_own_backup(folder: Path, keys: Keys) -> None:
    made_by = backups.made_by(folder)
    if made_by and made_by not in {keys.key_id, *(Keys(secret).key_id for secret in keys.former)}:
        raise BackupRefused(
            f"{folder} was made by another site (secret {made_by}, this site's is {keys.key_id}): use a backup of this "
            "site, or restore that site's secret first"
        )
