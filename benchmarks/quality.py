"""What the encoders are worth on data that they never saw, beside what they must reach; misses stay in the table.

`python -m benchmarks.quality --out FOLDER [--films DICOM] [--faces F] [--bodyparts F] [--oneshot F] [--only NAME ...]`.
Each part writes its figures into FOLDER and is not measured again while they stand there; without its data a part is
left out. `--films` is a folder of DICOM X-rays of people who came more than once, with dates that are shifted by a
number of each patient's own. Settings are the defaults.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import bodyparts, faces, films, oneshot, volumes


@dataclass(frozen=True)
class Row:
    """One figure, what it must reach, and its interval or its worst and best draw."""

    what: str
    value: float
    low: float
    high: float
    reach: float | None = None  # None: reported beside the others
    low_is_good: bool = False

    @property
    def verdict(self) -> str:
        """Whether it was reached."""
        if self.reach is None:
            return ""
        good = self.value <= self.reach if self.low_is_good else self.value >= self.reach
        return f"{'reached' if good else 'MISSED'} ({'<=' if self.low_is_good else '>='} {self.reach:g})"


def main() -> None:
    """Measure what is not measured yet, and print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("films", "faces", "bodyparts", "oneshot"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--only", nargs="*", default=())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, part in parts(options).items():
        if not options.only or name in options.only:
            print(name)
            for row in kept(options.out / f"{name}.json", part):
                print(f"  {row.what:<44}{row.value:.3f} ({row.low:.3f} to {row.high:.3f})  {row.verdict}", flush=True)


def parts(options: argparse.Namespace) -> Mapping[str, Callable[[], list[Row]]]:
    """Return what can be measured with the data that is named."""
    found: dict[str, Callable[[], list[Row]]] = {}
    if options.films:
        found["films"] = partial(_films, options.films, options.out / "films")
    if options.faces:
        found["faces"] = partial(_faces, options.faces)
    if options.bodyparts:
        found["bodyparts"] = partial(_bodyparts, options.bodyparts)
    found |= {f"phantoms-{modality}": partial(_phantoms, modality) for modality in volumes.MODALITIES}
    if options.oneshot:
        found["oneshot"] = partial(_oneshot, options.oneshot)
    return found


def kept(path: Path, measure: Callable[[], list[Row]]) -> list[Row]:
    """Return the rows of a file, measured first where it is not there."""
    if not path.exists():
        rows = [asdict(row) for row in measure()]
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


FILMS_REACH = {"p_at_1": 0.72, "map_at_r": 0.60, "roc_auc": 0.955}


def _films(archive: Path, home: Path) -> list[Row]:
    rows = []
    for way, found in films.measure(archive, home).items():
        for name, figure in found.figures.items():
            reach = FILMS_REACH[name] if way == films.WAYS[0] else 0.70 if name == "p_at_1" else None
            rows.append(Row(f"{way}: {name}", *figure, reach))
        rows += [Row(f"{way}: lift over {name}", *lift) for name, lift in found.lifts.items()]
    return rows


def _faces(data: Path) -> list[Row]:
    rows = []
    for way, found in faces.measure(data).items():
        ours = way == "head"
        rows.append(_of_draws(f"{way}: AUC", found["auc"], 0.99 if ours else None))
        rows.append(_of_draws(f"{way}: equal error rate", found["eer"], 0.045 if ours else None, low_is_good=True))
    return rows


def _bodyparts(data: Path) -> list[Row]:
    return [_of_draws(way, shares, 0.90 if way == "head" else None) for way, shares in bodyparts.measure(data).items()]


def _oneshot(data: Path) -> list[Row]:
    reach = dict(zip(oneshot.WAYS, (None, 0.92, 0.935), strict=True))
    return [_of_draws(way, shares, reach[way]) for way, shares in oneshot.measure(data, range(3)).items()]


def _phantoms(modality: str) -> list[Row]:
    found = volumes.measure(modality)
    reach = {"mr": 0.95, "ct": 0.98}[modality]
    return [Row(f"{way}: P@1", *figure, reach if way == "head" else None) for way, figure in found.items()]


def _of_draws(what: str, values: Sequence[float], reach: float | None, *, low_is_good: bool = False) -> Row:
    return Row(what, float(np.mean(values)), min(values), max(values), reach, low_is_good)


if __name__ == "__main__":
    main()
