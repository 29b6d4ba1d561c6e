"""Site: settings, database, folders and keys of one installation, opened once a process."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from db.engine import Database, open_db
from flows.site.belonging import require_ours
from flows.site.keys import Keys, read_keys
from flows.site.settings import ConfigError, Settings, read_settings
from siamese.recipe import BY_DIGEST

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Site:
    """What every stage needs; `config` is the only thing that travels between processes."""

    config: Path
    settings: Settings
    db: Database
    keys: Keys

    @property
    def archive(self) -> Path:
        """The folder of DICOM files."""
        return self.path(self.settings.site.archive)

    @property
    def store(self) -> Path:
        """Our own folder."""
        return self.path(self.settings.site.store)

    @property
    def zone(self) -> ZoneInfo:
        """Zone of scans that name no offset."""
        return ZoneInfo(self.settings.site.time_zone)

    def path(self, text: str) -> Path:
        """A path of the configuration, taken from the configuration's folder."""
        return place(self.config, text)

    def tensor(self, recipe: str, scan: str) -> Path:
        """Where the encoder's input of a scan lies, by the digest of the recipe that made it."""
        known = BY_DIGEST.get(recipe)
        suffix = known.suffix if known is not None else ".npy"
        return self.store / "tensors" / recipe / scan[:2] / f"{scan}{suffix}"

    def picture_folder(self, scan: str) -> Path:
        """Where the pictures of a scan lie, as SCAN-PLANE.png."""
        return self.store / "pictures" / scan[:2]


def place(config: Path, text: str) -> Path:
    """A path of the configuration, taken from the configuration's folder.

    Raises:
        ConfigError: It begins with the home folder of somebody who has none.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{text}: nobody here has that home folder; write the whole path") from error
    return path if path.is_absolute() else config.resolve().parent / path


def database_url(config: Path, settings: Settings) -> str:
    """The database's URL, with an SQLite file's path made absolute."""
    url = settings.db.url
    if url.startswith(SQLITE):
        return SQLITE + str(place(config, url.removeprefix(SQLITE)))
    return url


def open_site(config: Path | str, *, but: tuple[str, ...] = ()) -> Site:
    """Open everything that the configuration names; the same Site for the same file while it is unchanged.

    Args:
        config: The configuration.
        but: What the database may have that others may not, see `flows.site.belonging`.

    Raises:
        ConfigError: Configuration or secret cannot be used.
        db.engine.DatabaseError: The database is missing, outdated, too new, out of reach, or another site's.
    """
    path = Path(config).resolve()
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    _require_ours(path, stamp, but)
    return _opened(path, stamp)


def secret_path(site: Site) -> Path:
    """Where the site's secret lies."""
    return site.path(site.settings.site.secret_file)


def next_secret(site: Site) -> Path:
    """Where a new secret lies while keys are made again with it."""
    path = secret_path(site)
    return path.with_name(path.name + ".next")


def forget_opened() -> None:
    """Open sites anew from now on, as their secret has changed."""
    _opened.cache_clear()
    _require_ours.cache_clear()


@lru_cache(maxsize=8)
def _opened(config: Path, stamp: int) -> Site:
    settings = read_settings(config)
    keys = read_keys(place(config, settings.site.secret_file))
    return Site(config, settings, open_db(database_url(config, settings)), keys)


@lru_cache(maxsize=8)
def _require_ours(config: Path, stamp: int, but: tuple[str, ...]) -> None:
    site = _opened(config, stamp)
    require_ours(site.db, site.keys, store=site.store, secret=secret_path(site), config=config, but=but)
