"""Writing a synthetic hospital archive: a folder of DICOM, and the truth beside it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scans.phantoms.body import Body
from scans.phantoms.cohort import MODALITIES, REGION, Patient, Visit, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.instances import Instance, write_series
from scans.phantoms.oddities import odd_files
from scans.phantoms.preset import Preset, preset_named
from scans.phantoms.study import Study, make_patient_body, make_study
from scans.phantoms.truth import LABEL_COLUMNS, label_rows, mask_path, merge_table, save_mask, truth_row

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
    preset: str = "easy",
    kinds: Sequence[str] = MODALITIES,
    first_visit: int = 1,
    last_visit: int | None = None,
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
        preset: "easy".
        kinds: Which of "ct", "mr" and "dx" the hospital has.
        first_visit: Write visits from this one, counted from 1.
        last_visit: To this one; None: to the last.
        progress: Called after each study with the number done and the number in all.

    Raises:
        ValueError: A number is out of range, a name unknown, or `out` holds another cohort.
    """
    numbers = preset_named(preset)
    last_visit = n_visits if last_visit is None else last_visit
    _check(n_patients, n_visits, seed, kinds, first_visit, last_visit)
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
    writer = _Writer(out, draw, numbers, with_odd_files=first_visit == 1)
    for n_done, studied in enumerate(plan, start=1):
        writer.write(*studied)
        if progress:
            progress(n_done, len(plan))
    return writer.finish()


class _Writer:
    """Writes studies one by one and remembers what the tables and the summary need."""

    def __init__(self, out: Path, draw: Draw, preset: Preset, *, with_odd_files: bool) -> None:
        self.out, self.draw, self.preset = out, draw, preset
        self.with_odd_files = with_odd_files
        self.truth: list[dict[str, str]] = []
        self.labels: list[dict[str, str]] = []
        self.odd: dict[str, int] = {}
        self.patients: set[int] = set()
        self._folders: set[Path] = set()
        self.n_studies = self.n_files = self.n_bytes = 0
        self._body = lru_cache(maxsize=2)(self._make_body)  # of one patient; visits follow each other

    def write(self, patient: Patient, visit: Visit, modality: str) -> None:
        """Write one study."""
        body = self._body(patient, REGION[modality])
        study = make_study(self.draw, self.preset, patient, visit, modality, body=body)
        instances = list(self._write_images(study))
        if self.with_odd_files:
            self._write_odd_files(study, instances[len(instances) // 2])
            self.with_odd_files = False
        self.labels += label_rows(self.preset, study)
        self.patients.add(patient.index)
        self.n_studies += 1

    def finish(self) -> ArchiveSummary:
        """Write the tables."""
        merge_table(self.out / "truth.csv", self.truth, key=("patient_id", "study_time", "series_uid"))
        merge_table(self.out / "labels.csv", self.labels, key=LABEL_COLUMNS)
        return ArchiveSummary(
            n_patients=len(self.patients),
            n_studies=self.n_studies,
            n_series=len(self.truth),
            n_files=self.n_files,
            n_bytes=self.n_bytes,
            odd=self.odd,
        )

    def _make_body(self, patient: Patient, region: str) -> Body:
        return make_patient_body(self.draw, self.preset, patient, region)

    def _write_images(self, study: Study) -> Iterator[Instance]:
        for series in study.series:
            row = truth_row(self.draw, study, series)
            self.truth.append(row)
            if row["mask"]:
                save_mask(self.out / mask_path(self.draw, study, series), series.mask)
            for instance in write_series(self.draw, study, series):
                self._save(self._shuffled_name("image", instance.sop_uid), instance.content)
                yield instance

    def _write_odd_files(self, study: Study, some_instance: Instance) -> None:
        for odd in odd_files(self.draw, study, some_instance):
            self._save(odd.name or self._shuffled_name("odd", odd.what), odd.content)
            self.odd[odd.what] = self.odd.get(odd.what, 0) + 1

    def _shuffled_name(self, *name: str) -> str:
        """Return a path that tells nothing: neighbours in a folder have nothing in common."""
        code = self.draw.code("file", *name)
        return f"{code[:2]}/{code[2:]}"

    def _save(self, name: str, content: bytes) -> None:
        path = self.out / "archive" / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        path.write_bytes(content)
        self.n_files += 1
        self.n_bytes += len(content)


def _check(n_patients: int, n_visits: int, seed: int, kinds: Sequence[str], first: int, last: int) -> None:
    if n_patients < 1 or n_visits < 1 or seed < 0:
        raise ValueError(f"{n_patients} patients, {n_visits} visits, seed {seed}: wanted at least 1, 1 and 0")
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
