"""The night that waits for shards: deaths, silence, cancelling, late comers; real rows, machines made in the test."""

import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from nights import run, tables
from sqlalchemy import select, update

from db import lease, shards
from db.errors import Fenced
from db.shards import ShardRow
from db.tables import Shard
from flows.stages.embed import gpu_pool
from flows.stages.embed.gpu_pool import embed_on_pool, why_ended
from flows.stages.embed.shard import ShardFailed, embed_shard
from flows.stages.embed.vectors import backlog, embed_scans
from flows.stages.encoder.train import choose_encoders
from flows.work.batch import direct
from flows.work.lease import night_ticket
from flows.work.prefect_runs import NotHandedOut
from flows.work.undone import codes_of


class Machines:
    """Machines of the test: `plan` says by (shard, attempt) what becomes of it, "works" where it says nothing."""

    def __init__(self, site, ticket, plan=(), otherwise="works"):
        self.site, self.ticket, self.plan, self.otherwise = site, ticket, dict(plan), otherwise
        self.runs, self.known, self.cancelled = {}, {}, []

    def start(self, shard, attempt, pairs):
        if self._plan(shard, attempt) == "no deployment":
            raise NotHandedOut("pool-missing")
        name = f"{shard}.{attempt}"
        self.runs[name] = (shard, attempt, pairs)
        self.known[name] = "scheduled"
        return name

    def states(self, runs):
        return {run: self.known[run] for run in runs}

    def cancel(self, run):
        self.cancelled.append(run)

    def work(self, _seconds):
        """Let each machine do what the plan says, once."""
        for name, (shard, attempt, pairs) in list(self.runs.items()):
            if self.known[name] == "scheduled":
                self._work(name, shard, attempt, pairs)

    def _work(self, name, shard, attempt, pairs):
        plan = self._plan(shard, attempt)
        if plan == "works":
            self.known[name] = "running"
            with contextlib.suppress(ShardFailed):
                embed_shard(self.site, self.ticket, shard, attempt, pairs, direct)
            self.known[name] = "completed"
        elif plan in ("dies silently", "crashes"):
            self.begin(shard, attempt)
            embed_scans(self.site, self.ticket, pairs[:2])
            self.known[name] = "running" if plan == "dies silently" else "crashed"
            if plan == "dies silently":
                self.age(shard, attempt, "heard_at")
        elif plan == "cancelled":
            self.known[name] = "cancelled"
        elif plan == "no configuration":
            self.known[name] = "failed"
        elif plan == "nobody comes":
            self.age(shard, attempt, "handed_at")

    def age(self, shard, attempt, column):
        """Let an hour go by since this moment of a shard."""
        mine = (Shard.night == self.ticket.night, Shard.number == shard, Shard.attempt == attempt)
        with self.site.db.write() as connection:
            moment = connection.scalar(select(getattr(Shard, column)).where(*mine))
            connection.execute(update(Shard).where(*mine).values({column: moment - timedelta(hours=1)}))

    def begin(self, shard, attempt):
        with self.site.db.write(self.ticket.right) as connection:
            assert shards.begin(connection, night=self.ticket.night, number=shard, attempt=attempt, machine="gone")

    def _plan(self, shard, attempt):
        return self.plan.get((shard, attempt), self.otherwise)


@pytest.fixture
def waiting_site(hospital, make_site, db_url, monkeypatch):
    """A site whose scans wait for vectors, in shards of four, batches of two."""
    monkeypatch.setattr(gpu_pool, "SHARD", 4)
    site = make_site(url=db_url, scans_per_task="2")
    hospital.deliver(site.archive)
    run(site, "ingest")
    return site


@contextlib.contextmanager
def night(site):
    with night_ticket(site, version="test") as ticket:
        choose_encoders(site, ticket)
        yield ticket
        lease.give_back(site.db, ticket.right)


def wait_out(site, machines, ticket):
    return embed_on_pool(site, ticket, backlog(site), runs=machines, wait=machines.work)


def rows_of(site, ticket):
    with site.db.read() as connection:
        return {(row.number, row.attempt): row for row in shards.of_night(connection, ticket.night)}


def n_waiting(site):
    return sum(len(scans) for scans in backlog(site).values())


def test_every_shard_is_embedded_and_its_row_says_where(waiting_site):
    with night(waiting_site) as ticket:
        n = n_waiting(waiting_site)
        counts = wait_out(waiting_site, Machines(waiting_site, ticket), ticket)
        assert (counts["new_embeddings"], codes_of(counts), n_waiting(waiting_site)) == (n, Counter(), 0)
        assert {row.state for row in rows_of(waiting_site, ticket).values()} == {"done"}
        assert all(row.machine and row.flow_run for row in rows_of(waiting_site, ticket).values())


@pytest.mark.parametrize(("death", "code"), [("dies silently", "shard-silent"), ("crashes", "shard-crashed")])
def test_a_machine_that_dies_in_its_shard_has_the_rest_handed_out_again(waiting_site, death, code):
    with night(waiting_site) as ticket:
        machines = Machines(waiting_site, ticket, {(1, 1): death})
        counts = wait_out(waiting_site, machines, ticket)
        assert (codes_of(counts), counts["shards_again"], n_waiting(waiting_site)) == (Counter(), 1, 0)
        rows = rows_of(waiting_site, ticket)
        assert (rows[1, 1].state, rows[1, 1].code, rows[1, 2].state) == ("given_up", code, "done")
        assert rows[1, 2].n_scans == rows[1, 1].n_scans - 2, "what the dead machine wrote was made again"
        assert machines.cancelled == ["1.1"]


@pytest.mark.parametrize("tries", [1, 3])
def test_a_shard_that_is_always_lost_is_left_to_the_next_night(waiting_site, tries):
    flows = waiting_site.settings.flows.model_copy(update={"gpu_tries": tries})
    object.__setattr__(waiting_site, "settings", waiting_site.settings.model_copy(update={"flows": flows}))
    with night(waiting_site) as ticket:
        machines = Machines(waiting_site, ticket, {(1, n): "crashes" for n in range(1, 9)})
        counts = wait_out(waiting_site, machines, ticket)
        assert [attempt for number, attempt in rows_of(waiting_site, ticket) if number == 1][-1] <= tries
        assert codes_of(counts)["shard-crashed"] == n_waiting(waiting_site)


def test_no_worker_at_all_is_a_code_and_no_hang(waiting_site):
    with night(waiting_site) as ticket:
        counts = wait_out(waiting_site, Machines(waiting_site, ticket, otherwise="nobody comes"), ticket)
        assert codes_of(counts) == Counter({"no-worker": n_waiting(waiting_site)})


@pytest.mark.parametrize(
    ("plan", "code", "tries"),
    [
        ("cancelled", "shard-cancelled", 1),
        ("no deployment", "pool-missing", 1),
        ("no configuration", "worker-config", 2),
    ],
)
def test_what_ends_a_shard_before_it_began_frees_the_night_with_its_code(waiting_site, plan, code, tries):
    with night(waiting_site) as ticket:
        counts = wait_out(waiting_site, Machines(waiting_site, ticket, otherwise=plan), ticket)
        assert codes_of(counts) == Counter({code: n_waiting(waiting_site)})
        assert {attempt for _, attempt in rows_of(waiting_site, ticket)} == set(range(1, tries + 1))


def test_a_worker_of_the_wrong_device_says_so_in_sql(waiting_site, monkeypatch):
    with night(waiting_site) as ticket:
        for encoder, scans in backlog(waiting_site).items():
            embed_scans(waiting_site, ticket, [f"{encoder} {scans[0]}"])
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        siamese = waiting_site.settings.siamese.model_copy(update={"device": "cuda"})
        object.__setattr__(waiting_site, "settings", waiting_site.settings.model_copy(update={"siamese": siamese}))
        counts = wait_out(waiting_site, Machines(waiting_site, ticket), ticket)
        assert codes_of(counts) == Counter({"other-device": n_waiting(waiting_site)})
        assert {row.code for row in rows_of(waiting_site, ticket).values()} == {"other-device"}


def test_a_worker_whose_log_would_go_to_the_server_refuses_the_shard(waiting_site, monkeypatch):
    monkeypatch.setattr("flows.stages.embed.shard.tells_server", lambda: True)
    with night(waiting_site) as ticket:
        counts = wait_out(waiting_site, Machines(waiting_site, ticket), ticket)
        assert codes_of(counts) == Counter({"worker-tells": n_waiting(waiting_site)})


def test_a_given_up_machine_that_comes_back_stops_and_its_vectors_are_the_same(waiting_site, hospital, make_site):
    with night(waiting_site) as ticket:
        machines = Machines(waiting_site, ticket, {(1, 1): "dies silently"})
        wait_out(waiting_site, machines, ticket)
        before = tables(waiting_site)["vectors"]
        shard, attempt, pairs = machines.runs["1.1"]
        assert embed_shard(waiting_site, ticket, shard, attempt, pairs, direct)["given_up"] == 1
        embed_scans(waiting_site, ticket, pairs)  # in the middle of a batch when it was given up
        assert tables(waiting_site)["vectors"] == before
    with pytest.raises(Fenced):
        embed_scans(waiting_site, ticket, pairs)
    alone = make_site("alone")
    hospital.deliver(alone.archive)
    run(alone)
    assert before == tables(alone)["vectors"]


def test_a_machine_that_is_given_up_in_its_work_stops_at_the_next_batch(waiting_site):
    with night(waiting_site) as ticket:
        ((encoder, scans),) = list(backlog(waiting_site).items())[:1]
        with waiting_site.db.write() as connection:
            shards.hand_out(connection, night=ticket.night, number=1, attempt=1, n_scans=len(scans))
        batches = []

        def call(batch, site, ticket, ids):
            batches.append(ids)
            with site.db.write() as connection:
                shards.end(connection, night=ticket.night, number=1, attempt=1, state="given_up", code="shard-silent")
            return batch(site, ticket, ids)

        pairs = [f"{encoder} {scan}" for scan in scans]
        assert embed_shard(waiting_site, ticket, 1, 1, pairs, call)["given_up"] == 1
        assert len(batches) == 1 < len(scans) / 2
        assert rows_of(waiting_site, ticket)[1, 1].state == "given_up"


NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)


def minutes_ago(n):
    return NOW - timedelta(minutes=n)


@pytest.mark.parametrize(
    ("begun", "heard", "any_heard", "state", "wanted"),
    [
        (None, None, None, "scheduled", "no-worker"),
        (None, None, 5, "scheduled", None),  # others get on: it waits for its turn
        (None, None, 31, "scheduled", "no-worker"),
        (None, None, None, "running", "shard-silent"),  # taken, and never begun
        (None, None, None, "", "shard-silent"),  # the server is gone; SQL decides
        (60, 5, 5, "running", None),
        (60, 5, 5, "", None),
        (60, 31, 5, "running", "shard-silent"),
        (60, 31, 5, "", "shard-silent"),
        (60, 5, 5, "crashed", "shard-crashed"),
        (60, 5, 5, "cancelled", "shard-cancelled"),
        (60, 5, 5, "completed", "shard-failed"),
    ],
)
def test_what_sql_heard_decides_and_prefect_advises(begun, heard, any_heard, state, wanted):
    row = ShardRow(
        night=1, number=1, attempt=1, state="waiting" if begun is None else "running", code="", n_scans=1,
        flow_run="", machine="", handed_at=minutes_ago(60), begun_at=begun and minutes_ago(begun),
        heard_at=heard and minutes_ago(heard),
    )  # fmt: skip
    any_heard = any_heard and minutes_ago(any_heard)
    assert why_ended(row, state, now=NOW, heard=any_heard, patience=timedelta(minutes=30)) == wanted
