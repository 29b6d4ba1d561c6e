"""Verbs of kinds: what has none, and what is compared."""

from typing import Annotated

from cyclopts import App, Parameter

from flows.operator.kind_classifiers import learn_kinds, stop_kinds, use_kinds
from flows.operator.kinds import coverage_with_lines, unknown_kinds
from flows.verbs.terminal_coverage import show_coverage
from flows.verbs.terminal_kinds import show_kinds, show_learned, show_switched
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json

app = App(name="kinds", help="List what has no kind; learn to tell kinds from pixels.")


def kinds(
    *,
    coverage: Annotated[
        bool, Parameter(negative="", help="which share can be compared, and what would gain most")
    ] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """List the combinations of tags whose kind is unknown, classifiers of kinds, and what pixels hold against tags."""
    if coverage:
        covered = coverage_with_lines(config)
        print_json(covered) if as_json else show_coverage(covered, quiet=quiet)
        return 0
    found = unknown_kinds(config)
    print_json(found) if as_json else show_kinds(found, quiet=quiet)
    return 0


def learn(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Learn kinds from the vectors of scans whose tags tell them, and show how often that is right."""
    found = learn_kinds(opened(config))
    print_json(found) if as_json else show_learned(found, quiet=quiet)
    return 0 if any(row.classifier for row in found.covers) else 1


def use(classifier: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Let a classifier, by its id or the beginning of it, name scans without a kind from the next night on."""
    found = use_kinds(opened(config), classifier)
    print_json(found) if as_json else show_switched(found, quiet=quiet)
    return 0


def off(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take the classifiers out of use; from the next night on what they named waits for a kind again."""
    found = stop_kinds(opened(config))
    print_json(found) if as_json else show_switched(found, quiet=quiet)
    return 0


app.default(kinds)
app.command(learn)
app.command(use)
app.command(off)
