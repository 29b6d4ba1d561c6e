"""The classifier of kinds: which class mean a vector is nearest to, under one covariance, and when it abstains.

Source: linear discriminant analysis (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed.,
section 4.3). A decision is made of additions in one written order, so it is the same on every machine.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from scans.atomic import write_atomically
from siamese.search.distance import dots

Floats = NDArray[np.float64]

FILE = "classifier.safetensors"
DECIMALS = 9  # of a distance; far above the noise of float64
MOST_TERMS = 4_000_000  # products held at once, 32 MiB


class DamagedClassifier(ValueError):
    """The files of a classifier are missing, or are not those that its id names."""


@dataclass(frozen=True, eq=False)
class FamilyModel:
    """How the scans of one modality family and cover are told apart."""

    likenesses: Sequence[str]  # (K,) classes, sorted
    given: Sequence[str]  # those of them that may name a scan
    means: Floats  # (K, D) of the classes
    scale: float  # the inverse of the covariance is scale * identity - directions.T @ directions
    directions: Floats  # (R, D) in which scans of one class differ most
    limit: float  # farther from every mean: like none of them
    margin: float  # the second mean has to be farther than the first by this
    n_named: int  # scans of patients left out that were named
    n_wrong: int  # those of them whose tags say otherwise

    def distances(self, vectors: NDArray[np.floating]) -> Floats:
        """Return squared Mahalanobis distances of vectors (N, D) to the means, a dimension: (N, K), rounded."""
        n_dims = self.means.shape[1]
        step = max(1, MOST_TERMS // (n_dims * max(len(self.directions), len(self.means))))
        own = dots(self.means[:, None, :], self.directions[None, :, :])  # (K, R)
        found = np.zeros((len(vectors), len(self.likenesses)))
        for begin in range(0, len(vectors), step):
            rows = vectors[begin : begin + step].astype(np.float64)
            away = rows[:, None, :] - self.means[None, :, :]  # (n, K, D)
            along = dots(rows[:, None, :], self.directions[None, :, :])[:, None, :] - own[None, :, :]  # (n, K, R)
            found[begin : begin + step] = self.scale * dots(away, away) - dots(along, along)
        return np.asarray(np.round(found / n_dims, DECIMALS))

    def decide(self, vectors: NDArray[np.floating]) -> list[str]:
        """Return the likeness of each vector (N, D), "" where the classifier abstains."""
        nearest, first, second = nearest_two(self.distances(vectors))
        is_sure = (first <= self.limit) & (second - first >= self.margin)
        names = [self.likenesses[place] for place in nearest.tolist()]
        return [name if sure and name in self.given else "" for name, sure in zip(names, is_sure.tolist(), strict=True)]


@dataclass(frozen=True, eq=False)
class KindClassifier:
    """What the vectors of one encoder say of the kinds of one cover, by modality family."""

    encoder: str
    cover: str
    families: Mapping[str, FamilyModel]

    @property
    def id(self) -> str:
        """16 hex digits that change with any number in it, its encoder and its cover."""
        seen = hashlib.sha256(self._header().encode())
        for _, numbers in sorted(self._tensors().items()):
            seen.update(repr(numbers.shape).encode() + numbers.astype("<f8").tobytes())
        return seen.hexdigest()[:16]

    def look(self, family: str, vectors: NDArray[np.floating]) -> list[str]:
        """Return the likeness of each vector (N, D) of a family, "" where none is sure."""
        model = self.families.get(family)
        return [""] * len(vectors) if model is None else model.decide(vectors)

    def save(self, folder: Path) -> None:
        """Write it into a folder, whole or not at all."""
        write_atomically(folder / FILE, pack(self._tensors(), {"classifier": self._header()}))

    def _header(self) -> str:
        numbers = ("scale", "limit", "margin", "n_named", "n_wrong")
        families = {
            family: {"likenesses": list(model.likenesses), "given": list(model.given)}
            | {name: getattr(model, name) for name in numbers}
            for family, model in sorted(self.families.items())
        }
        return json.dumps({"encoder": self.encoder, "cover": self.cover, "families": families}, sort_keys=True)

    def _tensors(self) -> dict[str, Floats]:
        models = sorted(self.families.items())
        return {f"{name}.directions": model.directions for name, model in models} | {
            f"{name}.means": model.means for name, model in models
        }


def load(folder: Path, wanted: str) -> KindClassifier:
    """Read the classifier of an id.

    Raises:
        DamagedClassifier: There is none in the folder, or it is another one.
    """
    try:
        with safe_open(folder / FILE, framework="numpy") as file:
            header = json.loads(file.metadata()["classifier"])
            families = {
                name: FamilyModel(
                    directions=file.get_tensor(f"{name}.directions"), means=file.get_tensor(f"{name}.means"), **told
                )
                for name, told in header["families"].items()
            }
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamagedClassifier(f"classifier {wanted}: {type(error).__name__}") from None
    found = KindClassifier(header["encoder"], header["cover"], families)
    if found.id != wanted:
        raise DamagedClassifier(f"classifier {wanted}: the file holds {found.id}")
    return found


def nearest_two(distances: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Return for each row of (N, K) the place of the least, the first of equals, that distance, and the second one."""
    nearest = np.argmin(distances, axis=1)
    ordered = np.sort(distances, axis=1)
    return nearest, ordered[:, 0], ordered[:, 1]
