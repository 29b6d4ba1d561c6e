"""Body parts from one example a class: which of six is this picture?

`python -m benchmarks.bodyparts --data FOLDER [--json]`. FOLDER holds one folder a class (AbdomenCT, BreastMRI, CXR,
ChestCT, Hand, HeadCT). Half of each class is the archive that a head is fitted to, without its labels: views of single
pictures, nobody comes twice. Of the other half one picture a class is known, all others are asked; mean over 200 draws
of the known ones. Beside it the trunk without the head, and thumbnails. Chance is 0.167.
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
from siamese.tensor import load_tensor
from siamese.training.figures import distance_matrix
from siamese.training.head import fit_on_trunk, starter_of
from siamese.training.sample import Budget

N_DRAWS = 200
BUDGET = Budget(scans=180, viewed=180, views=6, passes=1260)


def main() -> None:
    """Print the share of right answers of each way, with the middle 95 % of the draws."""
    parser = argparse.ArgumentParser(prog="benchmarks.bodyparts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with a folder a class")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.data)
    if options.json:
        print(json.dumps(found))
        return
    print(f"body parts, one example a class, {N_DRAWS} draws: mean (middle 95 % of draws)")
    for way, shares in found.items():
        low, high = np.quantile(shares, (0.025, 0.975))
        print(f"  {way:10} {np.mean(shares):.3f} ({low:.3f} to {high:.3f})")


def measure(data: Path) -> dict[str, list[float]]:
    """Return, by way, the share of right answers for each draw."""
    archive, asked = [], []
    for kind in sorted(path for path in data.iterdir() if path.is_dir()):
        for number, path in enumerate(sorted(p for p in kind.iterdir() if p.is_file())):
            name, grey = f"{kind.name}/{path.stem}", read_grey(path.read_bytes())
            if number % 2:
                asked.append(Picture(name, kind.name, grey))
            else:
                archive.append(Picture(name, name, grey))  # nobody knows what it shows
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_on_trunk(
            examples_of(archive, Path(folder), TRAIN), cover="2d", backbone=BACKBONE, budget=BUDGET
        )  # fmt: skip
        tensors = [load_tensor(e.tensor, fitted.recipe) for e in examples_of(asked, Path(folder), TEST)]
        ways = {
            "head": embed(fitted, tensors),
            "trunk": embed(starter_of(BACKBONE, "2d"), tensors),
            "thumbnail": np.stack([thumbnail_vector(tensor) for tensor in tensors]),
        }
    of = [picture.of for picture in asked]
    return {way: [share_right(vectors, of, seed) for seed in range(N_DRAWS)] for way, vectors in ways.items()}


def share_right(vectors: NDArray[np.float32], of: Sequence[str], seed: int) -> float:
    """Return how often the nearest of one known picture a class, drawn by the seed, is of the right class."""
    rng, classes = np.random.default_rng(seed), np.asarray(of)
    known = np.array([rng.choice(np.flatnonzero(classes == name)) for name in sorted(set(of))])
    others = np.setdiff1d(np.arange(len(of)), known)
    nearest = known[distance_matrix(vectors, metric="cosine")[np.ix_(others, known)].argmin(axis=1)]
    return float(np.mean(classes[nearest] == classes[others]))


if __name__ == "__main__":
    main()
