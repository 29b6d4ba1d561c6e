"""What a night watches: whether what it brought is like what the nights before brought."""

from collections.abc import Sequence

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
from flows.records.scanner import scanner_of
from flows.site.opened import Site
from flows.work.batch_ids import EncoderKind
from flows.work.lease import Ticket

LAST_NIGHTS = 20  # that a night is held against
FEWEST_OF_SCANNER = 5  # scans of a scanner never seen before


class Watched(WatchedNight):
    """The figures of a night, and what jumped."""

    alarms: list[dict[str, str]]


def watch(site: Site, ticket: Ticket) -> Watched:
    """Return the figures of this night and what jumped, to be kept with its stage."""
    with site.db.read() as connection:
        n_files, n_refused = refused_files(connection)
        rows = brought_by_kind(connection, ticket.night)
        scanners = new_scanners(connection, ticket.night)
        before = watched_before(connection, ticket.night, last=LAST_NIGHTS)
    lists = {str(EncoderKind(row.encoder, row.kind)): _figures(row) for row in rows}
    figures = WatchedNight(files=n_files, refused=n_refused, lists=lists)
    alarms = jumps(figures, before) + [_scanner(row) for row in scanners if _is_many(row)]
    return Watched(**figures, alarms=alarms)


def _figures(row: Brought) -> WatchedLists:
    return WatchedLists(
        scans=row.scans, unmatched=row.unmatched, nearest=row.nearest, total=row.total, squares=row.squares
    )


def jumps(now: WatchedNight, before: Sequence[WatchedNight]) -> list[dict[str, str]]:
    """Return code and facts of each figure that stands out from the nights before."""
    found = []
    usual = sum(n["refused"] for n in before), sum(n["files"] for n in before)
    if is_more((now["refused"], now["files"]), usual):
        found.append({"code": "refusals-jumped", "facts": _shares(now["refused"], now["files"], *usual)})
    for space, row in sorted(now["lists"].items()):
        past = [night["lists"][space] for night in before if space in night["lists"]]
        total, kind = _sum(past), EncoderKind.parse(space).kind
        if is_more((row["unmatched"], row["scans"]), (total["unmatched"], total["scans"])):
            facts = _shares(row["unmatched"], row["scans"], total["unmatched"], total["scans"])
            found.append({"code": "unmatched-jumped", "facts": f"{kind}: {facts}"})
        if (shift := shifted(row, total)) is not None:
            found.append({"code": "distances-jumped", "facts": f"{kind}: mean of the nearest {shift}"})
    return found


def shifted(now: WatchedLists, usual: WatchedLists) -> str | None:
    """Return both means where the mean distance has surely and visibly moved, else None."""
    moved = shift_of_mean(_sums(now), _sums(usual))
    return None if moved is None else f"{moved[0]:.4f}, usually {moved[1]:.4f}"


def _sums(row: WatchedLists) -> Sums:
    return Sums(row["nearest"], row["total"], row["squares"])


def _sum(rows: Sequence[WatchedLists]) -> WatchedLists:
    return WatchedLists(
        scans=sum(row["scans"] for row in rows),
        unmatched=sum(row["unmatched"] for row in rows),
        nearest=sum(row["nearest"] for row in rows),
        total=sum(row["total"] for row in rows),
        squares=sum(row["squares"] for row in rows),
    )


def _shares(hits: int, n: int, usual_hits: int, usual_n: int) -> str:
    return f"{hits} of {n} ({hits / n:.0%}), usually {usual_hits / usual_n:.0%}"


def _is_many(row: NewScanner) -> bool:
    return row.scans >= FEWEST_OF_SCANNER


def _scanner(row: NewScanner) -> dict[str, str]:
    name = scanner_of(row) or "unnamed"
    return {"code": "new-scanner", "facts": f"{row.kind}: {row.scans} scans of {name}"}
