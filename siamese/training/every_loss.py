"""Each loss in turn at one budget, on the same kept features; the best one becomes the encoder.

Of each loss as many settings are tried, from one seed: all of them for a quarter of the epochs, the better half for
half, the better half of these for all, by validation. Then the winner and the settings as configured are trained from
three seeds. Test is read once, by the encoder that comes out. What was done is kept, so a killed run goes on.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scans.atomic import write_atomically
from siamese.choices import LOSSES
from siamese.encoder import Encoder, sign
from siamese.example import Example
from siamese.limits import LARGEST_MARGIN
from siamese.pairs import Purpose, data_digest
from siamese.training.anchored import Ground, concluded, ground_of, pairs_on, train_on
from siamese.training.comparison import OF_LOSS, label_of
from siamese.training.conclude import Trained, check_reference
from siamese.training.figures import PairDistances, figures, lead_of
from siamese.training.loop import score
from siamese.training.losses import loss_named
from siamese.training.settings import TrainingSettings

RATES, SPREADS = (0.2, 1.0), (1.0, 2.0)  # times the configured learning rate, and margin or temperature
MEMORY = 256  # vectors, where none are configured; none, where some are
LARGEST = {"margin": 0.99 * LARGEST_MARGIN, "temperature": 10.0}  # of what is tried
RUNGS = (4, 2, 1)  # of the epochs: a quarter, a half, all
N_SEEDS = 3


@dataclass(frozen=True)
class Contest:
    """What one loss came to: the settings that won, and their figures on validation."""

    loss: str
    miner: str  # "": it takes all known pairs
    learning_rate: float
    margin: float
    temperature: float
    memory: int
    auc: float  # mean over the seeds
    auc_least: float
    auc_most: float
    auc_configured: float  # mean over the seeds of the settings as configured
    lead: float  # over the closed-form head, with its 95 % interval over patients
    lead_low: float
    lead_high: float
    stayed: int  # seeds in which no epoch was above the closed-form head

    @property
    def label(self) -> str:
        """The loss as people read it."""
        return label_of(self.loss, self.miner)

    def settings(self, configured: TrainingSettings) -> TrainingSettings:
        """Return the settings that won."""
        chosen = {name: getattr(self, name) for name in ("loss", "learning_rate", "margin", "temperature", "memory")}
        return replace(configured, **chosen, miner=self.miner or configured.miner)


def fit_every(
    examples: Sequence[Example],
    *,
    cover: str,
    purpose: Purpose,
    settings: TrainingSettings,
    work: Path,
    kept: Path | None = None,
    reference: Encoder | None = None,
    batch_size: int = 8,
) -> Trained:
    """Compare all losses on validation, and return an encoder trained by the best one; arguments as of `fit_anchored`.

    Raises:
        ValueError: See `fit_anchored`.
    """
    ground = ground_of(
        examples, cover=cover, purpose=purpose, settings=settings, kept=kept or work, batch_size=batch_size
    )
    check_reference(reference, ground.closed_form)
    contests = compare(ground, settings, work)
    best = max(contests, key=lambda contest: contest.auc)  # of equal ones the first
    run, stopped_by = train_on(ground, best.settings(settings), work)
    trained = concluded(ground, run, stopped_by, reference)
    manifest = trained.encoder.manifest
    told = {OF_LOSS + contest.label: _numbers(contest) for contest in contests}
    sign(trained.encoder, replace(manifest, figures={**manifest.figures, **told}))
    return trained


def compare(ground: Ground, settings: TrainingSettings, work: Path) -> list[Contest]:
    """Return what each loss came to, in the order of `ways`.

    Raises:
        CollapsedTraining: A number is none.
    """
    return [
        _contest(ground, replace(settings, loss=loss, miner=miner or settings.miner), miner, work)
        for loss, miner in ways()
    ]


def ways() -> list[tuple[str, str]]:
    """Return what is compared, loss and miner; "" where a loss takes all known pairs."""
    return [(loss, miner) for loss in LOSSES for miner in loss_named(loss).miners or ("",)]


def grid(settings: TrainingSettings) -> list[TrainingSettings]:
    """Return the settings that are tried of a loss; the configured ones are among them."""
    name: str = loss_named(settings.loss).spread
    spread: float = getattr(settings, name)
    spreads = [min(spread * wide, max(spread, LARGEST[name])) for wide in SPREADS]
    memories = (settings.memory, 0 if settings.memory else MEMORY)
    found = []
    for rate, wide, memory in itertools.product(RATES, spreads, memories):
        changed: dict[str, Any] = {"learning_rate": settings.learning_rate * rate, "memory": memory, name: wide}
        found.append(replace(settings, **changed))
    return found


def _contest(ground: Ground, settings: TrainingSettings, miner: str, work: Path) -> Contest:
    """Return what one loss came to, unless a run before this one found it out."""
    path = work / "losses" / f"{_name(ground, settings)}.json"
    if path.exists():
        return Contest(**json.loads(path.read_text(encoding="utf-8")))
    won = _searched(ground, settings, work)
    seeds = range(settings.seed, settings.seed + N_SEEDS)
    won_runs, configured_runs = (
        [_pairs_of(ground, replace(chosen, seed=seed)) for seed in seeds] for chosen in (won, settings)
    )
    closed = pairs_on(ground, settings)
    aucs, configured = ([figures(p)["auc"] or 0.0 for p in runs] for runs in (won_runs, configured_runs))
    lead = lead_of(won_runs, closed)
    contest = Contest(
        loss=won.loss, miner=miner, learning_rate=won.learning_rate, margin=won.margin, temperature=won.temperature,
        memory=won.memory, auc=sum(aucs) / N_SEEDS, auc_least=min(aucs), auc_most=max(aucs),
        auc_configured=sum(configured) / N_SEEDS, lead=lead.value or 0.0, lead_low=lead.low or 0.0,
        lead_high=lead.high or 0.0, stayed=sum(np.array_equal(p.alike, closed.alike) for p in won_runs),
    )  # fmt: skip
    write_atomically(path, json.dumps(asdict(contest)).encode())
    return contest


def _searched(ground: Ground, settings: TrainingSettings, work: Path) -> TrainingSettings:
    """Return the best of a loss's settings by successive halving; of equal ones the first."""
    tried = grid(settings)
    for part in RUNGS:
        epochs = max(1, settings.epochs // part)
        ranked = sorted(tried, key=lambda one: _scored(ground, replace(one, epochs=epochs), work), reverse=True)
        tried = ranked[: max(1, len(ranked) // 2)]
    return tried[0]


def _scored(ground: Ground, settings: TrainingSettings, work: Path) -> tuple[float, float]:
    """Return the score of a training's best epoch, the closed-form head apart; trained unless one before this did."""
    path = work / "losses" / f"{_name(ground, settings)}-tried.json"
    if not path.exists():
        run, _ = train_on(ground, settings)
        write_atomically(path, json.dumps(max(map(score, run.curve))).encode())
    auc, negative_loss = json.loads(path.read_text(encoding="utf-8"))
    return auc, negative_loss


def _pairs_of(ground: Ground, settings: TrainingSettings) -> PairDistances:
    run, _ = train_on(ground, settings)
    return pairs_on(ground, settings, run.encoder)


def _name(ground: Ground, settings: TrainingSettings) -> str:
    """Return a name for this very training."""
    made_of = [ground.behind, data_digest(ground.examples, ground.kept.trunk.recipe.digest()), ground.purpose]
    text = json.dumps([dict(settings.named()), *made_of], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _numbers(contest: Contest) -> dict[str, float | None]:
    return {name: float(value) for name, value in asdict(contest).items() if isinstance(value, int | float)}
