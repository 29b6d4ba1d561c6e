"""Learning curve: from how few patients an encoder learns, beside a cross-entropy classifier of its backbone."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from db.evaluations import save_evaluation
from db.scans import eligible_scans
from evaluation.cohort import Cohort
from evaluation.learning import CLASSIFIER, SIZES, TWIN, UNTRAINED, Point, ask_learners, curve_of, sizes_of, with_fewer
from evaluation.questions import Task
from evaluation.spread import FEWEST_SEEDS
from flows.evaluate.folds import Pool, digest_of, read_pools, settings_of
from flows.evaluate.one import Step, counted, curve_name, told
from flows.records.cohort import FEWEST_PATIENTS, cohort_of
from flows.records.labels import label_rows
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site, open_site
from flows.work.lease import day_ticket
from flows.work.outputs import require_outside_archive
from scans.atomic import write_atomically
from siamese.pairs import Example, split


def learning_curves(
    config: Path,
    *,
    task: Task | None = None,
    against: Path | None = None,
    kind: str = "",
    out: Path | None = None,
    step: Step | None = None,
    seeds: int = FEWEST_SEEDS,
    sizes: Sequence[int] = SIZES,
    time_budget_minutes: float | None = None,
) -> dict[str, Any]:
    """Draw a learning curve for each cover; writes a row and a JSON each, which the next page of evidence draws.

    Test patients are asked, so each curve is a reading of test. A run that was killed goes on with the
    training it stood at.

    Args:
        config: Of the site.
        task: None takes "finding" where labels say that something is present, else "patient".
        against: CSV of labels to learn from and to hold answers against, instead of the imported ones.
        kind: Only scans of this kind or below it; "" for all.
        out: Folder of the JSON; None is `evidence` in the store.
        step: Called with trainings done and all trainings.
        seeds: How many times each size is drawn and trained.
        sizes: Patients of training; all there are is added.
        time_budget_minutes: Of each training; None is that of the configuration.

    Raises:
        NotFound: No cover has patients enough to ask about.
        WrongUsage: The sizes or the CSV cannot be used.
        db.errors.NightRunning: A night is at work; nothing was recorded.
    """
    if not sizes or min(sizes) < 2 or seeds < 1:
        raise WrongUsage(f"{seeds} seeds of {list(sizes)} patients: wanted at least one seed and 2 patients")
    site = open_site(config)
    require_outside_archive(site, out or site.store, "--out")
    with day_ticket(site):  # a night that is at work is found before the work, not after it
        pass
    labels, refused = (None, []) if against is None else label_rows(site, against)
    pools = read_pools(site, task, kind, labels)
    reports, reasons = [], []
    for number, pool in enumerate(pools):
        n_asked = len({e.patient for e in split(pool.examples)["test"]})
        if n_asked < FEWEST_PATIENTS:
            reasons.append(f"{pool.cover}: {n_asked} patients stand aside as test, wanted at least {FEWEST_PATIENTS}")
            continue
        done = counted(step, number * _trainings(pool, seeds, sizes), len(pools) * _trainings(pool, seeds, sizes))
        reports.append(_curve(site, pool, kind, out, done, seeds, sizes, time_budget_minutes))
    if not reports:
        raise NotFound("; ".join(reasons))
    return {"schema": 1, "curves": reports, "labels": told(labels, refused), "left_out": reasons}


def _trainings(pool: Pool, seeds: int, sizes: Sequence[int]) -> int:
    return 2 * seeds * len(sizes_of(pool.examples, sizes))


def _curve(
    site: Site, pool: Pool, kind: str, out: Path | None, done: Callable[[int], None], seeds: int,
    sizes: Sequence[int], time_budget_minutes: float | None,
) -> dict[str, Any]:  # fmt: skip
    settings = settings_of(site, time_budget_minutes, None)
    work = site.store / "training" / f"learning-{pool.cover}-{pool.task}-{digest_of(site, settings, pool)}"
    asked = split(pool.examples)["test"]
    cohort = _asked_cohort(site, pool, asked)
    points = []
    for size in sizes_of(pool.examples, sizes):
        for seed in range(settings.seed, settings.seed + seeds):
            points.append(_point(pool, asked, cohort, replace(settings, seed=seed), size, work / f"{size}-{seed}"))
            done(2 * len(points))
    report = _report(pool, kind, settings, curve_of(points))
    with day_ticket(site) as ticket:
        with site.db.read() as connection:
            there = {str(row.key) for row in eligible_scans(connection, pool.cover, str(_recipe(pool)))}
        if not there.issuperset(example.scan for example in pool.examples):
            shutil.rmtree(work, ignore_errors=True)
            raise NotFound("scans were withdrawn or forgotten meanwhile, nothing was recorded: draw the curve again")
        with site.db.write(ticket.right) as connection:
            report["reading"] = save_evaluation(connection, _row(report, kind))
        path = (out or site.store / "evidence") / curve_name(pool.cover, pool.task)
        write_atomically(path, json.dumps(report, allow_nan=False, indent=1).encode())
    shutil.rmtree(work, ignore_errors=True)
    return {**report, "json": str(path)}


def _recipe(pool: Pool) -> str:
    return str(pool.rows[0]["recipe"])


def _asked_cohort(site: Site, pool: Pool, asked: Sequence[Example]) -> Cohort:
    by_key = {str(row["key"]): row for row in pool.rows}
    with site.db.read() as connection:
        return cohort_of(site, connection, [by_key[example.scan] for example in asked], pool.labels)


def _point(pool: Pool, asked: Sequence[Example], cohort: Cohort, settings: Any, size: int, work: Path) -> Point:
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


def _report(pool: Pool, kind: str, settings: Any, curve: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts = {name: len({e.patient for e in part}) for name, part in split(pool.examples).items()}
    return {
        "schema": 1, "cover": pool.cover, "task": pool.task, "kind": kind, "backbone": settings.backbone,
        "budget": {"epochs": settings.epochs, "steps_per_epoch": settings.steps_per_epoch,
                   "time_budget_s": settings.time_budget_s},
        "patients": counts, "curve": list(curve),
    }  # fmt: skip


def _row(report: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the row of the reading: the largest size's means, without intervals; a curve earns nothing."""
    last = report["curve"][-1]
    figures = last["figures"][TWIN]
    nothing = dict.fromkeys(f"{name}_{end}" for name in ("p_at_1", "map_at_r", "lift") for end in ("low", "high"))
    return {
        "night": None, "encoder": None, "folds": 1, "cover": report["cover"], "task": report["task"], "kind": kind,
        "gallery": last["gallery"], "n_queries": last["queries"], "n_patients": last["query_patients"],
        **nothing, **{name: figures[name]["mean"] for name in ("p_at_1", "map_at_r")},
        "lift_over": CLASSIFIER, "lift": last["lead"]["p_at_1"]["mean"], "code": "provisional",
        "result": json.dumps(report, allow_nan=False),
    }  # fmt: skip
