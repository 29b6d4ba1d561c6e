"""Verbs that set a site up: its configuration, what it needs, a hospital to try it on."""

from pathlib import Path
from typing import Literal

from flows.answers.answer import filled
from flows.answers.care import Deployed, PhantomHospital, WrittenFiles
from flows.answers.status import Checkup
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json, wrong

FEWEST_A_WORKER = 8  # patients; for fewer a second process costs more than it saves


def init(archive: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write config.toml and the site's secret for a folder of DICOM; never overwrites."""
    from flows.operator.new_site import new_site

    new_site(archive, config)
    if not quiet:
        print(f"wrote {config} and {config.parent / 'site.secret'} (back that one up)\nnext: scantwin night")
    return 0


def doctor(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check configuration, database, decoders, device, disk, clock and Prefect; say what to do."""
    from flows.operator.doctor import examine
    from flows.verbs.terminal_operator import show_findings

    findings = examine(config)
    if as_json:
        print_json(Checkup(findings))
    elif not quiet:
        show_findings(findings)
    return 0 if all(finding.ok for finding in findings) else 1


def phantoms(
    *,
    out: Path,
    patients: int = 40,
    visits: int = 3,
    seed: int = 0,
    preset: Literal["easy", "hard"] = "easy",
    workers: int | None = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write a synthetic hospital archive as DICOM, with truth.csv, labels.csv and lesion masks.

    Args:
        out: A new folder.
        patients: People in the hospital.
        visits: Planned for each; some later ones are missed.
        seed: The same seed gives the same bytes.
        preset: easy shows large, bright findings; hard small, faint ones that only their own voxels tell apart.
        workers: Processes that write; the bytes do not depend on it. Not given: one a core, for few patients one.
        as_json: Print one JSON object.
        quiet: Print nothing.
    """
    import os

    from flows.verbs.terminal import progress_bar
    from scans.phantoms.archive import write_archive

    if patients < 1 or visits < 1:
        raise wrong(f"--patients {patients} --visits {visits}: at least 1 of each is wanted")
    if workers is not None and workers < 1:
        raise wrong(f"--workers {workers}: at least 1 is wanted")
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise wrong(f"--out {out}: there is something already, and it is not overwritten; name a new folder")
    with progress_bar("writing phantoms", quiet=quiet or as_json) as step:
        summary = write_archive(
            out,
            n_patients=patients,
            n_visits=visits,
            seed=seed,
            preset=preset,
            n_workers=workers or max(1, min(os.cpu_count() or 1, patients // FEWEST_A_WORKER)),
            progress=step,
        )
    if as_json:
        print_json(filled(PhantomHospital, summary))
    elif not quiet:
        print(f"wrote {summary.n_files} files, {summary.n_series} series of {patients} patients to {out}")
        print(f"next: scantwin init {out / 'archive'}")
    return 0


def deploy(*, out: Path | None = None, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Several machines: make Prefect's pools, deployments and schedule from config.toml; see docs/machines.md.

    Args:
        out: Write prefect.yaml and systemd units for this configuration into a folder instead.
        config: The site's configuration.
        as_json: Print one JSON object.
        quiet: Print nothing.
    """
    from flows.operator.deploy import deploy as make
    from flows.operator.deploy import write_files

    found = make(config) if out is None else WrittenFiles(list(map(str, write_files(config, out))))
    if as_json:
        print_json(found)
    elif not quiet:
        print("\n".join(found.made))
        if isinstance(found, Deployed):
            print(f"nights at {found.cron!r} {found.time_zone}, on the server at {found.server}")
            print("next: " + ", ".join(f"prefect worker start --pool {pool} --limit 1" for pool in found.pools))
    return 0


def serve(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Keep the clock: run a night at each tick of the configuration's cron, until stopped."""
    from flows.night.schedule import keep_clock

    return keep_clock(config, quiet=quiet)
