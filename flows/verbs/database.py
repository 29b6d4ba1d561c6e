"""Verbs that care for the database and the secret."""

from pathlib import Path

from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def upgrade(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Bring the database to this version's revision."""
    from flows.newsite import upgrade_database

    revision = upgrade_database(config)
    if not quiet:
        print(f"the database is at revision {revision}")
    return 0


def check(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check that database and models agree."""
    from flows.newsite import check_database

    differences = check_database(config)
    if as_json:
        print_json({"schema": 1, "differences": differences})
    elif not quiet:
        print("\n".join(differences) or "database and models agree")
    return 1 if differences else 0


def backup(out: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write a consistent copy of core and identity to a new folder."""
    from flows.newsite import backup_database

    paths = backup_database(config, out)
    if not quiet:
        print(f"wrote {', '.join(str(path) for path in paths)}; keep it as safe as the archive, and the secret apart")
    return 0


def restore(folder: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Put a backup back in place of the database; refused while a night runs."""
    from flows.newsite import restore_database

    restore_database(config, folder)
    if not quiet:
        print(f"restored from {folder}\nnext: scantwin night")
    return 0


def rotate_secret(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make a new secret and every key with it; cut off, it goes on. Former secrets stay for what was forgotten."""
    from flows.rotate import rotate_secret as rotate

    found = rotate(config)
    if as_json:
        print_json(found)
    elif not quiet:
        print(f"every key is made with secret {found['key_id']} now; back it up apart from the database\n"
              "exports and backups from before bear the former keys")  # fmt: skip
    return 0
