"""A volume as an encoder sees it: one fixed grid, values in [0, 1], the same bits every time.

Intensities are windowed first, so that air is exactly 0, then resampled axis by axis with a
triangle filter as wide as the coarser of the two grids: it interpolates where the scan is
coarser and averages, hence cannot alias, where it is finer. What lies outside the scan is air.
The products run in one thread in a fixed order; a BLAS would let the bits depend on the machine's
number of threads.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from scans.atomic import write_atomically
from scans.outcome import ConstantImage, NotFinite
from siamese.recipe import Recipe, Window

if TYPE_CHECKING:
    from scans.volume import Volume  # a worker that only embeds needs no DICOM reader

Array = npt.NDArray[np.float32]

MAX_SAMPLED = 1 << 18  # voxels that percentiles are taken from: 0.1 % of them are still 262


class BadTensor(ValueError):
    """A stored tensor is damaged or of another recipe: make it again from the files."""


def to_tensor(volume: "Volume", recipe: Recipe) -> Array:
    """Return the volume on the recipe's grid, (1, *shape) float32 in [0, 1], C-contiguous.

    Raises:
        ConstantImage: All voxels have one value, or one inside the window.
        NotFinite: Voxels hold values that are not finite numbers.
        ValueError: The recipe covers the other number of dimensions.
    """
    if volume.kind.cover != recipe.cover:
        raise ValueError(f"recipe {recipe.name} covers {recipe.cover}, the volume is {volume.kind.cover}")
    canonical = volume.to_canonical()
    family, part = canonical.kind.key.split("/")[:2]
    voxels = _windowed(canonical.voxels, recipe.window_of(family))
    spacing_mm: tuple[float, ...] = canonical.spacing_mm
    if recipe.cover == "2d":
        voxels, spacing_mm = voxels.reshape(voxels.shape[-2:]), spacing_mm[-2:]
    target_mm = recipe.spacing_of(part) or _fitted(voxels.shape, spacing_mm, recipe.shape)
    tensor = _resampled(voxels, spacing_mm, recipe.shape, target_mm)
    np.clip(tensor, 0.0, 1.0, out=tensor)
    _refuse_constant(tensor)
    return np.ascontiguousarray(tensor[np.newaxis])


def _windowed(voxels: npt.NDArray[np.float32], window: Window) -> Array:
    """Return a copy of the voxels with the window's low at 0 and its high at 1, clipped."""
    if not np.isfinite(voxels).all():
        raise NotFinite("some voxels are not finite numbers")
    low, high = (window.low, window.high) if window.unit == "value" else _percentiles(voxels, window)
    if not high > low:
        raise ConstantImage("low and high percentiles are equal")
    scaled = np.subtract(voxels, np.float32(low), dtype=np.float32)
    scaled *= np.float32(1.0 / (high - low))
    np.clip(scaled, 0.0, 1.0, out=scaled)
    _refuse_constant(scaled)
    return scaled


def _refuse_constant(voxels: Array) -> None:
    if voxels.size == 0 or voxels.min() == voxels.max():
        raise ConstantImage("all voxels have one value inside the window")


def _percentiles(voxels: npt.NDArray[np.float32], window: Window) -> tuple[float, float]:
    flat = voxels.reshape(-1)
    sample = flat[:: max(1, flat.size // MAX_SAMPLED)].astype(np.float64)
    foreground = sample[sample > sample.mean()]
    if foreground.size == 0:
        return 0.0, 0.0
    return float(np.percentile(sample, window.low)), float(np.percentile(foreground, window.high))


def _fitted(n_pixels: tuple[int, ...], spacing_mm: tuple[float, ...], shape: tuple[int, ...]) -> tuple[float, ...]:
    """Return the one spacing at which the image just fits into the shape."""
    sides = zip(n_pixels, spacing_mm, shape, strict=True)
    return (max(n * step / m for n, step, m in sides),) * len(shape)


def _resampled(
    voxels: Array, spacing_mm: tuple[float, ...], shape: tuple[int, ...], target_mm: tuple[float, ...]
) -> Array:
    """Resample around the centre, first axis first: slices are many, and reduced before all else."""
    for axis, (n_out, step_in, step_out) in enumerate(zip(shape, spacing_mm, target_mm, strict=True)):
        weights = triangle_weights(voxels.shape[axis], step_in, n_out, step_out)
        leading = np.ascontiguousarray(np.moveaxis(voxels, axis, 0))
        rows = weights @ leading.reshape(leading.shape[0], -1)  # (n_out, n_in) @ (n_in, rest)
        voxels = np.moveaxis(rows.reshape(n_out, *leading.shape[1:]), 0, axis)
    return voxels


def triangle_weights(n_in: int, step_in: float, n_out: int, step_out: float) -> csr_array:
    """Return the (n_out, n_in) float32 weights of one axis, both grids centred on the same point.

    A row sums to 1 where the filter lies inside the scan, to less at its border and to 0 outside:
    the rest of the weight fell on air.
    """
    reach = max(1.0, step_out / step_in)  # of the filter, in input samples
    centres = (np.arange(n_out) - (n_out - 1) / 2) * (step_out / step_in) + (n_in - 1) / 2
    offsets = np.arange(int(np.ceil(2 * reach)) + 1)
    columns = np.floor(centres - reach).astype(np.int64)[:, None] + offsets + 1
    weights = np.maximum(0.0, 1.0 - np.abs(columns - centres[:, None]) / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    inside = (columns >= 0) & (columns < n_in) & (weights > 0)
    rows = np.broadcast_to(np.arange(n_out)[:, None], columns.shape)
    triplets = (weights[inside].astype(np.float32), (rows[inside], columns[inside]))
    return csr_array(triplets, shape=(n_out, n_in))


def save_tensor(path: Path, tensor: Array) -> None:
    """Write a tensor as .npy; at the path stands either the whole file or the one before it."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(tensor, dtype="<f4"), allow_pickle=False)
    write_atomically(path, content.getvalue())


def load_tensor(path: Path, recipe: Recipe | None = None) -> Array:
    """Read what `save_tensor` wrote, (1, *shape) float32, checked.

    Raises:
        BadTensor: The file is cut short, no .npy, of another shape than the recipe's, or holds
            values outside [0, 1].
        FileNotFoundError: There is no such file.
    """
    try:
        tensor = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadTensor(f"{path.name}: {error}; delete it and run ingest again") from error
    wanted = None if recipe is None else (1, *recipe.shape)
    if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32 or wanted not in (None, tensor.shape):
        raise BadTensor(
            f"{path.name}: found {getattr(tensor, 'shape', 'an archive')} {getattr(tensor, 'dtype', '')}, "
            f"wanted {wanted} float32; delete it and run ingest again"
        )
    if not (np.isfinite(tensor).all() and tensor.min() >= 0.0 and tensor.max() <= 1.0):
        raise BadTensor(f"{path.name}: values outside [0, 1]; delete it and run ingest again")
    return tensor
