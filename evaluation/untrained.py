"""The baseline of the same network before it learned anything."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evaluation.baselines import Baseline
from siamese.embedding import embed
from siamese.encoder import Encoder, build


def untrained(encoder: Encoder, tensors: Iterable[NDArray[np.float32]], *, seed: int = 0) -> Baseline:
    """Return the vectors of an encoder of equal backbone, size and preprocessing, with drawn weights.

    Args:
        encoder: Whose network is built anew.
        tensors: Each (1, *recipe.shape) float32.
        seed: Of the weights.
    """
    manifest = encoder.manifest
    fresh = build(manifest.backbone, manifest.cover, manifest.dim, seed=seed, recipe=encoder.recipe)
    vectors = embed(fresh, tensors)
    return Baseline("untrained", vectors if len(vectors) else None, "" if len(vectors) else "no encoder inputs")
