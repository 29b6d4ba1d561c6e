"""A night of 200 phantom series beside the very same work in a plain loop without Prefect, SQL and accounting.

`python -m benchmarks.night [--json] [--series 200]`. Both run in processes of their own, in turns, each time
over a fresh site. The plain loop lists, reads headers, groups, decodes, prepares, draws, embeds and searches
with the same functions. What starting Python and Prefect's temporary server costs is shown apart: it is the
same for two hundred scans and for two hundred thousand.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure, in_turns, report
from benchmarks.site import bench_site

SERIES_PER_STUDY = 6  # of a patient with CT, MR and DX; a few have fewer


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.night", description=__doc__)
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("night", "loop"), help=argparse.SUPPRESS)
    parser.add_argument("--archive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part = whole_night if options.part == "night" else plain_loop
        print(json.dumps(part(options.archive, options.home)))
        return
    report(measure(options.series, options.rounds), as_json=options.json)


def measure(n_series: int, n_rounds: int) -> list[Figure]:
    """Return the figure of the work, and the one of starting."""
    with tempfile.TemporaryDirectory() as folder:
        archive = write_archive(Path(folder), n_series)
        starts: list[float] = []

        def night() -> float:
            found = run_part("night", archive, Path(folder) / "home")
            starts.append(found["wall"] - found["work"])
            return float(found["work"])

        times = in_turns(
            {"night": night, "loop": lambda: float(run_part("loop", archive, Path(folder) / "home")["work"])},
            n_rounds=n_rounds,
        )
    note = f"{n_series} phantom series; the aim is a ratio of at least {1 / 1.15:.2f} (at most 15 % more)"
    return [
        Figure("night", times["night"], {"plain loop": times["loop"]}, note=note),
        Figure("night-start", starts[1:], {}, note="starting Python and Prefect's server, beside the work above"),
    ]


def write_archive(folder: Path, n_series: int) -> Path:
    """Write phantoms and keep the files of the first n series."""
    from scans.phantoms.archive import write_archive as write

    n_patients = max(2, -(-n_series // (2 * SERIES_PER_STUDY)) * 2)
    write(folder / "hospital", n_patients=n_patients, n_visits=2, seed=11)
    return keep_series(folder / "hospital" / "archive", n_series)


def keep_series(archive: Path, n_series: int) -> Path:
    """Delete the files of all series but the first n, by UID."""
    from scans.header import read_header
    from scans.outcome import Refusal

    by_series: dict[str, list[Path]] = {}
    for path in archive.rglob("*"):
        if path.is_file():
            try:
                by_series.setdefault(read_header(path).identity.series_uid, []).append(path)
            except Refusal:
                path.unlink()
    if len(by_series) < n_series:
        raise SystemExit(f"the phantoms have {len(by_series)} series, {n_series} are wanted")
    for uid in sorted(by_series)[n_series:]:
        for path in by_series[uid]:
            path.unlink()
    return archive


def run_part(part: str, archive: Path, home: Path) -> dict[str, Any]:
    """Run one contestant in a process of its own over a fresh home; adds its wall time."""
    shutil.rmtree(home, ignore_errors=True)
    words = [
        sys.executable,
        "-m",
        "benchmarks.night",
        "--part",
        part,
        "--archive",
        str(archive),
        "--home",
        str(home),
    ]
    begun = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"wall": time.perf_counter() - begun}


def whole_night(archive: Path, home: Path) -> dict[str, float]:
    """One night through Prefect; its work is what its stages took."""
    from flows.night.run import whole_night as run_night

    summary = run_night(bench_site(home, archive).config)
    return {"work": sum(summary.seconds.values()) - summary.seconds["report"]}


def plain_loop(archive: Path, home: Path) -> dict[str, float]:
    """The same functions, one after the other, keeping everything in memory."""
    begun = time.perf_counter()
    from benchmarks.loop import plain_night

    plain_night(archive, home)
    return {"work": time.perf_counter() - begun}


if __name__ == "__main__":
    main()
