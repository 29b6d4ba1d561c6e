"""100 CT volumes of 64 x 256 x 256 voxels as an archive, beside a plain loop that writes the same pixels.

`python -m benchmarks.phantoms [--json] [--volumes 100] [--workers 2]`. Ours paints people and lesions, scans them,
encodes in four transfer syntaxes and writes truth and masks. The peer takes ready pixels and saves each slice
with pydicom, uncompressed, in one process; what it has to read is not timed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.figure import Figure, report
from scans.phantoms.archive import write_archive
from scans.phantoms.preset import HARD

# Scanners multiply slices and matrix by factors of their own, 64 x 256 x 256 being the first one's.
LARGE = replace(HARD, name="large", ct_slices=64, ct_matrix=256, ct_step_mm=3.3)
VOLUME = 64 * 256 * 256
VOLUMES_A_STUDY = 2  # a soft and a sharp reconstruction


@dataclass(frozen=True)
class Turn:
    """What one round measured, in seconds per 100 volumes of 64 x 256 x 256 voxels."""

    ours: float
    ours_cpu: float  # of all processes: what other programs on the machine do not change
    plain: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.phantoms", description=__doc__)
    parser.add_argument("--volumes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    turns = [measure(options.volumes, options.workers) for _ in range(options.rounds)]
    note = (
        f"{options.volumes} volumes on {options.workers} processes, scaled to 100 of 64 x 256 x 256 by voxels; "
        f"the aim is 60 s on 2 cores; ours took {min(turn.ours_cpu for turn in turns):.0f} s of processor time"
    )
    plain = {"pydicom + numpy loop": [turn.plain for turn in turns]}
    report([Figure("phantoms", [turn.ours for turn in turns], plain, note=note)], as_json=options.json)


def measure(n_volumes: int, n_workers: int) -> Turn:
    """Write the archive once with each."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        begun, cpu = time.perf_counter(), cpu_seconds()
        write_archive(
            ours,
            n_patients=max(1, n_volumes // VOLUMES_A_STUDY),
            n_visits=1,
            seed=0,
            preset=LARGE,
            kinds=("ct",),
            n_workers=n_workers,
        )
        seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
        theirs.mkdir()
        n_voxels, plain = 0, 0.0
        for number, path in enumerate(sorted((ours / "archive").glob("??/*"))):
            dataset = dcmread(path)
            if "ImagePositionPatient" in dataset and "LOCALIZER" not in dataset.ImageType:
                pixels = dataset.pixel_array
                n_voxels += pixels.size
                plain += plain_seconds(dataset, pixels, theirs / f"{number}.dcm")
        scale = 100 * VOLUME / n_voxels
        return Turn(seconds * scale, cpu * scale, plain * scale)


def cpu_seconds() -> float:
    """Return the processor time of this process and of all children that have ended."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def plain_seconds(dataset: Dataset, pixels: np.ndarray, path: Path) -> float:
    """Save one slice as it would be done by hand; return how long it took."""
    del dataset.PixelData
    begun = time.perf_counter()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.add_new("PixelData", "OW", pixels.astype("<i2" if dataset.PixelRepresentation else "<u2").tobytes())
    dataset.save_as(path, enforce_file_format=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
