"""What a person reads in the terminal: tables, progress, and the next command."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from db.lists import NewMatch

KEY = 10  # characters of a key that are shown
WIDTH_WITHOUT_TERMINAL = 120
POLL_SECONDS = 0.5
PROVISIONAL = (
    "provisional: this encoder has not been shown to beat plain baselines on this archive; not for diagnostic use"
)


def console() -> Console:
    """Standard output; plain text when it is not a terminal, no colour where NO_COLOR is set."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)


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
    from db.backlog import work_left
    from db.nights import running_stage
    from flows.site.opened import open_site

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("night: starting", total=None)
        while not stop.wait(POLL_SECONDS):
            with contextlib.suppress(Exception), open_site(config).db.read() as connection:
                stage, left = running_stage(connection), work_left(connection)
                bars.update(bar, description=f"night: {stage or 'starting'}" + (f", {left} to do" if left else ""))


def show_night(config: Path, summary: dict[str, Any], *, quiet: bool) -> None:
    """A night's outcome: what arrived, how it ended, the nearest matches, where things lie, what next."""
    if quiet:
        return
    from flows.night.nearest import nearest_new

    out = console()
    out.print(f"night {summary['night']}: {_sentence(summary)}")
    table = _table("files", "seen", "used", "skipped", "quarantined", "waiting", "gone")
    for name, title in (("files_this_night", "this night"), ("files", "in all")):
        table.add_row(title, *(str(summary[name][column]) for column in ("seen", "used", "skipped", "quarantined",
                                                                       "waiting", "gone")))  # fmt: skip
    out.print(table)
    if summary["matches"]["entered"]:
        _show_nearest(out, nearest_new(config, summary["night"]))
    _show_undone(out, summary["undone"])
    _show_watched(out, summary["watch"], summary["held"])
    took = ", ".join(f"{name} {seconds:.1f}" for name, seconds in summary["seconds"].items())
    out.print(f"seconds: {took}", soft_wrap=True)
    if summary["report"]:
        out.print(f"report:  {summary['report']}", soft_wrap=True)
    out.print(f"next:    {summary['next']}", soft_wrap=True)


def _sentence(summary: dict[str, Any]) -> str:
    if summary["state"] == "nothing_new":
        return "nothing new"
    scans, matches = summary["scans"], summary["matches"]
    text = f"{scans['new']} new scans, {summary['embeddings']['new']} vectors, {matches['entered']} matches entered"
    text += f", {matches['left']} left" if matches["left"] else ""
    text += f"; {summary['files_this_night']['quarantined']} files need a look" if summary["exit"] == 3 else ""
    return text + (f"; {summary['backlog']} left for the next night" if summary["state"] == "partial" else "")


def _show_nearest(out: Console, rows: "Sequence[NewMatch]") -> None:
    table = _table("match", "kind", "scan", "acquired", "prior", "acquired", "lane", "rank", "distance",
                   title="nearest new matches")  # fmt: skip
    for row in rows:
        table.add_row(
            str(row.id), row.kind, row.scan[:KEY], str(row.scan_date or "?"), row.prior[:KEY],
            str(row.prior_date or "?"), row.lane, str(row.rank or "-"), f"{row.distance:.4f}",
        )  # fmt: skip
    out.print(table)
    out.print(PROVISIONAL, style="dim", soft_wrap=True)


def show_dry(found: dict[str, Any], *, quiet: bool) -> None:
    """What a night would do."""
    if quiet:
        return
    out = console()
    counts = ", ".join(f"{found[name]} {name}" for name in ("new", "changed", "gone", "arriving"))
    out.print(f"would look at {found['archive']}: {counts}; {found['backlog']} in the backlog", soft_wrap=True)
    for cover, plan in found["train"].items():
        out.print(f"would train {cover}: {plan}", soft_wrap=True)


def show_similar(answers: Sequence[dict[str, Any]]) -> None:
    """The lanes of each scan asked for."""
    from scans.outcome import outcome

    out = console()
    for answer in answers:
        out.print(f"scan {answer['scan'][:KEY] or 'from outside'}, {answer['kind']}, contrast {answer['contrast']}")
        for doubt in answer["date_doubts"]:
            out.print(f"  {doubt}: {outcome(doubt).meaning} {outcome(doubt).action}", soft_wrap=True)
        if not answer["lanes"]:
            known = outcome(answer["code"])
            out.print(f"  no list: {known.meaning} {known.action}", soft_wrap=True)
        for lane in answer["lanes"]:
            _show_lane(out, lane, answer["prior_date_doubts"])
        _show_history(out, answer.get("history", ()))
    out.print(PROVISIONAL, style="dim", soft_wrap=True)


def _show_lane(out: Console, lane: dict[str, Any], doubts: Mapping[str, Sequence[str]]) -> None:
    from review.words import ILL_ONES
    from scans.outcome import outcome

    title = "own earlier scans, latest first" if lane["lane"] == "own" else "similar earlier cases, nearest first"
    about = f"{title} ({lane['purpose']}, encoder {lane['encoder'][:KEY]}, {lane['gallery_patients']} patients)"
    if not lane["matches"]:
        out.print(f"  {title}: {outcome(lane['outcome']).meaning}", soft_wrap=True)
        return
    out.print(about, soft_wrap=True)
    for code in (lane["outcome"], lane["alarm"]):
        if code in ("no-similar-case", "possible-wrong-patient", "possible-same-person"):
            out.print(f"  {code}: {outcome(code).meaning} {outcome(code).action}", soft_wrap=True)
    is_own = lane["lane"] == "own"
    table = _table("rank", "scan", "patient", "acquired", "contrast", "distance", "by chance",
                   *(["change"] if is_own else []), "match")  # fmt: skip
    for row in lane["matches"]:
        table.add_row(str(row["rank"] or "same day"), row["scan"][:KEY], row["patient"][:KEY], _acquired(row, doubts),
                      row["contrast"], f"{row['distance']:.4f}", _by_chance(row["expected_by_chance"]),
                      *([row["change"]["text"]] if is_own else []), row["match"] or "-")  # fmt: skip
    out.print(table)
    for doubt in sorted({doubt for row in lane["matches"] for doubt in doubts.get(row["scan"], ())}):
        out.print(f"  (!) {doubt}: {outcome(doubt).meaning}", soft_wrap=True)
    if is_own and any(row["change"]["code"] == "change" for row in lane["matches"]):
        out.print(f"  {ILL_ONES}", soft_wrap=True)


def _acquired(row: dict[str, Any], doubts: Mapping[str, Sequence[str]]) -> str:
    return (row["acquired"] or "?") + (" (!)" if row["scan"] in doubts else "")


def _show_history(out: Console, rows: Sequence[dict[str, Any]]) -> None:
    """What ever entered, moved and left the lists of a scan."""
    table = _table(
        "list", "scan", "rank", "entered", "why", "moved", "left", "why", "encoder", title="history, by night"
    )
    for row in rows:
        moved = "" if row["moved_night"] is None else f"{row['moved_night']} (was {row['rank_before'] or 'unranked'})"
        table.add_row(row["lane"], row["prior"][:KEY], str(row["rank"] or "same day"), str(row["entered_night"]),
                      row["entered_why"], moved, str(row["left_night"] or ""), row["left_why"],
                      row["encoder"][:KEY])  # fmt: skip
    if table.row_count:
        out.print(table)


def _by_chance(found: dict[str, Any]) -> str:
    """The sentence without its end: the column's title says what is counted."""
    return str(found["text"]).removesuffix(" would look this near").removesuffix(" unrelated ones")


def show_comparison(answer: dict[str, Any], *, quiet: bool) -> None:
    """Distance of two scans, and what it means to each encoder."""
    if quiet:
        return
    out = console()
    same = "same patient" if answer["same_patient"] else "different patients"
    out.print(f"{answer['a'][:KEY]} ({answer['kinds'][0]}) and {answer['b'][:KEY]} ({answer['kinds'][1]}), {same}")
    if not answer["same_kind"]:
        out.print("  their kinds differ: a distance between them means little")
    for row in answer["encoders"]:
        out.print(
            f"  {row['purpose']}, encoder {row['encoder'][:KEY]}: distance {row['distance']:.4f}; "
            f"by chance: {row['expected_by_chance']['text']}",
            soft_wrap=True,
        )
        if row["is_alike"] is None:
            out.print("    this encoder was never judged on pairs: no decision")
            continue
        shares = f"{row['alike_nearer']:.0%} of its alike pairs and {row['unlike_nearer']:.0%} of its unlike pairs"
        out.print(f"    {shares} are nearer; cut-off {row['cutoff']:.4f}: {'alike' if row['is_alike'] else 'unlike'}")
    out.print(PROVISIONAL, style="dim", soft_wrap=True)


def show_standing(found: dict[str, Any], *, quiet: bool) -> None:
    """How the site stands."""
    if quiet:
        return
    out = console()
    hours = found["hours_since_success"]
    out.print("no night has succeeded yet" if hours is None else f"last success {hours:.1f} hours ago"
              + (", OVERDUE" if found["overdue"] else ""))  # fmt: skip
    if found["running"]:
        out.print(f"night {found['running']} is running")
    table = _table("night", "begun (UTC)", "state", "exit", "seconds", "new files", "new matches")
    for row in found["nights"]:
        state = row["state"] + (f" ({row['error']})" if row["error"] else "")
        exit_code = "" if row["exit"] is None else str(row["exit"])
        counts = str(row["new_files"]), str(row["new_matches"])
        table.add_row(str(row["night"]), row["begun"][:16], state, exit_code, str(row["seconds"] or ""), *counts)
    out.print(table)
    for row in found["encoders"]:
        out.print(f"encoder {row['id'][:KEY]} serves {row['cover']} for {row['purpose']} ({row['origin']}"
                  + (", provisional)" if row["provisional"] else ")"))  # fmt: skip
    files = found["files"]
    out.print(f"files: {files['seen']} seen = " + " + ".join(f"{files[n]} {n}" for n in files if n != "seen"))
    unknown = "not shown: this account of the database may not read the schema identity"
    out.print(f"backlog: {unknown if found['backlog'] is None else found['backlog']}")
    _show_undone(out, found["undone"])
    table = _table("outcome", "code", "files", "what to do", title="not used")
    for row in found["codes"]:
        if row["outcome"] != "used":
            table.add_row(row["outcome"], row["code"], str(row["files"]), row["action"])
    if table.row_count:
        out.print(table)
    for row in found["chosen"]:
        out.print(f"encoder {row['id'][:KEY]} ({row['cover']} {row['purpose']}) becomes active when {row['waiting']} "
                  f"more scans have its vector: {row['chosen_reason']}", soft_wrap=True, markup=False)  # fmt: skip
    _show_watched(out, found["watch"], found["held"])
    _show_review(out, found["review"])
    for row in found["wrong_patient"]:
        pair = f"pair {row['scan'][:KEY]}:{row['prior'][:KEY]}" if row["match"] is None else f"match {row['match']}"
        out.print(f"TASK: {pair} was judged wrong-patient by {row['by']}: check both patients' numbers")


def show_encoders(found: dict[str, Any], *, quiet: bool) -> None:
    """Encoders with their evidence, and the switches between them."""
    if quiet:
        return
    out = console()
    table = _table("encoder", "cover", "purpose", "origin", "active since (UTC)", "vectors", "P@1", "AUC", "evidence")
    for row in found["encoders"]:
        figures = [row["validation"].get(name) for name in ("p_at_1", "auc")]
        told = (
            f"in the shadow: {row['held_reason']}" if row["held_reason"] and not row["active"] else "",
            f"chosen, {row['waiting']} scans to embed: {row['chosen_reason']}" if row["chosen_reason"] else "",
            "provisional" if row["provisional"] else "",
            f"learned from {row['forgotten_patients']} forgotten people" if row["forgotten_patients"] else "",
            f"vectors by {len(row['vector_kernels'])} kernel levels" if len(row["vector_kernels"]) > 1 else "",
        )
        table.add_row(row["id"][:KEY], row["cover"], row["purpose"], row["origin"], (row["since"] or "-")[:16],
                      str(row["vectors"]), *("-" if f is None else f"{f:.3f}" for f in figures),
                      "; ".join(filter(None, told)))  # fmt: skip
    out.print(table)
    table = _table("at (UTC)", "cover", "purpose", "encoder", "night", "why", title="switches, newest first")
    for row in found["history"]:
        table.add_row(row["at"][:16], row["cover"], row["purpose"], (row["encoder"] or "none")[:KEY],
                      str(row["night"] or "by hand"), row["reason"])  # fmt: skip
    out.print(table)


def show_switch(found: dict[str, Any], *, quiet: bool) -> None:
    """Say which encoder is active now."""
    if quiet:
        return
    name, what = found["active"] or "none", f"{found['cover']} {found['purpose']}"
    print(f"active for {what} {'now' if found['switched'] else 'already'}: {name}")
    if found["switched"]:
        print("next: scantwin night (embeds what has no vector of it, and matches)")


def _show_review(out: Console, found: dict[str, Any]) -> None:
    """What readers found relevant among what they were shown, and how far they agree."""
    table = _table("reader", "expected by chance", "relevant", "not relevant", "unsure", "precision (95 %)",
                   title="reviewed matches of other patients: of what was shown, not of all")  # fmt: skip
    for row in found["precision"]:
        share = "-" if row["precision"] is None else f"{row['precision']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        table.add_row(
            row["by"], row["band"], *(str(row[name]) for name in ("relevant", "not_relevant", "unsure")), share
        )
    if table.row_count:
        out.print(table)
    for row in found["agreement"]:
        kappa = "" if row["kappa"] is None else f", kappa {row['kappa']:.2f}"
        out.print(f"{' and '.join(row['readers'])} agree on {row['agreed']:.0%} of {row['pairs']} pairs{kappa}",
                  soft_wrap=True, markup=False)  # fmt: skip


def _show_watched(out: Console, alarms: Sequence[dict[str, Any]], held: Sequence[dict[str, Any]]) -> None:
    """What stands out from the nights before, and which encoders wait in the shadow."""
    from scans.outcome import outcome

    for row in alarms:
        known = outcome(row["code"])
        out.print(f"ALARM {row['code']}: {known.meaning} {row['facts']}. {known.action}", soft_wrap=True, markup=False)
    for row in held:
        out.print(f"encoder {row['id'][:KEY]} ({row['cover']} {row['purpose']}) stays in the shadow: "
                  f"{row['held_reason']}", soft_wrap=True, markup=False)  # fmt: skip


def _show_undone(out: Console, rows: Sequence[dict[str, Any]]) -> None:
    """What the last night left because something failed."""
    for row in rows:
        out.print(f"LEFT UNDONE {row['code']}: {row['meaning']} {row['count']} left. {row['action']}", soft_wrap=True,
                  markup=False)  # fmt: skip


def show_files(found: Iterable[dict[str, Any]], *, quiet: bool) -> None:
    """Where files ended, one a line."""
    if quiet:
        return
    n_files = 0
    for row in found:
        n_files += 1
        scan = f"  scan {row['scan'][:KEY]}" if row["scan"] else ""
        print(f"{row['outcome']:<12} {row['code']:<24} {_visible(row['path'])}{scan}")
        if row["code"] != "used":
            found_here = f" ({_visible(row['why'])})" if row["why"] != row["meaning"] else ""
            print(f"{'':<12} {row['meaning'].removesuffix('.')}{found_here}. {row['action']}")
    print(f"{n_files} files")


def show_kinds(found: dict[str, Any], *, quiet: bool) -> None:
    """Combinations of tags whose kind is unknown, and the line that would name each."""
    if quiet:
        return
    rows = found["combinations"]
    if not rows:
        print("every scan has a kind")
        return
    for row in rows:
        counts = f"{row['scans']} scans of {row['patients']} patients"
        print(f"{row['kind']}  {row['modality']}  {counts}")
        for tag, text in row["tags"].items():
            if text:
                print(f"    {tag} = {_visible(text)}")
        print(f"    to name it: {_visible(row['add'])}")
    print(
        "\nAdd such lines to [scans.kinds] of config.toml, the word in capitals replaced by yours (chest, frontal, t2);"
        "\nthe next night looks at every series again and decodes none twice. Tags are shown as the scanner wrote them."
    )


def show_conflicts(found: Sequence[dict[str, Any]], *, quiet: bool) -> None:
    """Patient ids that are not trusted, one a line, and those that may be another spelling of one."""
    if quiet:
        return
    for row in found:
        issuer = f" of {_visible(row['issuer'])}" if row["issuer"] else ""
        print(
            f"{_visible(row['id']) or '(empty)'}{issuer}: {row['why']}; {row['persons']} persons, {row['files']} files"
        )
        if to := row["merge_into"]:
            print(f"    if they are one person: patients merge, to_id {_visible(to['id'])}, "
                  f"to_issuer {_visible(to['issuer']) or '(empty)'}")  # fmt: skip
    n_untrusted = sum(not row["trusted"] for row in found)
    print(f"{n_untrusted} ids have no own lane" if n_untrusted else "every id is trusted")


def _visible(text: str) -> str:
    """Text for a terminal: what would move the cursor is written out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def show_findings(findings: Sequence[Any]) -> None:
    """What the doctor found."""
    out = console()
    for finding in findings:
        out.print(f"{'ok ' if finding.ok else 'NOT'} {finding.check}: {finding.found}", soft_wrap=True, markup=False)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in columns:
        right = column in ("rank", "distance", "files", "seen", "used", "skipped", "quarantined", "waiting", "gone")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def confirmed(question: str) -> bool:
    """Ask a person at a terminal.

    Raises:
        flows.records.lookup.WrongUsage: There is no terminal to ask at.
    """
    from flows.records.lookup import WrongUsage

    if not sys.stdin.isatty():
        raise WrongUsage("nobody is there to confirm this; give --yes")
    return input(f"{question} Type yes: ").strip().lower() == "yes"


def show_forgotten(found: dict[str, Any], *, quiet: bool) -> None:
    """Say what was forgotten, and where the person may still be."""
    if quiet:
        return
    print(f"forgotten: {found['patients']} patients, {found['scans']} scans, {found['files']} files of our own,"
          f" {found['pages']} pages")  # fmt: skip
    for title, name in (
        ("still in the archive; remove them there", "files_in_archive"),
        ("backups that still hold the person; delete them", "backups"),
        ("encoders that learned from the person; train anew", "encoders"),
        ("not reached from here", "outside"),
    ):
        if found[name]:
            print(f"{title}:")
            for line in found[name]:
                print(f"  {line}")


def show_correction(report: dict[str, Any], *, quiet: bool) -> None:
    """Say what a CSV of merges did, and which lines were refused."""
    if quiet:
        return
    n_changed = report.get("merged", report.get("unmerged"))
    print(f"{n_changed} corrections taken, {report['persons']} people change patient at the next night, "
          f"{len(report['refused'])} lines refused")  # fmt: skip
    for line in report["refused"]:
        print(f"  line {line['line']}: {line['why']}")
    if report["encoders"]:
        print(f"{report['changed_split']} people change sides between training and test; encoders that learned from "
              f"them on the other side: {', '.join(report['encoders'])}")  # fmt: skip
