"""Twenty-way one-shot recognition on Omniglot: of twenty characters seen once each, which is this one?

`python -m benchmarks.oneshot --data FOLDER [--seeds 3] [--json]`. FOLDER holds `images_background_small1.zip`,
`images_background_small2.zip` and `all_runs.zip` of the collection (Lake, Salakhutdinov and Tenenbaum 2015): the twenty
fixed runs, characters and drawers that no head has seen. The head is fitted to the eight background alphabets. Beside
it the trunk without the head, and the head with the mean vector of eight views more. A share is over 400 trials.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from benchmarks.plain_pictures import BACKBONE, TEST, TRAIN, Picture, examples_of, read_grey
from evaluation.cohort import Vectors
from siamese.embedding import features
from siamese.encoder import Encoder
from siamese.example import Example
from siamese.tensor import load_tensor
from siamese.training.figures import distance_matrix
from siamese.training.head import fit_on_trunk, starter_of
from siamese.training.sample import Budget
from siamese.training.views import view_of

BACKGROUND = ("images_background_small1.zip", "images_background_small2.zip")
RUNS = "all_runs.zip"
N_VIEWS = 8
N_DRAWINGS = 5  # of each of 242 characters
BUDGET = Budget(scans=1210, viewed=1210, views=3, passes=4840)
WAYS = ("trunk", "head", f"head, {N_VIEWS} views")


def main() -> None:
    """Print the share of right answers of each way, over the seeds."""
    parser = argparse.ArgumentParser(prog="benchmarks.oneshot", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the three zip files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.data, range(options.seeds))
    if options.json:
        print(json.dumps(found))
        return
    print(f"Omniglot, 20 fixed 20-way runs, {len(found[WAYS[0]])} seeds: mean (lowest to highest)")
    for way, shares in found.items():
        print(f"  {way:16} {np.mean(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})")


def measure(data: Path, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Return, by way, the share of right answers for each seed."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(data / RUNS) as runs:
        background = list(read_background(data))
        trials = [trial_of(runs, f"run{number:02}") for number in range(1, 21)]
        asked = [_features(examples_of(pictures, Path(folder), TEST)) for pictures, _ in trials]
        for seed in seeds:
            drawn = np.random.default_rng(seed).permutation(len(background))
            seen = examples_of(_some_of_each([background[i] for i in drawn], N_DRAWINGS, seed), Path(folder), TRAIN)
            head = fit_on_trunk(seen, cover="2d", backbone=BACKBONE, budget=BUDGET)
            vectors = {
                WAYS[0]: [_unit(rows[0]) for rows in asked],
                WAYS[1]: [_through(head, rows[0]) for rows in asked],
                WAYS[2]: [_unit(np.sum([_through(head, one) for one in rows], axis=0)) for rows in asked],
            }
            for way, of_trials in vectors.items():
                right = [share_right(one, answers) for one, (_, answers) in zip(of_trials, trials, strict=True)]
                found[way].append(float(np.mean(right)))
    return found


def share_right(vectors: Vectors, answers: Sequence[int]) -> float:
    """Return how often the nearest of the first 20 vectors is the right one for each of the last 20."""
    nearest = distance_matrix(vectors, metric="cosine")[20:, :20].argmin(axis=1)
    return float(np.mean(nearest == np.asarray(answers)))


def read_background(data: Path) -> Iterator[Picture]:
    """Yield the drawings of all background characters; one that stands in both files comes once."""
    done = set()
    for name in BACKGROUND:
        with zipfile.ZipFile(data / name) as archive:
            for path in sorted(PurePosixPath(entry) for entry in archive.namelist() if entry.endswith(".png")):
                alphabet, character, drawing = path.parts[-3:]
                if path.name.startswith(".") or (key := f"{alphabet}/{character}/{drawing[:-4]}") in done:
                    continue
                done.add(key)
                yield Picture(key, f"{alphabet}/{character}", read_grey(archive.read(str(path))))


def trial_of(runs: zipfile.ZipFile, name: str) -> tuple[list[Picture], list[int]]:
    """Return a run's twenty known characters and its twenty questions behind them, and which known one each is."""
    pairs = [line.split() for line in runs.read(f"{name}/class_labels.txt").decode().splitlines()]
    known = sorted({answer for _, answer in pairs})
    paths = [*known, *(question for question, _ in pairs)]
    pictures = [Picture(path[:-4], path, read_grey(runs.read(path))) for path in paths]
    return pictures, [known.index(answer) for _, answer in pairs]


def _some_of_each(pictures: Sequence[Picture], n: int, seed: int) -> list[Picture]:
    """Return the first n pictures of each character; the seed goes into their names, and so into their views."""
    counts: dict[str, int] = {}
    chosen = []
    for picture in pictures:
        counts[picture.of] = counts.get(picture.of, 0) + 1
        if counts[picture.of] <= n:
            chosen.append(Picture(f"{seed}/{picture.name}", picture.of, picture.grey))
    return chosen


def _features(examples: Sequence[Example]) -> Vectors:
    """Return what the trunk says of pictures as they are, and of each of their views, (1 + N_VIEWS, N, F)."""
    trunk = starter_of(BACKBONE, "2d")
    tensors = [load_tensor(example.tensor, trunk.recipe) for example in examples]
    found = [features(trunk, tensors)]
    for number in range(N_VIEWS):
        views = (view_of(tensor, example.scan, number) for tensor, example in zip(tensors, examples, strict=True))
        found.append(features(trunk, views))
    return np.stack(found)


def _through(encoder: Encoder, rows: Vectors) -> Vectors:
    with torch.inference_mode():
        return _unit(encoder.head(torch.from_numpy(rows)).numpy())


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    main()
