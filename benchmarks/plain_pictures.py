"""Pictures that are no scans, as examples for the Siamese core: no DICOM, no database, no night."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scans.kind import Kind
from scans.volume import Volume
from siamese.example import Example
from siamese.recipe import recipe_for
from siamese.tensor import save_tensor, to_tensor

BACKBONE = "efficientnet-lite0"
KIND = Kind("picture/any/2d", "2d", "benchmark", True)
TRAIN, TEST = 0.1, 0.9  # numbers for divisions: what a head is fitted to, and what it never sees
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Picture:
    """One picture, and whom or what it shows."""

    name: str
    of: str
    grey: NDArray[np.float32]  # (y, x), any range


def read_grey(content: bytes) -> NDArray[np.float32]:
    """Return a picture file's grey values, (y, x)."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"), np.float32)


def examples_of(pictures: Sequence[Picture], folder: Path, number: float) -> list[Example]:
    """Write the encoder inputs of pictures into a folder; what they show stands for the patient."""
    recipe = recipe_for("2d", BACKBONE)
    made = []
    for picture in pictures:
        path = folder / f"{picture.name.replace('/', '-')}{recipe.suffix}"
        save_tensor(path, to_tensor(Volume(picture.grey[None], np.eye(4), KIND), recipe), recipe)
        made.append(Example(picture.name, picture.of, picture.name, KIND.key, path, NOTHING, NOTHING, number))
    return made
