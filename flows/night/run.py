"""Doors to the night: a whole one through Prefect, a single stage, or a dry look."""

from pathlib import Path

from db.backlog import work_left
from db.errors import DatabaseMissing
from db.nights import night_row
from flows.answers.nights import DryNight
from flows.night.preflight import preflight, refuse_wrong_places, server_answers
from flows.night.summary import Summary
from flows.site.environment import is_alone, keep_prefect_quiet, prepare_environment
from flows.site.opened import Site, database_url, open_site, place
from flows.site.settings import read_settings
from flows.work import interrupt
from siamese.recipe import COVERS


def ready_site(config: Path) -> tuple[Site, float]:
    """Open the site, making a database that is not there yet, and check that a night may begin.

    Returns:
        The site, and how many seconds the check took: what `conduct` wants to know where a night follows at once.

    Raises:
        flows.site.errors.PreflightRefused: It may not.
    """
    keep_prefect_quiet()
    settings = read_settings(config)
    refuse_wrong_places(config, settings)
    try:
        site = open_site(config)
    except DatabaseMissing:
        from db.migrate import upgrade

        upgrade(database_url(config, settings))
        site = open_site(config)
    return site, preflight(site)


def whole_night(config: Path) -> Summary:
    """Run one night through Prefect; returns the public summary."""
    site, checked_s = ready_site(config)
    prepare_environment(site.store)
    if not is_alone():
        server_answers()
    from flows.night.prefect_flows import run_night
    from flows.night.prefect_server import reap_left_server, remember_server

    interrupt.listen()
    reap_left_server(site.store)
    with remember_server(site.store):
        number = run_night(site.config, checked_s)
    with site.db.read() as connection:
        row = night_row(connection, number)
    return Summary.from_json(row.summary)


def single_stage(config: Path, name: str) -> Summary:
    """Run one stage alone, as a night of its own, without Prefect."""
    from flows.night.conductor import conduct

    site, checked_s = ready_site(config)
    return conduct(site, only=(name,), checked_s=checked_s)


def dry_night(config: Path) -> DryNight:
    """Say what a night would do, writing nothing."""
    from flows.stages.encoder.plan import plan
    from flows.stages.ingest.listing import look

    settings = read_settings(config)
    refuse_wrong_places(config, settings)
    site = open_site(config)
    preflight(site)
    with look(site) as found, site.db.read() as connection:
        backlog = work_left(connection)
    plans = {cover: plan(site, cover) for cover in COVERS}
    return DryNight(
        archive=str(place(config, settings.site.archive)),
        **{name: found.counts[name] for name in ("new", "changed", "gone", "arriving")},
        backlog=backlog,
        train={cover: p.purpose or f"no: {p.reason}" for cover, p in plans.items()},
    )
