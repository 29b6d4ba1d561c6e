"""What a person reads in the terminal: the words, tables and bars that all verbs share."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.site.errors import WrongUsage

KEY = 10  # characters of a key that are shown
WIDTH_WITHOUT_TERMINAL = 120
NOT_DIAGNOSTIC = "not for diagnostic use"
PROVISIONAL = f"provisional: this encoder has not been shown to beat plain baselines on this archive; {NOT_DIAGNOSTIC}"


def console() -> Console:
    """Standard output; plain text when it is not a terminal, no colour where NO_COLOR is set; "[scans]" is text."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False, markup=False)


@contextlib.contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error while the block works; None when nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def table_of(*columns: str, title: str | None = None) -> Table:
    """Return a table without lines, numbers to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in columns:
        right = column in ("rank", "distance", "files", "seen", "used", "skipped", "quarantined", "waiting", "gone")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def visible(text: str) -> str:
    """Text for a terminal: what would move the cursor is written out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def confirmed(question: str) -> bool:
    """Ask a person at a terminal.

    Raises:
        flows.site.errors.WrongUsage: There is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        raise WrongUsage("nobody is there to confirm this; give --yes")
    return input(f"{question} Type yes: ").strip().lower() == "yes"
