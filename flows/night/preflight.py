"""Preflight: what must hold before a night begins; each refusal says what to do."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from db import forgetting
from db.migrate import differences
from flows.night import cluster
from flows.site.belonging import OtherSite, require_ours
from flows.site.environment import tells_server
from flows.site.errors import ClusterTrouble, PreflightRefused
from flows.site.opened import Site, next_secret, secret_path
from flows.site.places import wrong_place
from flows.site.settings import Settings
from siamese.choices import missing_weights

LEAST_FREE_MIB = 200


def preflight(site: Site) -> float:
    """Check archive, store, disk, database, secret and pools; returns the seconds that it took.

    Raises:
        PreflightRefused: One of them does not hold.
    """
    begun = time.monotonic()
    for check in CHECKS:
        check(site)
    return time.monotonic() - begun


def refuse_wrong_places(config: Path, settings: Settings) -> None:
    """Check the paths of a configuration, before anything is opened.

    Raises:
        PreflightRefused: One of them cannot be used.
    """
    if wrong := wrong_place(config, settings):
        raise PreflightRefused(wrong)


def places_can_be_used(site: Site) -> None:
    """Archive, store and database lie where a night can use them."""
    refuse_wrong_places(site.config, site.settings)


def store_is_apart(site: Site) -> None:
    """Our own files do not lie in the archive."""
    store, archive = site.store.resolve(), site.archive.resolve()
    if store == archive or archive in store.parents:
        raise PreflightRefused(f"the store {store} lies inside the archive; point [site] store to another folder")


def disk_has_room(site: Site) -> None:
    """There is room for a night's tensors and pictures."""
    free_mib = shutil.disk_usage(site.store).free // 2**20
    if free_mib < LEAST_FREE_MIB:
        raise PreflightRefused(
            f"{free_mib} MiB are free for the store {site.store}, at least {LEAST_FREE_MIB} are wanted; free some space"
        )


def secret_is_whole(site: Site) -> None:
    """No new secret is half-way in."""
    if next_secret(site).exists():
        raise PreflightRefused(
            f"{next_secret(site).name} lies beside the secret: keys are half renewed; run `scantwin db rotate-secret` "
            "once more to finish, or with --undo to go back"
        )


def database_is_this_sites(site: Site) -> None:
    """The database belongs to this site, by its secret and its store."""
    try:
        require_ours(site.db, site.keys, store=site.store, secret=secret_path(site), config=site.config, but=())
    except OtherSite as error:
        raise PreflightRefused(str(error)) from error


def database_agrees(site: Site) -> None:
    """Tables and views are those of this version, as `scantwin db check` finds."""
    found = differences(site.db)
    if found:
        raise PreflightRefused(
            f"the database differs from this version's models: {'; '.join(found[:5])}; run `scantwin db upgrade`, or "
            "`scantwin db restore` if somebody has changed it by hand"
        )


def nobody_is_half_forgotten(site: Site) -> None:
    """No forgetting was cut off: a night could take in again what is half gone."""
    with site.db.read() as connection:
        n_left = len(forgetting.pending_patients(connection))
    if n_left:
        raise PreflightRefused(f"{n_left} patients are half forgotten; run `scantwin forget` once more to finish")


def pools_have_a_server(site: Site) -> None:
    """Work pools need PostgreSQL, a Prefect server that answers, and the deployment of their shards."""
    if not site.settings.flows.pools:
        return
    if site.db.is_sqlite:
        raise PreflightRefused(
            "[flows] pools = true with SQLite: workers on other machines cannot share a file; "
            "set [db] url to PostgreSQL, or pools = false"
        )
    if not os.environ.get("PREFECT_API_URL"):
        raise PreflightRefused("[flows] pools = true needs a Prefect server; set PREFECT_API_URL to its address")
    server_answers()
    try:
        cluster.gpu_deployment_is_there(site)
    except ClusterTrouble as error:
        raise PreflightRefused(str(error)) from None


def server_answers() -> None:
    """The Prefect server in PREFECT_API_URL answers: a night through Prefect cannot begin without it.

    Raises:
        PreflightRefused: It does not.
    """
    try:
        cluster.ask_server()
    except ClusterTrouble as error:
        raise PreflightRefused(str(error)) from None


def logs_stay_here(site: Site) -> None:
    """Log lines stay on this machine: those of a shared server are read by others, and outlive `scantwin forget`."""
    if os.environ.get("PREFECT_API_URL") and tells_server():
        raise PreflightRefused(
            "this process would send its log to the Prefect server; set PREFECT_LOGGING_TO_API_ENABLED=false where "
            "the night or its worker starts (`scantwin deploy` sets it for both)"
        )


def device_is_there(site: Site) -> None:
    """The device that was asked for exists here, unless a pool does the work."""
    wanted = site.settings.siamese.device
    if wanted == "cuda" and not site.settings.flows.pools:
        import torch

        if not torch.cuda.is_available():
            raise PreflightRefused(
                '[siamese] device = "cuda", but this machine has no CUDA device; set "auto" or "cpu"'
            )


def weights_are_installed(site: Site) -> None:
    """The weights that the settings' backbone brings are installed; nothing is fetched at run time."""
    backbone = site.settings.siamese.backbone
    if why := missing_weights(backbone):
        raise PreflightRefused(f'[siamese] backbone = "{backbone}": {why}')


def arithmetic_is_there(site: Site) -> None:
    """Engine and precision of the settings can be had here, unless a pool does the work."""
    s = site.settings.siamese
    if site.settings.flows.pools or (s.engine, s.precision) == ("torch", "float32"):
        return
    import torch

    from siamese.arithmetic import arithmetic_refusal

    is_on_gpu = s.device != "cpu" and s.engine == "torch" and torch.cuda.is_available()
    device = "cuda" if is_on_gpu or s.device == "cuda" else "cpu"
    if why := arithmetic_refusal(s.engine, s.precision, device):
        raise PreflightRefused(f'[siamese] engine = "{s.engine}", precision = "{s.precision}": {why}')


CHECKS: tuple[Callable[[Site], None], ...] = (
    places_can_be_used,
    store_is_apart,
    disk_has_room,
    secret_is_whole,
    database_is_this_sites,
    database_agrees,
    nobody_is_half_forgotten,
    pools_have_a_server,
    logs_stay_here,
    device_is_there,
    weights_are_installed,
    arithmetic_is_there,
)
