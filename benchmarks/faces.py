"""Faces of people never seen: is it one person, or are they two? The oldest test of a Siamese network.

`python -m benchmarks.faces --data FOLDER [--json]`. FOLDER holds ORL's `s01` to `s40`, ten pictures a person (AT&T
Laboratories Cambridge; Samaria and Harter 1994). Four splits: a head is fitted in closed form to thirty people, and all
pairs of the ten others are asked. AUC and equal error rate; beside them the trunk without the head, and thumbnails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain_pictures import BACKBONE, TEST, TRAIN, Picture, examples_of, read_grey
from evaluation.baselines import thumbnail_vector
from siamese.embedding import embed
from siamese.example import Example
from siamese.statistics.metrics import pair_metrics
from siamese.tensor import load_tensor
from siamese.training.figures import distance_matrix
from siamese.training.head import fit_on_trunk, starter_of
from siamese.training.sample import Budget

N_UNSEEN, N_SPLITS = 10, 4
BUDGET = Budget(scans=300, viewed=300, views=4, passes=1500)
WAYS = ("head", "trunk", "thumbnail")


def main() -> None:
    """Print AUC and equal error rate of each way, mean over the splits and worst of them."""
    parser = argparse.ArgumentParser(prog="benchmarks.faces", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of s01 to s40")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.data)
    if options.json:
        print(json.dumps(found))
        return
    print(f"ORL faces, {N_UNSEEN} people never seen, {N_SPLITS} splits: mean (worst)")
    for way in WAYS:
        auc, eer = (np.array(found[way][name]) for name in ("auc", "eer"))
        print(f"  {way:10} AUC {auc.mean():.4f} ({auc.min():.4f})   EER {eer.mean():.2%} ({eer.max():.2%})")


def measure(data: Path) -> dict[str, dict[str, list[float]]]:
    """Return, by way, AUC and equal error rate of each split."""
    people = sorted(path for path in data.iterdir() if path.is_dir())
    found: dict[str, dict[str, list[float]]] = {way: {"auc": [], "eer": []} for way in WAYS}
    for split in range(N_SPLITS):
        unseen = set(people[split * N_UNSEEN : (split + 1) * N_UNSEEN])
        with tempfile.TemporaryDirectory() as folder:
            seen = examples_of(pictures_of([p for p in people if p not in unseen]), Path(folder), TRAIN)
            asked = examples_of(pictures_of(sorted(unseen)), Path(folder), TEST)
            for way, vectors in _ways(seen, asked).items():
                auc, eer = pair_figures(vectors, [e.patient for e in asked])
                found[way]["auc"].append(auc)
                found[way]["eer"].append(eer)
    return found


def pair_figures(vectors: NDArray[np.float32], of: Sequence[str]) -> tuple[float, float]:
    """Return AUC and equal error rate over all pairs of unit vectors (N, D)."""
    first, second = np.triu_indices(len(of), 1)
    alike = np.array([of[i] == of[j] for i, j in zip(first.tolist(), second.tolist(), strict=True)])
    figures = pair_metrics(distance_matrix(vectors, metric="cosine")[first, second], alike)
    auc, eer = figures["roc_auc"], figures["eer"]
    if auc is None or eer is None:
        raise ValueError("no alike or no unlike pair")
    return auc, eer


def pictures_of(people: Sequence[Path]) -> list[Picture]:
    """Read all pictures of some people's folders."""
    return [
        Picture(f"{person.name}/{path.stem}", person.name, read_grey(path.read_bytes()))
        for person in people
        for path in sorted(person.glob("*.png"))
    ]


def _ways(seen: Sequence[Example], asked: Sequence[Example]) -> dict[str, NDArray[np.float32]]:
    fitted = fit_on_trunk(seen, cover="2d", backbone=BACKBONE, budget=BUDGET)
    tensors = [load_tensor(example.tensor, fitted.recipe) for example in asked]
    return {
        "head": embed(fitted, tensors),
        "trunk": embed(starter_of(BACKBONE, "2d"), tensors),
        "thumbnail": np.stack([thumbnail_vector(tensor) for tensor in tensors]),
    }


if __name__ == "__main__":
    main()
