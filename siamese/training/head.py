"""A Siamese encoder in closed form: a trunk with weights from elsewhere, and a linear head fitted to this archive.

No label is needed and nothing descends a gradient: seconds on one core, the same bits every time on processors of one
kernel level. Which scans it is fitted to depends on the archive alone: those of the training patients with the lowest
drawn numbers.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from siamese.arithmetic import worked_by
from siamese.embedding import features
from siamese.encoder import Encoder, build, initialise, sign
from siamese.example import Example
from siamese.kernels import kernels
from siamese.limits import Engine, Precision
from siamese.pairs import data_digest, split
from siamese.tensor import load_tensor
from siamese.training.repeatable import repeatable
from siamese.training.sample import FIRST_NIGHT, Budget, Sample, sample_of
from siamese.training.views import view_of
from siamese.training.wccn import RIDGE, Floats, Head, fit_head

Array = npt.NDArray[np.float32]


def starter_of(backbone: str, cover: str, *, engine: Engine = "torch", precision: Precision = "float32") -> Encoder:
    """Return a trunk alone, in eval mode: what serves before a head can be fitted.

    Raises:
        WeightsMissing: The weights of the backbone are not installed.
    """
    encoder = initialise(build(backbone, cover, head="none"))
    own = encoder.manifest.provenance
    told = f"{own['trained_on']}; nobody of this archive" if own else "drawn weights; nothing was learned"
    sign(encoder, replace(encoder.manifest, purpose="patient", origin="starter", trained_on=told, created_utc=""))
    return worked_by(encoder.eval(), engine, precision)


def fit_on_trunk(
    examples: Sequence[Example],
    *,
    cover: str,
    backbone: str,
    threads: int = 2,
    batch_size: int = 8,
    budget: Budget | None = None,
    engine: Engine = "torch",
    precision: Precision = "float32",
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
        trunk = worked_by(initialise(build(backbone, cover, head="none")), engine, precision)
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
    return worked_by(encoder.eval(), engine, precision)


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
