"""Ingest: the archive's files become scans; every file ends with an outcome.

Identity is committed first, and `grouped = false` there means that the core tables do not reflect a row yet:
whatever was cut off is found again by that mark, not by memory.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from db import forgetting, identity, persons
from db.files import save_files
from db.identity import FileRow
from db.nights import last_stage_counts
from db.rows import mapping_of
from flows.records.dating import regroup_what_has_come
from flows.records.file_row import file_row
from flows.records.persons import finish_persons, person_of
from flows.records.whose import finish_studies_of_people
from flows.site.errors import ArchiveShrank
from flows.site.opened import Site
from flows.site.rules import reading_rules
from flows.stages.ingest.forgotten import file_key, forgotten_row, is_forgotten
from flows.stages.ingest.listing import CHUNK, UNSETTLED_INODE, UNSETTLED_MTIME, look
from flows.stages.ingest.scans import build_series, finish_studies
from flows.work.batch import Call, direct, in_pages, run_batches, slices
from flows.work.lease import Ticket
from flows.work.sandbox import guard_of
from scans.archive import Entry, real_path, size_and_time
from scans.header import Header
from scans.outcome import Refusal
from scans.sandbox.process import Found

LOOK_AGAIN = ("no-permission", "disk-error")  # refusals that may pass without the file changing


def ingest(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """List the archive, read new headers, build scans; returns counts."""
    flows = site.settings.flows
    counts = list_archive(site, ticket)
    _regroup_after_new_rules(site)
    regroup_what_has_come(site)
    listed = in_pages(site, partial(identity.pending_files, states=["listed"]), size=flows.files_per_task)
    counts += run_batches(read_headers, site, ticket, listed, size=flows.files_per_task, call=call)
    counts["changed_persons"] += finish_persons(site, ticket)  # first: a file that is gone may end a conflict
    finish_studies_of_people(site, ticket)
    finish_files(site, ticket)
    series = in_pages(site, identity.pending_series, size=flows.series_per_task)
    counts += run_batches(build_series, site, ticket, series, size=flows.series_per_task, call=call)
    counts += finish_studies(site, ticket)
    return counts


def list_archive(site: Site, ticket: Ticket) -> Counter[str]:
    """Compare the folder with what is known and write down what is new, changed, gone or arriving.

    Raises:
        ArchiveShrank: More than `max_gone_fraction` of the known files are gone.
    """
    with site.db.read() as connection:
        n_known = identity.n_known_files(connection)
    with look(site) as found:
        _refuse_vanished_archive(site, found.counts["gone"], n_known)
        for what, state in (("changed", "listed"), ("new", "listed"), ("arriving", "arriving")):
            for some in found.of(what):
                if what != "new":
                    _request_regroup(site, ticket, [entry.path for entry, _ in some])
                again = {entry.path for entry, is_again in some if is_again}
                _save_listed(site, ticket, [_listed_row(site, entry, state) for entry, _ in some], again)
        for some in found.of("gone"):
            _request_regroup(site, ticket, [entry.path for entry, _ in some])
            with site.db.write(ticket.right) as connection:
                identity.mark_gone(connection, [file_key(site, entry.path) for entry, _ in some])
        return Counter(
            new_files=found.counts["new"], changed_files=found.counts["changed"], gone_files=found.counts["gone"],
            arriving_files=found.counts["arriving"], seen_files=found.n_seen,
        )  # fmt: skip


def _request_regroup(site: Site, ticket: Ticket, paths: Sequence[str]) -> None:
    """Ask for the series of known files to be grouped again, before the files are overwritten or marked gone."""
    with site.db.read() as connection:
        keys = identity.keys_of_paths(connection, paths)
    if keys:
        with site.db.write(ticket.right) as connection:
            identity.request_regroup(connection, keys)


def _refuse_vanished_archive(site: Site, n_gone: int, n_known: int) -> None:
    allowed = site.settings.scans.max_gone_fraction
    if n_known >= 10 and n_gone > allowed * n_known:
        raise ArchiveShrank(
            f"{n_gone} of {n_known} known files are gone at once, more than max_gone_fraction = {allowed} "
            "allows; if the share is mounted and they were really deleted, raise [scans] max_gone_fraction once"
        )


def _listed_row(site: Site, entry: Entry, state: str) -> FileRow:
    row = FileRow(
        key=site.keys.key("file", entry.path), path=entry.path, size_bytes=entry.size_bytes, mtime_ns=entry.mtime_ns,
        inode=entry.inode, state=state, code="", why="", sop_uid="", series="", study="", part="", series_uid="",
        file_sha256="", pixel_sha256="", person="", header="", grouped=False,
    )  # fmt: skip
    if entry.special == "unreadable":
        return replace(row, state="refused", code="no-permission")
    if entry.special:
        return replace(row, state="refused", code="not-a-regular-file", why=f"it is a {entry.special}")
    if state == "arriving":
        return replace(_unsettled(row), code="still-arriving")
    return row


def _save_listed(site: Site, ticket: Ticket, rows: Sequence[FileRow], again: Collection[str]) -> None:
    """Write listed rows; files that are only looked at again keep their outcome until they have been read."""
    with site.db.write(ticket.right) as connection:
        identity.save_files(connection, map(mapping_of, rows))
    waiting = {"listed": "not-yet-read", "arriving": "still-arriving"}
    files = [
        file_row(ticket, row.key, waiting[row.state], size_bytes=row.size_bytes)
        for row in rows
        if row.state in waiting and row.path not in again
    ]
    with site.db.write(ticket.right) as connection:
        save_files(connection, map(mapping_of, files))


def read_headers(site: Site, ticket: Ticket, files: Sequence[str]) -> Counter[str]:
    """Read the headers of listed files, by key, and commit them to identity."""
    with site.db.read() as connection:
        listed = identity.file_rows(connection, files)
        tombstones = forgetting.tombstones(connection)
    rows, notes, people, n_bare = [], [], {}, 0
    headers = guard_of(site).headers([real_path(site.archive, row.path) for row in listed])
    for row, found in zip(listed, headers, strict=True):
        read = _read_one(site, row, found)
        if read.header is not None and is_forgotten(site, tombstones, read.header):
            read = _Read(forgotten_row(read.row))
        rows.append(read.row)
        if read.header is not None:
            n_bare += not read.header.has_preamble
            notes += _named_by(read.row, read.header)
            person = person_of(read.header)
            people[person.key] = person
    with site.db.write(ticket.right) as connection:
        persons.save_persons(connection, list(people.values()))
        identity.save_files(connection, map(mapping_of, rows))
        identity.save_rejections(connection, [row.key for row in rows], notes)
        identity.request_regroup_copies(connection, [row.sop_uid for row in rows if row.sop_uid])
        identity.request_regroup_siblings(connection, {row.study for row in rows if row.study})
    return Counter(read_headers=sum(row.state == "read" for row in rows), files_without_preamble=n_bare)


@dataclass(frozen=True)
class _Read:
    """A row of identity.file after the header pass, with the header when there is one."""

    row: FileRow
    header: Header | None = None


def _read_one(site: Site, row: FileRow, found: Found) -> _Read:
    gone = _Read(replace(row, state="gone", code="gone", grouped=False))
    if isinstance(found, Refusal):
        stat_row = _unsettled(row) if found.code in LOOK_AGAIN else row
        return _Read(replace(stat_row, state="refused", code=found.code, why=found.facts, grouped=False))
    if isinstance(found, FileNotFoundError | NotADirectoryError):
        return gone
    if isinstance(found, OSError):
        raise found
    header = found
    try:
        seen = size_and_time(real_path(site.archive, row.path))
    except (FileNotFoundError, NotADirectoryError):
        return gone
    if seen != (row.size_bytes, row.mtime_ns):
        return _Read(replace(_unsettled(row), state="arriving", code="still-arriving", grouped=False))
    who = header.identity
    read = replace(
        row, state="read", code="", why="", grouped=False, sop_uid=who.sop_uid,
        series=site.keys.key("series", who.series_uid), study=site.keys.key("study", who.study_uid), part="",
        series_uid=who.series_uid, file_sha256=header.file_sha256, pixel_sha256=header.pixel_sha256,
        header=header.to_json(),  # made anew: what a child sent that read a file from outside is not kept as it is
        person=person_of(header).key,
    )  # fmt: skip
    return _Read(read, header)


def _unsettled(row: FileRow) -> FileRow:
    """Return the row of a file to look at again, so that it counts as changed."""
    return replace(row, mtime_ns=UNSETTLED_MTIME, inode=UNSETTLED_INODE)


def _named_by(row: FileRow, header: Header) -> list[dict[str, object]]:
    """Rows of identity.rejection: the instances that a rejection note names."""
    return [{"note": row.key, "sop_uid": uid, "code": header.rejection} for uid in header.identity.rejects]


def finish_files(site: Site, ticket: Ticket) -> None:
    """Give an outcome to files that belong to no series: refused, arriving and gone ones."""
    settled = partial(identity.pending_files, states=["refused", "arriving", "gone"])
    for some in slices(in_pages(site, settled, size=CHUNK), CHUNK):
        with site.db.read() as connection:
            rows = identity.file_rows(connection, some)
        files = [
            file_row(ticket, r.key, r.code or "gone", why=r.why, series=r.series, size_bytes=r.size_bytes) for r in rows
        ]
        with site.db.write(ticket.right) as connection:
            save_files(connection, map(mapping_of, files))
        with site.db.write(ticket.right) as connection:
            identity.mark_grouped(connection, some)


def _regroup_after_new_rules(site: Site) -> None:
    """When the rules of reading changed since the last night, look at every series again (nothing is decoded)."""
    rules = reading_rules(site)
    with site.db.read() as connection:
        before = last_stage_counts(connection, "ingest").get("rules")
    if before is not None and before != rules:
        with site.db.write() as connection:
            identity.request_regroup_all(connection)
