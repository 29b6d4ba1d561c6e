"""Runs in Prefect: shards started as runs of a deployment, asked after, cancelled; runs of dead nights ended.

All of it is advice. The server may be slow, gone or wrong: then a state is "" (not known), and SQL decides.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast
from uuid import UUID

from flows.site.opened import Site
from flows.work.batch import slices
from flows.work.lease import Ticket

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

SCHEDULED, RUNNING, COMPLETED, FAILED, CRASHED, CANCELLED = (
    "scheduled", "running", "completed", "failed", "crashed", "cancelled",
)  # fmt: skip
NAMES = {"SCHEDULED": SCHEDULED, "COMPLETED": COMPLETED, "FAILED": FAILED, "CRASHED": CRASHED, "CANCELLED": CANCELLED,
         "CANCELLING": CANCELLED, "PENDING": RUNNING, "RUNNING": RUNNING, "PAUSED": RUNNING}  # fmt: skip
UNFINISHED = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")
OURS = "scantwin-"  # how the names of our flows begin
PAGE = 200
ANSWER_SECONDS = 10.0


class NotHandedOut(Exception):
    """A shard could not be handed out; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Runs(Protocol):
    """Where shards are run."""

    def start(self, shard: int, attempt: int, pairs: Sequence[str]) -> str:
        """Start a shard elsewhere; returns the run's id.

        Raises:
            NotHandedOut: It cannot be started.
        """

    def states(self, runs: Sequence[str]) -> dict[str, str]:
        """Run -> one of the names above, for those of which anything is known."""

    def cancel(self, run: str) -> None:
        """Ask for a run to be ended; nobody waits for that."""


class PrefectRuns:
    """Runs of the deployment in [flows] gpu_deployment."""

    def __init__(self, site: Site, ticket: Ticket) -> None:
        self.deployment = site.settings.flows.gpu_deployment
        self.parameters = {"config": str(site.config), "night": ticket.night, "fence": ticket.fence}

    def start(self, shard: int, attempt: int, pairs: Sequence[str]) -> str:
        """See Runs."""
        from prefect.deployments import run_deployment
        from prefect.exceptions import ObjectNotFound

        asked = {"shard": shard, "attempt": attempt, "pairs": list(pairs)}
        try:
            run = run_deployment(
                self.deployment, parameters=self.parameters | asked, timeout=0, as_subflow=False,
                flow_run_name=f"night {self.parameters['night']} shard {shard}.{attempt}",
            )  # fmt: skip
        except ObjectNotFound:
            raise NotHandedOut("pool-missing") from None
        except Exception:  # a server that does not answer, in whichever way
            raise NotHandedOut("server-lost") from None
        return str(cast("FlowRun", run).id)  # a coroutine only where one calls it

    def states(self, runs: Sequence[str]) -> dict[str, str]:
        """See Runs."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        found: dict[str, str] = {}
        with contextlib.suppress(Exception), _impatient_client() as client:
            for some in slices(runs, PAGE):
                wanted = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run) for run in some]))
                for run in client.read_flow_runs(flow_run_filter=wanted, limit=PAGE):
                    if run.state is not None:
                        found[str(run.id)] = NAMES.get(run.state.type.value, "")
        return found

    def cancel(self, run: str) -> None:
        """See Runs. A run at work is asked to stop, by its worker; one that nobody took is over at once."""
        from prefect.states import Cancelled, Cancelling

        with contextlib.suppress(Exception), _impatient_client() as client:
            state = client.read_flow_run(UUID(run)).state
            if state is not None and not state.is_final():
                wanted: State[object] = Cancelled() if state.is_scheduled() else Cancelling()
                client.set_flow_run_state(UUID(run), wanted, force=True)


def end_dead_runs(site: Site, ticket: Ticket) -> int:
    """Mark what is left of earlier nights of this site as crashed; returns how many runs that were.

    Whoever holds the lease is the only night there is: an unfinished run of another one belongs to a process that was
    killed, or that will find its lease taken. Nights that are only scheduled are left alone.
    """
    from prefect.states import Crashed

    ended = 0
    with contextlib.suppress(Exception), _impatient_client() as client:
        mine = _this_run()
        for run in _unfinished(client):
            if run.id not in mine and _is_dead(run, site, ticket):
                state: State[object] = Crashed(message=f"its night was over when night {ticket.night} began")
                client.set_flow_run_state(run.id, state, force=True)
                ended += 1
    return ended


@contextlib.contextmanager
def _impatient_client() -> Iterator["SyncPrefectClient"]:
    """A client that gives up within seconds: a server that hangs must not keep the night from its own clock."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    settings = {"timeout": ANSWER_SECONDS}
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(sync_client=True, httpx_settings=settings) as client,
    ):
        yield client


def _unfinished(client: "SyncPrefectClient") -> list["FlowRun"]:
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType(name) for name in UNFINISHED]))
    )
    found: list[FlowRun] = []
    while True:  # all pages first: ending a run takes it out of the list
        page = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(like_=OURS)),
            flow_run_filter=wanted,
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return found


def _is_dead(run: "FlowRun", site: Site, ticket: Ticket) -> bool:
    """True for a run of this site that belongs to an earlier night; a night's own run has no number yet."""
    config = run.parameters.get("config")
    if not isinstance(config, str) or Path(config).resolve() != site.config.resolve():
        return False
    night = run.parameters.get("night")
    if isinstance(night, int):
        return night < ticket.night
    return run.state is not None and not run.state.is_scheduled()


def _this_run() -> set[UUID]:
    """The runs that this process is in: the night's."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    return {context.flow_run.id} if context is not None and context.flow_run is not None else set()
