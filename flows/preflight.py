"""Preflight: what must hold before a night begins; each refusal says what to do."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from db import forgetting, queries
from flows.places import wrong_place
from flows.settings import Settings
from flows.site import Site, next_secret

LEAST_FREE_MIB = 200


class PreflightRefused(Exception):
    """The night must not begin; the text names what was found, what was wanted and the next step."""


def preflight(site: Site) -> None:
    """Check archive, store, disk, database, secret and pools.

    Raises:
        PreflightRefused: One of them does not hold.
    """
    for check in CHECKS:
        check(site)


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


def secret_is_the_same(site: Site) -> None:
    """The secret is the one that the tables were made with, and no new one is half-way in."""
    if next_secret(site).exists():
        raise PreflightRefused(
            f"{next_secret(site).name} lies beside the secret: keys are half renewed; run `scantwin db rotate-secret` "
            "once more to finish"
        )
    with site.db.read() as connection:
        found = queries.last_key_id(connection)
    if found and found != site.keys.key_id:
        raise PreflightRefused(
            f"the secret {site.settings.site.secret_file} ({site.keys.key_id}) is not the one that made "
            f"this database's keys ({found}); restore the right secret from your backup"
        )


def nobody_is_half_forgotten(site: Site) -> None:
    """No forgetting was cut off: a night could take in again what is half gone."""
    with site.db.read() as connection:
        n_left = len(forgetting.pending_patients(connection))
    if n_left:
        raise PreflightRefused(f"{n_left} patients are half forgotten; run `scantwin forget` once more to finish")


def pools_have_a_server(site: Site) -> None:
    """Work pools need PostgreSQL and a Prefect server."""
    if not site.settings.flows.pools:
        return
    if site.db.is_sqlite:
        raise PreflightRefused(
            "[flows] pools = true with SQLite: workers on other machines cannot share a file; "
            "set [db] url to PostgreSQL, or pools = false"
        )
    if not os.environ.get("PREFECT_API_URL"):
        raise PreflightRefused("[flows] pools = true needs a Prefect server; set PREFECT_API_URL to its address")


def device_is_there(site: Site) -> None:
    """The device that was asked for exists here, unless a pool does the work."""
    wanted = site.settings.siamese.device
    if wanted == "cuda" and not site.settings.flows.pools:
        import torch

        if not torch.cuda.is_available():
            raise PreflightRefused(
                '[siamese] device = "cuda", but this machine has no CUDA device; set "auto" or "cpu"'
            )


CHECKS: tuple[Callable[[Site], None], ...] = (
    places_can_be_used,
    store_is_apart,
    disk_has_room,
    secret_is_the_same,
    nobody_is_half_forgotten,
    pools_have_a_server,
    device_is_there,
)
