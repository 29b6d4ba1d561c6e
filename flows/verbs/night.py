"""Verbs that run the night, or one stage of it, or keep its clock."""

from pathlib import Path

from flows.night.run import dry_night, single_stage, whole_night
from flows.night.schedule import keep_clock
from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches
from flows.verbs.terminal_night import show_dry, show_night, watching
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def night(*, dry_run: bool = False, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Run one whole night: preflight, ingest, encoder, embed, match, report."""
    if dry_run:
        found = dry_night(config)
        print_json(found) if as_json else show_dry(found, quiet=quiet)
        return 0
    with watching(config, quiet=quiet or as_json):
        summary = whole_night(config)
    print(summary.as_json()) if as_json else show_night(config, summary, quiet=quiet)
    return summary.exit


def ingest(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take in new files only."""
    return _one_stage("ingest", config, as_json, quiet)


def train(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Train an encoder for each kind of scan that has pairs enough, whatever train_when says."""
    return _one_stage("train", config, as_json, quiet)


def embed(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Embed what has no vector yet."""
    return _one_stage("embed", config, as_json, quiet)


def match(*, verify: bool = False, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Bring the lists up to date; --verify recomputes every list from the vectors and compares."""
    if not verify:
        return _one_stage("match", config, as_json, quiet)

    report = verify_matches(open_site(config))
    if as_json:
        print_json(report)
    elif not quiet:
        print(f"{report.lists} lists recomputed from the vectors, {report.wrong} differ")
        for line in report.differences:
            print(f"  {line}")
        if report.waiting:
            print(f"{report.waiting} scans wait to be matched; run `scantwin match`, then ask again")
    return 1 if report.wrong else 0


def _one_stage(name: str, config: Path, as_json: bool, quiet: bool) -> int:

    with watching(config, quiet=quiet or as_json):
        summary = single_stage(config, name)
    print(summary.as_json()) if as_json else show_night(config, summary, quiet=quiet)
    return summary.exit


def serve(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Keep the clock: run a night at each tick of the configuration's cron, until stopped."""
    return keep_clock(config, quiet=quiet)
