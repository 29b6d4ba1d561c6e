"""The encoder on a GPU: scans a second by batch size, beside the matrix products that the GPU can do.

Asked for by `benchmarks.embedding --device cuda`. Figures of one GPU; ours and the ceiling come of one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.figure import Figure
from siamese.embedding import embed
from siamese.encoder import Encoder
from siamese.tensor import load_tensor
from siamese.training.head import starter_of

BATCHES = (1, 2, 4, 8, 16, 32, 64)
SIDE = 8192  # of the matrices whose product is the ceiling


def on_gpu(backbone: str, cover: str, paths: Sequence[Path], *, n_rounds: int) -> Iterator[Figure]:
    """Return scans a second by batch size, with the share of the ceiling, inputs in memory and read from disk."""
    encoder = starter_of(backbone, cover)
    flops = flops_of(encoder, torch.zeros((1, 1, *encoder.recipe.shape)))
    tensors = [load_tensor(path, encoder.recipe) for path in paths]
    many = tensors * max(1, 256 // len(tensors))
    rates = {}
    for size in BATCHES:
        seconds = _timed(partial(embed, encoder, many, batch_size=size, device="cuda"), n_rounds)
        rates[size] = [len(many) / s for s in seconds]
    best = max(rates, key=lambda size: float(np.median(rates[size])))
    ceiling = [2 * SIDE**3 / seconds for seconds in _timed(_product(), n_rounds)]
    share = float(np.median(rates[best])) * flops / float(np.median(ceiling))
    note = (
        f"{torch.cuda.get_device_name(0)}, batches of {best}, {flops / 1e9:.1f} GFLOP a scan: "
        f"{share:.1%} of {float(np.median(ceiling)) / 1e12:.1f} TFLOP/s of a float32 product of {SIDE} x {SIDE}"
    )
    others = {f"batches of {size}": rate for size, rate in rates.items() if size != best}
    yield Figure(f"embedding-{cover}-gpu", rates[best], others, unit="scans/s", better="high", note=note)
    read = [len(paths) / s for s in _timed(lambda: _from_disk(encoder, paths, best), n_rounds)]
    yield Figure(f"embedding-{cover}-gpu-from-disk", read, {"from memory": rates[best]}, unit="scans/s", better="high")


def flops_of(encoder: torch.nn.Module, scan: torch.Tensor) -> int:
    """Return the floating point operations of one scan, of convolutions and matrix products."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        encoder(scan)
    return int(counter.get_total_flops())


def _from_disk(encoder: Encoder, paths: Sequence[Path], batch_size: int) -> object:
    return embed(encoder, (load_tensor(path, encoder.recipe) for path in paths), batch_size=batch_size, device="cuda")


def _product() -> Callable[[], object]:
    """Return a float32 matrix product on the GPU, of full precision as `embed` works."""
    left, right = (torch.rand((SIDE, SIDE), device="cuda") for _ in range(2))

    def product() -> None:
        torch.mm(left, right)
        torch.cuda.synchronize()

    return product


def _timed(work: Callable[[], object], n_rounds: int) -> list[float]:
    """Return the seconds of each round, after one that is thrown away."""
    seconds = []
    for _ in range(n_rounds + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]
