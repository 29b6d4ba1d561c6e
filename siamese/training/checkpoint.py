"""Where a training stands, in one file that a kill cannot tear."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as pack

from scans.atomic import write_atomically

FILE = "checkpoint.safetensors"

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """State after a whole epoch. Random numbers need no state: they are drawn from seed, epoch and step."""

    run: str  # digest of settings, data and versions: a checkpoint of another run is none
    progress: Mapping[str, Any]  # JSON: epochs done, best epoch, curve
    weights: Tensors
    best_weights: Tensors
    optimiser: Mapping[int, Tensors]  # parameter number -> its moments


def write_checkpoint(folder: Path, state: Checkpoint) -> None:
    """Replace the folder's checkpoint."""
    tensors = {f"weights/{name}": t for name, t in state.weights.items()}
    tensors |= {f"best/{name}": t for name, t in state.best_weights.items()}
    tensors |= {f"optimiser/{i}/{name}": t for i, row in state.optimiser.items() for name, t in row.items()}
    copies = {name: t.detach().clone().contiguous() for name, t in tensors.items()}
    header = {"run": state.run, "progress": json.dumps(dict(state.progress))}
    write_atomically(folder / FILE, pack(copies, metadata=header))


def read_checkpoint(folder: Path, run: str) -> Checkpoint | None:
    """Return the folder's checkpoint of this run; None where there is none, or one that cannot be used.

    A damaged or foreign one is no error: the training begins anew and replaces it.
    """
    try:
        with safe_open(folder / FILE, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("run") != run:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return None
    optimiser: dict[int, Tensors] = {}
    for name, tensor in _under(tensors, "optimiser/").items():
        number, key = name.split("/")
        optimiser.setdefault(int(number), {})[key] = tensor
    progress = json.loads(header["progress"])
    return Checkpoint(run, progress, _under(tensors, "weights/"), _under(tensors, "best/"), optimiser)


def _under(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
