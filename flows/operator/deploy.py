"""Deploying: the night and its shards as Prefect deployments, and the files that machines need, from config.toml."""

import os
import shutil
import sys
from pathlib import Path

from flows.answers.care import Deployed
from flows.night.cluster import NIGHT_FLOW, NIGHT_POOL, address, ask_server
from flows.site.environment import QUIET
from flows.site.errors import WrongUsage
from flows.site.opened import place
from flows.site.settings import Settings, read_settings

PRIVATE = {name: value for name, value in QUIET.items() if name.startswith(("PREFECT_LOGGING", "DO_NOT"))}
FILES = Path(__file__).with_name("machines")


def deploy(config: Path) -> Deployed:
    """Make or bring up to date pools and deployments on the server in PREFECT_API_URL; safe to repeat.

    The schedule is [flows] cron in [flows] time_zone. Runs get the environment that keeps their logs at home.

    Raises:
        WrongUsage: No server was named.
        flows.site.errors.ClusterTrouble: It does not answer.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise WrongUsage("no Prefect server is named: set PREFECT_API_URL, such as http://127.0.0.1:4200/api")
    settings = read_settings(config)
    ask_server()
    gpu_flow, _, gpu_pool = settings.flows.gpu_deployment.partition("/")
    made = [_pool(NIGHT_POOL), _pool(gpu_pool)]
    made.append(_deployment(NIGHT_FLOW, NIGHT_POOL, "flows.nightly.night", settings, config))
    made.append(_deployment(gpu_flow, gpu_pool, "flows.nightly.embed_shard", settings, None))
    return Deployed(address(), made, settings.flows.cron, settings.flows.time_zone, [NIGHT_POOL, gpu_pool])


def _pool(name: str) -> str:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
    return f"pool {name}"


def _deployment(flow: str, pool: str, entrypoint: str, settings: Settings, config: Path | None) -> str:
    """Make one deployment; with a configuration it is the night's, and has its schedule.

    There is no concurrency limit: the lease keeps nights apart, and a limit's place would be held by a dead night.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    cron = CronSchedule(cron=settings.flows.cron, timezone=settings.flows.time_zone)
    with get_client(sync_client=True) as client:
        client.create_deployment(
            flow_id=client.create_flow_from_name(flow),
            name=pool,
            entrypoint=entrypoint,
            work_pool_name=pool,
            schedules=[] if config is None else [DeploymentScheduleCreate(schedule=cron, active=True)],
            parameters={} if config is None else {"config": str(config.resolve())},
            parameter_openapi_schema={"type": "object", "properties": {}},
            enforce_parameter_schema=False,
            job_variables={"env": PRIVATE},
            pull_steps=[],
            paused=False,
        )
    return f"deployment {flow}/{pool}"


def write_files(config: Path, out: Path) -> list[Path]:
    """Write prefect.yaml and systemd units for this configuration into a folder; nothing there is overwritten.

    A cron line that systemd cannot say daily has no timer: `scantwin serve` keeps it.

    Raises:
        WrongUsage: One of the files is there already.
    """
    settings = read_settings(config)
    program = Path(sys.executable).parent
    gpu_pool = settings.flows.gpu_deployment.partition("/")[2]
    values = {
        "/opt/scantwin/.venv/bin": str(program), "/srv/scantwin/config.toml": str(config.resolve()),
        "/srv/scantwin": str(config.resolve().parent), '"0 2 * * *"': f'"{settings.flows.cron}"',
        "timezone: UTC": f"timezone: {settings.flows.time_zone}", "name: gpu": f"name: {gpu_pool}",
        "{{ $SCANTWIN_CONFIG }}": str(config.resolve()), "/srv/store": str(place(config, settings.site.store)),
    }  # fmt: skip
    calendar = _calendar(settings.flows.cron, settings.flows.time_zone)
    values["OnCalendar=*-*-* 02:00:00"] = f"OnCalendar={calendar}"
    sources = [source for source in sorted(FILES.iterdir()) if calendar or source.suffix != ".timer"]
    targets = {source: out / source.name for source in sources}
    for target in targets.values():
        if target.exists():
            raise WrongUsage(f"{target} is there already and is not overwritten; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    for source, target in targets.items():
        text = source.read_text(encoding="utf-8")
        for old, new in values.items():
            text = text.replace(old, new)
        target.write_text(text, encoding="utf-8")
        shutil.copymode(source, target)
    return list(targets.values())


def _calendar(cron: str, time_zone: str) -> str:
    """A daily cron line as systemd's OnCalendar; "" for any other one."""
    minute, hour, *rest = cron.split()
    if rest == ["*", "*", "*"] and minute.isdigit() and hour.isdigit():
        return f"*-*-* {int(hour):02d}:{int(minute):02d}:00 {time_zone}"
    return ""
