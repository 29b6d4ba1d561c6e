"""`scantwin doctor`: what is well, what is not, and what to do about it."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from db.address import without_password
from db.engine import current_revision
from db.errors import DatabaseError
from flows.answers.status import Finding
from flows.night import cluster
from flows.night.preflight import CHECKS
from flows.site.errors import ClusterTrouble, PreflightRefused
from flows.site.opened import Site, database_url, open_site
from flows.site.places import wrong_place
from flows.site.settings import ConfigError, read_settings
from flows.stages.embed.quota import stored_inputs

CLOCK_SECONDS = 5.0


def examine(config: Path) -> list[Finding]:
    """Run every check that can be run; a failed one never hides the others."""
    findings: list[Finding] = []
    try:
        settings = read_settings(config)
        findings.append(Finding("configuration", True, f"{config} is well, digest {settings.digest()}"))
    except ConfigError as error:
        return [Finding("configuration", False, str(error))]
    try:
        if wrong := wrong_place(config, settings):
            findings.append(Finding("places", False, wrong))
        site = open_site(config)
        findings.append(Finding("database", True, _database(site)))
    except (ConfigError, DatabaseError, OSError) as error:
        findings.append(Finding("database", False, str(error)))
    else:
        findings += _of_site(site)
    findings += [_told("decoders", decoders), _told("device", device), _told("prefect server", prefect)]
    url = database_url(config, settings)
    findings.append(_told("network disk", lambda: network_disk(url)))
    return findings


def _of_site(site: Site) -> Iterator[Finding]:
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(site)
            yield Finding(name, True, (check.__doc__ or "").strip())
        except (PreflightRefused, OSError) as error:
            yield Finding(name, False, str(error))
    yield _told("revision", lambda: revision(site))
    yield _told("disk", lambda: f"{shutil.disk_usage(site.store).free // 2**30} GiB free for the store")
    yield _told("encoder inputs", lambda: encoder_inputs(site))
    yield _told("clock", lambda: clock(site))
    if site.settings.flows.pools and os.environ.get("PREFECT_API_URL"):
        yield _told("schedule", lambda: cluster.night_deployment_follows(site))
        yield _told("pool of the night", lambda: cluster.workers_are_online(cluster.NIGHT_POOL))
        yield _told("pool of the shards", lambda: shard_pool(site))


def _told(check: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, ask())
    except ClusterTrouble as error:
        return Finding(check, False, str(error))
    except Exception as error:  # a check that breaks is a finding, whatever broke it
        return Finding(check, False, f"{type(error).__name__}: {error}")


def _database(site: Site) -> str:
    """Which database this is, and of which revision; never its password."""
    where = f"{without_password(site.db.url)}, revision {current_revision(site.db)}"
    return f"{where}; core and identity files open" if site.db.is_sqlite else f"{where}; PostgreSQL answers"


def revision(site: Site) -> str:
    """Models and database agree.

    Raises:
        ValueError: They do not.
    """
    from flows.operator.new_site import check_database

    differences = check_database(site.config)
    if differences:
        raise ValueError("; ".join(differences) + "; run `scantwin db upgrade`")
    return "models and database agree"


def encoder_inputs(site: Site) -> str:
    """How much the encoder inputs take of what they may."""
    sizes = [size for scans in stored_inputs(site.store).values() for size in scans.values()]
    told = f"{len(sizes)} take {sum(sizes) / 2**30:.2f} GiB, inputs_gib = {site.settings.site.inputs_gib:g}"
    over = sum(sizes) > site.settings.site.inputs_gib * 2**30
    return told + ("; what is above it is still needed, or goes with the next night" if over else "")


def clock(site: Site) -> str:
    """This machine's clock against the database's.

    Raises:
        ValueError: They differ by more than a few seconds.
    """
    with site.db.read() as connection:
        apart_s = abs((site.db.now(connection) - datetime.now(UTC)).total_seconds())
    if apart_s > CLOCK_SECONDS:
        raise ValueError(f"this machine and the database differ by {apart_s:.0f} s; synchronise both (NTP)")
    return f"{time.strftime('%Z')}, within {CLOCK_SECONDS:g} s of the database"


def decoders() -> str:
    """Decode a small sample of each transfer syntax that we read.

    Raises:
        ValueError: One cannot be decoded; the text lists which.
    """
    from scans.samples import decode_samples

    results = decode_samples()
    broken = [name for name, ok in results.items() if not ok]
    if broken:
        raise ValueError(f"cannot decode {', '.join(broken)}; reinstall pyjpegls, pylibjpeg-openjpeg, imagecodecs")
    return "decodes " + ", ".join(results)


def device() -> str:
    """CPU threads and GPU as torch sees them."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} CPU cores, {gpu}"


def prefect() -> str:
    """Prefect's version and where its server is: whether it answers, tells others, or asks for a password.

    Raises:
        ClusterTrouble: It does not answer, or is not safe.
        ValueError: It is of another version.
    """
    from importlib.metadata import version

    ours = version("prefect")
    if not os.environ.get("PREFECT_API_URL"):
        return f"Prefect {ours}, a temporary server within each night"
    server = cluster.ask_server()
    cluster.server_is_safe(server)
    if server.version.split(".")[:2] != ours.split(".")[:2]:
        raise ValueError(f"the server at {server.address} is Prefect {server.version}, here it is {ours}; use one")
    word = {True: "asks for a password", False: "asks for no password", None: "does not tell of a password"}
    return f"Prefect {server.version} answers at {server.address}, {word[server.has_password]}, analytics off"


def shard_pool(site: Site) -> str:
    """The pool that embeds has its deployment and a worker.

    Raises:
        ClusterTrouble: It has not.
    """
    return cluster.workers_are_online(cluster.gpu_deployment_is_there(site))


def network_disk(url: str) -> str:
    """SQLite's files lie on a local disk.

    Raises:
        ValueError: They lie on a network share, where its write-ahead log does not work.
    """
    if not url.startswith("sqlite"):
        return "not needed: PostgreSQL"
    path = Path(url.removeprefix("sqlite:///")).resolve()
    kind = filesystem_of(path)
    if kind in ("nfs", "nfs4", "cifs", "smb3", "lustre", "ceph", "fuse.sshfs", "9p"):
        raise ValueError(f"the database lies on {kind}, where SQLite can lose data; move [db] url to a local disk")
    return f"local ({kind or 'unknown'})"


def filesystem_of(path: Path) -> str:
    """Name of the file system that holds a path; "" when it cannot be told."""
    with contextlib.suppress(OSError):
        holding = [disk for disk in psutil.disk_partitions(all=True) if path.is_relative_to(disk.mountpoint)]
        if holding:  # of two mounts on one folder the later one counts
            return str(max(reversed(holding), key=lambda disk: len(disk.mountpoint)).fstype)
    return ""
