"""The verb that makes a new secret."""

from typing import Annotated

from cyclopts import Parameter

from flows.operator.rotate import rotate_secret as rotate
from flows.operator.rotate import undo_rotation
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def rotate_secret(
    *,
    undo: Annotated[bool, Parameter(negative="", help="go back, where it was cut off")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make a new secret and every key with it; cut off, it goes on. Former secrets stay for what was forgotten."""
    found = undo_rotation(config) if undo else rotate(config)
    if as_json:
        print_json(found)
    elif undo and not quiet:
        print(f"every key is made with secret {found.key_id} as before")
    elif not quiet:
        print(f"every key is made with secret {found.key_id} now; back it up apart from the database\n"
              "exports and backups from before bear the former keys")  # fmt: skip
    return 0
