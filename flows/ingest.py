"""Ingest: the archive's files become scans; every file ends with an outcome.

Identity is committed first, and `grouped = false` there means that the core tables do not reflect a row yet:
whatever was cut off is found again by that mark, not by memory.
"""

import time
from collections import Counter
from collections.abc import Collection, Sequence

from db import forgetting, identity, persons, queries, store
from flows.batch import Call, direct, run_batches, slices
from flows.forgotten import file_key, forgotten_row, is_forgotten, known_again
from flows.persons import person_of, settle_persons
from flows.rules import reading_rules
from flows.scanning import build_series, settle_studies
from flows.site import Site
from flows.ticket import Ticket
from scans.archive import Changes, Entry, compare, list_files, real_path
from scans.header import Header, read_header
from scans.outcome import Refusal, outcome

CHUNK = 2000  # rows in one write while listing
UNSETTLED = {"mtime_ns": 0, "inode": 0}  # recorded for a file to look at again, so that it counts as changed
LOOK_AGAIN = ("no-permission", "disk-error")  # refusals that may pass without the file changing


class ArchiveShrank(Exception):
    """So many files are gone at once that the archive is probably not mounted."""


def ingest(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """List the archive, read new headers, build scans; returns counts."""
    flows = site.settings.flows
    counts = list_archive(site, ticket)
    _regroup_after_new_rules(site)
    with site.db.read() as connection:
        listed = identity.pending_files(connection, ["listed"])
    counts += run_batches(read_headers, site, ticket, listed, size=flows.files_per_task, call=call)
    counts["changed_persons"] += settle_persons(site, ticket)  # first: a file that is gone may end a conflict
    settle_files(site, ticket)
    with site.db.read() as connection:
        series = identity.pending_series(connection)
    counts += run_batches(build_series, site, ticket, series, size=flows.series_per_task, call=call)
    counts += settle_studies(site, ticket)
    return counts


def list_archive(site: Site, ticket: Ticket) -> Counter[str]:
    """Compare the folder with what is known and write down what is new, changed, gone or arriving.

    Raises:
        ArchiveShrank: More than `max_gone_fraction` of the known files are gone.
    """
    with site.db.read() as connection:
        known = identity.known_files(connection)
    changes = compared(site, known)
    _refuse_vanished_archive(site, changes, len(known))
    now_listed = [*changes.new, *changes.changed]
    with site.db.read() as connection:
        disturbed = identity.keys_of_paths(connection, [e.path for e in changes.changed] + list(changes.gone))
    if disturbed:
        with site.db.write(ticket.right) as connection:
            identity.disturb(connection, disturbed)
    again = {path for path, (_, mtime_ns, _) in known.items() if mtime_ns == UNSETTLED["mtime_ns"]}
    for rows in _chunks([_listed_row(site, entry, "listed") for entry in now_listed]):
        _save_listed(site, ticket, rows, again)
    for rows in _chunks([_listed_row(site, entry, "arriving") for entry in changes.arriving]):
        _save_listed(site, ticket, rows, again)
    listed_again = {site.keys.key("file", entry.path) for entry in [*now_listed, *changes.arriving]}
    gone = [key for key in (file_key(site, path) for path in changes.gone) if key not in listed_again]
    for keys in slices(gone, CHUNK):
        with site.db.write(ticket.right) as connection:
            identity.mark_gone(connection, keys)
    return Counter(
        new_files=len(changes.new), changed_files=len(changes.changed), gone_files=len(changes.gone),
        arriving_files=len(changes.arriving), seen_files=changes.n_seen,
    )  # fmt: skip


def compared(site: Site, known: dict[str, tuple[int, int, int]]) -> Changes:
    """Compare; files younger than the quiet period get that long to settle before they are called arriving."""
    quiet_s = site.settings.scans.quiet_seconds
    for attempt in range(2):
        changes = compare(
            known_again(site, list_files(site.archive), known),
            known,
            now_ns=time.time_ns(),
            quiet_ns=int(quiet_s * 1e9),
        )
        if not changes.arriving or attempt or quiet_s > 60:
            break
        time.sleep(quiet_s)
    return changes


def _refuse_vanished_archive(site: Site, changes: Changes, n_known: int) -> None:
    allowed = site.settings.scans.max_gone_fraction
    if n_known >= 10 and len(changes.gone) > allowed * n_known:
        raise ArchiveShrank(
            f"{len(changes.gone)} of {n_known} known files are gone at once, more than max_gone_fraction = {allowed} "
            "allows; if the share is mounted and they were really deleted, raise [scans] max_gone_fraction once"
        )


def _listed_row(site: Site, entry: Entry, state: str) -> dict[str, object]:
    row: dict[str, object] = {
        "key": site.keys.key("file", entry.path), "path": entry.path, "size_bytes": entry.size_bytes,
        "mtime_ns": entry.mtime_ns, "inode": entry.inode, "state": state, "code": "", "why": "", "grouped": False,
        "sop_uid": "", "series": "", "study": "", "series_uid": "", "file_sha256": "", "pixel_sha256": "", "header": "",
        "person": "",
    }  # fmt: skip
    if entry.special:
        code = "no-permission" if entry.special == "unreadable" else "not-a-regular-file"
        row.update(state="refused", code=code, why=f"it is a {entry.special}" if entry.special != "unreadable" else "")
    elif state == "arriving":
        row.update(code="still-arriving", **UNSETTLED)
    return row


def _save_listed(site: Site, ticket: Ticket, rows: Sequence[dict[str, object]], again: Collection[str]) -> None:
    """Write listed rows; files that are only looked at again keep their outcome until they have been read."""
    with site.db.write(ticket.right) as connection:
        identity.save_files(connection, rows)
    waiting = {"listed": "not-yet-read", "arriving": "still-arriving"}
    files = [
        file_row(ticket, str(row["key"]), waiting[str(row["state"])], size_bytes=row["size_bytes"])
        for row in rows
        if row["state"] in waiting and row["path"] not in again
    ]
    with site.db.write(ticket.right) as connection:
        store.save_files(connection, files)


def read_headers(site: Site, ticket: Ticket, files: Sequence[str]) -> Counter[str]:
    """Read the headers of listed files, by key, and commit them to identity."""
    with site.db.read() as connection:
        listed = identity.file_rows(connection, files)
        buried = forgetting.tombstones(connection)
    rows, people = [], {}
    for row in listed:
        read = _read_one(site, row)
        if read.header is not None and is_forgotten(site, buried, read.header):
            read = _Read(forgotten_row(read.row), None)
        rows.append(read.row)
        if read.header is not None:
            person = person_of(read.header)
            people[person["key"]] = person
    with site.db.write(ticket.right) as connection:
        persons.save_persons(connection, list(people.values()))
        identity.save_files(connection, rows)
        identity.disturb_siblings(connection, [str(row["sop_uid"]) for row in rows if row["sop_uid"]])
    return Counter(read_headers=sum(r["state"] == "read" for r in rows))


class _Read:
    """A row of identity.file after the header pass, with the header when there is one."""

    def __init__(self, row: dict[str, object], header: Header | None) -> None:
        self.row, self.header = row, header


def _read_one(site: Site, row: dict[str, object]) -> _Read:
    path = real_path(site.archive, str(row["path"]))
    try:
        header = read_header(path)
        stat = path.stat()
    except Refusal as refusal:
        stat_row = row | UNSETTLED if refusal.code in LOOK_AGAIN else row
        return _Read(
            {**stat_row, "state": "refused", "code": refusal.code, "why": refusal.facts, "grouped": False}, None
        )
    except FileNotFoundError:
        return _Read({**row, "state": "gone", "code": "gone", "grouped": False}, None)
    if (stat.st_size, stat.st_mtime_ns) != (row["size_bytes"], row["mtime_ns"]):
        return _Read({**row, **UNSETTLED, "state": "arriving", "code": "still-arriving", "grouped": False}, None)
    who = header.identity
    return _Read(
        {
            **row, "state": "read", "code": "", "why": "", "grouped": False, "sop_uid": who.sop_uid,
            "series": site.keys.key("series", who.series_uid), "study": site.keys.key("study", who.study_uid),
            "series_uid": who.series_uid, "file_sha256": header.file_sha256, "pixel_sha256": header.pixel_sha256,
            "header": header.to_json(), "person": person_of(header)["key"],
        },
        header,
    )  # fmt: skip


def settle_files(site: Site, ticket: Ticket) -> None:
    """Give an outcome to files that belong to no series: refused, arriving and gone ones."""
    with site.db.read() as connection:
        keys = identity.pending_files(connection, ["refused", "arriving", "gone"])
    for some in slices(keys, CHUNK):
        with site.db.read() as connection:
            rows = identity.file_rows(connection, some)
        files = [
            file_row(ticket, str(r["key"]), str(r["code"]) or "gone", why=str(r["why"]), size_bytes=r["size_bytes"])
            for r in rows
        ]
        with site.db.write(ticket.right) as connection:
            store.save_files(connection, files)
        with site.db.write(ticket.right) as connection:
            identity.mark_grouped(connection, some)


def file_row(
    ticket: Ticket, key: str, code: str, *, why: str = "", scan: str | None = None, size_bytes: object = 0
) -> dict[str, object]:
    """A row of the core table `file` whose outcome follows from its code."""
    return {
        "key": key, "outcome": outcome(code).state, "code": code, "why": why, "scan": scan, "size_bytes": size_bytes,
        "first_night": ticket.night, "changed_night": ticket.night,
    }  # fmt: skip


def _regroup_after_new_rules(site: Site) -> None:
    """When the rules of reading changed since the last night, look at every series again (nothing is decoded)."""
    rules = reading_rules(site)
    with site.db.read() as connection:
        before = queries.last_stage_counts(connection, "ingest").get("rules")
    if before is not None and before != rules:
        with site.db.write() as connection:
            identity.disturb_all(connection)


def _chunks(rows: Sequence[dict[str, object]]) -> list[Sequence[dict[str, object]]]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
