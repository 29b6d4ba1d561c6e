"""Painting tissues over one another with soft edges."""

from collections.abc import Sequence

import numpy as np

from scans.phantoms.grid import Frame


class Canvas:
    """One or more pictures of the same body, painted together.

    A chest has one picture (Hounsfield units), a head one per MR sequence.
    """

    def __init__(self, frame: Frame, background: Sequence[float]) -> None:
        """Start with a constant value per picture."""
        self.frame = frame
        self.edge_mm = float(np.prod(frame.grid.spacing_mm) ** (1 / 3))  # a voxel: no staircase, no haze
        self.pictures = [np.full(frame.x.shape, value, np.float32) for value in background]

    def paint(self, depth_mm: np.ndarray, tissue: Sequence[float | np.ndarray], part: Frame | None = None) -> None:
        """Fill where the depth below a surface is positive; the edge is one voxel wide."""
        self.cover(self.ramp(depth_mm), tissue, part)

    def cover(self, weight: np.ndarray, tissue: Sequence[float | np.ndarray], part: Frame | None = None) -> None:
        """Mix a tissue in, with weight 0 to 1."""
        box = (part or self.frame).box
        for picture, value in zip(self.pictures, tissue, strict=True):
            view = picture[box]
            view += weight * (np.float32(value) - view)

    def ramp(self, depth_mm: np.ndarray) -> np.ndarray:
        """Return 0 outside, 1 inside, and the way between over one voxel."""
        return np.clip(depth_mm / np.float32(self.edge_mm) + np.float32(0.5), 0, 1)


def ellipsoid(part: Frame, centre_mm: Sequence[float], radii_mm: Sequence[float]) -> np.ndarray:
    """Return the depth in mm below the surface of an ellipsoid; negative outside."""
    cx, cy, cz = (np.float32(c) for c in centre_mm)
    rx, ry, rz = (np.float32(r) for r in radii_mm)
    squares = ((part.x - cx) / rx) ** 2 + ((part.y - cy) / ry) ** 2 + ((part.z - cz) / rz) ** 2
    return np.asarray((1 - np.sqrt(squares)) * np.float32(min(radii_mm)))


def tube(part: Frame, start_mm: np.ndarray, end_mm: np.ndarray, radii_mm: tuple[float, float]) -> np.ndarray:
    """Return the depth in mm below the surface of a tapering tube with round ends."""
    along = (end_mm - start_mm).astype(np.float32)
    dx, dy, dz = part.x - np.float32(start_mm[0]), part.y - np.float32(start_mm[1]), part.z - np.float32(start_mm[2])
    share = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / np.dot(along, along), 0, 1)
    distance = np.sqrt((dx - share * along[0]) ** 2 + (dy - share * along[1]) ** 2 + (dz - share * along[2]) ** 2)
    return np.asarray(np.float32(radii_mm[0]) + share * np.float32(radii_mm[1] - radii_mm[0]) - distance)
