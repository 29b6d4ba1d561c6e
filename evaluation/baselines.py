"""The plain ways that an encoder has to beat: each gives unit vectors for the same search, or says why not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evaluation.cohort import Vectors
from evaluation.questions import Truth
from siamese.statistics.metrics import DEEPEST, discounts
from siamese.tensor import triangle_weights

if TYPE_CHECKING:
    from siamese.encoder import Encoder

Floats = NDArray[np.float64]

REQUIRED = ("chance", "metadata", "demographics", "histogram", "thumbnail", "untrained")
COMPUTED = ("chance",)  # needs no vectors
N_BINS = 64
THUMBNAIL = {2: 32, 3: 16}  # pixels or voxels a side
TIE_WEIGHT = 1e-4  # of the squared length: equal scans come in drawn order, not always in that of their keys
TIE_SIDES = 8
SEED = 0


class MissingBaseline(ValueError):
    """An evaluation lacks one of the baselines: without it no figure is given."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """One plain way: vectors (N, D) of all the cohort's scans, or a sentence why there are none."""

    name: str
    vectors: Vectors | None
    why_not: str = ""


def check_complete(baselines: Mapping[str, Baseline], n_scans: int) -> None:
    """Raise MissingBaseline unless every baseline is there, with vectors for each scan or with its reason."""
    missing = [name for name in REQUIRED if name not in baselines and name not in COMPUTED]
    if missing:
        raise MissingBaseline(f"no baseline {', '.join(missing)}: each run computes all of {', '.join(REQUIRED)}")
    for name, baseline in baselines.items():
        if baseline.vectors is None and not baseline.why_not:
            raise MissingBaseline(f"baseline {name} has neither vectors nor a reason")
        if baseline.vectors is not None and len(baseline.vectors) != n_scans:
            raise MissingBaseline(f"baseline {name} has {len(baseline.vectors)} vectors for {n_scans} scans")


def by_columns(name: str, columns: Mapping[str, Sequence[str | float | None]]) -> Baseline:
    """Return a baseline from what is known beside the picture: scanner, spacing, age, sex.

    Every column is a block of equal weight and length 1. Numbers become an angle between 0 and 90
    degrees by their rank, so that the distance of two scans is the mean over columns of one less the
    cosine between them; texts are equal or not; what is unknown is a value of its own. Scans that are
    equal in all of it come in drawn order.

    Args:
        name: "metadata" or "demographics".
        columns: By name, N values each.
    """
    known = {title: values for title, values in columns.items() if any(_is_known(v) for v in values)}
    if not known:
        return Baseline(name, None, f"no {', no '.join(columns)}" if columns else "no such columns")
    blocks = [_block(values) for values in known.values()]
    rng = np.random.default_rng(SEED)
    ties = rng.normal(size=(len(blocks[0]), TIE_SIDES))
    ties *= np.sqrt(TIE_WEIGHT * len(blocks)) / np.linalg.norm(ties, axis=1, keepdims=True)
    return Baseline(name, _unit(np.concatenate([*blocks, ties], axis=1)))


def by_pictures(tensors: Iterable[NDArray[np.float32]]) -> dict[str, Baseline]:
    """Return the baselines "histogram" and "thumbnail" of encoder inputs (1, *shape) with values in [0, 1]."""
    histograms, thumbnails = [], []
    for tensor in tensors:
        histograms.append(histogram_vector(tensor))
        thumbnails.append(thumbnail_vector(tensor))
    if not histograms:
        return {name: Baseline(name, None, "no encoder inputs") for name in ("histogram", "thumbnail")}
    found = {"histogram": np.stack(histograms), "thumbnail": np.stack(thumbnails)}
    return {name: Baseline(name, vectors) for name, vectors in found.items()}


def untrained(encoder: "Encoder", tensors: Iterable[NDArray[np.float32]], *, seed: int = 0) -> Baseline:
    """Return the vectors of an encoder of equal backbone, size and preprocessing, with drawn weights.

    Drawn they are also where the backbone has weights of its own: what those give is no more untrained.

    Args:
        encoder: Whose network is built anew.
        tensors: Each (1, *recipe.shape) float32.
        seed: Of the weights.
    """
    from siamese.embedding import embed
    from siamese.encoder import build

    manifest = encoder.manifest
    fresh = build(manifest.backbone, manifest.cover, manifest.dim, seed=seed, recipe=encoder.recipe, head=manifest.head)
    vectors = embed(fresh, tensors)
    return Baseline("untrained", vectors if len(vectors) else None, "" if len(vectors) else "no encoder inputs")


def chance_metrics(truth: Truth) -> dict[str, Floats]:
    """Return what an encoder that knows nothing would reach, computed and not drawn; R must be at least 1.

    It puts the items of a list (patients, or for task "patient" also own scans) in random order, each shown by a scan
    of its own drawn at random. The figures are those of `ranking_metrics`, expected for each query, (Q,).
    """
    n, r = truth.n_items.astype(np.float64), truth.n_relevant.astype(np.float64)
    if (r < 1).any():
        raise ValueError("a query without anything relevant in the gallery has no such figures")
    one = truth.chance_relevant / n  # chance that the item at a place is relevant
    pairs = np.maximum(n * (n - 1), 1)
    both = (truth.chance_relevant**2 - truth.chance_squares) / pairs  # that those at two places are
    gain = np.array([discounts(DEEPEST)[: int(m)].sum() for m in np.minimum(n, DEEPEST)])
    return {
        "p_at_1": one,
        "p_at_5": one,  # min(5, R) places, all of which exist
        "map_at_r": _average_precision(one, both, truth.n_relevant),
        "ndcg_at_10": truth.chance_grade / n * gain / (truth.ideal @ discounts(DEEPEST)),
        "recall_at_10": one * np.minimum(n, DEEPEST) / r,
    }


def _average_precision(one: Floats, both: Floats, n_relevant: NDArray[np.int64]) -> Floats:
    """Return E[1/R sum over i <= R of rel_i (1 + sum over j < i of rel_j) / i]."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n_relevant.max(initial=0) + 1))])[n_relevant]
    return np.asarray((one * harmonic + both * (n_relevant - harmonic)) / n_relevant, np.float64)


def histogram_vector(tensor: NDArray[np.float32]) -> Vectors:
    """Return the square roots of the shares of 64 equal bins from 0 to 1, (64,): their product is Bhattacharyya's."""
    counts = np.histogram(tensor, bins=N_BINS, range=(0.0, 1.0))[0]
    return _unit(np.sqrt(counts / counts.sum())[None]).reshape(-1)


def thumbnail_vector(tensor: NDArray[np.float32]) -> Vectors:
    """Return the picture of 32 x 32 pixels or 16 x 16 x 16 voxels, z-scored, flat.

    A picture without any contrast left gives the vector of equal entries.
    """
    small = tensor[0].astype(np.float64)
    side = THUMBNAIL[small.ndim]
    for axis, n in enumerate(small.shape):
        weights = triangle_weights(n, 1.0 / n, side, 1.0 / side).toarray().astype(np.float64)
        weights /= weights.sum(axis=1, keepdims=True)  # no dark border: beyond the picture is nothing, not air
        small = np.moveaxis(np.tensordot(weights, small, axes=(1, axis)), 0, axis)
    centred = small.reshape(1, -1) - small.mean()
    return _unit(centred if np.linalg.norm(centred) > 1e-6 else np.ones_like(centred)).reshape(-1)


def _block(values: Sequence[str | float | None]) -> Floats:
    """Return a unit row for each value."""
    if any(isinstance(v, str) for v in values):
        names = {v: code for code, v in enumerate(sorted({str(v) for v in values if _is_known(v)}))}
        codes = [names[str(v)] if _is_known(v) else len(names) for v in values]
        return np.eye(len(names) + 1)[codes]
    known = np.array([_is_known(v) for v in values], bool)
    ranks = rankdata([v for v in values if _is_known(v)]) - 1.0
    block = np.zeros((len(values), 3))
    angles = ranks / max(1.0, known.sum() - 1.0) * np.pi / 2
    block[known, 0], block[known, 1] = np.cos(angles), np.sin(angles)
    block[~known, 2] = 1.0
    return block


def _is_known(value: str | float | None) -> bool:
    return value not in (None, "") and value == value  # NaN is unknown too


def _unit(rows: Floats) -> Vectors:
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
