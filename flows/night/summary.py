"""Summary: what a night did, in the words of the public JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from db.backlog import work_left, work_left_by_stage
from db.embeddings import embedding_count, scans_to_embed
from db.encoders import active_encoders, held_encoders
from db.encoders import chosen_encoders as chosen
from db.files import counted, file_counts, files_with_code
from db.inputs import scans_to_read_again
from db.lists import match_counts
from db.nights import last_good, last_stage_counts, last_success, stages_of
from db.scans import scan_counts
from flows.answers.answer import filled
from flows.answers.coverage import Coverage
from flows.answers.nights import NightEncoder
from flows.answers.status import HeldEncoder, Undone
from flows.records.coverage import coverage, kept_coverage
from flows.records.standing import standing
from flows.site.opened import Site
from flows.stages.embed.inputs import LACKING, TO_MAKE
from flows.stages.embed.quota import DROPPED, KEPT, KEPT_BYTES
from flows.stages.match.lists import spaces_to_match
from flows.work.lease import Ticket
from flows.work.undone import of_stages, told

INPUTS = {KEPT: "kept", KEPT_BYTES: "bytes", DROPPED: "dropped"}  # of stages -> public keys
STAGE_NAMES = ("preflight", "ingest", "encoder", "embed", "match", "report")


@dataclass(frozen=True)
class Summary:
    """One night; the field names are the public keys."""

    night: int
    state: str
    exit: int
    files: Mapping[str, int]
    files_this_night: Mapping[str, int]
    scans: Mapping[str, int]
    embeddings: Mapping[str, int]
    matches: Mapping[str, int]
    encoders: Sequence[NightEncoder]
    seconds: Mapping[str, float]
    peak_rss_mib: int
    backlog: int
    report: str
    next: str
    watch: Sequence[Mapping[str, str]] = ()  # code and facts of what stands out from the nights before
    undone: Sequence[Undone] = ()  # work that was left because something failed
    held: Sequence[HeldEncoder] = ()
    inputs: Mapping[str, int] = field(default_factory=dict)
    coverage: Coverage | None = None
    schema: int = field(default=1)

    def as_json(self) -> str:
        """One JSON object, keys as documented."""
        return json.dumps({"schema": 1} | asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Summary":
        """Return the summary that `as_json` wrote."""
        keys = json.loads(text)
        encoders = [NightEncoder(**row) for row in keys.pop("encoders")]
        undone = [Undone(**row) for row in keys.pop("undone")]
        held = [HeldEncoder(**row) for row in keys.pop("held")]
        covered = keys.pop("coverage", None)
        return cls(
            **keys, encoders=encoders, undone=undone, held=held, coverage=covered and Coverage.from_json(covered)
        )

    def with_report(self, site: Site, ticket: Ticket, report: Path) -> "Summary":
        """The same with the report's path and the seconds of every stage."""
        with site.db.read() as connection:
            return replace(self, report=str(report), seconds=_seconds(connection, ticket.night))


def summarise(site: Site, ticket: Ticket, *, whole: bool = True) -> Summary:
    """Count what the tables hold after this night.

    Work that is left makes the night `partial`. Left because something failed, it makes the exit code 1; left by
    finish_by, by the budget of encoders in the background, or because only one stage was asked for, it does not.

    Args:
        site: The site.
        ticket: The night's.
        whole: Every stage was run.
    """
    with site.db.read() as connection:
        files = counted(file_counts(connection))
        covered = _coverage(site, ticket, connection)
        new = counted(file_counts(connection, changed_since=last_success(connection) or 0))
        scans = scan_counts(connection, ticket.night)
        moved = match_counts(connection, ticket.night)
        n_embedded = embedding_count(connection, ticket.night)
        backlog = work_left(connection) or (len(spaces_to_match(site, connection)) if ticket.is_late() else 0)
        trained = last_stage_counts(connection, "encoder", night=ticket.night).get("trained", 0)
        encoders = [
            filled(NightEncoder, row, standing=standing(connection, row)) for row in active_encoders(connection)
        ]
        seconds = _seconds(connection, ticket.night)
        watched = last_stage_counts(connection, "match", night=ticket.night).get("watch", {})
        held = held_encoders(connection)
        undone = _undone(connection, ticket, backlog if whole else 0)
        inputs = _counts(connection, ticket.night)
        n_to_make = scans_to_read_again(connection) if inputs[TO_MAKE] else 0
        refused = counted(file_counts(connection, changed_since=last_good(connection) or 0))
    did = bool(new["seen"] or n_embedded or moved["entered"] or moved["left"] or trained or any(scans.values()))
    state = "partial" if backlog or undone else "finished" if did else "nothing_new"
    code = 1 if undone else 3 if refused["quarantined"] else 0
    return Summary(
        night=ticket.night, state=state, exit=code, files=files, files_this_night=new, scans=scans,
        embeddings={"new": n_embedded}, matches=moved, encoders=encoders, seconds=seconds,
        peak_rss_mib=peak_rss_mib(), backlog=backlog, report="",
        watch=watched.get("alarms", ()), held=[filled(HeldEncoder, row) for row in held], undone=told(undone),
        inputs={public: inputs[name] for name, public in INPUTS.items()} | {"to_make": n_to_make},
        next=_next(state, code, moved["current"]), coverage=covered,
    )  # fmt: skip


def _coverage(site: Site, ticket: Ticket, connection: Connection) -> Coverage:
    """Return the coverage after this night; that of the night before where no series was looked at."""
    grouped = last_stage_counts(connection, "ingest", night=ticket.night).get("grouped_series", 0)
    before = None if grouped else kept_coverage(connection, ticket.night - 1)
    kept = before and before.unchanged()
    return coverage(connection, site.settings.scans, since=last_success(connection) or 0, kept=kept)


def _undone(connection: Connection, ticket: Ticket, backlog: int) -> Counter[str]:
    """Code -> work that was left because something failed: what the stages say, and what they should have said."""
    found = of_stages(stages_of(connection, ticket.night))
    since = last_success(connection) or 0
    found["files-unread"] = files_with_code(connection, "disk-error", changed_since=since)
    if not +found and not ticket.is_late():
        waiting = (scans_to_embed(connection, row.id, row.cover) for row in chosen(connection))
        expected = sum(len(scans) for scans in waiting) + _asked_for(connection, ticket)
        found["work-left"] = max(0, backlog - expected)
    return +found


def _asked_for(connection: Connection, ticket: Ticket) -> int:
    """Count the work that waits for inputs which this night asked for: series to read again, scans to embed."""
    counts = _counts(connection, ticket.night)
    series = work_left_by_stage(connection)["series"] if counts[TO_MAKE] else 0
    return series + counts[LACKING]


def _counts(connection: Connection, night: int) -> Counter[str]:
    """Return what the stages of a night counted of encoder inputs, all stages together."""
    found: Counter[str] = Counter()
    for row in stages_of(connection, night):
        counts = json.loads(row.counts or "{}")
        found.update({name: counts[name] for name in (TO_MAKE, LACKING, *INPUTS) if name in counts})
    return found


def peak_rss_mib() -> int:
    """The most memory that this process has held, MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _seconds(connection: Connection, night: int) -> dict[str, float]:
    found = {row.name: row.seconds or 0.0 for row in stages_of(connection, night)}
    return {name: round(found.get(name, 0.0), 3) for name in STAGE_NAMES}


def _next(state: str, code: int, n_matches: int) -> str:
    if code == 1:
        return "scantwin doctor"
    if code == 3:
        return "scantwin files --outcome quarantined"
    if state == "partial":
        return "scantwin night"
    return "scantwin export --out tables --format parquet" if n_matches else "scantwin status"
