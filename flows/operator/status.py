"""How the site stands: nights, age of the last success, backlog, encoders, quarantine; and every file."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from db.backlog import work_left
from db.embeddings import scans_to_embed
from db.encoders import EncoderRow, active_encoders, chosen_encoders, held_encoders
from db.files import FileCount, FileEnding, counted, file_counts, files_by_code, files_with_outcome
from db.grants import reads_identity
from db.identity import paths_of_files
from db.nights import NightRow, last_nights, last_stage_counts, last_success_at, newest_night, running_night
from db.pages import last_good_night_before
from db.verdicts import wrong_patient_verdicts
from flows.answers.answer import filled
from flows.answers.coverage import Coverage
from flows.answers.status import (
    ActiveEncoder,
    Alarm,
    ChosenEncoder,
    CodeCount,
    FileCounts,
    FileEnd,
    HeldEncoder,
    PastNight,
    Status,
    StoredInputs,
    Undone,
    WrongPatient,
)
from flows.operator.verdict_statistics import review_figures
from flows.records.coverage import coverage, kept_coverage
from flows.records.standing import standing as shown_by
from flows.site.errors import WrongUsage
from flows.site.opened import Site, open_site
from flows.stages.embed.quota import DROPPED, KEPT, KEPT_BYTES
from scans.outcome import OUTCOMES, outcome

N_NIGHTS = 10
OTHER_FILE = re.compile(r"\bfile ([0-9a-f]{24})\b")


def standing(site: Site) -> Status:
    """Everything `scantwin status` shows."""
    with site.db.read() as connection:
        now = site.db.now(connection)
        nights = [_night(row) for row in last_nights(connection, last=N_NIGHTS)]
        last_good = last_success_at(connection)
        counts = last_stage_counts(connection, "match")
        alarms = counts.get("watch", {}).get("alarms", [])
        return Status(
            nights=nights,
            hours_since_success=None if last_good is None else round((now - last_good).total_seconds() / 3600, 2),
            undone=nights[0].undone if nights else [],
            overdue=_overdue(site.settings.flows.missing_after_hours, last_good, now),
            running=running_night(connection),
            files=FileCounts(**counted(file_counts(connection))),
            backlog=work_left(connection) if reads_identity(connection) else None,
            encoders=[
                filled(ActiveEncoder, row, standing=shown_by(connection, row)) for row in active_encoders(connection)
            ],
            codes=[_code(row) for row in files_by_code(connection)],
            watch=[filled(Alarm, alarm) for alarm in alarms],
            held=[filled(HeldEncoder, row) for row in held_encoders(connection)],
            chosen=[_chosen(connection, row) for row in chosen_encoders(connection)],
            review=review_figures(connection),
            wrong_patient=[filled(WrongPatient, row, at=str(row.at)) for row in wrong_patient_verdicts(connection)],
            inputs=_inputs(counts, site.settings.site.inputs_gib),
            coverage=coverage_now(site, connection),
        )


def coverage_now(site: Site, connection: Connection) -> Coverage:
    """Return the coverage as it is; this night's is of the newest night."""
    newest = newest_night(connection) or 0
    since, kept = last_good_night_before(connection, newest), kept_coverage(connection, newest)
    return coverage(connection, site.settings.scans, since=since, kept=kept)


def _inputs(counts: Mapping[str, int], quota_gib: float) -> StoredInputs | None:
    if KEPT not in counts:
        return None
    return StoredInputs(counts[KEPT], round(counts.get(KEPT_BYTES, 0) / 2**30, 3), quota_gib, counts.get(DROPPED, 0))


def _chosen(connection: Connection, row: EncoderRow) -> ChosenEncoder:
    return filled(ChosenEncoder, row, waiting=len(scans_to_embed(connection, row.id, row.cover)))


def _overdue(hours: float, last_good: datetime | None, now: datetime) -> bool:
    return last_good is None or (now - last_good).total_seconds() > hours * 3600


def _night(row: NightRow) -> PastNight:
    summary = json.loads(row.summary or "{}")
    begun, ended = row.begun_at, row.ended_at
    return PastNight(
        night=row.id,
        state=row.state,
        exit=row.exit_code,
        error=row.error_code,
        begun=begun.astimezone(UTC).isoformat(timespec="seconds"),
        seconds=None if ended is None else round((ended - begun).total_seconds(), 1),
        undone=[filled(Undone, undone) for undone in summary.get("undone", [])],
        new_files=summary.get("files_this_night", {}).get("seen", 0),
        new_matches=summary.get("matches", {}).get("entered", 0),
    )


def _code(row: FileCount) -> CodeCount:
    known = outcome(row.code)
    return CodeCount(row.outcome, row.code, row.n_files, known.meaning, known.action)


def every_file(config: Path, wanted: str | None) -> Iterator[FileEnd]:
    """Where every file ended, by path and page by page; `wanted` is an outcome, a code, or None for all.

    Raises:
        WrongUsage: No outcome and no code is called that.
    """
    states = ("used", "skipped", "quarantined", "waiting", "gone")
    if wanted is not None and wanted not in states and wanted not in OUTCOMES:
        raise WrongUsage(
            f"no outcome or code {wanted!r}; outcomes are {', '.join(states)}, codes {', '.join(OUTCOMES)}"
        )
    return _ends(open_site(config), wanted)


def _ends(site: Site, wanted: str | None) -> Iterator[FileEnd]:
    last = ""
    while True:
        with site.db.read() as connection:
            rows = files_with_outcome(connection, wanted, after=last)
            paths = paths_of_files(connection, {key for row in rows for key in OTHER_FILE.findall(row.why)})
        if not rows:
            return
        yield from (_explained(row, paths) for row in rows)
        last = rows[-1].path


def _explained(row: FileEnding, paths: Mapping[str, str]) -> FileEnd:
    """A file's end in words; other files that the reason names by key are shown by path."""
    known = outcome(row.code)
    why = OTHER_FILE.sub(lambda found: paths.get(found[1], found[0]), row.why)
    return FileEnd(
        path=row.path,
        outcome=row.outcome,
        code=row.code,
        why=why or known.meaning,
        meaning=known.meaning,
        action=known.action,
        scan=row.scan,
        others=[paths[key] for key in OTHER_FILE.findall(row.why) if key in paths],
    )
