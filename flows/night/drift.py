"""What a night watches: whether what it brought is like what the nights before brought."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.drift import (
    Brought,
    NewScanner,
    WatchedLists,
    WatchedNight,
    brought_by_kind,
    new_scanners,
    refused_files,
    watched_before,
)
from evaluation.drift import Sums, is_more, shift_of_mean
from flows.answers.answer import JsonObject
from flows.answers.status import Alarm
from flows.records.scanner import scanner_of
from flows.site.opened import Site
from flows.work.batch_ids import EncoderKind
from flows.work.lease import Ticket

LAST_NIGHTS = 20  # that a night is held against
FEWEST_OF_SCANNER = 5  # scans of a scanner never seen before


@dataclass(frozen=True)
class Watched(WatchedNight, JsonObject):
    """The figures of a night, and what jumped."""

    alarms: Sequence[Alarm]


def watch(site: Site, ticket: Ticket) -> Watched:
    """Return the figures of this night and what jumped, to be kept with its stage."""
    with site.db.read() as connection:
        n_files, n_refused = refused_files(connection)
        rows = brought_by_kind(connection, ticket.night)
        scanners = new_scanners(connection, ticket.night)
        before = watched_before(connection, ticket.night, last=LAST_NIGHTS)
    lists = {str(EncoderKind(row.encoder, row.kind)): _figures(row) for row in rows}
    jumped = jumps(WatchedNight(n_files, n_refused, lists), before)
    return Watched(n_files, n_refused, lists, jumped + [_scanner(row) for row in scanners if _is_many(row)])


def _figures(row: Brought) -> WatchedLists:
    return WatchedLists(
        scans=row.scans, unmatched=row.unmatched, nearest=row.nearest, total=row.total, squares=row.squares
    )


def jumps(now: WatchedNight, before: Sequence[WatchedNight]) -> list[Alarm]:
    """Return code and facts of each figure that stands out from the nights before."""
    found = []
    usual = sum(night.refused for night in before), sum(night.files for night in before)
    if is_more((now.refused, now.files), usual):
        found.append(Alarm("refusals-jumped", _shares(now.refused, now.files, *usual)))
    for space, row in sorted(now.lists.items()):
        total = _sum([night.lists[space] for night in before if space in night.lists])
        kind = EncoderKind.parse(space).kind
        if is_more((row.unmatched, row.scans), (total.unmatched, total.scans)):
            facts = _shares(row.unmatched, row.scans, total.unmatched, total.scans)
            found.append(Alarm("unmatched-jumped", f"{kind}: {facts}"))
        if (shift := shifted(row, total)) is not None:
            found.append(Alarm("distances-jumped", f"{kind}: mean of the nearest {shift}"))
    return found


def shifted(now: WatchedLists, usual: WatchedLists) -> str | None:
    """Return both means where the mean distance has surely and visibly moved, else None."""
    moved = shift_of_mean(_sums(now), _sums(usual))
    return None if moved is None else f"{moved[0]:.4f}, usually {moved[1]:.4f}"


def _sums(row: WatchedLists) -> Sums:
    return Sums(row.nearest, row.total, row.squares)


def _sum(rows: Sequence[WatchedLists]) -> WatchedLists:
    return WatchedLists(
        scans=sum(row.scans for row in rows),
        unmatched=sum(row.unmatched for row in rows),
        nearest=sum(row.nearest for row in rows),
        total=sum(row.total for row in rows),
        squares=sum(row.squares for row in rows),
    )


def _shares(hits: int, n: int, usual_hits: int, usual_n: int) -> str:
    return f"{hits} of {n} ({hits / n:.0%}), usually {usual_hits / usual_n:.0%}"


def _is_many(row: NewScanner) -> bool:
    return row.scans >= FEWEST_OF_SCANNER


def _scanner(row: NewScanner) -> Alarm:
    return Alarm("new-scanner", f"{row.kind}: {row.scans} scans of {scanner_of(row) or 'unnamed'}")
