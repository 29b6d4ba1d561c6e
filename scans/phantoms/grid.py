"""Where the voxels of a scan lie, and which place of the body each of them sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

COARSE_MM = 12.0  # the body's own coordinates bend slowly: computed this far apart, linear between


@dataclass(frozen=True)
class Grid:
    """A block of voxels in the patient's LPS millimetres."""

    shape: tuple[int, int, int]  # z, y, x
    spacing_mm: tuple[float, float, float]  # z, y, x
    origin_mm: tuple[float, float, float]  # x, y, z of the centre of voxel (0, 0, 0)
    axes: np.ndarray  # (3, 3): rows are the directions (x, y, z) in which z, y and x grow

    @property
    def affine(self) -> np.ndarray:
        """(4, 4): voxel (z, y, x, 1) to LPS millimetres."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes.T * np.array(self.spacing_mm)
        affine[:3, 3] = self.origin_mm
        return affine

    def place(self, index: np.ndarray) -> np.ndarray:
        """Return LPS millimetres (..., 3) of voxel indices (..., 3)."""
        return np.asarray(index @ self.affine[:3, :3].T + self.affine[:3, 3])

    def index(self, place_mm: np.ndarray) -> np.ndarray:
        """Return voxel indices (..., 3), not rounded, of LPS millimetres (..., 3)."""
        return np.asarray((place_mm - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T)


def centred_grid(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    *,
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    lean_deg: float = 0.0,
    axes: np.ndarray | None = None,
) -> Grid:
    """Return a grid around a point: axial, leaning back about the left-right axis, or with other axes.

    Spacing is rounded to 0.0001 mm and the origin to 0.001 mm: what a file can say exactly.
    """
    if axes is None:
        lean = np.deg2rad(lean_deg)
        row_step = np.array([0.0, np.cos(lean), np.sin(lean)])
        axes = np.round(np.stack([np.cross([1.0, 0.0, 0.0], row_step), row_step, [1.0, 0.0, 0.0]]), 10)
    spacing = np.round(spacing_mm, 4)
    middle = (np.array(shape) - 1) / 2 * spacing
    origin = np.round(np.array(centre_mm) - middle @ axes, 3)
    return Grid(shape, _triple(spacing), _triple(origin), axes)


@dataclass(frozen=True)
class Pose:
    """How a body lies in the scanner, and how its shape differs from the plain one."""

    rotation: np.ndarray  # (3, 3)
    shift_mm: np.ndarray  # (3,)
    stretch: np.ndarray  # (3,) factors along x, y, z
    waves: np.ndarray  # (W, 3) radians per mm
    phases: np.ndarray  # (W,)
    amplitudes_mm: np.ndarray  # (W, 3)

    def to_body(self, place_mm: np.ndarray) -> np.ndarray:
        """Return body coordinates (..., 3) of places in the scanner (..., 3), both in mm."""
        return self.unbent((place_mm - self.shift_mm) @ self.rotation.T * self.stretch)

    def unbent(self, body_mm: np.ndarray) -> np.ndarray:
        """Add the patient's own smooth deformation to points (..., 3)."""
        return np.asarray(body_mm + np.sin(body_mm @ self.waves.T + self.phases) @ self.amplitudes_mm)

    def to_scanner(self, body_mm: np.ndarray) -> np.ndarray:
        """Invert `to_body`, by fixed-point steps."""
        bent = body_mm
        for _ in range(12):
            bent = body_mm - (self.unbent(bent) - bent)
        return np.asarray(bent / self.stretch @ self.rotation + self.shift_mm)


@dataclass(frozen=True)
class Frame:
    """Body coordinates at every voxel of a grid, or of a box cut from it."""

    x: np.ndarray  # (z, y, x) float32, mm: left is positive
    y: np.ndarray  # back is positive
    z: np.ndarray  # up is positive
    lattice: np.ndarray  # (kz, ky, kx, 3): the same of the whole grid at nodes COARSE_MM apart
    grid: Grid
    pose: Pose
    box: tuple[slice, slice, slice]

    def around(self, points_mm: np.ndarray, margin_mm: float) -> "Frame":
        """Return the part that holds these body points (n, 3) and a margin; it may be empty."""
        return next(self.around_each(points_mm[None], np.array([margin_mm])))

    def around_each(self, points_mm: np.ndarray, margins_mm: np.ndarray) -> Iterator["Frame"]:
        """Yield the part around each group of body points (g, n, 3) with its margin (g,)."""
        index = self.grid.index(self.pose.to_scanner(points_mm))
        reach = 1.25 * margins_mm[:, None] / np.array(self.grid.spacing_mm) + 1.0  # 1.25: bending stretches
        lows = np.clip(np.floor(index.min(axis=1) - reach), 0, self.grid.shape).astype(int).tolist()
        highs = np.clip(np.ceil(index.max(axis=1) + reach) + 1, 0, self.grid.shape).astype(int).tolist()
        for low, high in zip(lows, highs, strict=True):
            box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
            yield Frame(self.x[box], self.y[box], self.z[box], self.lattice, self.grid, self.pose, box)


def see(grid: Grid, pose: Pose) -> Frame:
    """Return the body coordinates of each voxel."""
    nodes = [_nodes(n, step) for n, step in zip(grid.shape, grid.spacing_mm, strict=True)]
    lattice = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
    body = pose.to_body(grid.place(lattice)).astype(np.float32)  # (kz, ky, kx, 3)
    x, y, z = (spread(body[..., axis], grid.shape) for axis in range(3))
    return Frame(x, y, z, body, grid, pose, (slice(None), slice(None), slice(None)))


def spread(lattice: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Interpolate a lattice (3-D) linearly to a shape whose corners it shares."""
    for axis, n in enumerate(shape):
        where = np.linspace(0.0, lattice.shape[axis] - 1, n)
        low = np.minimum(where.astype(int), max(lattice.shape[axis] - 2, 0))
        part = (where - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        first = np.take(lattice, low, axis=axis)
        last = np.take(lattice, np.minimum(low + 1, lattice.shape[axis] - 1), axis=axis)
        lattice = first + (last - first) * part
    return lattice


def _nodes(n: int, step_mm: float) -> np.ndarray:
    return np.linspace(0.0, n - 1, max(2, int(np.ceil((n - 1) * step_mm / COARSE_MM)) + 1))


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
