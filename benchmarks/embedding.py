"""Encoder inputs on disk to vectors, beside a plain loop: MONAI's Dataset, torch's DataLoader, the network as it comes.

`python -m benchmarks.embedding [--json] [--films 96] [--volumes 32] [--threads 1 2] [--rounds 3]`. Inputs are those of
phantoms `hard`: frontal films and chest CT. Ours is what a night does: `load_tensor` and `embed`. The plain loop is
MONAI's EfficientNet with its batch normalisation and default memory format, in batches of 8, read by nobody beside it
or by two worker processes, which stay alive between rounds; `ratio` is to each, the faster one counts. Both give
vectors, whose neighbours must come in one order. Each is a process of its own. OpenVINO and bf16 are timed beside ours
where this machine has them.

`--device cuda` measures ours on a GPU by batch size, beside the matrix products that the GPU can do (benchmarks.gpu).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Child, Figure, Tasks, in_turns, report
from scans.kind import Kind
from scans.phantoms.cohort import draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import HARD
from scans.phantoms.study import make_study
from scans.volume import Volume
from siamese.limits import Engine, Precision
from siamese.recipe import recipe_for
from siamese.tensor import load_tensor, save_tensor, to_tensor

BACKBONE = "efficientnet-lite0"
MODALITY = {"2d": "dx", "3d": "ct"}
N_WORKERS = {"plain loop": 0, "plain loop, 2 workers": 2}
BATCH = 8  # of the plain loop
OTHERS: dict[str, tuple[Engine, Precision]] = {
    "openvino": ("openvino", "float32"),
    "bf16": ("torch", "bf16"),
    "openvino-bf16": ("openvino", "bf16"),
}
LEAST_AGREEMENT = 0.999  # of ranks
SEED = 1

Array = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.embedding", description=__doc__)
    parser.add_argument("--films", type=int, default=96, help="0 leaves them out")
    parser.add_argument("--volumes", type=int, default=32, help="0 leaves them out")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = {cover: n for cover, n in (("2d", options.films), ("3d", options.volumes)) if n}
    report(_figures(sizes, options.threads, options.rounds, options.device), as_json=options.json)


def _figures(sizes: dict[str, int], threads: Sequence[int], n_rounds: int, device: str) -> Iterator[Figure]:
    for cover, n in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = inputs(cover, n, Path(folder))
            if device == "cuda":
                from benchmarks.gpu import on_gpu

                yield from on_gpu(BACKBONE, cover, paths, n_rounds=n_rounds)
                continue
            for n_threads in threads:
                yield from measure(cover, paths, n_threads, n_rounds)


def inputs(cover: str, n: int, folder: Path) -> list[Path]:
    """Write the encoder inputs of n phantom people."""
    draw, recipe, modality = Draw(SEED, f"{HARD.name} {HARD.version}"), recipe_for(cover, BACKBONE), MODALITY[cover]
    preset = replace(HARD, modality_share=tuple((name, 1.0) for name, _ in HARD.modality_share))
    paths = []
    for person in draw_cohort(draw, preset, n_patients=n, n_visits=1, kinds=(modality,)):
        series = make_study(draw, preset, person, person.visits[0], modality).series[0]
        volume = Volume(series.voxels, series.grid.affine, Kind(series.kind, recipe.cover, "phantom", True))
        paths.append(folder / f"{person.index}{recipe.suffix}")
        save_tensor(paths[-1], to_tensor(volume, recipe), recipe)
    return paths


def measure(cover: str, paths: Sequence[Path], n_threads: int, n_rounds: int) -> list[Figure]:
    """Return time and memory with one number of threads.

    Raises:
        ValueError: The plain loop's vectors rank neighbours otherwise.
    """
    with ExitStack() as stack:
        ours = Child(ours_tasks, cover, paths, n_threads)
        peers = {name: Child(plain_tasks, cover, paths, n_threads, n, daemon=n == 0) for name, n in N_WORKERS.items()}
        for child in peers.values():
            stack.callback(child.stop)
        others = {name: Child(ours_tasks, cover, paths, n_threads, *how) for name, how in _available().items()}
        vectors, plain = ours.result("vectors"), peers["plain loop"].result("vectors")
        agreement = rank_agreement(vectors, plain)
        if agreement < LEAST_AGREEMENT:
            raise ValueError(f"ranks agree by {agreement:.5f}, wanted {LEAST_AGREEMENT}")
        times = in_turns(
            {name: partial(_ms, child, len(paths)) for name, child in ({"ours": ours} | peers | others).items()},
            n_rounds=n_rounds,
        )
        near = {name: (vectors * child.result("vectors")).sum(axis=1).min() for name, child in others.items()}
        peaks = {name: [child.end()] for name, child in (peers | others).items()}
    note = (
        f"{len(paths)} scans, {n_threads} threads; ranks of neighbours agree by {agreement:.6f}, "
        f"lowest cosine {(vectors * plain).sum(axis=1).min():.7f}; workers keep their own time and memory"
    )
    name = f"embedding-{cover}-{n_threads}"
    faster = [
        Figure(f"{name}-{other}", times.pop(other), {"torch float32": times["ours"]}, unit="ms a scan",
               note=f"lowest cosine to torch float32 {cosine:.7f}")
        for other, cosine in near.items()
    ]  # fmt: skip
    return [
        Figure(name, times.pop("ours"), times, unit="ms a scan", note=note),
        *faster,
        Figure(f"{name}-memory", [ours.end()], peaks, unit="MiB"),
    ]


def _ms(child: Child, n: int) -> float:
    return child.time("vectors") * 1000 / n


def rank_agreement(ours: Array, theirs: Array) -> float:
    """Return how alike two sets of vectors rank the others of each scan: Spearman's correlation, mean over scans."""
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(_ranks(ours), _ranks(theirs), strict=True)]))


def _ranks(vectors: Array) -> NDArray[np.int64]:
    """Return the rank of each other scan by cosine, (N, N - 1)."""
    rows = vectors.astype(np.float64)
    others = ~np.eye(len(rows), dtype=bool)
    return (rows @ rows.T)[others].reshape(len(rows), -1).argsort(axis=1).argsort(axis=1)


def _available() -> dict[str, tuple[Engine, Precision]]:
    from siamese.arithmetic import arithmetic_refusal

    return {name: how for name, how in OTHERS.items() if not arithmetic_refusal(*how, "cpu")}


def ours_tasks(
    cover: str, paths: Sequence[Path], n_threads: int, engine: Engine = "torch", precision: Precision = "float32"
) -> Tasks:
    """What a night does, after the encoder was loaded."""
    import torch

    from siamese.embedding import embed
    from siamese.training.head import starter_of

    torch.set_num_threads(n_threads)
    encoder = starter_of(BACKBONE, cover, engine=engine, precision=precision)
    return {"vectors": lambda: embed(encoder, (load_tensor(path, encoder.recipe) for path in paths))}


def plain_tasks(cover: str, paths: Sequence[Path], n_threads: int, n_workers: int) -> Tasks:
    """The plain loop, after network and workers were made."""
    import torch
    from monai.data.dataset import Dataset
    from torch.utils.data import DataLoader

    torch.set_num_threads(n_threads)
    network = plain_network(cover)
    kept: dict[str, Any] = {"multiprocessing_context": "spawn", "persistent_workers": True} if n_workers else {}
    dataset = Dataset(list(paths), transform=partial(load_tensor, recipe=recipe_for(cover, BACKBONE)))
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=n_workers, **kept)

    def vectors() -> Array:
        with torch.inference_mode():
            rows = [torch.nn.functional.normalize(network(batch)) for batch in loader]
        found: Array = torch.cat(rows).numpy()
        return found

    return {"vectors": vectors}


def plain_network(cover: str) -> Any:
    """Return MONAI's network with the same weights, up to the same block, and the same pooling."""
    import torch
    from torch import nn

    from siamese.efficientnet import DEVIATION, MEAN, N_STAGES, installed_weights, whole_network, with_neighbours

    whole = whole_network(installed_weights())
    trunk = nn.Sequential(
        whole._conv_stem_padding, whole._conv_stem, whole._bn0, nn.ReLU6(), *whole._blocks[:N_STAGES]
    ).eval()

    def network(scans: torch.Tensor) -> torch.Tensor:
        scans = (scans - MEAN) / DEVIATION
        if cover == "2d":
            return nn.functional.adaptive_avg_pool2d(trunk(scans.expand(-1, 3, -1, -1)), (4, 4)).flatten(1)
        maps = trunk(with_neighbours(scans[:, 0])).unflatten(0, (len(scans), -1)).transpose(1, 2)
        return nn.functional.adaptive_avg_pool3d(maps, (4, 2, 2)).flatten(1)

    return network


if __name__ == "__main__":
    main()
