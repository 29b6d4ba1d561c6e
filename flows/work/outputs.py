"""Where a command may write what a person asked for: never over something, and never into the archive."""

from pathlib import Path

from flows.site.errors import WrongUsage
from flows.site.opened import Site


def require_new_file(site: Site, path: Path, option: str) -> None:
    """Refuse a file that is there, be it a link that leads nowhere, has no folder, or would lie in the archive.

    Raises:
        WrongUsage: It cannot be written there; the text names the option and what to do.
    """
    if path.is_symlink() or path.exists():
        raise WrongUsage(f"{option} {path}: there is such a file and it is not overwritten; name a new one")
    if not path.parent.is_dir():
        raise WrongUsage(f"{option} {path}: there is no folder {path.parent}; make it, or name another")
    require_outside_archive(site, path, option)


def require_outside_archive(site: Site, path: Path, option: str) -> None:
    """Refuse a place in the archive: what is written there would be taken in, or stand among the hospital's files.

    Raises:
        WrongUsage: It lies in the archive.
    """
    require_outside(site.archive, path, option)


def require_outside(archive: Path, path: Path, option: str) -> None:
    """As `require_outside_archive`, of any folder of DICOM."""
    archive, place = archive.resolve(), path.resolve()
    if place == archive or archive in place.parents:
        raise WrongUsage(f"{option} {path} lies in the archive, which is only read; name a place outside {archive}")
