"""What a night watches: whether what it brought is like what the nights before brought."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.coverage import scanner_tallies
from db.drift import (
    Brought,
    NewScanner,
    WatchedLists,
    WatchedNight,
    WatchedScanner,
    brought_by_kind,
    new_scanners,
    refused_files,
    watched_before,
)
from db.kinds import KindClassifierRow, switched_off_by
from db.nights import last_success
from evaluation.drift import FEWEST, Sums, is_more, shift_of_mean
from flows.answers.answer import JsonObject
from flows.answers.status import Alarm
from flows.records.scanner import scanner_of
from flows.site.opened import Site
from flows.work.batch_ids import EncoderKind
from flows.work.lease import Ticket
from scans.codes import APART

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
        since = last_success(connection) or 0
        tallies = scanner_tallies(connection, since=since, apart=sorted(APART))
        switched_off = switched_off_by(connection, ticket.night)
        before = watched_before(connection, ticket.night, last=LAST_NIGHTS)
    lists = {str(EncoderKind(row.encoder, row.kind)): _figures(row) for row in rows}
    brought = {
        f"{row.modality or 'unknown'} {scanner_of(row) or 'unnamed'}": WatchedScanner(row.studies, row.lost_per_mille)
        for row in tallies
    }
    jumped = jumps(WatchedNight(n_files, n_refused, lists, brought), before)
    come = [_scanner(row) for row in scanners if _is_many(row)]
    return Watched(n_files, n_refused, lists, brought, jumped + come + [_kinds_off(row) for row in switched_off])


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
    fallen = ((name, fall(name, now, before)) for name in sorted(now.scanners))
    return found + [Alarm("coverage-fell", f"{name}: {facts}") for name, facts in fallen if facts]


def fall(scanner: str, now: WatchedNight, before: Sequence[WatchedNight]) -> str:
    """Say how the share of a scanner's images that can be compared has fallen, "" where it has not surely.

    Images of one study stand or fall together, so a study is one trial. Nights are taken together, the newest first,
    until there are studies enough to be held against those before.
    """
    rows = [night.scanners[scanner] for night in (now, *before) if scanner in night.scanners]
    n_recent = next((n for n in range(1, len(rows)) if sum(r.studies for r in rows[:n]) >= FEWEST), len(rows))
    tonight, recent, usual = (_studies(some) for some in (rows[:1], rows[:n_recent], rows[n_recent:]))
    if not is_more(recent, usual) or tonight[0] / tonight[1] <= usual[0] / usual[1]:
        return ""
    compared, usually = 1 - recent[0] / recent[1], 1 - usual[0] / usual[1]
    return f"{compared:.0%} of the images of {recent[1]} studies, usually {usually:.0%}"


def _studies(rows: Sequence[WatchedScanner]) -> tuple[float, int]:
    """Return how many studies could not be compared, each in part, and how many there are."""
    return sum(row.lost_per_mille for row in rows) / 1000, sum(row.studies for row in rows)


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


def _kinds_off(row: KindClassifierRow) -> Alarm:
    return Alarm("kinds-off", f"{row.id}: {row.off_reason}")
