"""From rows to the page of one night."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection

from db import pages
from db.backlog import work_left_by_stage
from db.earlier import own_scans, unknown_scans
from db.embeddings import scans_to_embed
from db.encoders import (
    EncoderRow,
    EncoderSwitch,
    active_encoders,
    chosen_encoders,
    encoder_switches,
    held_encoders,
)
from db.lists import ListChange, list_changes, match_counts
from db.nights import StageRow, night_row, stages_of
from db.pages import FileTally
from db.scans import ScanRow, scan_counts
from review.lanes import CardMaker, entered_groups
from review.manifest import training_of
from review.page import (
    NOT_COUNTED,
    OUTCOMES,
    CodeCount,
    CoverageTable,
    EncoderLine,
    KindCount,
    ListChangeLine,
    NightLine,
    NightPage,
    StageLine,
    Training,
    Trouble,
    UnknownScan,
)
from review.words import code_words, day, moment, plain, short
from scans.outcome import OUTCOMES as OUTCOME_WORDS

LAST_NIGHTS = 10  # shown beside this one
UNKNOWN_SHOWN = 12  # scans of unknown kind; the others are a number
KINDS_SHOWN = 30  # a hospital has a few dozen that matter; the rest is one line
MOVED = "It stayed, at another rank: others came before it or left."
ENDED_BADLY = ("failed", "fenced")
BACKLOG_WORDS = {"files": "files to read", "series": "series to group", "embed": "scans to embed",
                 "match": "scans to compare"}  # fmt: skip


def gather(
    connection: Connection,
    night: int,
    *,
    store: Path,
    next_command: str,
    state: str = "",
    zone: tzinfo = UTC,
    undone: Mapping[str, int] = MappingProxyType({}),
    standings: Mapping[str, str] = MappingProxyType({}),
    coverage: CoverageTable = NOT_COUNTED,
) -> NightPage:
    """Read everything that the page of a night says; arguments as in `review.report.write_report`.

    Raises:
        LookupError: No such night.
    """
    row = night_row(connection, night)
    state = state or str(row.state)
    since = pages.last_good_night_before(connection, night)
    counts = pages.files_by_code(connection, since=since, night=night)
    files = _by_outcome(counts)
    scans, not_listed = _scans(connection, night)
    unknown, n_unknown = _unknown(connection, night)
    matches = match_counts(connection, night)
    stages = stages_of(connection, night)
    encoders = active_encoders(connection)
    return NightPage(
        night=night,
        state=state,
        headline=headline(night, state, files, scans, matches, running_stage=_running(stages)),
        begun=moment(row.begun_at, zone),
        version=plain(row.version),
        next_command=next_command,
        files=files,
        codes=tuple(_code_count(item.outcome, item) for item in counts if item.outcome != "used"),
        not_listed=not_listed,
        unknown=unknown,
        n_unknown=n_unknown,
        coverage=coverage,
        kinds=_kinds(connection, night),
        scans=scans,
        matches=matches,
        backlog=_backlog(connection),
        undone=tuple(_left(code, n) for code, n in undone.items()),
        trouble=_trouble(state, str(row.error_code)),
        groups=entered_groups(connection, night, encoders, CardMaker(connection, store)),
        changes=tuple(_list_change(row) for row in list_changes(connection, night)),
        training=_training(connection, night),
        stages=tuple(StageLine(plain(stage.name), stage.state, stage.seconds) for stage in stages),
        nights=_nights(connection, night, state, zone),
        encoders=_encoders(connection, encoders, standings),
        watched=_watched(stages),
        held=tuple(
            (_named(row.id, row.cover, row.purpose), plain(row.held_reason)) for row in held_encoders(connection)
        ),
        chosen=tuple(_chosen(connection, row) for row in chosen_encoders(connection)),
        switched=tuple(
            (_named(row.encoder, row.cover, row.purpose), plain(row.reason))
            for row in encoder_switches(connection)
            if row.night == night and row.encoder is not None
        ),
    )


def headline(
    night: int,
    state: str,
    files: dict[str, tuple[int, int]],
    scans: dict[str, int],
    matches: dict[str, int],
    *,
    running_stage: str = "",
) -> str:
    """Say in one sentence how the night ended and what arrived."""
    n_seen = sum(in_all for _, in_all in files.values())
    n_tonight = sum(tonight for tonight, _ in files.values())
    if state in ENDED_BADLY:
        where = f" in the stage {plain(running_stage)}" if running_stage else ""
        return f"Night {night} failed{where}. What was written before is kept, and the next night goes on from there."
    if n_seen == 0:
        return f"Night {night} found an empty archive: there is nothing to read yet."
    if state == "nothing_new":
        return f"Night {night} found nothing new: all {_n(n_seen, 'file')} are as they were."
    did = {"finished": "finished", "partial": "stopped with work left", "running": "is still running"}.get(state, state)
    arrived = f"{_n(n_tonight, 'file')} arrived or changed" if n_tonight else "no file changed"
    new = f"{_n(scans['new'], 'new scan')} of {_n(scans['patients'], 'patient')}" if scans["new"] else "no new scan"
    came = "match" if matches["entered"] == 1 else "matches"
    return f"Night {night} {did}: {arrived}, {new}, {matches['entered']:,} {came} entered the lists."


def _n(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _running(stages: Sequence[StageRow]) -> str:
    """Return the stage that a failed night broke off in."""
    return next((str(s.name) for s in reversed(stages) if s.state in ("failed", "running")), "")


def _by_outcome(counts: Sequence[FileTally]) -> dict[str, tuple[int, int]]:
    return {
        outcome: (
            sum(item.n_tonight for item in counts if item.outcome == outcome),
            sum(item.n for item in counts if item.outcome == outcome),
        )
        for outcome in OUTCOMES
    }


def _code_count(state: str, item: FileTally) -> CodeCount:
    meaning, action = code_words(item.code)
    return CodeCount(state, plain(item.code), meaning, action, item.n_tonight, item.n)


def _scans(connection: Connection, night: int) -> tuple[dict[str, int], tuple[CodeCount, ...]]:
    """Count the scans of a night, and those that stand in no list by their reason."""
    by_code = pages.scans_by(connection, "code", night, states=("accepted", "held_back"))
    counts = scan_counts(connection, night)
    counts["in_all"] = sum(item.n for item in by_code)
    counts["patients"] = pages.n_new_patients(connection, night)
    return counts, tuple(
        _code_count("used", FileTally("used", item.value, item.n_tonight, item.n))
        for item in by_code
        if item.value != "used"
    )


def _unknown(connection: Connection, night: int) -> tuple[tuple[UnknownScan, ...], int]:
    """Say which scans of unknown kind came, of patients who were scanned before by the same modality; and how many."""
    found = unknown_scans(connection, night, limit=UNKNOWN_SHOWN)
    shown = []
    for scan in found.scans:
        earlier = own_scans(connection, scan, like=scan.kind)
        latest = earlier[0]
        of_scan, of_latest = ((short(row.key), plain(row.kind), _date(row)) for row in (scan, latest))
        shown.append(UnknownScan(*of_scan, len(earlier), *of_latest))
    return tuple(shown), found.n_in_all


def _date(scan: ScanRow) -> str:
    return day(scan.acquired_local_date, scan.date_precision, scan.date_doubts)


def _training(connection: Connection, night: int) -> tuple[Training, ...]:
    return tuple(
        training_of(made.id, made.cover, made.purpose, made.manifest) for made in pages.trained(connection, night)
    )


def _kinds(connection: Connection, night: int) -> tuple[KindCount, ...]:
    found = pages.scans_by(connection, "kind", night, states=("accepted",))
    kinds = [KindCount(plain(item.value), item.n_tonight, item.n) for item in found]
    if len(kinds) <= KINDS_SHOWN:
        return tuple(kinds)
    shown, rest = kinds[: KINDS_SHOWN - 1], kinds[KINDS_SHOWN - 1 :]
    others = KindCount(f"{len(rest):,} other kinds", sum(k.n_new for k in rest), sum(k.n_in_all for k in rest))
    return (*shown, others)


def _backlog(connection: Connection) -> dict[str, int]:
    parts = work_left_by_stage(connection)
    return {BACKLOG_WORDS.get(name, name): n for name, n in parts.items() if n}


def _trouble(state: str, error_code: str) -> Trouble | None:
    if state not in ENDED_BADLY:
        return None
    known = error_code if error_code in OUTCOME_WORDS else "failed"
    return Trouble(plain(error_code) or "failed", *code_words(known))


def _left(code: str, n: int) -> Trouble:
    """Say what was left because something failed."""
    meaning, action = code_words(code)
    return Trouble(code, f"{meaning} {n:,} left.", action)


def _watched(stages: Sequence[StageRow]) -> tuple[Trouble, ...]:
    """Say what stands out from the nights before; the stage match keeps it."""
    counts = next((str(stage.counts) for stage in stages if stage.name == "match"), "")
    alarms = json.loads(counts).get("watch", {}).get("alarms", ()) if counts.startswith("{") else ()
    told = ((alarm, *code_words(alarm["code"])) for alarm in alarms)
    return tuple(Trouble(plain(a["code"]), f"{meaning} {plain(a['facts'])}.", action) for a, meaning, action in told)


def _nights(connection: Connection, night: int, state: str, zone: tzinfo) -> tuple[NightLine, ...]:
    found = pages.nights_up_to(connection, night, last=LAST_NIGHTS)
    quarantined = pages.newly_quarantined(connection, since=night - LAST_NIGHTS - 1, night=night)
    return tuple(
        NightLine(
            night=row.night,
            state=state if row.night == night else row.state,
            begun=moment(row.begun_at, zone),
            n_files=row.files_changed,
            n_quarantined=quarantined.get(row.night, 0),
            n_scans=row.scans_new,
            n_entered=row.matches_entered,
            n_left=row.matches_left,
            seconds=row.seconds,
        )
        for row in found
    )


def _encoders(
    connection: Connection, encoders: Sequence[EncoderRow], standings: Mapping[str, str]
) -> tuple[EncoderLine, ...]:
    switches = pages.activations(connection)
    return tuple(
        EncoderLine(
            id=short(row.id),
            cover=row.cover,
            purpose=plain(row.purpose),
            backbone=f"{plain(row.backbone)}, {row.dim} numbers, {row.metric}",
            origin=row.origin,
            is_provisional=row.provisional,
            standing=plain(standings.get(row.id, "")),
            since=_since(switches.get(row.id)),
        )
        for row in encoders
    )


def _list_change(row: ListChange) -> ListChangeLine:
    meaning = code_words(row.code)[0] if row.code else MOVED
    return ListChangeLine(row.what, row.lane, row.code or "rank", meaning, row.n)


def _named(encoder: str, cover: str, purpose: str) -> str:
    return f"{short(encoder)} ({cover}, purpose {plain(purpose)})"


def _chosen(connection: Connection, row: EncoderRow) -> tuple[str, str, int]:
    n_waiting = len(scans_to_embed(connection, row.id, row.cover))
    return _named(row.id, row.cover, row.purpose), plain(row.chosen_reason), n_waiting


def _since(switch: EncoderSwitch | None) -> str:
    if switch is None or switch.night is None:
        return "by hand"
    return f"night {switch.night}"
