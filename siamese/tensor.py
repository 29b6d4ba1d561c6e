"""A volume as an encoder sees it: one fixed grid, values in [0, 1], the same bits every time.

Intensities are windowed first, so that air is exactly 0, then resampled axis by axis with a
triangle filter as wide as the coarser of the two grids: it interpolates where the scan is
coarser and averages, hence cannot alias, where it is finer. What lies outside the scan is air.
A trunk from elsewhere sees what it learned from: recipes of fit "box" take means, and clip last.
The products run in one thread in a fixed order; a BLAS would let the bits depend on the machine's
number of threads.
"""

import gzip
import io
import zlib
from collections.abc import Callable
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
GZIP_LEVEL = 3  # a film in 5 ms; the levels above gain a few percent at several times the cost
FLAT = 0.02  # of the window: rows and columns of a border that vary less show nothing


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
    voxels = _scaled(canonical.voxels, recipe.window_of(family))
    if recipe.fit != "box":
        np.clip(voxels, 0.0, 1.0, out=voxels)
        _refuse_constant(voxels)
    spacing_mm: tuple[float, ...] = canonical.spacing_mm
    if recipe.cover == "2d":
        voxels, spacing_mm = voxels.reshape(voxels.shape[-2:]), spacing_mm[-2:]
    if recipe.fit == "squash":
        tensor = _squashed(_without_borders(voxels), recipe.shape, _reaching)
    elif recipe.fit == "box":
        tensor = _squashed(_box_above(voxels, 0.0), recipe.shape, area_weights)
    else:
        target_mm = recipe.spacing_of(part) or _fitted(voxels.shape, spacing_mm, recipe.shape)
        tensor = _resampled(voxels, spacing_mm, recipe.shape, target_mm)
    np.clip(tensor, 0.0, 1.0, out=tensor)
    _refuse_constant(tensor)
    if recipe.n_levels:
        tensor = from_levels(to_levels(tensor, recipe.n_levels), recipe.n_levels)  # the bits that the file will have
    return np.ascontiguousarray(tensor[np.newaxis])


def _scaled(voxels: npt.NDArray[np.float32], window: Window) -> Array:
    """Return a copy of the voxels with the window's low at 0 and its high at 1."""
    if not np.isfinite(voxels).all():
        raise NotFinite("some voxels are not finite numbers")
    low, high = (window.low, window.high) if window.unit == "value" else _percentiles(voxels, window)
    if not high > low:
        raise ConstantImage("low and high percentiles are equal")
    scaled = np.subtract(voxels, np.float32(low), dtype=np.float32)
    scaled *= np.float32(1.0 / (high - low))
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


def _without_borders(voxels: Array) -> Array:
    """Return the part between the first and the last row and column that are not flat."""
    for axis in range(voxels.ndim):
        others = tuple(a for a in range(voxels.ndim) if a != axis)
        lively = np.flatnonzero(voxels.max(axis=others) - voxels.min(axis=others) > FLAT)
        if lively.size:
            voxels = np.take(voxels, np.arange(lively[0], lively[-1] + 1), axis=axis)
    return voxels


def _box_above(voxels: Array, low: float) -> Array:
    """Return the smallest box that holds all values above low; all of it where there are none."""
    for axis in range(voxels.ndim):
        others = tuple(a for a in range(voxels.ndim) if a != axis)
        inside = np.flatnonzero(voxels.max(axis=others) > low)
        if inside.size:
            voxels = np.take(voxels, np.arange(inside[0], inside[-1] + 1), axis=axis)
    return voxels


def _squashed(voxels: Array, shape: tuple[int, ...], weights_of: Callable[[int, int], csr_array]) -> Array:
    """Resample so that each side fills the shape, whatever its length in mm."""
    for axis, n_out in enumerate(shape):
        leading = np.ascontiguousarray(np.moveaxis(voxels, axis, 0))
        rows = weights_of(voxels.shape[axis], n_out) @ leading.reshape(leading.shape[0], -1)
        voxels = np.moveaxis(rows.reshape(n_out, *leading.shape[1:]), 0, axis)
    return voxels


def _reaching(n_in: int, n_out: int) -> csr_array:
    """Return triangle weights of sides of one length, (n_out, n_in); what lies beyond the scan has no weight."""
    weights = triangle_weights(n_in, 1.0 / n_in, n_out, 1.0 / n_out)
    return weights.multiply(1.0 / weights.sum(axis=1)[:, None]).tocsr().astype(np.float32)


def area_weights(n_in: int, n_out: int) -> csr_array:
    """Return the (n_out, n_in) float32 weights by which each place is the mean of all voxels that it touches."""
    places = np.arange(n_out)
    first, last = places * n_in // n_out, -(-(places + 1) * n_in // n_out)  # last is beyond
    columns = np.arange(n_in)
    touched = (columns >= first[:, None]) & (columns < last[:, None])
    return csr_array(touched / (last - first)[:, None], dtype=np.float32)


def to_levels(tensor: Array, n_levels: int) -> npt.NDArray[np.uint8]:
    """Return values in [0, 1] as the nearest of n_levels even steps, 0 up."""
    levels: npt.NDArray[np.uint8] = np.rint(tensor * np.float32(n_levels - 1)).astype(np.uint8)
    return levels


def from_levels(levels: npt.NDArray[np.uint8], n_levels: int) -> Array:
    """Return steps as values in [0, 1], float32."""
    return levels.astype(np.float32) / np.float32(n_levels - 1)


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


def save_tensor(path: Path, tensor: Array, recipe: Recipe | None = None) -> None:
    """Write a tensor as .npy, of a recipe with levels as gzipped .npy of bytes.

    At the path stands either the whole file or the one before it; equal tensors give equal bytes.
    """
    content = io.BytesIO()
    if recipe is None or not recipe.n_levels:
        np.save(content, np.ascontiguousarray(tensor, dtype="<f4"), allow_pickle=False)
        write_atomically(path, content.getvalue())
        return
    np.save(content, np.ascontiguousarray(to_levels(tensor, recipe.n_levels)), allow_pickle=False)
    write_atomically(path, gzip.compress(content.getvalue(), compresslevel=GZIP_LEVEL, mtime=0))


def load_tensor(path: Path, recipe: Recipe | None = None) -> Array:
    """Read what `save_tensor` wrote, (1, *shape) float32, checked.

    Raises:
        BadTensor: The file is cut short, no .npy, of another shape than the recipe's, or holds
            values outside [0, 1].
        FileNotFoundError: There is no such file.
    """
    n_levels = 0 if recipe is None else recipe.n_levels
    try:
        tensor = np.load(io.BytesIO(gzip.decompress(path.read_bytes())) if n_levels else path, allow_pickle=False)
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadTensor(f"{path.name}: {error}; delete it and run ingest again") from error
    wanted, dtype = None if recipe is None else (1, *recipe.shape), np.dtype(np.uint8 if n_levels else np.float32)
    if not isinstance(tensor, np.ndarray) or tensor.dtype != dtype or wanted not in (None, tensor.shape):
        raise BadTensor(
            f"{path.name}: found {getattr(tensor, 'shape', 'an archive')} {getattr(tensor, 'dtype', '')}, "
            f"wanted {wanted} {dtype}; delete it and run ingest again"
        )
    tensor = from_levels(tensor, n_levels) if n_levels else tensor
    if not (np.isfinite(tensor).all() and tensor.min() >= 0.0 and tensor.max() <= 1.0):
        raise BadTensor(f"{path.name}: values outside [0, 1]; delete it and run ingest again")
    return tensor
