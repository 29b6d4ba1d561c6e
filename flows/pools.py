"""Work pools: the night's backlog in shards, handed to workers of the gpu pool and waited for."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flows.site import Site
from flows.ticket import Ticket

POLL_SECONDS = 2.0
SHARD = 512  # scans a shard: parameters stay far below the server's limit of 512 KiB


class NoWorker(Exception):
    """No worker of the gpu pool took a shard in time."""


def embed_on_pool(site: Site, ticket: Ticket, backlog: Mapping[str, Sequence[str]]) -> Counter[str]:
    """Hand out a backlog (encoder -> scans), wait until its shards ended; no worker is an outcome, never a hang."""
    runs: dict[str, int] = {}
    for encoder, scans in backlog.items():
        pairs = [f"{encoder} {scan}" for scan in scans]
        for start in range(0, len(pairs), SHARD):
            some = pairs[start : start + SHARD]
            runs[_hand_out(site, ticket, some)] = len(some)
    return _wait(site, ticket, runs)


def _hand_out(site: Site, ticket: Ticket, pairs: list[str]) -> str:
    from prefect.deployments import run_deployment

    run: Any = run_deployment(
        site.settings.flows.gpu_deployment,
        parameters={"config": str(site.config), "night": ticket.night, "fence": ticket.fence, "pairs": pairs},
        timeout=0,
        as_subflow=False,
    )
    return str(run.id)


def _wait(site: Site, ticket: Ticket, runs: dict[str, int]) -> Counter[str]:
    """Poll the server until each shard ended; gives up on shards that nobody began in time."""
    from prefect.client.orchestration import get_client

    counts: Counter[str] = Counter(shards=len(runs))
    waiting, begun = dict(runs), time.monotonic()
    patience_s = site.settings.flows.gpu_wait_minutes * 60
    with get_client(sync_client=True) as client:
        while waiting:
            for run_id in list(waiting):
                run = client.read_flow_run(run_id)  # type: ignore[arg-type]
                if run.state is not None and run.state.is_final():
                    n_scans = waiting.pop(run_id)
                    good = run.state.is_completed()
                    counts["new_embeddings" if good else "failed_shards"] += n_scans if good else 1
                elif run.start_time is None and time.monotonic() - begun > patience_s:
                    del waiting[run_id]
                    counts["no_worker"] += 1
            if ticket.is_late():
                counts["late_shards"] += len(waiting)
                break
            if waiting:
                time.sleep(POLL_SECONDS)
    return counts
