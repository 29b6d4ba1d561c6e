"""How a training ends: its encoder is judged, refused if it collapsed, else signed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from siamese.encoder import Encoder, sign
from siamese.example import Example
from siamese.kernels import kernels
from siamese.manifest import Manifest
from siamese.training.figures import PairDistances, figures, histogram, lead_of
from siamese.training.record import Figures, TrainingRecord
from siamese.training.run import Run
from siamese.training.settings import TrainingSettings
from siamese.training.steps import CollapsedTraining
from siamese.training.validation import Validation

LEAST_MEAN_COSINE = 0.02  # over validation pairs; untrained networks have 0.03 to 0.1, trained ones 0.3 to 1


@dataclass(frozen=True)
class Trained:
    """A trained encoder, in eval mode and signed, and how it came to be."""

    encoder: Encoder
    record: TrainingRecord


@dataclass(frozen=True, eq=False)
class Ending:
    """What a finished training is concluded with.

    Attributes:
        encoder: With the chosen weights, in eval mode.
        parts: The scans of each split.
        counts: Of each split, see `pairs.require_pairs`.
        stopped_by: What ended it.
        told: What it was trained on, for people.
        others: Encoders that are judged on the same validation scans, by name.
        rival: The one of them that it is compared with, pair by pair; "": none.
        noted: What its settings in the manifest say besides.
        made_by: Kernels of the machine that it was trained on; "": those of this CPU.
    """

    encoder: Encoder
    parts: Mapping[str, Sequence[Example]]
    counts: Mapping[str, Mapping[str, int]]
    stopped_by: str
    told: str
    others: Mapping[str, Encoder]
    rival: str = ""
    noted: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = ""


def conclude(run: Run, judge: Validation, ending: Ending, *, origin: str = "trained") -> Trained:
    """Judge the chosen weights, refuse them when they collapsed, else sign them.

    Raises:
        CollapsedTraining: All scans have nearly one vector.
    """
    encoder = ending.encoder
    validation = judge.pairs(encoder, "validation")
    _refuse_collapse(validation, run.settings)
    test = judge.pairs(encoder, "test")  # the one reading of test
    measured: dict[str, Figures] = {"validation": figures(validation), "test": figures(test)}
    for name, other in ending.others.items():
        theirs = judge.pairs(other.eval(), "validation")
        measured[name] = {**figures(theirs), **(_lead(validation, theirs) if name == ending.rival else {})}
    record = TrainingRecord(
        curve=tuple(run.curve),
        best_epoch=run.best_epoch,
        stopped_by=ending.stopped_by,
        resumed_after=run.resumed_after,
        seconds=round(sum(e.seconds for e in run.curve), 3),
        counts=ending.counts,
        patients={name: tuple(sorted({e.patient for e in part})) for name, part in ending.parts.items()},
        figures=measured,
        histograms={"validation": histogram(validation), "test": histogram(test)},
    )
    sign(encoder, _manifest(run, record, ending, origin))
    return Trained(encoder, record)


def check_reference(reference: Encoder | None, candidate: Encoder) -> None:
    """Refuse a reference of other inputs.

    Raises:
        ValueError: It has another preprocessing.
    """
    if reference is not None and reference.recipe != candidate.recipe:
        raise ValueError(
            f"reference encoder {reference.manifest.id} has preprocessing {reference.recipe.name}, wanted "
            f"{candidate.recipe.name}: leave it out"
        )


def _lead(ours: PairDistances, theirs: PairDistances) -> dict[str, float | None]:
    """Return by how much our AUC is above theirs, with its interval and the patients behind it."""
    lead = lead_of([ours], theirs)
    return {"lead": lead.value, "lead_low": lead.low, "lead_high": lead.high, "lead_patients": float(lead.n_patients)}


def _refuse_collapse(pairs: PairDistances, settings: TrainingSettings) -> None:
    least = LEAST_MEAN_COSINE if settings.metric == "cosine" else math.sqrt(2.0 * LEAST_MEAN_COSINE)
    if pairs.mean_distance < least:
        raise CollapsedTraining(
            f"mean distance of validation pairs is {pairs.mean_distance:.4f}, wanted at least {least:.2g} "
            f"(embedding deviation {pairs.embedding_std:.4f}): the encoder gives all scans one vector. Take "
            f"miner semi-hard or random instead of {settings.miner}, or lower learning_rate."
        )


def _manifest(run: Run, record: TrainingRecord, ending: Ending, origin: str) -> Manifest:
    return replace(
        ending.encoder.manifest,
        purpose=run.purpose,
        origin=origin,
        settings={**run.settings.named(), **ending.noted},
        data_digest=run.data_digest,
        trained_on=ending.told,
        counts=record.counts,
        curve=tuple({k: v for k, v in asdict(e).items() if k != "seconds"} for e in record.curve),
        histograms=record.histograms,
        figures=record.figures,
        kernels=ending.made_by or kernels("cpu"),
        created_utc="",
    )
