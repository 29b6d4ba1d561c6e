"""What can be found: shapes that differ in texture and outline, added to the tissue around them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from scans.phantoms.canvas import Canvas
from scans.phantoms.grid import Frame
from scans.phantoms.preset import Gain

Part = tuple[np.ndarray, np.ndarray]  # wall and core, each a weight from 0 to 1
Shape = Callable[[np.ndarray, float, np.random.Generator], Part]


@dataclass(frozen=True)
class Look:
    """How a finding changes brightness: gains on its contrast, one a picture, for wall and core."""

    shape: Shape
    wall: tuple[float, ...]
    core: tuple[float, ...]


@dataclass(frozen=True)
class Lesion:
    """A finding at its place in one patient's body."""

    look: Look
    centre_mm: np.ndarray  # (3,) body coordinates
    diameter_mm: float
    turn: np.ndarray  # (3, 3) random rotation
    seed: int  # of its inner irregularities, the same at every visit


def paint_lesion(lesion: Lesion, canvas: Canvas, *, contrast: float, room: np.ndarray) -> np.ndarray:
    """Add a lesion to all pictures of the canvas.

    Args:
        lesion: What to add.
        canvas: Painted before; changed in place.
        contrast: In the unit of the pictures.
        room: (z, y, x) share of each voxel in which the lesion may lie: its organ.

    Returns:
        (z, y, x) bool: voxels that the lesion fills at least by half; of one too thin for that, those that it
        fills at least half as much as the fullest.
    """
    radius = lesion.diameter_mm / 2
    part = canvas.frame.around(lesion.centre_mm[None], 1.1 * radius + canvas.edge_mm)
    look = lesion.look
    unit = _unit_coordinates(part, lesion, radius)
    wall, core = look.shape(unit, canvas.edge_mm / radius, np.random.Generator(np.random.PCG64(lesion.seed)))
    for picture, wall_gain, core_gain in zip(canvas.pictures, look.wall, look.core, strict=True):
        change = (wall * np.float32(wall_gain) + core * np.float32(core_gain)) * np.float32(contrast)
        picture[part.box] += change * room[part.box]
    mask = np.zeros(canvas.frame.x.shape, bool)
    filled = (wall + core) * room[part.box]
    mask[part.box] = filled >= min(0.5, _thin(filled))
    return mask


def _thin(filled: np.ndarray) -> float:
    """Return half of the fullest voxel's share where none is filled by half, else 0.5."""
    fullest = float(filled.max(initial=0.0))
    return 0.5 if fullest >= 0.5 or fullest == 0.0 else fullest / 2


def random_turn(rng: np.random.Generator) -> np.ndarray:
    """Return a rotation (3, 3), uniform over all of them."""
    matrix, upper = np.linalg.qr(rng.normal(0, 1, (3, 3)))
    matrix = matrix * np.sign(np.diag(upper))
    return np.asarray(matrix * np.sign(np.linalg.det(matrix)))


def find_site(
    room: np.ndarray, frame: Frame, *, radius_mm: float, taken: list[tuple[np.ndarray, float]], rng: np.random.Generator
) -> np.ndarray:
    """Choose where a lesion lies: at random among the places with room, else where there is most room.

    Args:
        room: (z, y, x) share of each voxel that is the organ.
        frame: Where those voxels lie in the body.
        radius_mm: Of the lesion.
        taken: Centres and radii of lesions already there, in mm.
        rng: Chooses.

    Returns:
        (3,) body coordinates.
    """
    clearance = ndimage.distance_transform_edt(room > 0.5, sampling=frame.grid.spacing_mm)
    for centre, radius in taken:
        squares = (frame.x - centre[0]) ** 2 + (frame.y - centre[1]) ** 2 + (frame.z - centre[2]) ** 2
        clearance = np.minimum(clearance, np.maximum(np.sqrt(squares) - radius, 0))
    wanted = max(0.85 * radius_mm, 1.01 * frame.grid.spacing_mm[0])  # a small one needs its neighbourhood, too
    wanted = min(wanted, float(clearance.max()))
    places = np.argwhere(clearance >= wanted)
    place = tuple(places[int(rng.integers(len(places)))])
    return np.array([frame.x[place], frame.y[place], frame.z[place]], float)


def _unit_coordinates(part: Frame, lesion: Lesion, radius: float) -> np.ndarray:
    """Return coordinates (3, z, y, x) in which the lesion is the unit ball, turned its own way."""
    offsets = [axis - np.float32(c) for axis, c in zip((part.x, part.y, part.z), lesion.centre_mm, strict=True)]
    turn = (lesion.turn / radius).astype(np.float32)
    return np.stack([row[0] * offsets[0] + row[1] * offsets[1] + row[2] * offsets[2] for row in turn])


def _fill(depth: np.ndarray, edge: float) -> np.ndarray:
    """Return 1 where the depth is positive, 0 where negative, over one voxel; unit coordinates."""
    return np.clip(depth / np.float32(edge) + np.float32(0.5), 0, 1)


def _norm(unit: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(unit[0] ** 2 + unit[1] ** 2 + unit[2] ** 2))


def _solid(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A ball with a slightly uneven surface."""
    waves, phases = rng.normal(0, 1.6, (3, 3)).astype(np.float32), rng.uniform(0, 6.28, 3).astype(np.float32)
    bumps = sum(
        np.sin(w[0] * unit[0] + w[1] * unit[1] + w[2] * unit[2] + p) for w, p in zip(waves, phases, strict=True)
    )
    filled = _fill(np.float32(0.92) + np.float32(0.05) * bumps - _norm(unit), edge)
    return filled, np.zeros_like(filled)


def _thin_shell(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A ball with a thin wall."""
    return _shell(_norm(unit), _norm(unit), 0.16, edge)


def _thick_shell(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A ball with a thick wall; the hollow lies off the middle."""
    shift = rng.uniform(-0.10, 0.10, (3, 1, 1, 1)).astype(np.float32)
    return _shell(_norm(unit), _norm(unit - shift), 0.5, edge)


def _shell(outer: np.ndarray, inner: np.ndarray, thickness: float, edge: float) -> Part:
    ball, core = _fill(1 - outer, edge), _fill(np.float32(1 - thickness) - inner, edge)
    return ball * (1 - core), ball * core


def _honeycomb(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A ball of cells: walls between hollows that are packed in three directions."""
    phase = rng.uniform(0, 6.28, (3, 1, 1, 1)).astype(np.float32)
    cells = np.sin(np.float32(5.2) * unit + phase)  # 5.2: about five cells across
    hollow = _fill(
        (cells[0] * cells[1] + cells[1] * cells[2] + cells[2] * cells[0]) / np.float32(3) - np.float32(0.02), edge
    )
    ball = _fill(1 - _norm(unit), edge)
    return ball * (1 - hollow), ball * hollow


def _plate(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A flat, slightly bent plate."""
    bend = np.float32(rng.uniform(-0.2, 0.2)) * unit[0] ** 2
    filled = _fill(np.minimum(1 - _norm(unit), np.float32(0.17) - np.abs(unit[2] - bend)), edge)
    return filled, np.zeros_like(filled)


def _cluster(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """Eight small balls within the ball."""
    filled = np.zeros(unit.shape[1:], np.float32)
    for corner in np.ndindex(2, 2, 2):
        centre = (0.48 * (2 * np.array(corner) - 1) + rng.uniform(-0.08, 0.08, 3)).astype(np.float32)
        filled = np.maximum(filled, _fill(np.float32(0.30) - _norm(unit - centre[:, None, None, None]), edge))
    return filled, np.zeros_like(filled)


def _wedge(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A piece of a ball cut out by a cone."""
    distance = np.sqrt(unit[1] ** 2 + unit[2] ** 2)
    cone = np.float32(0.75) * (unit[0] + np.float32(0.9)) - distance
    filled = _fill(np.minimum(1 - _norm(unit), cone), edge)
    return filled, np.zeros_like(filled)


def _torus(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A ring lying flat."""
    ring = np.sqrt(unit[0] ** 2 + unit[1] ** 2) - np.float32(0.7)
    filled = _fill(np.float32(0.3) - np.sqrt(ring**2 + unit[2] ** 2), edge)
    return filled, np.zeros_like(filled)


def _rod(unit: np.ndarray, edge: float, rng: np.random.Generator) -> Part:
    """A straight rod."""
    thin = np.float32(0.28) - np.sqrt(unit[0] ** 2 + unit[1] ** 2)
    filled = _fill(np.minimum(thin, 1 - np.abs(unit[2])), edge)
    return filled, np.zeros_like(filled)


# Chest: one picture. A hollow can darken lung only a little: there is hardly anything left to take away.
# Head: T1, T2.
LOOKS: Mapping[str, Look] = {
    "nodule": Look(_solid, (1.0,), (0.0,)),
    "cyst": Look(_thin_shell, (1.0,), (-0.15,)),
    "cavity": Look(_thick_shell, (1.0,), (-0.15,)),
    "honeycomb": Look(_honeycomb, (0.9,), (-0.12,)),
    "band": Look(_plate, (1.0,), (0.0,)),
    "wedge": Look(_wedge, (1.0,), (0.0,)),
    "beads": Look(_cluster, (1.0,), (0.0,)),
    "torus": Look(_torus, (1.0,), (0.0,)),
    "rod": Look(_rod, (1.0,), (0.0,)),
    "mass": Look(_solid, (-0.5, 0.7), (0.0, 0.0)),
    "ring": Look(_thick_shell, (0.5, 0.35), (-0.9, 0.9)),
    "plaques": Look(_cluster, (-0.5, 0.9), (0.0, 0.0)),
    "infarct": Look(_wedge, (-0.8, 0.6), (0.0, 0.0)),
    "bleed": Look(_solid, (0.7, -0.7), (0.0, 0.0)),
    "sheet": Look(_plate, (-0.7, 0.8), (0.0, 0.0)),
    "comb": Look(_honeycomb, (0.6, -0.6), (-0.6, 0.6)),
    "loop": Look(_torus, (-0.7, 0.8), (0.0, 0.0)),
    "strand": Look(_rod, (0.7, 0.7), (0.0, 0.0)),
}


def look_of(name: str, gains: Sequence[Gain]) -> Look:
    """Return how a finding looks, with the preset's gains where it has some of its own."""
    own = {gain.name: gain for gain in gains}.get(name)
    return Look(LOOKS[name].shape, own.wall, own.core) if own else LOOKS[name]
