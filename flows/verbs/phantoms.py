"""The verb that writes a hospital to try things on."""

import os
from pathlib import Path
from typing import Literal

from flows.answers.answer import filled
from flows.answers.care import PhantomHospital
from flows.verbs.terminal import progress_bar
from flows.verbs.words import Json, Quiet, print_json, wrong
from scans.phantoms.archive import write_archive

FEWEST_A_WORKER = 8  # patients; for fewer a second process costs more than it saves


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
