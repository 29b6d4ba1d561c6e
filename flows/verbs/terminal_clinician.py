"""What a person reads of a scan's lists in the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from flows.answers.lanes import (
    Comparison,
    Expectation,
    Lane,
    ListedScan,
    PastMatch,
    Similar,
    SimilarWithHistory,
    Uncompared,
    UncomparedScan,
)
from flows.verbs.terminal import KEY, NOT_DIAGNOSTIC, PROVISIONAL, console, table_of
from review.words import ILL_ONES
from scans.outcome import outcome


def show_similar(answers: Sequence[Similar]) -> None:
    """The lanes of each scan asked for."""
    out = console()
    for answer in answers:
        out.print(f"scan {answer.scan[:KEY] or 'from outside'}, {answer.kind}, contrast {answer.contrast}")
        for doubt in answer.date_doubts:
            out.print(f"  {doubt}: {outcome(doubt).meaning} {outcome(doubt).action}", soft_wrap=True)
        if not answer.lanes:
            known = outcome(answer.code)
            out.print(f"  no list: {known.meaning} {known.action}", soft_wrap=True)
        if answer.note:
            out.print(f"  {answer.note}", soft_wrap=True)
        for lane in answer.lanes:
            _show_lane(out, lane, answer.prior_date_doubts, with_kind=answer.any_kind)
        if answer.uncompared is not None and (answer.uncompared.scans or not answer.any_kind):
            _show_uncompared(out, answer.uncompared, answer.prior_date_doubts)
        _show_history(out, answer.history if isinstance(answer, SimilarWithHistory) else ())
    _show_use(out, any(match.provisional for answer in answers for lane in answer.lanes for match in lane.matches))


def _show_use(out: Console, is_provisional: bool) -> None:
    out.print(PROVISIONAL if is_provisional else NOT_DIAGNOSTIC, style="dim", soft_wrap=True)


def _show_lane(out: Console, lane: Lane, doubts: Mapping[str, Sequence[str]], *, with_kind: bool) -> None:
    title = "own earlier scans, latest first" if lane.lane == "own" else "similar earlier cases, nearest first"
    about = f"{title} ({lane.purpose}, encoder {lane.encoder[:KEY]}, {lane.gallery_patients} patients)"
    if not lane.matches:
        out.print(f"  {title}: {outcome(lane.outcome).meaning}", soft_wrap=True)
        return
    out.print(about, soft_wrap=True)
    for code in (lane.outcome, lane.alarm):
        if code in ("no-similar-case", "possible-wrong-patient", "possible-same-person"):
            out.print(f"  {code}: {outcome(code).meaning} {outcome(code).action}", soft_wrap=True)
    is_own = lane.lane == "own"
    table = table_of("rank", "scan", "patient", *(["kind"] if with_kind else []), "acquired", "contrast", "distance",
                   "by chance", *(["change"] if is_own else []), "match")  # fmt: skip
    for row in lane.matches:
        table.add_row(str(row.rank or "same day"), row.scan[:KEY], row.patient[:KEY],
                      *([row.kind] if with_kind else []), _acquired(row, doubts),
                      row.contrast, f"{row.distance:.4f}", _by_chance(row.expected_by_chance),
                      *([row.change.text if row.change else ""] if is_own else []), row.match or "-")  # fmt: skip
    out.print(table)
    for doubt in sorted({doubt for row in lane.matches for doubt in doubts.get(row.scan, ())}):
        out.print(f"  (!) {doubt}: {outcome(doubt).meaning}", soft_wrap=True)
    if is_own and any(row.change is not None and row.change.code == "change" for row in lane.matches):
        out.print(f"  {ILL_ONES}", soft_wrap=True)


def _show_uncompared(out: Console, found: Uncompared, doubts: Mapping[str, Sequence[str]]) -> None:
    """The patient's earlier scans beside one whose kind is unknown."""
    title = "earlier scans of the same patient and modality, latest first, not compared"
    if not found.scans:
        out.print(f"  {title}: {outcome(found.outcome).meaning}", soft_wrap=True)
        return
    out.print(title, soft_wrap=True)
    table = table_of("rank", "scan", "kind", "acquired", "contrast")
    for row in found.scans:
        table.add_row(str(row.rank or "order unknown"), row.scan[:KEY], row.kind, _acquired(row, doubts), row.contrast)
    out.print(table)


def _acquired(row: ListedScan | UncomparedScan, doubts: Mapping[str, Sequence[str]]) -> str:
    return (row.acquired or "?") + (" (!)" if row.scan in doubts else "")


def _show_history(out: Console, rows: Sequence[PastMatch]) -> None:
    """What ever entered, moved and left the lists of a scan."""
    table = table_of(
        "list", "scan", "rank", "entered", "why", "moved", "left", "why", "encoder", title="history, by night"
    )
    for row in rows:
        moved = "" if row.moved_night is None else f"{row.moved_night} (was {row.rank_before or 'unranked'})"
        table.add_row(row.lane, row.prior[:KEY], str(row.rank or "same day"), str(row.entered_night),
                      row.entered_why, moved, str(row.left_night or ""), row.left_why,
                      row.encoder[:KEY])  # fmt: skip
    if table.row_count:
        out.print(table)


def _by_chance(found: Expectation) -> str:
    """The sentence without its end: the column's title says what is counted."""
    return found.text.removesuffix(" would look this near").removesuffix(" unrelated ones")


def show_comparison(answer: Comparison, *, quiet: bool) -> None:
    """Distance of two scans, and what it means to each encoder."""
    if quiet:
        return
    out = console()
    same = "same patient" if answer.same_patient else "different patients"
    out.print(f"{answer.a[:KEY]} ({answer.kinds[0]}) and {answer.b[:KEY]} ({answer.kinds[1]}), {same}")
    if not answer.same_kind:
        out.print("  their kinds differ: a distance between them means little")
    for row in answer.encoders:
        out.print(
            f"  {row.purpose}, encoder {row.encoder[:KEY]}: distance {row.distance:.4f}; "
            f"by chance: {row.expected_by_chance.text}",
            soft_wrap=True,
        )
        if row.is_alike is None:
            out.print("    this encoder was never judged on pairs: no decision")
            continue
        shares = f"{row.alike_nearer:.0%} of its alike pairs and {row.unlike_nearer:.0%} of its unlike pairs"
        out.print(f"    {shares} are nearer; cut-off {row.cutoff:.4f}: {'alike' if row.is_alike else 'unlike'}")
    _show_use(out, any(row.provisional for row in answer.encoders))
