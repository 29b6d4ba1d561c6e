"""Learning curve: from how few patients an encoder learns, beside a cross-entropy classifier of its backbone."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from db.evaluations import EvaluationFacts, save_evaluation
from db.rows import mapping_of
from db.scans import eligible_scans
from evaluation.cohort import FEWEST_PATIENTS, Cohort
from evaluation.figures import HEADLINE
from evaluation.learning import CLASSIFIER, SIZES, TWIN, UNTRAINED, Point, ask_learners, curve_of, sizes_of, with_fewer
from evaluation.learning_curve import Budget, CurvePoint, LearningCurve, NumberedCurve
from evaluation.spread import FEWEST_SEEDS
from flows.answers.answer import filled
from flows.answers.evaluation import KeptCurve, LearningCurves
from flows.evaluate.folds import Pool, digest_of, read_pools, settings_of
from flows.evaluate.one import curve_name
from flows.evaluate.request import Count, EvaluationRequest, LeftOut, Opening, each_cover, opened
from flows.records.cohort import cohort_of
from flows.records.readings import ALL_RELEVANT
from flows.records.recipes import own_recipe
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site
from flows.stages.embed.inputs import done_with_inputs
from flows.work.lease import day_ticket
from scans.atomic import write_atomically
from siamese.choices import LOSSES
from siamese.example import Example
from siamese.pairs import split
from siamese.training.settings import TrainingSettings


@dataclass(frozen=True)
class CurvePlan:
    """How often each size is drawn and trained, and the sizes in patients of training; all there are is added."""

    seeds: int
    sizes: Sequence[int]

    def n_trainings(self, pool: Pool) -> int:
        """Count the trainings of a pool: of twin and classifier."""
        return 2 * self.seeds * len(sizes_of(pool.examples, self.sizes))


def learning_curves(
    site: Site, request: EvaluationRequest, *, seeds: int = FEWEST_SEEDS, sizes: Sequence[int] = SIZES
) -> LearningCurves:
    """Draw a learning curve for each cover; writes a row and a JSON each, which the next page of evidence draws.

    Test patients are asked, so each curve is a reading of test. A run that was killed goes on with the
    training it stood at.

    Args:
        site: Whose archive.
        request: Its steps are trainings; its `encoder` and `seed` have no meaning here.
        seeds: How many times each size is drawn and trained.
        sizes: Patients of training; all there are is added.

    Raises:
        NotFound: No cover has patients enough to ask about.
        WrongUsage: The sizes or the CSV cannot be used.
        db.errors.NightRunning: A night is at work; nothing was recorded.
    """
    if not sizes or min(sizes) < 2 or seeds < 1:
        raise WrongUsage(f"{seeds} seeds of {list(sizes)} patients: wanted at least one seed and 2 patients")
    plan, opening = CurvePlan(seeds, sizes), opened(site, request)

    def one(pool: Pool, done: Count) -> KeptCurve:
        return _curve(opening, pool, plan, done)

    reports, reasons = each_cover(read_pools(opening), one, n_steps=plan.n_trainings, step=request.step)
    return LearningCurves(reports, opening.label_source(), reasons)


def _curve(opening: Opening, pool: Pool, plan: CurvePlan, done: Count) -> KeptCurve:
    """Train and ask every size from every seed, and record what came of it."""
    site, kind = opening.site, opening.request.kind
    if (loss := site.settings.siamese.loss) not in LOSSES:
        raise LeftOut(f'{pool.cover}: a curve compares trainings by one loss, and [siamese] loss = "{loss}" is none')
    asked = split(pool.examples)["test"]
    n_asked = len({e.patient for e in asked})
    if n_asked < FEWEST_PATIENTS:
        raise LeftOut(f"{pool.cover}: {n_asked} patients stand aside as test, wanted at least {FEWEST_PATIENTS}")
    settings = settings_of(site, pool.cover, opening.request.time_budget_minutes, None)
    work = site.store / "training" / f"learning-{pool.cover}-{pool.task}-{digest_of(site, settings, pool)}"
    cohort = _asked_cohort(site, pool, asked)
    points = []
    for size in sizes_of(pool.examples, plan.sizes):
        for seed in range(settings.seed, settings.seed + plan.seeds):
            points.append(_point(pool, asked, cohort, replace(settings, seed=seed), size, work / f"{size}-{seed}"))
            done(2 * len(points))
    return _recorded(opening, pool, _report(pool, kind, settings, curve_of(points)), work)


def _recorded(opening: Opening, pool: Pool, curve: LearningCurve, work: Path) -> KeptCurve:
    """Write the row and the JSON of a curve, unless scans went meanwhile; what was trained for it is removed."""
    site, request = opening.site, opening.request
    with day_ticket(site) as ticket:
        with site.db.read() as connection:
            there = {row.key for row in eligible_scans(connection, pool.cover)}
        if not there.issuperset(example.scan for example in pool.examples):
            shutil.rmtree(work, ignore_errors=True)
            raise NotFound("scans were withdrawn or forgotten meanwhile, nothing was recorded: draw the curve again")
        with site.db.write(ticket.right) as connection:
            reading = save_evaluation(connection, mapping_of(_row(curve)))
        numbered = filled(NumberedCurve, curve, reading=reading)
        path = (request.out or site.store / "evidence") / curve_name(pool.cover, pool.task)
        write_atomically(path, json.dumps(numbered.to_json(), allow_nan=False, indent=1).encode())
        done_with_inputs(site, ticket, own_recipe(site, pool.cover).digest(), reason="evaluation")
    shutil.rmtree(work, ignore_errors=True)
    return filled(KeptCurve, numbered, json=str(path))


def _asked_cohort(site: Site, pool: Pool, asked: Sequence[Example]) -> Cohort:
    by_key = {row.key: row for row in pool.rows}
    with site.db.read() as connection:
        return cohort_of(site, connection, [by_key[example.scan] for example in asked], pool.labels)


def _point(
    pool: Pool, asked: Sequence[Example], cohort: Cohort, settings: TrainingSettings, size: int, work: Path
) -> Point:
    """Train both on so many patients and ask them, unless a run before this one did."""
    from siamese.embedding import embed
    from siamese.encoder import build
    from siamese.tensor import load_tensor
    from siamese.training.classifier import fit_classifier
    from siamese.training.fit import CollapsedTraining, TooFewPairs, fit

    kept = work / "point.json"
    if kept.exists():
        return Point(**json.loads(kept.read_text(encoding="utf-8")))
    few = with_fewer(pool.examples, size, settings.seed)
    try:
        twin = fit(few, cover=pool.cover, purpose=pool.task, settings=settings, work=work).encoder
        learners = {
            TWIN: twin,
            CLASSIFIER: fit_classifier(few, cover=pool.cover, purpose=pool.task, settings=settings),
            UNTRAINED: build(settings.backbone, pool.cover, settings.dim, settings.seed),
        }
        vectors = {
            name: embed(learner, (load_tensor(e.tensor, twin.recipe) for e in asked))
            for name, learner in learners.items()
        }
        parts = split(few)
        seen = frozenset(e.patient for name in ("train", "validation") for e in parts[name])
        point = ask_learners(
            cohort, vectors, Point(size, settings.seed, {}), seen, task=pool.task, metric=settings.metric
        )
    except (TooFewPairs, CollapsedTraining) as error:
        point = Point(size, settings.seed, {}, why_not=str(error))
    write_atomically(kept, json.dumps(asdict(point), allow_nan=False).encode())
    return point


def _report(pool: Pool, kind: str, settings: TrainingSettings, curve: Sequence[CurvePoint]) -> LearningCurve:
    return LearningCurve(
        cover=pool.cover,
        task=pool.task,
        kind=kind,
        backbone=settings.backbone,
        budget=Budget(settings.epochs, settings.steps_per_epoch, settings.time_budget_s),
        patients={name: len({e.patient for e in part}) for name, part in split(pool.examples).items()},
        curve=curve,
    )


def _row(curve: LearningCurve) -> EvaluationFacts:
    """Return the row of the reading: the largest size's means, without intervals; a curve earns nothing."""
    last = curve.curve[-1]
    figures, lead = last.figures[TWIN], last.lead
    return EvaluationFacts(
        night=None, encoder=None, folds=1, cover=curve.cover, task=curve.task, kind=curve.kind, gallery=last.gallery,
        n_queries=last.queries, n_patients=last.query_patients,
        p_at_1=figures[HEADLINE].mean, p_at_1_low=None, p_at_1_high=None,
        map_at_r=figures[ALL_RELEVANT].mean, map_at_r_low=None, map_at_r_high=None,
        lift_over=CLASSIFIER, lift=lead[HEADLINE].mean, lift_low=None, lift_high=None, code="provisional",
        result=json.dumps(curve.to_json(), allow_nan=False),
    )  # fmt: skip
