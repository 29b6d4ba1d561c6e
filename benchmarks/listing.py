"""The listing step of a night with nothing new, beside os.walk with stat over the same files.

`python -m benchmarks.listing [--json] [--files 20000]`. The listing compares every file with SQL; the first,
untimed one takes them all in.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure, in_turns, report
from benchmarks.site import bench_site
from flows.site.opened import Site
from flows.stages.ingest.headers import finish_files, list_archive
from flows.work.lease import Ticket, night_ticket

FILES_PER_FOLDER = 200


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.listing", description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report([measure(options.files, options.rounds)], as_json=options.json)


def measure(n_files: int, n_rounds: int) -> Figure:
    """Return the figure for n files."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        write_files(archive, n_files)
        site = bench_site(Path(folder) / "home", archive)
        with night_ticket(site, version="bench") as ticket:
            list_archive(site, ticket)
            finish_files(site, ticket)
            times = in_turns(
                {"ours": lambda: listing_seconds(site, ticket), "walk": lambda: walk_seconds(archive)},
                n_rounds=n_rounds,
            )
    note = f"{n_files:,} known files, nothing new; the aim is a ratio of at least 0.33 (at most 3 times)"
    return Figure("listing", times["ours"], {"os.walk + stat": times["walk"]}, note=note)


def write_files(archive: Path, n_files: int) -> None:
    """Write small files into folders."""
    for number in range(n_files):
        folder = archive / f"{number // FILES_PER_FOLDER:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06d}").write_bytes(b"nothing")


def listing_seconds(site: Site, ticket: Ticket) -> float:
    """Time one listing; it must find nothing."""
    begun = time.perf_counter()
    counts = list_archive(site, ticket)
    seconds = time.perf_counter() - begun
    if counts["new_files"] or counts["changed_files"] or counts["gone_files"]:
        raise SystemExit(f"the listing found changes where there are none: {dict(counts)}")
    return seconds


def walk_seconds(archive: Path) -> float:
    """Time os.walk with a stat of every file."""
    begun = time.perf_counter()
    for folder, _, names in os.walk(archive):
        for name in names:
            os.stat(os.path.join(folder, name))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
