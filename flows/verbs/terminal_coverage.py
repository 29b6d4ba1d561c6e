"""What a person reads of coverage in the terminal."""

from rich.console import Console

from flows.answers.coverage import Coverage
from flows.verbs.terminal import console, table_of, visible
from scans.outcome import outcome

MOST_GAINS = 3  # shown at once


def show_coverage(found: Coverage, *, quiet: bool) -> None:
    """Show coverage by modality and by reason, what is counted apart, and what would gain most."""
    if quiet:
        return
    out = console()
    tell_coverage(out, found)
    table = table_of("modality", "why not", "files", "this night", "studies", "this night", title="what cannot")
    for row in found.modalities:
        for reason in row.reasons:
            counts = (reason.files, reason.files_this_night, reason.studies, reason.studies_this_night)
            table.add_row(row.modality, reason.code, *(f"{n:,}" for n in counts))
    if table.row_count:
        out.print(table)
    table = table_of("code", "files", "meaning", title="counted apart")
    for code, n_files in sorted(found.apart.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(code, f"{n_files:,}", outcome(code).meaning)
    if table.row_count:
        out.print(table)


def tell_coverage(out: Console, found: Coverage) -> None:
    """Say which share can be compared, by modality, and what would gain most."""
    out.print(f"coverage: {found.sentence}", soft_wrap=True)
    table = table_of("modality", "image files", "compared", "this night", "studies", "compared", "this night",
                     "most of the rest", title="what can be compared")  # fmt: skip
    for row in found.modalities:
        files, studies = row.files, row.studies
        shares = (files.percent, row.files_this_night.percent, studies.percent, row.studies_this_night.percent)
        table.add_row(row.modality, f"{files.total:,}", *shares[:2], f"{studies.total:,}", *shares[2:], row.top_reason)
    if table.row_count:
        out.print(table)
    for gain in found.gains[:MOST_GAINS]:
        out.print(f"would gain up to {gain.size}: {visible(gain.act)}  {gain.why}", soft_wrap=True, markup=False)
