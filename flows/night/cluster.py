"""The Prefect server that this machine talks to, and its pools, deployments and workers: facts, and what is wrong."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flows.site.errors import ClusterTrouble
from flows.site.opened import Site

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse

NIGHT_FLOW, NIGHT_POOL = "scantwin-night", "cpu"
NIGHT_DEPLOYMENT = f"{NIGHT_FLOW}/{NIGHT_POOL}"
ANSWER_SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUIET_NAME = "PREFECT_LOGGING_TO_API_ENABLED"


@dataclass(frozen=True)
class Server:
    """What a Prefect server says of itself; None where it does not tell."""

    address: str
    version: str
    has_password: bool | None
    tells_analytics: bool | None


def ask_server() -> Server:
    """Ask the server in PREFECT_API_URL.

    Raises:
        ClusterTrouble: It does not answer, or not to us.
    """
    with _client() as client:
        version = str(client.request("GET", "/admin/version").json())
        settings: dict[str, Any] = client.request("GET", "/admin/settings").json().get("server", {})
    password = settings.get("api", {}).get("auth_string", "unknown")
    analytics = settings.get("analytics_enabled")
    return Server(address(), version, None if password == "unknown" else bool(password), analytics)


def address() -> str:
    """The server's address without what a password might stand in; "" for none."""
    url = urlsplit(os.environ.get("PREFECT_API_URL", ""))
    return f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}{url.path}" if url.hostname else ""


def server_is_safe(server: Server) -> None:
    """Refuse a server that tells others, or that everybody in the network may command.

    Raises:
        ClusterTrouble: It does, or they may.
    """
    if server.tells_analytics:
        raise ClusterTrouble(
            f"the Prefect server at {server.address} sends figures of its use to its makers: start it with "
            "PREFECT_SERVER_ANALYTICS_ENABLED=false"
        )
    is_near = urlsplit(server.address).hostname in LOOPBACK
    if server.has_password is False and not is_near:
        raise ClusterTrouble(
            f"the Prefect server at {server.address} asks for no password, so whoever reaches it may start programs on "
            "its workers: start it with PREFECT_SERVER_API_AUTH_STRING, and set PREFECT_API_AUTH_STRING alike here and "
            "where workers start"
        )


def gpu_deployment_is_there(site: Site) -> str:
    """Return the pool of [flows] gpu_deployment, "" for none.

    Raises:
        ClusterTrouble: Nothing, or it does not answer.
    """
    return _deployment(site.settings.flows.gpu_deployment).work_pool_name or ""


def night_deployment_follows(site: Site) -> str:
    """Say when the server begins nights; a deployment that is not as the configuration says is refused.

    Raises:
        ClusterTrouble: It is missing, paused, or was made from another configuration.
    """
    found, flows = _deployment(NIGHT_DEPLOYMENT), site.settings.flows
    if found.parameters.get("config") != str(site.config):
        raise ClusterTrouble(
            f"deployment {NIGHT_DEPLOYMENT} runs another configuration than {site.config}; run `scantwin deploy`"
        )
    active = [_clock(row) for row in found.schedules if row.active]
    if found.paused or active != [(flows.cron, flows.time_zone)]:
        shown = ", ".join(f"{cron!r} {zone}" for cron, zone in active) or "never"
        raise ClusterTrouble(
            f"deployment {NIGHT_DEPLOYMENT} runs {'never (paused)' if found.paused else shown}, [flows] cron "
            f"says {flows.cron!r} {flows.time_zone}; run `scantwin deploy`"
        )
    return f"{NIGHT_DEPLOYMENT} runs at {flows.cron!r} {flows.time_zone}"


def workers_are_online(pool: str) -> str:
    """Say how many workers of a pool are online.

    Raises:
        ClusterTrouble: None is, or the pool is missing or paused.
    """
    from prefect.exceptions import ObjectNotFound

    with _client() as client:
        try:
            found = client.read_work_pool(pool)
        except ObjectNotFound:
            raise ClusterTrouble(f"the server has no pool {pool!r}; run `scantwin deploy`") from None
        workers = client.read_workers_for_work_pool(pool)
    if found.is_paused:
        raise ClusterTrouble(f"the pool {pool!r} is paused; run `prefect work-pool resume {pool}`")
    online = sum(str(getattr(worker.status, "value", worker.status)) == "ONLINE" for worker in workers)
    if not online:
        raise ClusterTrouble(
            f"no worker of the pool {pool!r} is online ({len(workers)} known); start one: "
            f"prefect worker start --pool {pool} --type process --limit 1"
        )
    return f"pool {pool!r}: {online} of {len(workers)} workers online"


def _clock(row: "DeploymentSchedule") -> tuple[str | None, str | None]:
    """Return cron line and time zone; None where a schedule of another sort has none."""
    return getattr(row.schedule, "cron", None), getattr(row.schedule, "timezone", None)


def _deployment(name: str) -> "DeploymentResponse":
    from prefect.exceptions import ObjectNotFound

    with _client() as client:
        try:
            return client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise ClusterTrouble(f"the server at {address()} has no deployment {name}; run `scantwin deploy`") from None


@contextlib.contextmanager
def _client() -> Iterator["SyncPrefectClient"]:
    """Open a client that waits seconds, not minutes; what goes wrong with it is put in words."""
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True, httpx_settings={"timeout": ANSWER_SECONDS}) as client:
            yield client
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ClusterTrouble(
                f"the Prefect server at {address()} refuses us ({status}): set PREFECT_API_AUTH_STRING to the "
                "server's PREFECT_SERVER_API_AUTH_STRING"
            ) from None
        raise ClusterTrouble(f"the Prefect server at {address()} answers {status}; look at its log") from None
    except (httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        raise ClusterTrouble(
            f"no Prefect server answers at {address() or 'PREFECT_API_URL'} ({type(error).__name__}); start it, or "
            "correct PREFECT_API_URL (without it, a night brings its own server)"
        ) from None
