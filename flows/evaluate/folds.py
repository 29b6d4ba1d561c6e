"""Evaluate by five folds: where patients are few, five encoders are trained, each asked about whom it never saw.

What is measured is the training that the settings ask for, not one encoder; none of the five is kept.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from db.labels import read_labels
from db.scans import eligible_scans
from evaluation.cohort import N_FOLDS, Fold
from evaluation.folds import dealt
from evaluation.leaks import N_PERMUTATIONS
from evaluation.questions import Task
from flows.evaluate.one import STEPS, Step, counted, evaluate_asked, task_of, told
from flows.records.cohort import FEWEST_PATIENTS, Asked, Labels, cohort_of, is_of_kind
from flows.records.labelled import examples_of
from flows.records.labels import label_rows
from flows.site.errors import NotFound
from flows.site.opened import Site, open_site
from flows.stages.encoder.train import ENCODER, training_settings
from flows.work.lease import day_ticket
from flows.work.outputs import require_outside_archive
from siamese.pairs import Example, split
from siamese.recipe import COVERS, recipe_for
from siamese.statistics.intervals import N_RESAMPLES

FOLD_STEPS = N_FOLDS + STEPS


@dataclass(frozen=True, eq=False)
class Pool:
    """The scans of a cover that are trained on and asked about in turn."""

    cover: str
    task: Task
    rows: Sequence[Mapping[str, Any]]  # of scan, in the order of their keys
    examples: Sequence[Example]  # of the same scans
    labels: Labels


def evaluate_folds(
    config: Path,
    *,
    task: Task | None = None,
    against: Path | None = None,
    kind: str = "",
    out: Path | None = None,
    step: Step | None = None,
    time_budget_minutes: float | None = None,
    seed: int | None = None,
    n_resamples: int = N_RESAMPLES,
    n_permutations: int = N_PERMUTATIONS,
) -> dict[str, Any]:
    """Train five encoders of each cover and pool their answers; writes a row, a page and its JSON each.

    A run that was killed goes on with the fold, and within it the epoch, that it stood at.

    Args:
        config: Of the site.
        task: As `evaluate_site`; the encoders are trained for it.
        against: CSV of labels to learn from and to hold answers against, instead of the imported ones.
        kind: As `evaluate_site`.
        out: As `evaluate_site`.
        step: Called with steps done and all steps.
        time_budget_minutes: Of each training; None is that of the configuration.
        seed: Of the trainings; None is that of the configuration.
        n_resamples: Of query patients.
        n_permutations: Of labels.

    Raises:
        NotFound: No cover has pairs enough for five trainings; the text says why.
        flows.site.errors.WrongUsage: The CSV is none of labels.
        db.errors.NightRunning: A night is at work; nothing was recorded.
    """
    site = open_site(config)
    require_outside_archive(site, out or site.store, "--out")
    with day_ticket(site):  # a night that is at work is found before the work, not after it
        pass
    labels, refused = (None, []) if against is None else label_rows(site, against)
    pools = read_pools(site, task, kind, labels)
    settings = settings_of(site, time_budget_minutes, seed)
    reports, reasons = [], []
    for number, pool in enumerate(pools):
        done = counted(step, number * FOLD_STEPS, len(pools) * FOLD_STEPS)
        judged = counted(step, number * FOLD_STEPS + N_FOLDS, len(pools) * FOLD_STEPS)
        work = site.store / "training" / f"folds-{pool.cover}-{pool.task}-{digest_of(site, settings, pool)}"
        try:
            asked = _trained(site, pool, settings, work, done)
        except ValueError as error:
            reasons.append(f"{pool.cover}: {error}")
            continue
        reports.append(evaluate_asked(site, asked, pool.task, kind, out, judged, n_resamples, n_permutations))
        shutil.rmtree(work, ignore_errors=True)
    if not reports:
        raise NotFound("; ".join(reasons))
    first, *further = sorted(reports, key=lambda report: -int(report["queries"]))
    return {**first, "labels": told(labels, refused), "further": further, "left_out": reasons}


def read_pools(site: Site, task: Task | None, kind: str, labels: Labels | None) -> list[Pool]:
    """Read the main scans of each cover that has patients enough to ask about.

    Args:
        site: Whose archive.
        task: None takes "finding" where labels say that something is present, else "patient".
        kind: Only this kind, or the kinds below it; "" for all.
        labels: Rows as of the table label; None takes the table's own.

    Raises:
        NotFound: There is no such cover.
    """
    found, counts = [], []
    with site.db.read() as connection:
        task = task or task_of(connection, labels)
        used = read_labels(connection) if labels is None else labels
        for cover in COVERS:
            rows = eligible_scans(connection, cover, recipe_for(cover).digest())
            rows = [row for row in rows if is_of_kind(row, kind) and (task == "finding" or row.own_lane)]
            n_patients = len({row.patient for row in rows})
            counts.append(f"{n_patients} patients with {cover} scans")
            if n_patients >= FEWEST_PATIENTS:
                examples = examples_of(site, connection, rows, used, recipe_for(cover).digest())
                found.append(Pool(cover, task, rows, examples, used))
    if not found:
        raise NotFound(f"{' and '.join(counts)}, wanted at least {FEWEST_PATIENTS}: take in more scans")
    return found


def settings_of(site: Site, time_budget_minutes: float | None, seed: int | None) -> Any:
    """Return the configuration's training, with this budget and seed where they are given."""
    settings = training_settings(site)
    if time_budget_minutes is not None:
        settings = replace(settings, time_budget_s=time_budget_minutes * 60)
    return settings if seed is None else replace(settings, seed=seed)


def digest_of(site: Site, settings: Any, pool: Pool) -> str:
    """Return a name for these very trainings, so that a killed run finds its own checkpoints and no others."""
    seen = [[e.scan, e.patient, e.split_number, sorted(e.present), sorted(e.absent)] for e in pool.examples]
    return site.keys.key("training", json.dumps([repr(settings), seen]))[:12]


def _trained(site: Site, pool: Pool, settings: Any, work: Path, done: Any) -> Asked:
    """Train what is not trained yet, and embed each fold with the encoder that never saw it."""
    from siamese.encoder import load

    place = {example.scan: row for row, example in enumerate(pool.examples)}
    folds = []
    for number in range(N_FOLDS):
        parts = split(dealt(pool.examples, number))
        folder = _fold_encoder(pool, settings, work / f"fold-{number + 1}", number)
        rows = np.array([place[e.scan] for e in parts["test"]], np.int64)
        seen = frozenset(e.patient for name in ("train", "validation") for e in parts[name])
        folds.append(Fold(f"fold {number + 1}", rows, _vectors(site, load(folder), parts["test"]), seen))
        done(number + 1)
    with site.db.read() as connection:
        cohort = cohort_of(site, connection, pool.rows, pool.labels)
    sentence = (
        f"{len(set(cohort.patients))} patients are too few for a fixed split: five encoders were trained, each on "
        f"three fifths of them and chosen by a fourth, and asked about the fifth that it never saw. Scans are "
        f"compared within a fold only; what is measured is this training, no single encoder."
    )
    return Asked(_as_encoder(site, pool, settings, work), cohort, folds, pool.rows, sentence)


def _fold_encoder(pool: Pool, settings: Any, work: Path, number: int) -> Path:
    """Return the folder of a fold's encoder, trained now unless a run before this one did."""
    from siamese.encoder import save
    from siamese.training.fit import CollapsedTraining, fit

    folder = work / ENCODER
    if not (folder / "manifest.json").exists():
        examples = dealt(pool.examples, number)
        try:
            trained = fit(examples, cover=pool.cover, purpose=pool.task, settings=settings, work=work)
        except CollapsedTraining as error:
            raise ValueError(f"fold {number + 1}: {error}") from error
        save(trained.encoder, folder)
    return folder


def _vectors(site: Site, encoder: Any, asked: Sequence[Example]) -> Any:
    from siamese.embedding import embed
    from siamese.tensor import load_tensor

    tensors = (load_tensor(example.tensor, encoder.recipe) for example in asked)
    return embed(encoder, tensors, batch_size=site.settings.siamese.batch_size)


def _as_encoder(site: Site, pool: Pool, settings: Any, work: Path) -> dict[str, Any]:
    """Return what a report tells of an encoder, for the five together; the first one's training is drawn."""
    folder = work / "fold-1" / ENCODER
    return {
        "id": None, "cover": pool.cover, "purpose": pool.task, "origin": "trained", "metric": settings.metric,
        "recipe": recipe_for(pool.cover).digest(), "folder": str(folder.relative_to(site.store)),
        "manifest": (folder / "manifest.json").read_text(encoding="utf-8"),
    }  # fmt: skip
