"""A Siamese encoder in closed form: a trunk with weights from elsewhere, and a linear head fitted to this archive.

No label is needed and nothing descends a gradient: seconds on one core, the same bits every time on processors of one
kernel level. Which scans it is fitted to depends on the archive alone: those of the training patients with the lowest
drawn numbers.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch

from siamese.embedding import features
from siamese.encoder import Encoder, build, initialise, sign
from siamese.example import Example
from siamese.kernels import kernels
from siamese.pairs import data_digest, split
from siamese.tensor import load_tensor
from siamese.training.repeatable import repeatable
from siamese.training.views import view_of
from siamese.training.wccn import RIDGE, Floats, Head, fit_head

FEWEST_PATIENTS = 5  # of training: fewer tell their own ways apart, not what all scans share

Array = npt.NDArray[np.float32]


class TooFewPatients(ValueError):
    """Too few people to fit a head to; the trunk alone serves until there are more."""


@dataclass(frozen=True)
class Budget:
    """How much is looked at."""

    scans: int
    viewed: int  # of these
    views: int  # of each
    passes: int  # through the trunk


FIRST_NIGHT: Mapping[str, Budget] = MappingProxyType(  # what one can pay: twenty seconds of one core for each cover
    {"2d": Budget(scans=160, viewed=80, views=12, passes=400), "3d": Budget(scans=40, viewed=16, views=4, passes=80)}
)


@dataclass(frozen=True)
class Sample:
    """What a head is fitted to."""

    scans: Sequence[Example]  # seen as they are
    n_viewed: int  # of these, the first ones: seen changed as well
    n_views: int  # of each


def starter_of(backbone: str, cover: str) -> Encoder:
    """Return a trunk alone, in eval mode: what serves before a head can be fitted.

    Raises:
        WeightsMissing: The weights of the backbone are not installed.
    """
    encoder = initialise(build(backbone, cover, head="none"))
    own = encoder.manifest.provenance
    told = f"{own['trained_on']}; nobody of this archive" if own else "drawn weights; nothing was learned"
    sign(encoder, replace(encoder.manifest, purpose="patient", origin="starter", trained_on=told, created_utc=""))
    return encoder.eval()


def fit_on_trunk(
    examples: Sequence[Example],
    *,
    cover: str,
    backbone: str,
    threads: int = 2,
    batch_size: int = 8,
    budget: Budget | None = None,
) -> Encoder:
    """Return an encoder whose head is fitted to the training patients of these examples, signed and in eval mode.

    Raises:
        TooFewPatients: Fewer than five patients are for training.
        NothingDiffers: All scans and views have the same features.
        WeightsMissing: The weights of the backbone are not installed.
        BadTensor: A tensor's file is damaged.
    """
    learned_from = split(examples)["train"]
    sample = sample_of(learned_from, budget or FIRST_NIGHT[cover])
    with repeatable(threads):
        trunk = initialise(build(backbone, cover, head="none"))
        plain = features(trunk, _plain(trunk, sample), batch_size=batch_size).astype(np.float64)
        views = features(trunk, _views(trunk, sample), batch_size=batch_size).astype(np.float64)
        visits = visits_of(sample.scans, plain)
        head = fit_head(plain.mean(axis=0), [_by_scan(plain, views, sample), visits])
    encoder = with_head(trunk, head)
    counts = {"patients": len({e.patient for e in learned_from}), "scans": len(learned_from)}
    manifest = replace(
        encoder.manifest,
        purpose="patient",
        origin="trained",
        settings={
            "head": "within-class covariance", "ridge": RIDGE, "scans": len(sample.scans), "viewed": sample.n_viewed,
            "views": sample.n_views, "patients_with_visits": len(visits), "threads": threads, "metric": "cosine",
        },
        data_digest=data_digest(sample.scans, encoder.recipe.digest()),
        trained_on=_told(sample, len(visits)),
        counts={"train": counts},
        kernels=kernels("cpu"),
        created_utc="",
    )  # fmt: skip
    sign(encoder, manifest)
    return encoder.eval()


def sample_of(learned_from: Sequence[Example], budget: Budget) -> Sample:
    """Return the scans of the patients with the lowest numbers, and how many views of how many of them.

    Raises:
        TooFewPatients: See `fit_on_trunk`.
    """
    scans = lowest_numbers(learned_from, budget.scans)
    n_viewed = min(len(scans), budget.viewed)
    return Sample(scans, n_viewed, min(budget.views, (budget.passes - len(scans)) // n_viewed))


def lowest_numbers(learned_from: Sequence[Example], most: int) -> list[Example]:
    """Return at most so many scans, those of the patients with the lowest drawn numbers.

    Raises:
        TooFewPatients: See `fit_on_trunk`.
    """
    n_patients = len({e.patient for e in learned_from})
    if n_patients < FEWEST_PATIENTS:
        raise TooFewPatients(f"{n_patients} patients for training, a head is fitted to at least {FEWEST_PATIENTS}")
    return sorted(learned_from, key=lambda e: (e.split_number, e.patient, e.scan))[:most]


def _plain(trunk: Encoder, sample: Sample) -> Iterator[Array]:
    for example in sample.scans:
        yield load_tensor(example.tensor, trunk.recipe)


def _views(trunk: Encoder, sample: Sample) -> Iterator[Array]:
    for example in sample.scans[: sample.n_viewed]:
        scan = load_tensor(example.tensor, trunk.recipe)
        for number in range(sample.n_views):
            yield view_of(scan, example.scan, number)


def _by_scan(plain: Floats, views: Floats, sample: Sample) -> list[Floats]:
    """Return, of each scan with views, its features as it is and changed, (1 + views, F)."""
    changed = views.reshape(sample.n_viewed, sample.n_views, plain.shape[1])
    return [np.concatenate([plain[i : i + 1], changed[i]]) for i in range(sample.n_viewed)]


def visits_of(scans: Sequence[Example], plain: Floats) -> list[Floats]:
    """Return, of each patient and kind with several studies, the features of one scan each, (studies, F)."""
    rows: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row, example in enumerate(scans):
        rows[example.patient, example.kind].setdefault(example.study, row)
    return [plain[list(studies.values())] for studies in rows.values() if len(studies) > 1]


def with_head(trunk: Encoder, head: Head) -> Encoder:
    """Return an encoder of the trunk's weights and this head; the mean goes into the bias."""
    manifest = trunk.manifest
    encoder = build(manifest.backbone, manifest.cover, dim=0, recipe=trunk.recipe)
    encoder.backbone.load_state_dict(trunk.backbone.state_dict())
    linear = {"weight": torch.from_numpy(head.weight), "bias": torch.from_numpy(-head.weight @ head.mean)}
    encoder.head.load_state_dict({name: tensor.to(torch.float32) for name, tensor in linear.items()})
    encoder.manifest = replace(encoder.manifest, provenance=dict(manifest.provenance))
    return encoder.eval()


def _told(sample: Sample, n_repeated: int) -> str:
    n_patients = len({e.patient for e in sample.scans})
    told = f"{len(sample.scans)} scans of {n_patients} patients without a label: {sample.n_views} changed views each"
    if sample.n_viewed < len(sample.scans):
        told += f" of the first {sample.n_viewed}"
    return told + (f", and {n_repeated} who came more than once" if n_repeated else "")
