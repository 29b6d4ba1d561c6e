"""What a person reads of a night in the terminal."""

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from db.backlog import work_left
from db.lists import NewMatch
from db.nights import running_stage
from flows.answers.answer import filled
from flows.answers.nights import DryNight, NightEncoder
from flows.answers.status import Alarm, HeldEncoder, Undone
from flows.night.nearest import nearest_new
from flows.site.opened import open_site
from flows.verbs.terminal import KEY, NOT_DIAGNOSTIC, console, table_of
from flows.verbs.words import opened
from scans.outcome import outcome

if TYPE_CHECKING:
    from flows.night.summary import Summary

POLL_SECONDS = 0.5
FILES = ("seen", "used", "skipped", "quarantined", "waiting", "gone")


@contextlib.contextmanager
def watching(config: Path, *, quiet: bool) -> Iterator[None]:
    """Show how a night gets on, read from SQL, which knows it also when other machines do the work."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(config, stop), name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join(timeout=5)


def _watch(config: Path, stop: threading.Event) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("night: starting", total=None)
        while not stop.wait(POLL_SECONDS):
            with contextlib.suppress(Exception), open_site(config).db.read() as connection:
                stage, left = running_stage(connection), work_left(connection)
                bars.update(bar, description=f"night: {stage or 'starting'}" + (f", {left} to do" if left else ""))


def show_night(config: Path, summary: "Summary", *, quiet: bool) -> None:
    """A night's outcome: what arrived, how it ended, the nearest matches, where things lie, what next."""
    if quiet:
        return
    out = console()
    out.print(f"night {summary.night}: {_sentence(summary)}")
    table = table_of("files", *FILES)
    for counts, title in ((summary.files_this_night, "this night"), (summary.files, "in all")):
        table.add_row(title, *(str(counts[column]) for column in FILES))
    out.print(table)
    if summary.coverage is not None:
        out.print(f"coverage: {summary.coverage.sentence}", soft_wrap=True)
    if summary.matches["entered"]:
        _show_nearest(out, nearest_new(opened(config), summary.night))
        show_evidence(out, summary.encoders)
    show_undone(out, summary.undone)
    _show_inputs(out, summary.inputs)
    show_watched(out, [filled(Alarm, row) for row in summary.watch], summary.held)
    took = ", ".join(f"{name} {seconds:.1f}" for name, seconds in summary.seconds.items())
    out.print(f"seconds: {took}", soft_wrap=True)
    if summary.report:
        out.print(f"report:  {summary.report}", soft_wrap=True)
    out.print(f"next:    {summary.next}", soft_wrap=True)


def _sentence(summary: "Summary") -> str:
    if summary.state == "nothing_new":
        return "nothing new"
    scans, matches = summary.scans, summary.matches
    text = f"{scans['new']} new scans, {summary.embeddings['new']} vectors, {matches['entered']} matches entered"
    text += f", {matches['left']} left" if matches["left"] else ""
    text += f"; {summary.files_this_night['quarantined']} files need a look" if summary.exit == 3 else ""
    return text + (f"; {summary.backlog} left for the next night" if summary.state == "partial" else "")


def _show_inputs(out: Console, inputs: Mapping[str, int]) -> None:
    """Which encoder inputs went, and which are read again."""
    if inputs.get("dropped"):
        out.print(f"{inputs['dropped']} encoder inputs were dropped, {inputs['bytes'] / 2**30:.2f} GiB are kept: "
                  "[site] inputs_gib", soft_wrap=True)  # fmt: skip
    if inputs.get("to_make"):
        out.print(f"{inputs['to_make']} encoder inputs are needed again: the next night makes them from the archive",
                  soft_wrap=True)  # fmt: skip


def _show_nearest(out: Console, rows: Sequence[NewMatch]) -> None:
    table = table_of("match", "kind", "scan", "acquired", "prior", "acquired", "lane", "rank", "distance", "evidence",
                   title="nearest new matches")  # fmt: skip
    for row in rows:
        table.add_row(
            str(row.id), str(row.kind), str(row.scan)[:KEY], str(row.scan_date or "?"),
            str(row.prior)[:KEY], str(row.prior_date or "?"), str(row.lane), str(row.rank or "-"),
            f"{row.distance:.4f}", "provisional" if row.provisional else "earned",
        )  # fmt: skip
    out.print(table)


def show_evidence(out: Console, encoders: Sequence[NightEncoder]) -> None:
    """What each encoder that serves has shown on this archive."""
    for encoder in encoders:
        word = "provisional" if encoder.provisional else "earned"
        out.print(f"{encoder.cover} {encoder.purpose}, {word}: {encoder.standing}", soft_wrap=True, markup=False)
    out.print(NOT_DIAGNOSTIC, style="dim")


def show_dry(found: DryNight, *, quiet: bool) -> None:
    """What a night would do."""
    if quiet:
        return
    out = console()
    counts = ", ".join(f"{getattr(found, name)} {name}" for name in ("new", "changed", "gone", "arriving"))
    out.print(f"would look at {found.archive}: {counts}; {found.backlog} in the backlog", soft_wrap=True)
    for cover, plan in found.train.items():
        out.print(f"would train {cover}: {plan}", soft_wrap=True)


def show_watched(out: Console, alarms: Sequence[Alarm], held: Sequence[HeldEncoder]) -> None:
    """What stands out from the nights before, and which encoders wait in the shadow."""
    for alarm in alarms:
        known = outcome(alarm.code)
        out.print(f"ALARM {alarm.code}: {known.meaning} {alarm.facts}. {known.action}", soft_wrap=True, markup=False)
    for encoder in held:
        out.print(f"encoder {encoder.id[:KEY]} ({encoder.cover} {encoder.purpose}) stays in the shadow: "
                  f"{encoder.held_reason}", soft_wrap=True, markup=False)  # fmt: skip


def show_undone(out: Console, rows: Sequence[Undone]) -> None:
    """What the last night left because something failed."""
    for row in rows:
        out.print(f"LEFT UNDONE {row.code}: {row.meaning} {row.count} left. {row.action}", soft_wrap=True,
                  markup=False)  # fmt: skip
