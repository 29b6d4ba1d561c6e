"""Writes the page of one night and the page of one scan: one file each, with everything in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection

from review.chart import Chart, bar_chart, column_chart, line_chart, step_chart
from review.gather import gather
from review.lanes import gather_matches, gather_pairs
from review.page import NOT_COUNTED, OUTCOMES, CodeCount, CoverageTable, MatchesPage, NightPage, Training
from review.words import ILL_ONES
from scans.atomic import write_atomically

OUTCOME_MEANINGS = {
    "used": "part of a scan, or of a scan that is held back",
    "skipped": "fine, but nothing to compare; nothing to do",
    "quarantined": "cannot be trusted as it is; a person should look",
    "waiting": "will be looked at again next night",
    "gone": "was seen before and is no longer in the archive",
}
ORDER_OF_CARE = ("quarantined", "waiting", "skipped", "used", "gone")  # what a person must act on comes first
TONES = {"finished": "good", "nothing_new": "good", "running": "warn", "partial": "warn"}
LANES = (("own", "Same patient, by date"), ("others", "Similar earlier cases"))


@dataclass(frozen=True)
class Tile:
    """One large number at the top of the page."""

    name: str
    number: int
    note: str
    alert: bool = False


def write_report(
    connection: Connection,
    night: int,
    *,
    store: Path,
    out: Path,
    next_command: str,
    state: str = "",
    zone: tzinfo = UTC,
    undone: Mapping[str, int] = MappingProxyType({}),
    standings: Mapping[str, str] = MappingProxyType({}),
    coverage: CoverageTable = NOT_COUNTED,
) -> Path:
    """Write the page of one night to the file `out` and return it; equal rows and pictures give equal bytes.

    Args:
        connection: An open reader of db.
        night: The night's number.
        store: Our own files; pictures lie in store/pictures.
        out: The HTML file, replaced in one step.
        next_command: What the operator may type next.
        state: How the night is about to end, since its row says "running" until its last stage is over.
        zone: The zone of the night's own times; dates of scans are local to the scan.
        undone: Code -> how much work was left, because something failed.
        standings: Encoder -> what it has shown here, in a sentence.
        coverage: Which share of the archive can be compared.

    Raises:
        LookupError: No such night.
    """
    page = gather(
        connection, night, store=store, next_command=next_command, state=state, zone=zone, undone=undone,
        standings=standings, coverage=coverage,
    )  # fmt: skip
    return _write(out, render(page))


def write_matches(connection: Connection, scan: str, *, store: Path, out: Path) -> Path:
    """Write the clinician's page of one scan to the file `out` and return it.

    Raises:
        LookupError: No such scan.
    """
    return _write(out, render_matches(gather_matches(connection, scan, store=store)))


def write_pairs(connection: Connection, scan: str, priors: Sequence[str], *, store: Path, out: Path) -> Path:
    """Write the page of pairs to be judged to the file `out` and return it."""
    page = gather_pairs(connection, scan, priors, store=store)
    return _write(out, _templates().get_template("pairs.html.j2").render(page=page))


def render(page: NightPage) -> str:
    """Return the page of one night as HTML."""
    seen = {name: page.files.get(name, (0, 0)) for name in OUTCOMES}
    return (
        _templates()
        .get_template("night.html.j2")
        .render(
            page=page,
            tone=TONES.get(page.state, "bad"),
            tiles=_tiles(page),
            files=seen,
            outcomes=OUTCOME_MEANINGS,
            n_tonight=sum(tonight for tonight, _ in seen.values()),
            n_seen=sum(in_all for _, in_all in seen.values()),
            codes_by_state=_codes_by_state(page.codes),
            has_provisional=any(group.is_provisional for group in page.groups),
            trainings=[(t, _training_charts(t)) for t in page.training],
            **_time_charts(page),
        )
    )


def render_matches(page: MatchesPage) -> str:
    """Return the clinician's page of one scan as HTML."""
    return _templates().get_template("matches.html.j2").render(page=page, lanes=LANES)


def page_of(template: str, out: Path, **values: Any) -> Path:
    """Write a template filled with values to the file `out`, replaced in one step, and return it."""
    return _write(out, _templates().get_template(template).render(**values))


@cache
def _templates() -> Environment:
    """Every value is escaped; a name that a template mistypes is an error."""
    templates = Environment(
        loader=PackageLoader("review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["ill_ones"] = ILL_ONES  # blocks are imported without the page's values
    return templates


def _tiles(page: NightPage) -> list[Tile]:
    tonight = sum(number for number, _ in page.files.values())
    in_all = sum(number for _, number in page.files.values())
    new_bad, all_bad = page.files.get("quarantined", (0, 0))
    return [
        Tile("files this night", tonight, f"{in_all:,} in all"),
        Tile("new scans", page.scans.get("new", 0), f"{page.scans.get('in_all', 0):,} in all"),
        Tile("matches entered", page.matches.get("entered", 0), f"{page.matches.get('current', 0):,} current"),
        Tile("newly quarantined", new_bad, f"{all_bad:,} in all", alert=new_bad > 0),
        Tile("held back", page.scans.get("held_back", 0), "scans, this night"),
        Tile("withdrawn", page.scans.get("withdrawn", 0), "scans, this night"),
    ]


def _codes_by_state(codes: tuple[CodeCount, ...]) -> dict[str, list[CodeCount]]:
    grouped = {state: [row for row in codes if row.state == state] for state in ORDER_OF_CARE}
    return {state: rows for state, rows in grouped.items() if rows}


def _training_charts(training: Training) -> list[tuple[str, Chart]]:
    losses = {name: points for name, points in training.curves.items() if "loss" in name}
    shares = {name: points for name, points in training.curves.items() if "loss" not in name}
    drawn = (
        ("Loss by epoch", line_chart(losses, summary="Loss by epoch", x_title="epoch", y_title="loss")),
        (
            "Distances of pairs, in % of each sort: the less the two overlap, the better",
            step_chart(training.edges, training.pair_counts, summary="Distances of pairs", x_title="distance"),
        ),
        (
            "What there was left to learn",
            line_chart(shares, summary="Share of triplets that still teach", x_title="epoch", y_title="share"),
        ),
    )
    return [(caption, chart) for caption, chart in drawn if chart is not None]


def _time_charts(page: NightPage) -> dict[str, Chart]:
    nights = sorted(page.nights, key=lambda row: row.night)
    here = next((i for i, row in enumerate(nights) if row.night == page.night), -1)
    bars = [
        (stage.name, stage.seconds or 0.0, stage.state if stage.seconds is None else f"{stage.seconds:,.1f} s")
        for stage in page.stages
    ]
    seconds = [(str(row.night), row.seconds or 0.0) for row in nights]
    scans = [(str(row.night), float(row.n_scans)) for row in nights]
    return {
        "stages": bar_chart(bars, summary="Seconds per stage of this night"),
        "night_seconds": column_chart(seconds, summary="Seconds per night", y_title="seconds", marked=here),
        "night_scans": column_chart(scans, summary="New scans per night", y_title="scans", marked=here),
    }


def _write(out: Path, text: str) -> Path:
    """Replace a file in one step: a reader sees the old page or the new one, also after kill -9."""
    write_atomically(out, text.encode())
    return out
