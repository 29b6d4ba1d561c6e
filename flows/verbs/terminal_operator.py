"""What an operator reads in the terminal: how the site stands, its files, encoders and persons."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from flows.answers.corrections import Conflict, Forgotten, Merged, Unmerged
from flows.answers.encoders import Activated, Encoders
from flows.answers.status import FileEnd, Finding, Review, Status
from flows.verbs.terminal import KEY, console, table_of, visible
from flows.verbs.terminal_coverage import tell_coverage
from flows.verbs.terminal_night import show_undone, show_watched


def show_standing(found: Status, *, quiet: bool) -> None:
    """How the site stands."""
    if quiet:
        return
    out = console()
    hours = found.hours_since_success
    out.print("no night has succeeded yet" if hours is None else f"last success {hours:.1f} hours ago"
              + (", OVERDUE" if found.overdue else ""))  # fmt: skip
    if found.running:
        out.print(f"night {found.running} is running")
    table = table_of("night", "begun (UTC)", "state", "exit", "seconds", "new files", "new matches")
    for night in found.nights:
        state = night.state + (f" ({night.error})" if night.error else "")
        exit_code = "" if night.exit is None else str(night.exit)
        counts = str(night.new_files), str(night.new_matches)
        table.add_row(str(night.night), night.begun[:16], state, exit_code, str(night.seconds or ""), *counts)
    out.print(table)
    for encoder in found.encoders:
        out.print(f"encoder {encoder.id[:KEY]} serves {encoder.cover} for {encoder.purpose} ({encoder.origin}"
                  + f", {'provisional' if encoder.provisional else 'earned'}): {encoder.standing}",
                  soft_wrap=True, markup=False)  # fmt: skip
    files = found.files
    ends = (f"{getattr(files, name)} {name}" for name in ("used", "skipped", "quarantined", "waiting", "gone"))
    out.print(f"files: {files.seen} seen = " + " + ".join(ends))
    unknown = "not shown: this account of the database may not read the schema identity"
    out.print(f"backlog: {unknown if found.backlog is None else found.backlog}")
    if found.inputs is not None:
        dropped = f", {found.inputs.dropped} dropped by the newest night" if found.inputs.dropped else ""
        out.print(f"encoder inputs: {found.inputs.kept} in {found.inputs.gib:.2f} GiB, "
                  f"inputs_gib = {found.inputs.quota_gib:g}{dropped}", soft_wrap=True)  # fmt: skip
    if found.coverage is not None:
        tell_coverage(out, found.coverage)
    show_undone(out, found.undone)
    table = table_of("outcome", "code", "files", "what to do", title="not used")
    for count in found.codes:
        if count.outcome != "used":
            table.add_row(count.outcome, count.code, str(count.files), count.action)
    if table.row_count:
        out.print(table)
    for chosen in found.chosen:
        out.print(f"encoder {chosen.id[:KEY]} ({chosen.cover} {chosen.purpose}) becomes active when {chosen.waiting} "
                  f"more scans have its vector: {chosen.chosen_reason}", soft_wrap=True, markup=False)  # fmt: skip
    show_watched(out, found.watch, found.held)
    _show_review(out, found.review)
    for verdict in found.wrong_patient:
        pair = f"pair {verdict.scan[:KEY]}:{verdict.prior[:KEY]}" if verdict.match is None else f"match {verdict.match}"
        out.print(f"TASK: {pair} was judged wrong-patient by {verdict.by}: check both patients' numbers")


def _show_review(out: Console, found: Review) -> None:
    """What readers found relevant among what they were shown, and how far they agree."""
    table = table_of("reader", "expected by chance", "relevant", "not relevant", "unsure", "precision (95 %)",
                   title="reviewed matches of other patients: of what was shown, not of all")  # fmt: skip
    for row in found.precision:
        share = "-" if row.precision is None else f"{row.precision:.2f} ({row.low:.2f} to {row.high:.2f})"
        table.add_row(row.by, row.band, str(row.relevant), str(row.not_relevant), str(row.unsure), share)
    if table.row_count:
        out.print(table)
    for pair in found.agreement:
        kappa = "" if pair.kappa is None else f", kappa {pair.kappa:.2f}"
        out.print(f"{' and '.join(pair.readers)} agree on {pair.agreed:.0%} of {pair.pairs} pairs{kappa}",
                  soft_wrap=True, markup=False)  # fmt: skip


def show_files(found: Iterable[FileEnd], *, quiet: bool) -> None:
    """Where files ended, one a line."""
    if quiet:
        return
    n_files = 0
    for row in found:
        n_files += 1
        scan = f"  scan {row.scan[:KEY]}" if row.scan else ""
        print(f"{row.outcome:<12} {row.code:<24} {visible(row.path)}{scan}")
        if row.code != "used":
            found_here = f" ({visible(row.why)})" if row.why != row.meaning else ""
            print(f"{'':<12} {row.meaning.removesuffix('.')}{found_here}. {row.action}")
    print(f"{n_files} files")


def show_conflicts(found: Sequence[Conflict], *, quiet: bool) -> None:
    """Patient ids that are not trusted, one a line, and those that may be another spelling of one."""
    if quiet:
        return
    for row in found:
        issuer = f" of {visible(row.issuer)}" if row.issuer else ""
        print(f"{visible(row.id) or '(empty)'}{issuer}: {row.why}; {row.persons} persons, {row.files} files")
        if to := row.merge_into:
            print(f"    if they are one person: patients merge, to_id {visible(to.id)}, "
                  f"to_issuer {visible(to.issuer) or '(empty)'}")  # fmt: skip
    n_untrusted = sum(not row.trusted for row in found)
    print(f"{n_untrusted} ids have no own lane" if n_untrusted else "every id is trusted")


def show_findings(findings: Sequence[Finding]) -> None:
    """What the doctor found."""
    out = console()
    for finding in findings:
        out.print(f"{'ok ' if finding.ok else 'NOT'} {finding.check}: {finding.found}", soft_wrap=True, markup=False)


def show_encoders(found: Encoders, *, quiet: bool) -> None:
    """Encoders with their evidence, and the switches between them."""
    if quiet:
        return
    out = console()
    table = table_of("encoder", "cover", "purpose", "origin", "active since (UTC)", "vectors", "P@1", "AUC", "evidence")
    for row in found.encoders:
        figures = [row.validation.get(name) for name in ("p_at_1", "auc")]
        told = (
            f"in the shadow: {row.held_reason}" if row.held_reason and not row.active else "",
            f"chosen, {row.waiting} scans to embed: {row.chosen_reason}" if row.chosen_reason else "",
            "provisional" if row.provisional else "earned",
            row.standing,
            f"learned from {row.forgotten_patients} forgotten people" if row.forgotten_patients else "",
            f"vectors by {len(row.vector_kernels)} kernel levels" if len(row.vector_kernels) > 1 else "",
        )
        table.add_row(row.id[:KEY], row.cover, row.purpose, row.origin, (row.since or "-")[:16],
                      str(row.vectors), *("-" if f is None else f"{f:.3f}" for f in figures),
                      "; ".join(filter(None, told)))  # fmt: skip
    out.print(table)
    table = table_of("at (UTC)", "cover", "purpose", "encoder", "night", "why", title="switches, newest first")
    for switch in found.history:
        table.add_row(switch.at[:16], switch.cover, switch.purpose, (switch.encoder or "none")[:KEY],
                      str(switch.night or "by hand"), switch.reason)  # fmt: skip
    out.print(table)


def show_switch(found: Activated, *, quiet: bool) -> None:
    """Say which encoder is active now."""
    if quiet:
        return
    name, what = found.active or "none", f"{found.cover} {found.purpose}"
    print(f"active for {what} {'now' if found.switched else 'already'}: {name}")
    if found.switched:
        print("next: scantwin night (embeds what has no vector of it, and matches)")


def show_forgotten(found: Forgotten, *, quiet: bool) -> None:
    """Say what was forgotten, and where the person may still be."""
    if quiet:
        return
    print(f"forgotten: {found.patients} patients, {found.scans} scans, {found.files} files of our own,"
          f" {found.pages} pages")  # fmt: skip
    for title, lines in (
        ("still in the archive; remove them there", found.files_in_archive),
        ("backups that still hold the person; delete them", found.backups),
        ("encoders that learned from the person; train anew", found.encoders),
        ("not reached from here", found.outside),
    ):
        if lines:
            print(f"{title}:")
            for line in lines:
                print(f"  {line}")


def show_correction(report: Merged | Unmerged, *, quiet: bool) -> None:
    """Say what a CSV of merges did, and which lines were refused."""
    if quiet:
        return
    n_changed = report.merged if isinstance(report, Merged) else report.unmerged
    print(f"{n_changed} corrections taken, {report.persons} people change patient at the next night, "
          f"{len(report.refused)} lines refused")  # fmt: skip
    for line in report.refused:
        print(f"  line {line.line}: {line.why}")
    if report.encoders:
        print(f"{report.changed_split} people change sides between training and test; encoders that learned from "
              f"them on the other side: {', '.join(report.encoders)}")  # fmt: skip
