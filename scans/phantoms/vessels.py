"""The vessels of the lungs: trunks from the hilum, twigs from the trunks."""

from dataclasses import dataclass

import numpy as np

HILUM_MM = np.array([38.0, 4.0, 12.0])  # of the left lung; mirrored for the right
REACH_MM = np.array([52.0, 70.0, 72.0])  # radii of the lung around its middle
MIDDLE_MM = np.array([78.0, 0.0, 12.0])


@dataclass(frozen=True)
class Tube:
    """A straight piece of a vessel, in body coordinates."""

    start_mm: np.ndarray  # (3,)
    end_mm: np.ndarray  # (3,)
    radii_mm: tuple[float, float]  # at both ends


def draw_lung_vessels(rng: np.random.Generator, *, trunks: int, twigs: int) -> tuple[Tube, ...]:
    """Draw the trees of both lungs, large vessels first."""
    tubes: list[Tube] = []
    for side in (-1.0, 1.0):
        mirror = np.array([side, 1.0, 1.0])
        for _ in range(trunks):
            tubes += _draw_trunk(rng, mirror, twigs)
    return tuple(sorted(tubes, key=lambda tube: -tube.radii_mm[0]))


def _draw_trunk(rng: np.random.Generator, mirror: np.ndarray, twigs: int) -> list[Tube]:
    start, tip = HILUM_MM * mirror, _point_in_lung(rng, mirror, 0.85)
    knee = start + 0.5 * (tip - start) + rng.normal(0, 7, 3)
    thick = float(rng.uniform(3.2, 5.0))
    tubes = [Tube(start, knee, (thick, 0.7 * thick)), Tube(knee, tip, (0.7 * thick, 0.35 * thick))]
    for _ in range(twigs):
        share = float(rng.uniform(0.2, 0.9))
        root = knee + share * (tip - knee)
        end = root + 0.6 * (_point_in_lung(rng, mirror, 1.0) - root)
        tubes.append(Tube(root, end, (0.4 * thick, 0.2 * thick)))
    return tubes


def _point_in_lung(rng: np.random.Generator, mirror: np.ndarray, radius: float) -> np.ndarray:
    direction = rng.normal(0, 1, 3)
    return np.asarray((MIDDLE_MM + radius * REACH_MM * direction / np.linalg.norm(direction)) * mirror)
