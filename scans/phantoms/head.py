"""A head: scalp to ventricles, as depths below surfaces, in T1 and T2 brightness."""

from dataclasses import dataclass

import numpy as np

from scans.phantoms.canvas import Canvas, ellipsoid, tube
from scans.phantoms.grid import Frame

# (T1, T2) of spin echoes, white matter in T1 being 0.8.
AIR, BONE, FAT, SOFT, FLUID = (0.0, 0.0), (0.08, 0.06), (1.0, 0.75), (0.45, 0.35), (0.18, 1.05)
GREY, WHITE, NUCLEI = (0.58, 0.62), (0.80, 0.46), (0.66, 0.52)
FOLD_MM = 15.0  # from one gyrus to the next


@dataclass(frozen=True)
class Head:
    """The measures of one patient's head, in mm; the origin lies in the middle of the brain."""

    brain_radii: tuple[float, float, float]
    skull: float
    scalp: float
    sulci: float  # how deep fluid reaches between the folds
    fold_waves: np.ndarray  # (F, 3) radians per mm
    fold_phases: np.ndarray  # (F,)
    ventricle: float  # radius
    ventricle_length: float
    cerebellum: tuple[float, float, float]  # centre
    nose: float


def draw_head(rng: np.random.Generator) -> Head:
    """Draw one patient's head. Sex, age and findings have no part in it."""
    directions = rng.normal(0, 1, (7, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Head(
        brain_radii=(float(rng.uniform(61, 69)), float(rng.uniform(76, 86)), float(rng.uniform(60, 68))),
        skull=float(rng.uniform(6, 9)),
        scalp=float(rng.uniform(4, 8)),
        sulci=float(rng.uniform(3, 8)),
        fold_waves=directions * rng.uniform(0.75, 1.3, (7, 1)) * 2 * np.pi / FOLD_MM / np.sqrt(2),
        fold_phases=rng.uniform(0, 2 * np.pi, 7),
        ventricle=float(rng.uniform(5, 11)),
        ventricle_length=float(rng.uniform(24, 34)),
        cerebellum=(0.0, float(rng.uniform(36, 44)), float(rng.uniform(-50, -43))),
        nose=float(rng.uniform(14, 22)),
    )


def paint_head(head: Head, frame: Frame) -> tuple[Canvas, np.ndarray]:
    """Paint the head into a frame.

    Returns:
        The canvas with the T1 and the T2 picture, and the brain's share of each voxel, ventricles left out.
    """
    canvas = Canvas(frame, AIR)
    inside = _skull_depth(head, frame)
    _paint_outside(head, canvas, inside)
    canvas.paint(inside, FLUID)
    brain = _brain_depth(frame, inside)
    fold = _folds(head, frame)
    cortex = brain - np.float32(head.sulci) * np.clip(2 * fold, 0, np.float32(1.5))
    canvas.paint(cortex, GREY)
    canvas.paint(cortex - np.float32(4) - 6 * np.clip(fold + np.float32(0.2), 0, 1), WHITE)
    _paint_hindbrain(head, canvas)
    _paint_nuclei(canvas)
    holes = _paint_ventricles(head, canvas)
    return canvas, canvas.ramp(brain) * (1 - holes)


def _skull_depth(head: Head, frame: Frame) -> np.ndarray:
    """Return the depth below the inner table of the skull, mm: an egg, narrower in front."""
    rx, ry, rz = (np.float32(radius + 3) for radius in head.brain_radii)
    narrow = 1 + np.float32(0.10) * np.clip(-frame.y / ry, -1, 1)
    squares = (frame.x * narrow / rx) ** 2 + (frame.y / ry) ** 2
    height = frame.z / rz
    squares += np.where(height > 0, height * height, np.float32(1.25) * height * height)
    return (1 - np.sqrt(squares)) * min(rx, ry, rz)


def _brain_depth(frame: Frame, inside: np.ndarray) -> np.ndarray:
    """Return the depth in the cerebrum: the skull's inside without the gap between the halves and the base."""
    gap = np.abs(frame.x) - np.float32(1.2) + np.float32(0.5) * np.clip(20 - frame.z, 0, 40)
    tent = np.float32(0.45) * np.clip(frame.y - 8, 0, 60)  # the cerebellum lies behind and below
    base = frame.z + 38 - tent + np.float32(0.2) * np.clip(np.abs(frame.x) - 15, 0, 25)
    return np.asarray(np.minimum(np.minimum(inside - 3, gap), base))


def _folds(head: Head, frame: Frame) -> np.ndarray:
    """Return a smooth field, about -1 to 1: positive where a sulcus cuts in."""
    total = np.zeros_like(frame.x)
    for wave, phase in zip(head.fold_waves.astype(np.float32), head.fold_phases, strict=True):
        total += np.sin(frame.x * wave[0] + frame.y * wave[1] + frame.z * wave[2] + np.float32(phase))
    return total / np.float32(2.2)


def _paint_outside(head: Head, canvas: Canvas, inside: np.ndarray) -> None:
    frame = canvas.frame
    bone = np.float32(head.skull)
    face = ellipsoid(frame, (0, -38, -62), (56, 48, 62))
    neck = np.minimum(56 - np.sqrt(frame.x**2 + (frame.y - 22) ** 2), -frame.z - 30)
    outside = np.maximum(np.maximum(inside + bone + np.float32(head.scalp), face), neck)
    canvas.paint(outside, FAT)
    canvas.paint(np.maximum(np.maximum(inside + bone, face - 6), neck - 6), SOFT)
    canvas.paint(inside + bone, BONE)
    canvas.paint(np.float32(1.4) - np.abs(inside + bone / 2), FAT)  # marrow between the tables
    tip = np.array([0.0, -82 - head.nose, -62])
    part = frame.around(np.stack([np.array([0.0, -70, -38]), tip]), 14)
    canvas.paint(tube(part, np.array([0.0, -72, -36]), tip, (7, 10)), SOFT, part)
    part = frame.around(np.array([[0.0, -62, -58]]), 42)
    canvas.paint(ellipsoid(part, (0, -60, -60), (13, 26, 20)), AIR, part)  # nose and sinuses
    for side in (-1.0, 1.0):
        eye = (side * 31, -72.0, -38.0)
        part = frame.around(np.array([eye]), 22)
        canvas.paint(ellipsoid(part, eye, (17, 19, 16)), FAT, part)
        canvas.paint(ellipsoid(part, eye, (12, 12, 12)), FLUID, part)


def _paint_hindbrain(head: Head, canvas: Canvas) -> None:
    part = canvas.frame.around(np.array([head.cerebellum]), 54)
    depth = ellipsoid(part, head.cerebellum, (48, 31, 24))
    canvas.paint(depth + 4, FLUID, part)
    canvas.paint(depth, GREY, part)
    leaves = np.sin(np.float32(0.55) * (part.z + np.float32(0.4) * part.y))
    canvas.paint(np.minimum(depth - 5, 3 * leaves), WHITE, part)
    top, bottom = np.array([0.0, 8, -30]), np.array([0.0, 22, -110])
    part = canvas.frame.around(np.stack([top, bottom]), 22)
    canvas.paint(tube(part, top, bottom, (17, 13)), FLUID, part)
    canvas.paint(tube(part, top, bottom, (14, 8)), WHITE, part)


def _paint_nuclei(canvas: Canvas) -> None:
    for side in (-1.0, 1.0):
        for centre, radii in (((side * 12, 12.0, 0.0), (9, 14, 9)), ((side * 25, -8.0, 0.0), (7, 19, 11))):
            part = canvas.frame.around(np.array([centre]), max(radii) + 2)
            canvas.paint(ellipsoid(part, centre, radii), NUCLEI, part)


def _paint_ventricles(head: Head, canvas: Canvas) -> np.ndarray:
    """Paint the fluid inside the brain; returns its share of each voxel."""
    holes = np.zeros_like(canvas.frame.x)
    radius, reach = head.ventricle, head.ventricle_length
    for side in (-1.0, 1.0):
        front, middle = np.array([side * 15, -reach, 8.0]), np.array([side * 9, -4.0, 20.0])
        rear, temple = np.array([side * 19, reach, 12.0]), np.array([side * 30, 6.0, -16.0])
        for start, end, wide in ((front, middle, 1.0), (middle, rear, 1.0), (rear, temple, 0.55)):
            part = canvas.frame.around(np.stack([start, end]), radius + 4)
            weight = canvas.ramp(tube(part, start, end, (radius * wide, radius * wide)))
            canvas.cover(weight, FLUID, part)
            holes[part.box] = np.maximum(holes[part.box], weight)
    middle_slit = np.array([[0.0, -10, 4], [0.0, 14, -6]])
    part = canvas.frame.around(middle_slit, 6)
    canvas.paint(tube(part, middle_slit[0], middle_slit[1], (3.5, 3.5)), FLUID, part)
    return holes
