"""Does any loss make a better head than the closed form? Asked of people never seen, on data that are no archive.

`python -m benchmarks.losses --out FOLDER [--films DICOM] [--faces F]`. Five folds: on three fifths of the people a head
is fitted in closed form, and from it one is trained by each loss, its settings and epoch chosen on a fourth fifth, all
losses at one budget (siamese.training.every_loss); the last fifth is asked. Figures pool the pairs of all folds and are
means of three seeds, their intervals are over people. What was done is kept in FOLDER. `--films` as of
benchmarks.quality, `--faces` as of benchmarks.faces.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.faces import pictures_of
from benchmarks.films import site_over
from benchmarks.plain_pictures import BACKBONE, examples_of
from evaluation.cohort import N_FOLDS
from evaluation.folds import dealt
from flows.evaluate.folds import read_pools
from flows.evaluate.request import EvaluationRequest, opened
from siamese.example import Example
from siamese.training.anchored import Ground, ground_of, pairs_on, train_on
from siamese.training.every_loss import N_SEEDS, Contest, compare
from siamese.training.figures import PairDistances, figures, lead_of
from siamese.training.settings import TrainingSettings

SETTINGS = TrainingSettings(backbone=BACKBONE, epochs=4, threads=1)


@dataclass(frozen=True)
class Row:
    """What one loss came to; the closed form has no settings and no lead."""

    loss: str
    settings: str  # those that won most often
    validation_auc: float  # mean over folds and seeds
    auc: float  # of people never seen, mean over seeds
    p_at_1: float
    lead: float  # of the AUC over the closed form, with its interval over people
    low: float
    high: float
    stayed: int  # trainings in which no epoch was above the closed form on validation
    trainings: int


def main() -> None:
    """Print one table for each set of data."""
    parser = argparse.ArgumentParser(prog="benchmarks.losses", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    for name in ("films", "faces"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--folds", type=int, default=N_FOLDS, help="so many of the five are asked")
    options = parser.parse_args()
    for name, read in (("films", films), ("faces", faces)):
        if getattr(options, name):
            examples = read(getattr(options, name), options.out / name)
            show(name, measure(examples, options.out / name, options.folds))


def films(archive: Path, home: Path) -> Sequence[Example]:
    """Take the folder in, and return its X-rays."""
    site = site_over(archive, home)
    (pool,) = [pool for pool in read_pools(opened(site, EvaluationRequest(task="patient"))) if pool.cover == "2d"]
    return pool.examples


def faces(data: Path, home: Path) -> Sequence[Example]:
    """Return the pictures of all people, each with a number of its own for the folds."""
    home.mkdir(parents=True, exist_ok=True)
    people = sorted(path for path in data.iterdir() if path.is_dir())
    numbers = np.random.default_rng(0).permutation(len(people)) / len(people)
    return [
        example
        for person, number in zip(people, numbers.tolist(), strict=True)
        for example in examples_of(pictures_of([person]), home, number)
    ]


def measure(examples: Sequence[Example], work: Path, n_folds: int = N_FOLDS) -> list[Row]:
    """Return what the closed form and each loss reach, pooled over the folds."""
    grounds, contests = [], []
    for number in range(n_folds):
        ground = ground_of(
            dealt(examples, number), cover="2d", purpose="patient", settings=SETTINGS, kept=work, batch_size=1
        )
        grounds.append(ground)
        contests.append(compare(ground, SETTINGS, work / f"fold-{number + 1}"))
    closed = [pairs_on(ground, SETTINGS, part="test") for ground in grounds]
    validation = [figures(pairs_on(ground, SETTINGS))["auc"] or 0.0 for ground in grounds]
    own = figures(pooled(closed))
    rows = [Row("closed form", "", float(np.mean(validation)), own["auc"] or 0.0, own["p_at_1"] or 0.0, 0, 0, 0, 0, 0)]
    return [*rows, *(_row(grounds, loss, pooled(closed)) for loss in zip(*contests, strict=True))]


def _row(grounds: Sequence[Ground], contests: Sequence[Contest], closed: PairDistances) -> Row:
    runs = []
    for seed in range(N_SEEDS):
        found = []
        for ground, contest in zip(grounds, contests, strict=True):
            run, _ = train_on(ground, replace(contest.settings(SETTINGS), seed=SETTINGS.seed + seed))
            found.append(pairs_on(ground, SETTINGS, run.encoder, part="test"))
        runs.append(pooled(found))
    measured, lead = [figures(run) for run in runs], lead_of(runs, closed)
    auc, p_at_1 = (float(np.mean([one[name] or 0.0 for one in measured])) for name in ("auc", "p_at_1"))
    means = float(np.mean([contest.auc for contest in contests]))
    stayed = sum(contest.stayed for contest in contests)
    chosen = Counter(map(_told, contests)).most_common(1)[0][0]
    return Row(contests[0].label, chosen, means, auc, p_at_1, lead.value or 0.0, lead.low or 0.0, lead.high or 0.0,
               stayed, N_SEEDS * len(grounds))  # fmt: skip


def pooled(folds: Sequence[PairDistances]) -> PairDistances:
    """Return the pairs of all folds as those of one; people of two folds have two codes."""
    first, alike_of, unlike_of = 0, [], []
    for fold in folds:
        alike_of.append(fold.alike_of + first)
        unlike_of.append(fold.unlike_of + first)
        first += 1 + int(max(fold.alike_of.max(initial=-1), fold.unlike_of.max(initial=-1)))
    alike, unlike, firsts = (
        np.concatenate([getattr(fold, name) for fold in folds]) for name in ("alike", "unlike", "first_is_alike")
    )
    means = [float(np.mean([getattr(fold, name) for fold in folds])) for name in ("mean_distance", "embedding_std")]
    return PairDistances(alike, unlike, np.concatenate(alike_of), np.concatenate(unlike_of), firsts, *means)


def _told(contest: Contest) -> str:
    spread = f"temperature {contest.temperature:g}" if contest.loss == "supcon" else f"margin {contest.margin:g}"
    return f"rate {contest.learning_rate:g}, {spread}, memory {contest.memory}"


def show(name: str, rows: Sequence[Row]) -> None:
    """Print a table as the documents have it."""
    print(f"\n{name}\n\n| loss | settings | AUC on validation | AUC | P@1 | over the closed form | stayed |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        lead = f"{row.lead:+.4f} ({row.low:+.4f} to {row.high:+.4f})" if row.settings else ""
        stayed = f"{row.stayed} of {row.trainings}" if row.settings else ""
        print(f"| {row.loss} | {row.settings} | {row.validation_auc:.4f} | {row.auc:.4f} | {row.p_at_1:.3f} | {lead} "
              f"| {stayed} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
