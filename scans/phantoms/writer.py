"""Writing studies one by one, in this process or in several."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from scans.phantoms.body import Body
from scans.phantoms.cohort import REGION, Patient, Visit
from scans.phantoms.draw import Draw
from scans.phantoms.instances import Instance, write_series
from scans.phantoms.oddities import odd_files
from scans.phantoms.preset import Preset
from scans.phantoms.study import Study, make_patient_body, make_study
from scans.phantoms.truth import label_rows, mask_path, save_mask, truth_row

Planned = tuple[Patient, Visit, str]  # one study: who, when, modality


@dataclass
class Written:
    """What writing one study leaves for the tables and the summary."""

    truth: list[dict[str, str]] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)
    odd: dict[str, int] = field(default_factory=dict)
    n_files: int = 0
    n_bytes: int = 0

    def count(self, other: "Written") -> None:
        """Add the other's files to these."""
        self.n_files += other.n_files
        self.n_bytes += other.n_bytes
        self.odd |= other.odd


Origin = tuple[Path, Draw, Preset, Planned | None]  # all that a writer is made of


class Writer:
    """Writes studies one by one."""

    def __init__(self, out: Path, draw: Draw, preset: Preset, odd_study: Planned | None) -> None:
        self.origin: Origin = (out, draw, preset, odd_study)
        self.out, self.draw, self.preset, self.odd_study = self.origin
        self._written = Written()
        self._folders: set[Path] = set()
        self._body = lru_cache(maxsize=2)(self._make_body)  # of one patient; visits follow each other

    def write(self, patient: Patient, visit: Visit, modality: str) -> Written:
        """Write one study."""
        self._written = Written()
        body = self._body(patient, REGION[modality])
        study = make_study(self.draw, self.preset, patient, visit, modality, body=body)
        instances = list(self._write_images(study))
        if (patient, visit, modality) == self.odd_study:
            self._write_odd_files(study, instances[len(instances) // 2])
        self._written.labels += label_rows(self.preset, study)
        return self._written

    def _make_body(self, patient: Patient, region: str) -> Body:
        return make_patient_body(self.draw, self.preset, patient, region)

    def _write_images(self, study: Study) -> Iterator[Instance]:
        for series in study.series:
            row = truth_row(self.draw, study, series)
            self._written.truth.append(row)
            if row["mask"]:
                save_mask(self.out / mask_path(self.draw, study, series), series.mask)
            for instance in write_series(self.draw, study, series):
                self._save(self._shuffled_name("image", instance.sop_uid), instance.content)
                yield instance

    def _write_odd_files(self, study: Study, some_instance: Instance) -> None:
        for odd in odd_files(self.draw, study, some_instance):
            self._save(odd.name or self._shuffled_name("odd", odd.what), odd.content)
            self._written.odd[odd.what] = self._written.odd.get(odd.what, 0) + 1

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
        self._written.n_files += 1
        self._written.n_bytes += len(content)


@contextmanager
def writers(writer: Writer, n_workers: int) -> Iterator[Callable[[list[Planned]], Iterator[Written]]]:
    """Give a function that writes studies, here or in several processes, and yields what each has left."""
    if n_workers <= 1:
        yield lambda plan: (writer.write(*planned) for planned in plan)
        return
    # Spawned: a fork would take the caller's threads and locks along. A patient stays with one process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, context, _take, (writer.origin,)) as pool:

        def write_all(plan: list[Planned]) -> Iterator[Written]:
            shares: dict[int, list[Planned]] = {}
            for planned in plan:
                shares.setdefault(planned[0].index, []).append(planned)
            for done in as_completed([pool.submit(_write_share, share) for share in shares.values()]):
                yield from done.result()

        try:
            yield write_all
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_taken: list[Writer] = []  # in a worker: the writer of its archive


def _take(origin: Origin) -> None:
    _taken[:] = [Writer(*origin)]


def _write_share(share: list[Planned]) -> list[Written]:
    return [_taken[0].write(*planned) for planned in share]
