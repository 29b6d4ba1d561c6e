"""How a night grows with the archive: the same 50 scans arrive at archives of 500, 5,000 and 50,000.

`python -m benchmarks.growth [--json] [--draw FILE.svg]`. The archive's scans are rows with made vectors and
small files on disk, matched before the clock starts; the 50 new ones are real DICOM files that are read,
decoded, embedded and matched. The peer of each stage is the growth of the archive itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.site import bench_site
from db.lease import end_night
from flows.site.opened import Site
from flows.work.lease import Ticket, night_ticket

SIZES = (500, 5_000, 50_000)
N_NEW = 50
KIND = "xr/chest/2d/frontal"
SCANS_PER_PATIENT = 5
STAGES = ("ingest", "encoder", "embed", "match", "report")
DAY = timedelta(days=1)
FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
ROWS_A_WRITE = 5000


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--draw", type=Path, help="write the drawing here")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(one_night(options.one)))
        return
    found = {size: _in_a_process(size) for size in options.sizes}
    if options.draw:
        draw(found, options.draw)
    print(json.dumps(as_figure(found)) if options.json else as_text(found))


def _in_a_process(size: int) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.growth", "--one", str(size)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def one_night(n_scans: int) -> dict[str, float]:
    """Seconds of each stage of a night that adds N_NEW scans to an archive of n scans."""
    from flows.night.conductor import conduct

    with tempfile.TemporaryDirectory() as folder:
        site = bench_site(Path(folder) / "home", Path(folder) / "archive")
        conduct(site)  # registers the starter encoders and warms up the process
        with night_ticket(site, version="bench") as ticket:
            make_archive(site, ticket, n_scans)
            _match_quietly(site, ticket)
            end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)
        write_new(site.archive)
        summary = conduct(site)
    if summary.embeddings["new"] != N_NEW:
        raise SystemExit(f"{summary.embeddings['new']} new vectors, {N_NEW} are wanted")
    return {name: summary.seconds[name] for name in STAGES}


def make_archive(site: Site, ticket: Ticket, n_scans: int) -> None:
    """Write rows and files of n scans that look as if nights had brought them."""
    from db import identity
    from db.embeddings import save_embeddings
    from db.encoders import active_encoders
    from db.files import save_files
    from db.scans import save_patients, save_scans, save_studies

    with site.db.read() as connection:
        encoder = next(row for row in active_encoders(connection) if row.cover == "2d")
    rng = np.random.default_rng(0)
    for start in range(0, n_scans, ROWS_A_WRITE):
        numbers = range(start, min(start + ROWS_A_WRITE, n_scans))
        vectors = rng.standard_normal((len(numbers), encoder.dim)).astype("<f4")
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        with site.db.write(ticket.right) as connection:
            identity.save_files(connection, [_file_of(site, number) for number in numbers])
        with site.db.write(ticket.right) as connection:
            save_patients(connection, [_patient(ticket, n) for n in numbers])
            save_studies(connection, [_study(ticket, n) for n in numbers])
            save_scans(connection, [_scan(ticket, n, encoder.recipe) for n in numbers])
            save_files(connection, [_core_file(site, ticket, n) for n in numbers])
            save_embeddings(connection, [
                {"scan": f"{n:024x}", "encoder": encoder.id, "dim": encoder.dim, "vector": vector.tobytes(),
                 "device": "cpu", "night": ticket.night} for n, vector in zip(numbers, vectors, strict=True)
            ])  # fmt: skip


def _match_quietly(site: Site, ticket: Ticket) -> None:
    from flows.stages.match.lists import match

    match(site, ticket)


def _path(number: int) -> str:
    return f"{number // 200:05d}/{number:07d}"


def _file_of(site: Site, number: int) -> dict[str, Any]:
    path = site.archive / _path(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"made")
    stat = path.stat()
    return {
        "key": site.keys.key("file", _path(number)), "path": _path(number), "size_bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns, "inode": stat.st_ino, "state": "read", "code": "", "why": "",
        "sop_uid": f"1.2.{number}", "series": f"series{number}", "study": f"study{number}",
        "series_uid": f"1.3.{number}",
        "file_sha256": "", "pixel_sha256": "", "header": "{}", "grouped": True,
    }  # fmt: skip


def _patient(ticket: Ticket, number: int) -> dict[str, Any]:
    return {"key": f"patient{number // SCANS_PER_PATIENT}", "split": 0.5, "sex": None, "own_lane": True,
            "first_night": ticket.night}  # fmt: skip


def _interval(number: int) -> tuple[datetime, datetime]:
    begin = FIRST_DAY + DAY * (number % 7000)
    return begin, begin + timedelta(seconds=1)


def _study(ticket: Ticket, number: int) -> dict[str, Any]:
    begin, end = _interval(number)
    return {"key": f"study{number}", "patient": f"patient{number // SCANS_PER_PATIENT}", "age_years": None,
            "local_date": begin.date(), "acquired_from": begin, "acquired_until": end,
            "first_night": ticket.night}  # fmt: skip


def _scan(ticket: Ticket, number: int, recipe: str) -> dict[str, Any]:
    begin, end = _interval(number)
    return {
        "key": f"{number:024x}", "study": f"study{number}", "patient": f"patient{number // SCANS_PER_PATIENT}",
        "series": f"series{number}", "cover": "2d", "kind": KIND, "kind_rule": "made", "state": "accepted",
        "code": "used", "is_main": True, "main_rule": "only one", "acquired_from": begin, "acquired_until": end,
        "acquired_local_date": date(begin.year, begin.month, begin.day), "date_precision": "second",
        "tensor": f"{number:024x}", "recipe": recipe, "first_night": ticket.night,
    }  # fmt: skip


def _core_file(site: Site, ticket: Ticket, number: int) -> dict[str, Any]:
    return {
        "key": site.keys.key("file", _path(number)), "outcome": "used", "code": "used", "why": "",
        "scan": f"{number:024x}", "size_bytes": 4, "first_night": ticket.night, "changed_night": ticket.night,
    }  # fmt: skip


def write_new(archive: Path) -> None:
    """Write the new scans: chest X-rays of phantoms, one study each."""
    from scans.phantoms.archive import write_archive

    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder), n_patients=4 * N_NEW, n_visits=1, seed=3, kinds=("dx",))
        keep_frontal(Path(folder) / "archive", archive / "new")


def keep_frontal(source: Path, target: Path) -> None:
    """Copy N_NEW frontal views."""
    import shutil

    from scans.header import read_header
    from scans.outcome import Refusal

    target.mkdir()
    seen: set[str] = set()
    for path in sorted(source.rglob("*")):
        if len(seen) == N_NEW or path.is_dir():
            continue
        try:
            header = read_header(path)
        except Refusal:
            continue
        if header.view in ("PA", "AP") and header.identity.sop_uid not in seen:
            seen.add(header.identity.sop_uid)
            shutil.copy2(path, target / f"{len(seen):03d}")


def growth(found: Mapping[int, Mapping[str, float]], stage: str) -> float:
    """How many times longer a stage takes in the largest archive than in the smallest."""
    small, large = min(found), max(found)
    return found[large][stage] / max(found[small][stage], 1e-9)


def as_figure(found: Mapping[int, Mapping[str, float]]) -> dict[str, Any]:
    """Return the public JSON: growth of each stage beside the growth of the archive."""
    archive = max(found) / min(found)
    return {
        "schema": 1, "figure": "growth", "unit": "s", "sizes": {str(size): dict(found[size]) for size in found},
        "ours": {stage: round(growth(found, stage), 3) for stage in STAGES}, "peers": {"archive": archive},
        "ratio": {stage: round(archive / growth(found, stage), 3) for stage in STAGES},
    }  # fmt: skip


def as_text(found: Mapping[int, Mapping[str, float]]) -> str:
    """Return a table for a terminal."""
    lines = [
        f"growth (s of a night that adds {N_NEW} scans)",
        f"  {'archive':<10}" + "".join(f"{s:>10}" for s in STAGES),
    ]
    lines += [f"  {size:<10,}" + "".join(f"{found[size][s]:>10.2f}" for s in STAGES) for size in found]
    times = "".join(f"{growth(found, s):>9.1f}x" for s in STAGES)
    return "\n".join([*lines, f"  {'grew by':<10}{times}   (the archive: {max(found) / min(found):.0f}x)"])


def draw(found: Mapping[int, Mapping[str, float]], path: Path) -> None:
    """Draw seconds over the archive's size, both logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "scantwin"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    sizes = sorted(found)
    for stage in STAGES:
        axes.plot(sizes, [max(found[size][stage], 1e-3) for size in sizes], marker="o", label=stage)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="scans in the archive",
        ylabel=f"seconds of a night of {N_NEW} new scans",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
