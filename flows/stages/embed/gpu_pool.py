"""Work pools: the night's backlog in shards, handed to workers of the gpu pool and waited for.

How a shard gets on is read from SQL, where its machine writes a sign of work with every batch of vectors; Prefect's
state is advice, for what SQL cannot know (a process died, a person cancelled). A shard that nobody takes, or that is
silent, for `gpu_wait_minutes` is given up and handed out again, `gpu_tries` times in all; what is left then is left to
the next night, with a code. So no death of a machine, a worker or the server keeps a night waiting.

A machine that was given up and comes back finds that at its next batch, and stops. What it wrote until then is right:
vectors are written once under the key (scan, encoder), with the night's lease, on one sort of device.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from db import shards
from db.shards import ShardRow
from flows.site.opened import Site
from flows.work import failure, interrupt
from flows.work.batch import slices
from flows.work.batch_ids import scan_ids
from flows.work.lease import Ticket
from flows.work.prefect_runs import CANCELLED, COMPLETED, CRASHED, FAILED, SCHEDULED, NotHandedOut, PrefectRuns, Runs
from flows.work.undone import undone

POLL_SECONDS = 2.0
SHARD = 512  # scans a shard: parameters stay far below the server's limit of 512 KiB
WITHOUT_RETRY = ("no-worker", "shard-cancelled", "pool-missing", "server-lost")


@dataclass(frozen=True)
class Work:
    """A shard that was handed out: scans of one encoder, and which time this is."""

    number: int
    attempt: int
    encoder: str
    scans: Sequence[str]
    run: str = ""

    @property
    def name(self) -> tuple[int, int]:
        """What its row is found by."""
        return self.number, self.attempt

    @property
    def pairs(self) -> list[str]:
        """What the machine is told to embed."""
        return scan_ids(self.encoder, self.scans)


def embed_on_pool(
    site: Site,
    ticket: Ticket,
    backlog: Mapping[str, Sequence[str]],
    *,
    runs: Runs | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Hand out a backlog (encoder -> scans) and wait until all is done, given up or late.

    Args:
        site: The site.
        ticket: The night's.
        backlog: What to embed.
        runs: Where shards are run; Prefect's deployment when None.
        wait: Called between two looks, with seconds.

    Returns:
        How many shards there were, vectors were made, and scans were left, by code (flows.work.undone).
    """
    counts: Counter[str] = Counter()
    with site.db.read() as connection:
        first = shards.next_number(connection, ticket.night)
    works = [Work(n, 1, encoder, scans) for n, (encoder, scans) in enumerate(_shards(backlog), start=first)]
    if not works:
        return counts
    runs = PrefectRuns(site, ticket) if runs is None else runs
    at_work: list[Work] = []
    try:
        for number, work in enumerate(works, start=1):
            refused = _hand_out(site, ticket, runs, work, at_work)
            counts += refused
            if refused:  # server or deployment are not there for the others either
                rest = sum(len(other.scans) for other in works[number:])
                counts += Counter({code: rest for code in refused})
                break
        counts["shards"] += len(works)
        while at_work:
            interrupt.check()
            at_work, more = _look(site, ticket, runs, at_work)
            counts += more
            if ticket.is_late():
                counts["late_shards"] += len(at_work)
                break
            if at_work:
                wait(POLL_SECONDS)
        return counts
    finally:
        with failure.tolerated(True):
            _give_up_all(site, ticket, runs, at_work)


def _shards(backlog: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    for encoder, scans in backlog.items():
        for some in slices(scans, SHARD):
            yield encoder, some


def _hand_out(site: Site, ticket: Ticket, runs: Runs, work: Work, at_work: list[Work]) -> Counter[str]:
    """Hand out one shard; it joins those at work, or its scans are left with a code."""
    mine = {"night": ticket.night, "number": work.number, "attempt": work.attempt}
    with site.db.write(ticket.right) as connection:
        shards.hand_out(connection, n_scans=len(work.scans), **mine)
    try:
        run = runs.start(work.number, work.attempt, work.pairs)
    except NotHandedOut as error:
        with site.db.write(ticket.right) as connection:
            shards.end(connection, state="given_up", code=error.code, **mine)
        return undone(error.code, len(work.scans))
    with site.db.write(ticket.right) as connection:
        shards.note_run(connection, flow_run=run, **mine)
    at_work.append(replace(work, run=run))
    return Counter()


def _look(site: Site, ticket: Ticket, runs: Runs, at_work: Sequence[Work]) -> tuple[list[Work], Counter[str]]:
    """Look at each shard once; returns those still at work, new attempts included, and what ended meanwhile."""
    states = runs.states([work.run for work in at_work])  # first: SQL, read later, knows at least as much
    with site.db.read() as connection:
        rows = {(row.number, row.attempt): row for row in shards.of_night(connection, ticket.night)}
        now = site.db.now(connection)
    patience = timedelta(minutes=site.settings.flows.gpu_wait_minutes)
    heard = max((row.heard_at for row in rows.values() if row.heard_at), default=None)
    left: list[Work] = []
    counts: Counter[str] = Counter()
    for work in at_work:
        code = why_ended(rows[work.name], states.get(work.run, ""), now=now, heard=heard, patience=patience)
        if code is None:
            left.append(work)
        else:
            counts += _finish(site, ticket, runs, work, code, left)
    return left, counts


def why_ended(row: ShardRow, state: str, *, now: datetime, heard: datetime | None, patience: timedelta) -> str | None:
    """Say why a shard is over: "" when it is done, a code when it is not, None while it may go on.

    Args:
        row: Its row of table shard.
        state: What Prefect says of its run, as in flows.work.prefect_runs.
        now: By the database's clock.
        heard: When any shard of the night was last heard of: while some get on, the others wait for their turn.
        patience: How long nothing may be heard.
    """
    if row.state in ("done", "failed", "given_up"):
        return row.code
    if state == CANCELLED:
        return "shard-cancelled"
    if state in (CRASHED, FAILED, COMPLETED):  # without an end in SQL: whoever ran it could not write
        failed = "worker-config" if row.begun_at is None else "shard-failed"
        return "shard-crashed" if state == CRASHED else failed
    if row.begun_at is not None:
        return "shard-silent" if now - (row.heard_at or row.begun_at) > patience else None
    since = max(filter(None, (row.handed_at, heard)))
    if now - since <= patience:
        return None
    return "no-worker" if state == SCHEDULED else "shard-silent"


def _finish(site: Site, ticket: Ticket, runs: Runs, work: Work, code: str, at_work: list[Work]) -> Counter[str]:
    """Close a shard that is over; what it left is handed out again, or left to the next night."""
    _give_up(site, ticket, runs, work, code)
    with site.db.read() as connection:
        left = shards.not_embedded(connection, work.encoder, work.scans)
    counts = Counter(new_embeddings=len(work.scans) - len(left))
    if not left:
        return counts
    code = code or "shard-failed"
    if code in WITHOUT_RETRY or work.attempt >= site.settings.flows.gpu_tries:
        return counts + undone(code, len(left))
    again = replace(work, attempt=work.attempt + 1, scans=left, run="")
    return counts + Counter(shards_again=1) + _hand_out(site, ticket, runs, again, at_work)


def _give_up(site: Site, ticket: Ticket, runs: Runs, work: Work, code: str) -> None:
    """Note that nothing more is wanted of a shard, unless it has ended, and cancel its run."""
    with site.db.write(ticket.right) as connection:
        given_up = shards.end(
            connection, night=ticket.night, number=work.number, attempt=work.attempt, state="given_up", code=code
        )
    if given_up:
        runs.cancel(work.run)


def _give_up_all(site: Site, ticket: Ticket, runs: Runs, at_work: Sequence[Work]) -> None:
    for work in at_work:
        _give_up(site, ticket, runs, work, "backlog-left")
