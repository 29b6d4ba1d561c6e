"""Verbs that say how the site stands."""

from flows.operator.status import every_file, standing
from flows.verbs.terminal_operator import show_files, show_standing
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json, print_json_list


def status(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Show the last nights, age of the last success, backlog, encoders and quarantine."""
    found = standing(opened(config))
    print_json(found) if as_json else show_standing(found, quiet=quiet)
    return 0


def files(*, outcome: str | None = None, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Show where every file ended, and why; --outcome takes an outcome or a code."""
    found = every_file(config, outcome)
    print_json_list(found) if as_json else show_files(found, quiet=quiet)
    return 0
