"""Writing a synthetic hospital archive: a folder of DICOM, and the truth beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scans.phantoms.cohort import MODALITIES, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import Preset, preset_named
from scans.phantoms.truth import LABEL_KEY, merge_table
from scans.phantoms.writer import Writer, Written, writers

Progress = Callable[[int, int], None]  # studies done, studies in all


@dataclass(frozen=True)
class ArchiveSummary:
    """What one call wrote. Odd files are counted in n_files and n_bytes, not in n_series."""

    n_patients: int
    n_studies: int
    n_series: int
    n_files: int
    n_bytes: int
    odd: dict[str, int]  # localizer, dose-report, dicomdir, text, copy


def write_archive(
    out: Path,
    *,
    n_patients: int,
    n_visits: int,
    seed: int,
    preset: str | Preset = "easy",
    kinds: Sequence[str] = MODALITIES,
    first_visit: int = 1,
    last_visit: int | None = None,
    n_workers: int = 1,
    progress: Progress | None = None,
) -> ArchiveSummary:
    """Write a cohort's scans to `out/archive`, with `truth.csv`, `labels.csv` and `masks/` beside it.

    Everything is a function of seed and preset: another call gives the same bytes. Visits may be
    written one after the other, as they would arrive; the outcome is that of one call for all.

    Args:
        out: A folder; made if missing.
        n_patients: People in the cohort; the first of them are the same in a larger cohort.
        n_visits: Visits planned for each; some later ones are missed.
        seed: Any integer from 0.
        preset: "easy" or "hard", or numbers of one's own under a name of their own.
        kinds: Which of "ct", "mr" and "dx" the hospital has.
        first_visit: Write visits from this one, counted from 1.
        last_visit: To this one; None: to the last.
        n_workers: Processes that write; the bytes do not depend on it.
        progress: Called after each study with the number done and the number in all.

    Raises:
        ValueError: A number is out of range, a name unknown, or `out` holds another cohort.
    """
    numbers = preset_named(preset) if isinstance(preset, str) else preset
    last_visit = n_visits if last_visit is None else last_visit
    _check(n_patients, n_visits, seed, kinds, first_visit, last_visit, n_workers)
    modalities = tuple(modality for modality in MODALITIES if modality in kinds)
    _claim(out, {"seed": seed, "preset": numbers.name, "version": numbers.version, "kinds": list(modalities)})
    draw = Draw(seed, f"{numbers.name} {numbers.version}")
    cohort = draw_cohort(draw, numbers, n_patients=n_patients, n_visits=n_visits, kinds=modalities)
    plan = [
        (patient, visit, modality)
        for patient in cohort
        for modality in patient.modalities
        for visit in patient.visits
        if first_visit <= visit.number <= last_visit
    ]
    odd_study = plan[0] if plan and first_visit == 1 else None
    truth, labels, total = [], [], Written()
    with writers(Writer(out, draw, numbers, odd_study), min(n_workers, len(plan))) as write_all:
        for n_done, written in enumerate(write_all(plan), start=1):
            truth += written.truth
            labels += written.labels
            total.count(written)
            if progress:
                progress(n_done, len(plan))
    merge_table(out / "truth.csv", truth, key=("patient_id", "study_time", "series_uid"))
    merge_table(out / "labels.csv", labels, key=LABEL_KEY)
    return ArchiveSummary(
        n_patients=len({patient.index for patient, _, _ in plan}),
        n_studies=len(plan),
        n_series=len(truth),
        n_files=total.n_files,
        n_bytes=total.n_bytes,
        odd=total.odd,
    )


def _check(
    n_patients: int, n_visits: int, seed: int, kinds: Sequence[str], first: int, last: int, n_workers: int
) -> None:
    if n_patients < 1 or n_visits < 1 or seed < 0:
        raise ValueError(f"{n_patients} patients, {n_visits} visits, seed {seed}: wanted at least 1, 1 and 0")
    if n_workers < 1:
        raise ValueError(f"{n_workers} workers, wanted at least 1")
    if not 1 <= first <= last <= n_visits:
        raise ValueError(f"visits {first} to {last} of {n_visits}: wanted a range within 1 to {n_visits}")
    if not kinds or set(kinds) - set(MODALITIES):
        raise ValueError(f"kinds are {', '.join(kinds) or 'none'}, wanted some of: {', '.join(MODALITIES)}")


def _claim(out: Path, cohort: dict[str, object]) -> None:
    """Note which cohort a folder holds.

    Raises:
        ValueError: It holds another one.
    """
    path = out / "cohort.json"
    text = json.dumps(cohort, indent=1, sort_keys=True) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ValueError(f"{out} holds another cohort (its cohort.json differs); name another folder")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
