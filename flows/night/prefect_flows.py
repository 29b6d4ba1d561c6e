"""The night as a Prefect flow of flows, and the flow that embeds one shard on the gpu pool.

Parameters are the configuration's path and plain numbers and ids, results are counts: Prefect's
database never holds a patient. An error reaches it as a code and a sentence of ours, see `flows.work.told`.
Idempotence is in the SQL keys, so nothing is cached or persisted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TypedDict

from prefect import Task, flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.night import conductor
from flows.night.conductor import conduct
from flows.night.scheduled import ended, told_if_refused
from flows.night.summary import Summary
from flows.site.environment import is_alone, keep_private
from flows.site.opened import Site, open_site
from flows.stages.embed import shard as shards
from flows.stages.embed import vectors
from flows.stages.encoder import train
from flows.stages.ingest import headers, scans
from flows.stages.match import calibrate, lists
from flows.work.batch import Batch, Call, direct
from flows.work.failure import may_retry
from flows.work.lease import Ticket
from flows.work.prefect_runs import end_dead_runs
from flows.work.told import told

# Seconds of a preflight that this process has passed. No parameter of the flow: nobody may skip it from afar.
CHECKED_S: ContextVar[float | None] = ContextVar("checked_s", default=None)

BATCHES: dict[str, Batch] = {
    batch.__name__: batch
    for batch in (
        headers.read_headers,
        scans.build_series,
        train.train_cover,
        vectors.embed_scans,
        lists.match_space,
        calibrate.calibrate_space,
    )
}


class Ended(TypedDict):
    """What the flow of a whole night returns: plain values, as Prefect may write them down."""

    night: int
    state: str
    exit: int


@task(cache_policy=NO_CACHE, persist_result=False, log_prints=False)
@told
def run_batch(
    batch: str, config: str, night: int, fence: int, finish_at: float | None, ids: Sequence[str]
) -> dict[str, int]:
    """Run one batch by name on some ids."""
    site = open_site(config)
    return dict(direct(BATCHES[batch], site, Ticket(night, fence, finish_at), ids))


@flow(name="scantwin-stage", validate_parameters=False, persist_result=False)
@told
def stage(name: str, config: str, night: int, fence: int, finish_at: float | None) -> dict[str, int]:
    """Run one stage of a night, its batches as tasks."""
    site = open_site(config)
    return dict(conductor.run_stage(name, site, Ticket(night, fence, finish_at), as_tasks(site)))


@flow(name="scantwin-night", validate_parameters=False, persist_result=False)
@told
def night(config: str) -> Ended:
    """Run one whole night; returns its number, state and exit code."""
    keep_private()  # a worker runs this in a process of its own
    with told_if_refused(Path(config)):
        site = open_site(config)
        summary = conduct(site, stages=_as_flow, on_begin=end_dead_runs, checked_s=CHECKED_S.get())
    create_markdown_artifact(artifact_text(summary), key="scantwin-night", description=f"night {summary.night}")
    ended(summary)
    return Ended(night=summary.night, state=summary.state, exit=summary.exit)


@flow(name="scantwin-shard", validate_parameters=False, persist_result=False)
@told
def embed_shard(config: str, night: int, fence: int, shard: int, attempt: int, pairs: list[str]) -> dict[str, int]:
    """Embed one shard of a night's backlog, on whatever machine this runs."""
    keep_private()
    site = open_site(config)
    return shards.embed_shard(site, Ticket(night, fence), shard, attempt, pairs, as_tasks(site))


def artifact_text(summary: Summary) -> str:
    """The night as counts, in Markdown, for Prefect's pages: no key, no path, no name."""
    groups = (("files", summary.files), ("files this night", summary.files_this_night), ("scans", summary.scans),
              ("vectors", summary.embeddings), ("matches", summary.matches), ("seconds", summary.seconds))  # fmt: skip
    rows = [f"| {title} | {name} | {value} |" for title, counts in groups for name, value in counts.items()]
    return "\n".join([f"Night {summary.night}: {summary.state}", "", "| | | |", "|---|---|---|", *rows])


def as_tasks(site: Site) -> Call:
    """A way to run batches as Prefect tasks, retried for disk, network and database errors only."""
    flows = site.settings.flows

    def call(batch: Batch, site: Site, ticket: Ticket, ids: Sequence[str]) -> Mapping[str, int]:
        named = run_batch.with_options(
            name=batch.__name__,
            retries=flows.retries,
            retry_delay_seconds=flows.retry_seconds,
            retry_condition_fn=_passing,
        )
        return named(batch.__name__, str(site.config), ticket.night, ticket.fence, ticket.finish_at, list(ids))

    return call


def _as_flow(name: str, site: Site, ticket: Ticket) -> Counter[str]:
    named = stage.with_options(name=f"scantwin-stage-{name}")
    return Counter(named(name, str(site.config), ticket.night, ticket.fence, ticket.finish_at))


def _passing(task: Task[..., object], run: TaskRun, state: State[object]) -> bool:
    """True when the error that ended a try may pass by itself."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_retry(error)


def run_night(config: Path, checked_s: float | None = None) -> int:
    """Run a night through Prefect in this process, and leave no server behind; returns its number.

    Args:
        config: The configuration.
        checked_s: How long preflight took, where it was passed just before; see `conduct`.
    """
    # A heartbeat to a server that ends with us tells nobody anything, and each flow waits a second for its thread.
    changes = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None} if is_alone() else {}
    with temporary_settings(changes):
        passed = CHECKED_S.set(checked_s)
        try:
            return night(str(config))["night"]
        finally:
            CHECKED_S.reset(passed)
