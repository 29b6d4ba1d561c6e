"""What scanners make of a body: blur, kernels, noise, bias, and projections."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from scans.phantoms.grid import Grid, spread
from scans.phantoms.scanner import Scanner

SHARP_GAIN = 0.6  # how much of the fine detail a sharp kernel adds once more
SHARP_NOISE = 2.0  # and what it costs
COUCH_MM, COUCH_HU = 7.0, -350.0
COUCH_Y_MM = 124.0  # below the thickest body and its pose
BIAS = 0.12  # relative strength of an MR coil's uneven brightness
TISSUE_MM = 60.0  # projections: detail coarser than this is damped, as every detector's processing does
DAMPING = 0.6


@dataclass(frozen=True)
class Shot:
    """One acquired picture or volume, with the numbers that made it."""

    voxels: np.ndarray  # (z, y, x) float32; HU, MR brightness, or mm of water
    noise: float  # standard deviation, same unit
    blur_mm: float


def scan_ct(
    ideal: np.ndarray, grid: Grid, scanner: Scanner, *, noise_hu: float, blur_mm: float, rng: np.random.Generator
) -> tuple[Shot, Shot]:
    """Return the soft and the sharp reconstruction of one CT acquisition, in Hounsfield units."""
    scene = np.maximum(ideal, _couch(grid, scanner))
    soft = _blur_in_plane(scene, blur_mm / grid.spacing_mm[2])
    sharp = scene + np.float32(SHARP_GAIN) * (scene - _blur_in_plane(scene, 1.0))
    grain = rng.standard_normal(ideal.shape, dtype=np.float32)
    smooth_grain = _blur_in_plane(grain, 0.7)
    fine_grain = grain - np.float32(0.5) * smooth_grain
    return (
        Shot(soft + _scaled(smooth_grain, noise_hu), noise_hu, blur_mm),
        Shot(sharp + _scaled(fine_grain, noise_hu * SHARP_NOISE), noise_hu * SHARP_NOISE, 0.0),
    )


def scan_mr(
    ideal: Sequence[np.ndarray], grid: Grid, *, noise: float, blur_mm: float, rng: np.random.Generator
) -> list[Shot]:
    """Return one shot per sequence: magnitudes with Rician noise under an uneven coil."""
    coil = spread(rng.uniform(1 - BIAS, 1 + BIAS, (3, 3, 3)).astype(np.float32), grid.shape)
    shots = []
    for picture in ideal:
        signal = _blur_in_plane(picture, blur_mm / grid.spacing_mm[2]) * coil
        real, imaginary = rng.standard_normal((2, *grid.shape), dtype=np.float32) * np.float32(noise)
        shots.append(Shot(np.sqrt((signal + real) ** 2 + imaginary**2), noise, blur_mm))
    return shots


def scan_projection(
    ideal: np.ndarray, grid: Grid, *, gain: float, noise_mm: float, blur_mm: float, rng: np.random.Generator
) -> Shot:
    """Return a radiograph: water-equivalent millimetres along the grid's first axis, (1, rows, columns)."""
    path = np.maximum(ideal + 1000, 0).sum(axis=0) * np.float32(gain * grid.spacing_mm[0] / 1000)
    pixel_mm = grid.spacing_mm[1]
    path = ndimage.gaussian_filter(path, blur_mm / pixel_mm)
    detail = path - np.float32(DAMPING) * ndimage.gaussian_filter(path, TISSUE_MM / pixel_mm)
    detail = detail + np.float32(noise_mm) * rng.standard_normal(path.shape, dtype=np.float32)
    return Shot(detail[None], noise_mm, blur_mm)


def _couch(grid: Grid, scanner: Scanner) -> np.ndarray:
    """Return the couch alone, (1, y, x) in Hounsfield units; it stands still while people move."""
    y = grid.origin_mm[1] + np.arange(grid.shape[1], dtype=np.float32)[:, None] * np.float32(grid.spacing_mm[1])
    x = grid.origin_mm[0] + np.arange(grid.shape[2], dtype=np.float32) * np.float32(grid.spacing_mm[2])
    sag = -(x**2) / np.float32(2 * scanner.couch_mm) if scanner.couch_mm else np.zeros_like(x)
    depth = np.minimum(COUCH_MM / 2 - np.abs(y - COUCH_Y_MM - 8 - sag), 190 - np.abs(x))
    share = np.clip(depth / np.float32(grid.spacing_mm[1]) + np.float32(0.5), 0, 1)
    return np.asarray(-1000 + share * np.float32(COUCH_HU + 1000))[None]


def _blur_in_plane(picture: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(picture, (0, sigma, sigma), truncate=3.0))


def _scaled(grain: np.ndarray, deviation: float) -> np.ndarray:
    return grain * np.float32(deviation / float(grain.std()))
