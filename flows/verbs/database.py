"""Verbs that care for the database."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from db.grants import grant_analyst as grant
from db.grants import revoke_analyst
from flows.answers.care import DatabaseCheck
from flows.operator.new_site import adopt_database, backup_database, check_database, restore_database, upgrade_database
from flows.site.opened import open_site
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def upgrade(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Bring the database to this version's revision."""
    revision = upgrade_database(config)
    if not quiet:
        print(f"the database is at revision {revision}")
    return 0


def check(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check that database and models agree."""
    differences = check_database(config)
    if as_json:
        print_json(DatabaseCheck(differences))
    elif not quiet:
        print("\n".join(differences) or "database and models agree")
    return 1 if differences else 0


def backup(out: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write a consistent copy of core and identity to a new folder."""
    paths = backup_database(config, out)
    if not quiet:
        print(f"wrote {', '.join(str(path) for path in paths)}; keep it as safe as the archive, and the secret apart")
    return 0


def restore(folder: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Put a backup back in place of the database; refused while a night runs."""
    restore_database(config, folder)
    if not quiet:
        print(f"restored from {folder}\nnext: scantwin night")
    return 0


def adopt(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Take the database for the store that the configuration names, after the store was moved."""
    store = adopt_database(config)
    if not quiet:
        print(f"the database belongs to the store {store} now")
    return 0


def grant_analyst(
    role: str,
    *,
    take_back: Annotated[bool, Parameter(negative="", help="take the rights back")] = False,
    config: Config = DEFAULT,
    quiet: Quiet = False,
) -> int:
    """Let an account of PostgreSQL read core, and nothing of identity, now and after each upgrade."""
    db = open_site(config).db
    revoke_analyst(db, role) if take_back else grant(db, role)
    if not quiet:
        print(f"{role} may {'not read core any more' if take_back else 'read core, and nothing of identity'}")
    return 0
