"""Verbs of kinds: what has none, and what is compared."""

from typing import Annotated

from cyclopts import App, Parameter

from flows.operator.kinds import coverage_with_lines, unknown_kinds
from flows.verbs.terminal_coverage import show_coverage
from flows.verbs.terminal_operator import show_kinds
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json

app = App(name="kinds", help="List combinations of tags without a kind, or which share of the archive is compared.")


def kinds(
    *,
    coverage: Annotated[
        bool, Parameter(negative="", help="which share can be compared, and what would gain most")
    ] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """List the combinations of tags whose kind is unknown, with counts and the line that would name them."""
    if coverage:
        covered = coverage_with_lines(config)
        print_json(covered) if as_json else show_coverage(covered, quiet=quiet)
        return 0
    found = unknown_kinds(config)
    print_json(found) if as_json else show_kinds(found, quiet=quiet)
    return 0


app.default(kinds)
