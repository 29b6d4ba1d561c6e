"""Places: whether archive, store and database lie where a night can use them, told before anything is opened."""

import contextlib
import os
import stat
from pathlib import Path

from flows.site.opened import SQLITE, database_url, place
from flows.site.settings import Settings
from scans.atomic import private_folder

OURS = ("reports", "tensors", "pictures", "encoders", "training", "prefect")  # folders of the store
PROBE = ".probe"


def wrong_place(config: Path, settings: Settings) -> str:
    """Say what is wrong with a path of the configuration: found, wanted, next step; "" when all can be used."""
    return wrong_archive(config, settings) or wrong_store(config, settings)


def wrong_archive(config: Path, settings: Settings) -> str:
    """Say why the archive cannot be listed, "" if it can."""
    return _archive(place(config, settings.site.archive))


def wrong_store(config: Path, settings: Settings, *folders: Path) -> str:
    """Say which folder of ours takes no files and why, "" if all do.

    Args:
        config: The configuration.
        settings: What it says.
        folders: More folders of the store to try, such as one that has just refused a file.
    """
    store = place(config, settings.site.store)
    found = _ours(store, "the store", "[site] store") or _database(database_url(config, settings))
    there = [*(store / name for name in OURS if os.path.lexists(store / name)), *folders]
    return found or next(filter(None, (_ours(folder, "the store's folder", "[site] store") for folder in there)), "")


def _archive(folder: Path) -> str:
    what = f"the archive {folder}"
    try:
        mode = folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            return f"{what} is {_sort(mode)}, a folder is wanted; correct [site] archive"
        with os.scandir(folder) as entries:
            next(entries, None)
    except (FileNotFoundError, NotADirectoryError):
        return f"{what} does not exist{_until(folder)}; mount it, or correct [site] archive"
    except PermissionError:
        return f"no permission to list {what}; give this user read access"
    except OSError as error:
        return f"{what} cannot be listed: {error.strerror}; mount it anew, or correct [site] archive"
    return ""


def _ours(folder: Path, what: str, key: str) -> str:
    """Say why a folder of ours does not take files; makes it where it is missing."""
    probe = folder / f"{PROBE}-{os.getpid()}"
    try:
        private_folder(folder)
        probe.write_bytes(b"scantwin")
    except (FileExistsError, NotADirectoryError):
        return f"{what} {folder} is no folder{_until(folder)}; move that away, or correct {key}"
    except PermissionError:
        return f"no permission to write to {what} {folder}; give this user write access, or correct {key}"
    except OSError as error:
        return f"cannot write to {what} {folder}: {error.strerror}; free or repair that disk, or correct {key}"
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return ""


def _database(url: str) -> str:
    if not url.startswith(SQLITE):
        return ""
    path = Path(url.removeprefix(SQLITE))
    if path.is_dir():
        return f"the database {path} is a folder, a file is wanted; correct [db] url"
    return _ours(path.parent, "the database's folder", "[db] url")


def _until(path: Path) -> str:
    """Name the part of a path that is in the way: the nearest one that exists, where it is no folder."""
    for part in (path, *path.parents):
        with contextlib.suppress(OSError):
            mode = part.lstat().st_mode
            if stat.S_ISDIR(mode):
                return ""
            return f": {part} is {'a link to nowhere' if stat.S_ISLNK(mode) else _sort(mode)}"
    return ""


def _sort(mode: int) -> str:
    return "a file" if stat.S_ISREG(mode) else "neither file nor folder"
