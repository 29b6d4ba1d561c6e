"""Real films, task patient, by five folds: as the nights would see them, and by a head that nobody's visits taught.

A site is made over the folder, a night takes it in, and five heads are fitted and asked as `scantwin evaluate --folds`
does it; the second way fits them to views alone, as if each film were another person's. Used by `benchmarks.quality`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.site import SECRET
from db.encoders import active_encoders
from evaluation.asking import OURS
from evaluation.cohort import N_FOLDS, Fold
from evaluation.folds import dealt
from evaluation.protocol import evaluate
from flows.evaluate.folds import Pool, read_pools
from flows.evaluate.request import EvaluationRequest, opened
from flows.night.run import whole_night
from flows.operator.new_site import new_site
from flows.records.cohort import EncoderCohort, baselines_of, cohort_of
from flows.site.opened import Site, open_site
from siamese.embedding import embed
from siamese.pairs import split
from siamese.statistics.intervals import Estimate
from siamese.tensor import load_tensor
from siamese.training.head import fit_on_trunk

WAYS = ("views and visits", "views alone")
SETTINGS = {"quiet_seconds": "0.0", "dates": '"shifted_per_patient"', "max_gone_fraction": "1.0"}
NAMES = ("p_at_1", "map_at_r", "roc_auc")

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Found:
    """What one way reached, each with its 95 % interval."""

    figures: Mapping[str, Interval]
    lifts: Mapping[str, Interval]  # of P@1, over each plain way


def measure(archive: Path, home: Path) -> dict[str, Found]:
    """Take the folder in, and ask both ways the same searches."""
    site = site_over(archive, home)
    request = EvaluationRequest(task="patient")
    (pool,) = [pool for pool in read_pools(opened(site, request)) if pool.cover == "2d"]
    return {way: _asked(site, pool, with_visits=way == WAYS[0]) for way in WAYS}


def site_over(archive: Path, home: Path) -> Site:
    """Return a site over the folder, after a night that took it in."""
    config = home / "config.toml"
    if not config.exists():
        new_site(archive, config, secret=SECRET, changes=SETTINGS)
    whole_night(config)
    return open_site(config)


def _asked(site: Site, pool: Pool, *, with_visits: bool) -> Found:
    place = {example.scan: row for row, example in enumerate(pool.examples)}
    folds = []
    for number in range(N_FOLDS):
        parts = split(dealt(pool.examples, number))
        learned_from = [e if with_visits else replace(e, patient=e.scan) for e in parts["train"]]
        encoder = fit_on_trunk(learned_from, cover="2d", backbone=site.settings.siamese.backbone)
        tensors = (load_tensor(example.tensor, encoder.recipe) for example in parts["test"])
        rows = np.array([place[example.scan] for example in parts["test"]], np.int64)
        seen = frozenset(e.patient for name in ("train", "validation") for e in parts[name])
        folds.append(Fold(f"fold {number + 1}", rows, embed(encoder, tensors), seen))
    with site.db.read() as connection:
        cohort = cohort_of(site, connection, pool.rows, pool.labels)
        (active,) = [row for row in active_encoders(connection) if row.cover == "2d"]
    asked = EncoderCohort(active, cohort, folds, pool.rows, "")
    found = evaluate(cohort, folds, baselines_of(site, asked), task="patient")
    headline = found.main.headline
    figures = {**headline.metrics, "roc_auc": found.pairs[OURS]["roc_auc"]}
    lifts = {name: _interval(lift["p_at_1"]) for name, lift in headline.lift.items()}
    return Found({name: _interval(figures[name]) for name in NAMES}, lifts)


def _interval(figure: Estimate) -> Interval:
    value, low, high = (float("nan") if n is None else float(n) for n in (figure.value, figure.low, figure.high))
    return value, low, high
