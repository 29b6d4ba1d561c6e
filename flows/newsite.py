"""A new site, and the care of its database."""

import tomllib
from pathlib import Path

from db import backup as backups
from db import forgetting, migrate
from flows.keys import write_secret
from flows.settings import ConfigError, read_settings
from flows.site import database_url, open_site
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
    """Bring the database to this version's revision; returns that."""
    return migrate.upgrade(database_url(config, read_settings(config)))


def check_database(config: Path) -> list[str]:
    """What models and database disagree about; empty when nothing."""
    return migrate.check(database_url(config, read_settings(config)))


def backup_database(config: Path, out: Path) -> list[Path]:
    """Write a consistent copy of core and identity."""
    db = open_site(config).db
    paths = backups.backup(db, out)
    with db.write() as connection:  # a person who is forgotten later is still in there
        forgetting.note_backup(connection, out.resolve())
    return paths


def restore_database(config: Path, folder: Path) -> None:
    """Put a backup back; whoever was forgotten since it was made is forgotten again."""
    from flows.forget import forget_again, tombstones_of

    url = database_url(config, read_settings(config))
    buried = tombstones_of(url)
    backups.restore(url, folder)
    if buried:
        migrate.upgrade(url)
        forget_again(config, buried)
