"""Where the time of an ingest goes: 200 phantom CT series of about 64 x 256 x 256 voxels, guard on.

`python -m benchmarks.ingest [--json] [--series 200]`. The shares are those of one whole ingest into an empty SQLite
site with pictures: listing, reading headers (digests included), grouping, decoding, resampling to the encoder's
input, pictures, and the rest, which is SQL and files mostly. The peer is what cannot be saved: decode and resample.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.figure import Figure, report
from benchmarks.phantoms import LARGE, VOLUMES_A_STUDY
from benchmarks.site import bench_site
from flows.records.series import Series
from flows.stages.ingest import headers as ingesting
from flows.stages.ingest import scans
from flows.work.lease import night_ticket
from scans.phantoms.archive import write_archive
from scans.sandbox.pool import Guard

STEPS: dict[str, tuple[Any, str]] = {
    "listing": (ingesting, "list_archive"),
    "headers": (Guard, "headers"),
    "grouping": (Series, "grouping"),
    "decode": (scans, "read_volume"),
    "resample": (scans, "to_tensor"),
    "pictures": (scans, "_write_pictures"),
}
NEEDED = ("decode", "resample")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.ingest", description=__doc__)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2, help="processes that write the phantoms")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds, n_files, n_scans = measure(options.series, options.workers)
    whole = sum(seconds.values())
    shares = ", ".join(f"{step} {spent / whole:.0%}" for step, spent in seconds.items())
    needed = {"decode and resample": [sum(seconds[step] for step in NEEDED)]}
    note = f"{n_scans} series, {n_files:,} files, guard on: {shares}; the aim is a ratio above 0.5"
    report([Figure("ingest", [whole], needed, note=note)], as_json=options.json)


def measure(n_series: int, n_workers: int) -> tuple[dict[str, float], int, int]:
    """Return the seconds of each step, how many files were read and how many scans they made."""
    with tempfile.TemporaryDirectory() as folder:
        n_patients = max(1, n_series // VOLUMES_A_STUDY)
        write_archive(
            Path(folder), n_patients=n_patients, n_visits=1, seed=0, preset=LARGE, kinds=("ct",), n_workers=n_workers
        )
        site = bench_site(Path(folder) / "home", Path(folder) / "archive")
        with night_ticket(site, version="bench") as ticket, timed() as seconds:
            begun = time.perf_counter()
            counts = ingesting.ingest(site, ticket)
            whole = time.perf_counter() - begun
    seconds["rest"] = whole - sum(seconds.values())
    return seconds, counts["read_headers"], counts["new_scans"]


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Add up the seconds spent in each step."""
    seconds = dict.fromkeys(STEPS, 0.0)

    def clocked(step: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*words: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return work(*words, **named)
            finally:
                seconds[step] += time.perf_counter() - begun

        return run

    with ExitStack() as patches:
        for step, (where, name) in STEPS.items():
            patches.enter_context(patch.object(where, name, clocked(step, getattr(where, name))))
        yield seconds


if __name__ == "__main__":
    main()
