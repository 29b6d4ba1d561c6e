"""Evaluate by five folds: where patients are few, five encoders are trained, each asked about whom it never saw.

What is measured is the training that the settings ask for, not one encoder; none of the five is kept.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from db.encoders import EncoderRow
from db.labels import read_labels
from db.scans import EligibleScan, eligible_scans
from evaluation.cohort import FEWEST_PATIENTS, N_FOLDS, Fold
from evaluation.folds import dealt
from evaluation.questions import Task
from flows.answers.answer import filled
from flows.answers.evaluation import EvaluatedCover, EvaluatedFolds
from flows.evaluate.one import STEPS, evaluate_cohort, task_of
from flows.evaluate.request import (
    Count,
    EvaluationRequest,
    LeftOut,
    Opening,
    each_cover,
    most_asked_first,
    opened,
)
from flows.records.cohort import EncoderCohort, Labels, cohort_of, is_of_kind
from flows.records.labelled import examples_of
from flows.records.recipes import own_recipe
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.stages.embed.inputs import require_for_evaluation
from flows.stages.encoder.plan import ENCODER, training_settings
from siamese.example import Example
from siamese.manifest import Manifest
from siamese.pairs import split
from siamese.recipe import COVERS
from siamese.training.settings import TrainingSettings

if TYPE_CHECKING:
    from siamese.encoder import Encoder

FOLD_STEPS = N_FOLDS + STEPS


@dataclass(frozen=True, eq=False)
class Pool:
    """The scans of a cover that are trained on and asked about in turn."""

    cover: str
    task: Task
    rows: Sequence[EligibleScan]  # of scan, in the order of their keys
    examples: Sequence[Example]  # of the same scans
    labels: Labels


def evaluate_folds(site: Site, request: EvaluationRequest) -> EvaluatedFolds:
    """Train five encoders of each cover and pool their answers; writes a row, a page and its JSON each.

    A run that was killed goes on with the fold, and within it the epoch, that it stood at. The encoders are trained
    for the request's task; its `encoder` has no meaning here.

    Raises:
        NotFound: No cover has pairs enough for five trainings; the text says why.
        flows.site.errors.WrongUsage: The CSV is none of labels.
        db.errors.NightRunning: A night is at work; nothing was recorded.
    """
    opening = opened(site, request)
    pools = read_pools(opening)

    def one(pool: Pool, done: Count) -> EvaluatedCover:
        settings = settings_of(site, pool.cover, request.time_budget_minutes, request.seed)
        return _evaluate_pool(opening, pool, settings, done)

    reports, reasons = each_cover(pools, one, n_steps=lambda _: FOLD_STEPS, step=request.step)
    return filled(EvaluatedFolds, most_asked_first(reports, reasons, opening))


def _evaluate_pool(opening: Opening, pool: Pool, settings: TrainingSettings, done: Count) -> EvaluatedCover:
    """Train and ask the five encoders of a cover; what they were made of is removed once its page stands."""
    site = opening.site
    work = site.store / "training" / f"folds-{pool.cover}-{pool.task}-{digest_of(site, settings, pool)}"
    try:
        asked = _trained(site, pool, settings, work, done)
    except ValueError as error:
        raise LeftOut(f"{pool.cover}: {error}") from error
    report = evaluate_cohort(site, asked, pool.task, opening.request, lambda number: done(N_FOLDS + number))
    shutil.rmtree(work, ignore_errors=True)
    return report


def read_pools(opening: Opening) -> list[Pool]:
    """Read the main scans of each cover that has patients enough to ask about, with their inputs.

    Raises:
        NotFound: There is no such cover, or inputs have to be made again first.
    """
    site, kind, labels = opening.site, opening.request.kind, opening.labels
    found, counts = [], []
    with site.db.read() as connection:
        task = opening.request.task or task_of(connection, labels)
        used = read_labels(connection) if labels is None else labels
        for cover in COVERS:
            rows = eligible_scans(connection, cover)
            rows = [row for row in rows if is_of_kind(row, kind) and (task == "finding" or row.own_lane)]
            n_patients = len({row.patient for row in rows})
            counts.append(f"{n_patients} patients with {cover} scans")
            if n_patients >= FEWEST_PATIENTS:
                examples = examples_of(site, connection, rows, used, own_recipe(site, cover))
                found.append(Pool(cover, task, rows, examples, used))
    if not found:
        raise NotFound(f"{' and '.join(counts)}, wanted at least {FEWEST_PATIENTS}: take in more scans")
    wanted = {own_recipe(site, pool.cover).digest(): [e.scan for e in pool.examples] for pool in found}
    require_for_evaluation(site, wanted)
    return found


def settings_of(site: Site, cover: str, time_budget_minutes: float | None, seed: int | None) -> TrainingSettings:
    """Return the configuration's training, with this budget and seed where they are given."""
    settings: TrainingSettings = training_settings(site, cover)
    if time_budget_minutes is not None:
        settings = replace(settings, time_budget_s=time_budget_minutes * 60)
    return settings if seed is None else replace(settings, seed=seed)


def digest_of(site: Site, settings: TrainingSettings, pool: Pool) -> str:
    """Return a name for these very trainings, so that a killed run finds its own checkpoints and no others."""
    seen = [[e.scan, e.patient, e.split_number, sorted(e.present), sorted(e.absent)] for e in pool.examples]
    return site.keys.key("training", json.dumps([repr(settings), seen]))[:12]


def _trained(site: Site, pool: Pool, settings: TrainingSettings, work: Path, done: Count) -> EncoderCohort:
    """Train what is not trained yet, and embed each fold with the encoder that never saw it."""
    from siamese.encoder import load

    place = {example.scan: row for row, example in enumerate(pool.examples)}
    folds = []
    for number in range(N_FOLDS):
        parts = split(dealt(pool.examples, number))
        asked = parts["test"]
        folder = _fold_encoder(pool, settings, work / f"fold-{number + 1}", number)
        rows = np.array([place[e.scan] for e in asked], np.int64)
        seen = frozenset(e.patient for name in ("train", "validation") for e in parts[name])
        folds.append(Fold(f"fold {number + 1}", rows, _vectors(site, load(folder), asked), seen))
        done(number + 1)
    with site.db.read() as connection:
        cohort = cohort_of(site, connection, pool.rows, pool.labels)
    sentence = (
        f"{len(set(cohort.patients))} patients are too few for a fixed split: five encoders were trained, each on "
        f"three fifths of them and chosen by a fourth, and asked about the fifth that it never saw. Scans are "
        f"compared within a fold only; what is measured is this training, no single encoder."
    )
    return EncoderCohort(_as_encoder(site, pool, settings, work), cohort, folds, pool.rows, sentence)


def _fold_encoder(pool: Pool, settings: TrainingSettings, work: Path, number: int) -> Path:
    """Return the folder of a fold's encoder, trained now unless a run before this one did."""
    from siamese.encoder import save
    from siamese.training.make import NotMade, make_encoder

    folder = work / ENCODER
    if not (folder / "manifest.json").exists():
        examples = dealt(pool.examples, number)
        try:
            encoder = make_encoder(
                examples, cover=pool.cover, purpose=pool.task, settings=settings, work=work, kept=work.parent
            )
        except NotMade as error:
            raise ValueError(f"fold {number + 1}: {error}") from error
        save(encoder, folder)
    return folder


def _vectors(site: Site, encoder: "Encoder", asked: Sequence[Example]) -> NDArray[np.float32]:
    from siamese.embedding import embed
    from siamese.tensor import load_tensor

    tensors = (load_tensor(example.tensor, encoder.recipe) for example in asked)
    return embed(encoder, tensors, batch_size=site.settings.siamese.batch_size)


def _as_encoder(site: Site, pool: Pool, settings: TrainingSettings, work: Path) -> EncoderRow:
    """Return what a report tells of an encoder, for the five together; the first one's training is drawn."""
    folder = work / "fold-1" / ENCODER
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    manifest = Manifest.from_json(text)
    return EncoderRow(
        id="",  # none of the five is kept
        cover=pool.cover, purpose=pool.task, backbone=settings.backbone, dim=manifest.dim, metric=settings.metric,
        recipe=manifest.recipe_digest, origin="trained", provisional=True,
        folder=str(folder.relative_to(site.store)), manifest=text, held_reason="", chosen_reason="",
        forgotten_patients=0, kernels="", created_night=None,
        created_at=datetime.fromisoformat(manifest.created_utc),
    )  # fmt: skip
