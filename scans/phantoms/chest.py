"""A chest: skin to heart, as depths below surfaces, in Hounsfield units."""

from dataclasses import dataclass

import numpy as np

from scans.phantoms.canvas import Canvas, ellipsoid, tube
from scans.phantoms.grid import Frame, spread
from scans.phantoms.vessels import Tube, draw_lung_vessels

AIR, LUNG, FAT, MUSCLE, BLOOD, BONE, DISC, LIVER = -1000.0, -850.0, -95.0, 52.0, 48.0, 420.0, 85.0, 62.0
VERTEBRA = 220.0


@dataclass(frozen=True)
class Chest:
    """The measures of one patient's chest, in mm; the origin lies between the lungs."""

    half_width: float
    half_depth: float
    fat: float
    apex: float  # top of the lungs
    domes: tuple[float, float]  # top of the diaphragm, right and left
    rib_pitch: float
    rib_phase: float
    heart: tuple[float, float, float]  # centre
    heart_radii: tuple[float, float, float]
    mediastinum: float  # half its width
    vessels: tuple[Tube, ...]
    texture_waves: np.ndarray  # (T, 3) radians per mm
    texture_phases: np.ndarray  # (T,)
    texture_hu: float

    @property
    def spine_y(self) -> float:
        """Where the middle of the vertebrae lies."""
        return 0.56 * self.half_depth


def draw_chest(rng: np.random.Generator, *, trunks: int, twigs: int, texture: float) -> Chest:
    """Draw one patient's chest. Sex, age and findings have no part in it."""
    half_width, half_depth = float(rng.uniform(138, 160)), float(rng.uniform(96, 114))
    size = float(rng.uniform(0.85, 1.15))
    return Chest(
        half_width=half_width,
        half_depth=half_depth,
        fat=float(rng.uniform(6, 16)),
        apex=float(rng.uniform(95, 112)),
        domes=(float(rng.uniform(-62, -45)), float(rng.uniform(-74, -57))),
        rib_pitch=float(rng.uniform(25, 31)),
        rib_phase=float(rng.uniform(0, 1)),
        heart=(float(rng.uniform(16, 28)), float(rng.uniform(-34, -22)), float(rng.uniform(-42, -28))),
        heart_radii=(56 * size, 42 * size, 47 * size),
        mediastinum=float(rng.uniform(20, 30)),
        vessels=draw_lung_vessels(rng, trunks=trunks, twigs=twigs),
        texture_waves=rng.normal(0, 0.05, (6, 3)),
        texture_phases=rng.uniform(0, 2 * np.pi, 6),
        texture_hu=60.0 * texture,
    )


def paint_chest(chest: Chest, frame: Frame) -> tuple[Canvas, np.ndarray]:
    """Paint the chest into a frame.

    Returns:
        The canvas with one picture in Hounsfield units, and the lungs' share of each voxel.
    """
    canvas = Canvas(frame, [AIR])
    _paint_body(chest, canvas)
    cavity = _cavity_depth(chest, frame)
    _paint_ribs(chest, canvas, cavity)
    canvas.paint(cavity, [-40.0])  # the fat between the organs
    _paint_belly(chest, canvas, cavity)
    lungs = canvas.ramp(_lung_depth(chest, frame, cavity))
    canvas.cover(lungs, [LUNG + _texture(chest, frame)])
    _paint_heart(chest, canvas)
    _paint_great_vessels(chest, canvas)
    _paint_lung_vessels(chest, canvas, lungs)
    _paint_spine(chest, canvas)
    _paint_front_bones(chest, canvas)
    return canvas, lungs * (canvas.pictures[0] < -500)


def _paint_body(chest: Chest, canvas: Canvas) -> None:
    frame = canvas.frame
    shoulders = 1 + np.float32(0.1) * np.clip((frame.z - 60) / 60, 0, 1)
    u, v = (frame.x / (chest.half_width * shoulders)) ** 2, (frame.y / chest.half_depth) ** 2
    depth = (1 - np.sqrt(np.maximum(u + v - np.float32(0.5) * u * v, 0))) * np.float32(chest.half_depth)
    slope = np.float32(150) - np.float32(0.35) * np.abs(frame.x) - frame.z
    neck = 52 - np.sqrt(frame.x**2 + (frame.y - 8) ** 2)
    depth = np.maximum(np.minimum(depth, slope), np.minimum(neck, frame.z - 90))
    canvas.paint(depth, [FAT])
    canvas.paint(depth - np.float32(chest.fat), [MUSCLE])


def _cavity_depth(chest: Chest, frame: Frame) -> np.ndarray:
    """Return the depth below the inner wall of the ribs, mm."""
    width, depth = chest.half_width - chest.fat - 17, chest.half_depth - chest.fat - 17
    z = np.clip((frame.z - 10) / np.float32(chest.apex - 10), 0, 1.2)
    room = 1 - z * z * z  # closes towards the apex
    u, v = (frame.x / np.float32(width)) ** 2, ((frame.y - 3) / np.float32(depth)) ** 2
    return (room - (u + v - np.float32(0.4) * u * v)) * np.float32(0.5 * depth)


def _lung_depth(chest: Chest, frame: Frame, cavity: np.ndarray) -> np.ndarray:
    side = np.abs(frame.x)
    dome = np.where(frame.x < 0, np.float32(chest.domes[0]), np.float32(chest.domes[1]))
    drop = (side - 65) ** 2 / np.float32(90) + (frame.y + 15) ** 2 / np.float32(170)
    wedge = np.float32(0.10) * np.clip(-frame.y, 0, 60)  # the lungs nearly meet in front
    depth = np.minimum(cavity - 2, side - np.float32(chest.mediastinum) + wedge)
    return np.asarray(np.minimum(depth, frame.z - dome + drop))


def _texture(chest: Chest, frame: Frame) -> np.ndarray:
    waves = np.sin(frame.lattice @ chest.texture_waves.T + chest.texture_phases)
    texture = waves.sum(axis=-1) * (chest.texture_hu / np.sqrt(len(chest.texture_phases)))
    return spread(texture.astype(np.float32), frame.x.shape)


def _paint_ribs(chest: Chest, canvas: Canvas, cavity: np.ndarray) -> None:
    frame = canvas.frame
    turn = (frame.z - np.float32(0.45) * frame.y) / np.float32(chest.rib_pitch) + np.float32(chest.rib_phase)
    height = np.float32(5.5) - np.abs(turn - np.floor(turn) - np.float32(0.5)) * np.float32(chest.rib_pitch)
    shell = np.float32(4.5) - np.abs(cavity + 6)
    flank = np.abs(frame.x) - 18
    canvas.paint(np.minimum(np.minimum(height, shell), flank), [BONE])


def _paint_belly(chest: Chest, canvas: Canvas, cavity: np.ndarray) -> None:
    frame = canvas.frame
    below = np.float32(max(chest.domes)) - frame.z
    canvas.paint(np.minimum(cavity, np.minimum(below, -frame.x + 30)), [LIVER])
    canvas.paint(np.minimum(cavity, np.minimum(below, frame.x - 30)), [45.0])
    bubble = (60.0, -30.0, chest.domes[1] - 32.0)
    part = frame.around(np.array([bubble]), 32.0)
    canvas.paint(ellipsoid(part, bubble, (26, 22, 16)), [-900.0], part)


def _paint_heart(chest: Chest, canvas: Canvas) -> None:
    part = canvas.frame.around(np.array([chest.heart]), max(chest.heart_radii) + 8)
    depth = ellipsoid(part, chest.heart, chest.heart_radii)
    canvas.paint(depth + 5, [-70.0], part)
    canvas.paint(depth, [BLOOD], part)


def _paint_great_vessels(chest: Chest, canvas: Canvas) -> None:
    back, lift = chest.spine_y - 27, chest.heart[2]
    aorta, trunk = np.array([-8.0, -22, lift]), np.array([22.0, back, 44])
    pieces: list[tuple[np.ndarray, np.ndarray, float, float]] = [
        (aorta, np.array([-8.0, -20, 44]), 14, BLOOD),
        (np.array([-8.0, -20, 44]), trunk, 13, BLOOD),
        (trunk, np.array([20.0, back, -140]), 12, BLOOD),
        (np.array([-22.0, -16, 80]), np.array([-22.0, -16, lift]), 9, BLOOD),  # upper vena cava
        (np.array([4.0, -26, lift]), np.array([6.0, -12, 22]), 13, BLOOD),  # pulmonary trunk
        (np.array([6.0, -12, 22]), np.array([42.0, 6, 14]), 10, BLOOD),
        (np.array([6.0, -12, 22]), np.array([-42.0, 2, 8]), 10, BLOOD),
        (np.array([0.0, -4, 150]), np.array([0.0, 10, 42]), 9, AIR),  # windpipe
        (np.array([0.0, 10, 42]), np.array([38.0, 14, 14]), 6.5, AIR),
        (np.array([0.0, 10, 42]), np.array([-36.0, 14, 18]), 6.5, AIR),
    ]
    for start, end, radius, tissue in pieces:
        part = canvas.frame.around(np.stack([start, end]), radius + 4)
        canvas.paint(tube(part, start, end, (radius, radius)), [tissue], part)


def _paint_lung_vessels(chest: Chest, canvas: Canvas, lungs: np.ndarray) -> None:
    ends = np.stack([np.stack([vessel.start_mm, vessel.end_mm]) for vessel in chest.vessels])
    margins = np.array([vessel.radii_mm[0] + 3 for vessel in chest.vessels])
    for vessel, part in zip(chest.vessels, canvas.frame.around_each(ends, margins), strict=True):
        depth = tube(part, vessel.start_mm, vessel.end_mm, vessel.radii_mm)
        thin = min(1.0, 2 * vessel.radii_mm[1] / canvas.edge_mm)  # thinner than a voxel: only a share of it
        canvas.cover(canvas.ramp(depth) * lungs[part.box] * np.float32(thin), [BLOOD], part)


def _paint_spine(chest: Chest, canvas: Canvas) -> None:
    spine = chest.spine_y
    part = canvas.frame.around(np.array([[0.0, spine + 15, -170], [0.0, spine + 15, 170]]), 45)
    turn = part.z / np.float32(23) + np.float32(chest.rib_phase)
    away = np.abs(turn - np.floor(turn) - np.float32(0.5)) * np.float32(23)
    round_ = np.float32(17) - np.sqrt((part.x * np.float32(0.9)) ** 2 + (part.y - np.float32(spine)) ** 2)
    canvas.paint(round_ + 8, [MUSCLE], part)
    canvas.paint(round_, [DISC], part)
    canvas.paint(np.minimum(round_, np.float32(9.5) - away), [VERTEBRA], part)
    wings = np.minimum(36 - np.abs(part.x), 5 - np.abs(part.y - np.float32(spine + 23)))
    canvas.paint(np.minimum(wings, np.float32(6) - away), [BONE], part)
    ring = 13 - np.sqrt(part.x**2 + (part.y - np.float32(spine + 24)) ** 2)
    canvas.paint(np.minimum(ring, np.float32(8) - away), [BONE], part)
    canvas.paint(ring - 5, [30.0], part)
    thorn = np.minimum(4 - np.abs(part.x), 9 - np.abs(part.y - np.float32(spine + 40)))
    canvas.paint(np.minimum(thorn, np.float32(7) - away), [BONE], part)


def _paint_front_bones(chest: Chest, canvas: Canvas) -> None:
    front = -(chest.half_depth - chest.fat - 14)
    sternum = (0.0, front + 2, 10.0)
    part = canvas.frame.around(np.array([[0.0, front, -50], [0.0, front, 75]]), 24)
    canvas.paint(ellipsoid(part, sternum, (17, 6.5, 62)), [VERTEBRA], part)
    for side in (-1.0, 1.0):
        start, end = np.array([side * 16, front + 12, 78]), np.array([side * 0.95 * chest.half_width, -8, 104])
        part = canvas.frame.around(np.stack([start, end]), 12)
        canvas.paint(tube(part, start, end, (7.5, 6.5)), [BONE], part)
        low = np.array([side * (chest.half_width - chest.fat - 12), 0.62 * chest.half_depth, -5])
        high = np.array([side * (chest.half_width - chest.fat - 2), 0.30 * chest.half_depth, 100])
        part = canvas.frame.around(np.stack([low, high]), 10)  # the edge of the shoulder blade
        canvas.paint(tube(part, low, high, (3.5, 6.5)), [BONE], part)
