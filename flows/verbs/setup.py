"""Verbs that set a site up: its configuration, what it needs, its deployments."""

from pathlib import Path

from flows.answers.care import Deployed, WrittenFiles
from flows.answers.status import Checkup
from flows.operator.deploy import deploy as make
from flows.operator.deploy import write_files
from flows.operator.doctor import examine
from flows.operator.new_site import new_site
from flows.verbs.terminal_operator import show_findings
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def init(archive: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write config.toml and the site's secret for a folder of DICOM; never overwrites."""
    new_site(archive, config)
    if not quiet:
        print(f"wrote {config} and {config.parent / 'site.secret'} (back that one up)\nnext: scantwin night")
    return 0


def doctor(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check configuration, database, decoders, device, disk, clock and Prefect; say what to do."""
    findings = examine(config)
    if as_json:
        print_json(Checkup(findings))
    elif not quiet:
        show_findings(findings)
    return 0 if all(finding.ok for finding in findings) else 1


def deploy(*, out: Path | None = None, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Several machines: make Prefect's pools, deployments and schedule from config.toml; see docs/machines.md.

    Args:
        out: Write prefect.yaml and systemd units for this configuration into a folder instead.
        config: The site's configuration.
        as_json: Print one JSON object.
        quiet: Print nothing.
    """
    found = make(config) if out is None else WrittenFiles(list(map(str, write_files(config, out))))
    if as_json:
        print_json(found)
    elif not quiet:
        print("\n".join(found.made))
        if isinstance(found, Deployed):
            print(f"nights at {found.cron!r} {found.time_zone}, on the server at {found.server}")
            print("next: " + ", ".join(f"prefect worker start --pool {pool} --limit 1" for pool in found.pools))
    return 0
