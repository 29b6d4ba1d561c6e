"""Tensors in, unit vectors out, the same bits however the work was cut."""

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from siamese.arithmetic import Trunk, trunk_of
from siamese.backbones import backbone_named
from siamese.encoder import Encoder

UNIT_TOLERANCE = 1e-5  # float32 rounding of 128 squares stays a hundred times below


class BadEmbedding(ValueError):
    """A tensor does not fit the encoder, or its vector is not a usable one."""


def embed(
    encoder: Encoder,
    tensors: Iterable[npt.NDArray[np.float32]],
    *,
    batch_size: int = 8,
    device: str = "cpu",
) -> npt.NDArray[np.float32]:
    """Return one unit vector per tensor, (N, dim) float32, in the order given.

    Each batch is filled up with zeros to batch_size, because a network's kernels, and with them the
    last bits, depend on the size of the batch and on nothing else of it. Vectors of CPU and GPU
    differ in those bits: the caller keeps to one device within an encoder. So do, a hundred times less,
    vectors of two processors (siamese.kernels): those may stand together, each with the level noted.

    Args:
        encoder: In eval mode; it stays on the device it was put on.
        tensors: Each (1, *recipe.shape) float32.
        batch_size: Part of how vectors are made: keep one value for all of an archive.
        device: "cpu", "cuda", or "auto" for a GPU where there is one.

    Raises:
        ArithmeticMissing: This machine has not the engine or the precision that the encoder's name says.
        BadEmbedding: A tensor has another shape, or holds or yields numbers that are not finite.
        ValueError: The encoder is in training mode, or device or batch size is not usable.
    """
    vectors = _through(encoder, encoder.vectors_of, tensors, batch_size, device)
    check_vectors(vectors)
    return vectors


def features(
    encoder: Encoder, tensors: Iterable[npt.NDArray[np.float32]], *, batch_size: int = 8, device: str = "cpu"
) -> npt.NDArray[np.float32]:
    """Return what an encoder's backbone says of each tensor, (N, F) float32: before the head, of any length.

    As `embed` else.
    """
    return _through(encoder, nn.Identity(), tensors, batch_size, device)


def _through(
    encoder: Encoder,
    finish: Callable[[torch.Tensor], torch.Tensor],
    tensors: Iterable[npt.NDArray[np.float32]],
    batch_size: int,
    device: str,
) -> npt.NDArray[np.float32]:
    if encoder.training:
        raise ValueError("the encoder is in training mode: call eval() first")
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}: wanted at least 1")
    place = choose_device(device)
    encoder.to(place)
    if place.type == "cpu":
        batch_size = min(batch_size, backbone_named(encoder.manifest.backbone).largest_batch)
    trunk = trunk_of(encoder, (batch_size, 1, *encoder.recipe.shape), place)
    rows: list[npt.NDArray[np.float32]] = []
    remaining = iter(tensors)
    shape = (1, *encoder.recipe.shape)
    while batch := list(islice(remaining, batch_size)):
        padded = np.zeros((batch_size, *shape), np.float32)
        for row, tensor in enumerate(batch):
            _check_tensor(tensor, shape, len(rows) * batch_size + row)
            padded[row] = tensor
        rows.append(_run(lambda scans: finish(trunk(scans)), padded, place)[: len(batch)])
    return np.concatenate(rows) if rows else np.empty((0, encoder.manifest.dim), np.float32)


def choose_device(device: str) -> torch.device:
    """Return the torch device of "cpu", "cuda" or "auto".

    Raises:
        ValueError: The name is another, or "cuda" was asked for where there is no GPU.
    """
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"device {device!r}: wanted 'cpu', 'cuda' or 'auto'")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': this machine has no GPU that torch can use; take 'auto' or 'cpu'")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def _run(network: Trunk, batch: npt.NDArray[np.float32], place: torch.device) -> npt.NDArray[np.float32]:
    exact = torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        rows: npt.NDArray[np.float32] = network(torch.from_numpy(batch).to(place)).cpu().numpy()
    return np.ascontiguousarray(rows, dtype="<f4")


def _check_tensor(tensor: npt.NDArray[np.float32], shape: tuple[int, ...], index: int) -> None:
    if tensor.shape != shape or tensor.dtype != np.float32:
        raise BadEmbedding(f"tensor {index}: found {tensor.shape} {tensor.dtype}, wanted {shape} float32")
    if not np.isfinite(tensor).all():
        raise BadEmbedding(f"tensor {index}: holds values that are not finite")


def check_vectors(vectors: npt.NDArray[np.float32]) -> None:
    """Refuse vectors (N, D) of which one is not of length 1.

    Raises:
        BadEmbedding: The first such is named.
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    good = np.isfinite(lengths) & (np.abs(lengths - 1) < UNIT_TOLERANCE)
    if not good.all():
        index = int(np.argmin(good))
        raise BadEmbedding(f"tensor {index}: its vector has length {lengths[index]:.3g}, wanted 1")
