"""One patient's body: anatomy and lesions, seen at any visit by any grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from scans.phantoms.canvas import Canvas
from scans.phantoms.chest import Chest, draw_chest, paint_chest
from scans.phantoms.cohort import Finding
from scans.phantoms.draw import Draw
from scans.phantoms.grid import Frame, Grid, Pose, centred_grid, see
from scans.phantoms.head import Head, draw_head, paint_head
from scans.phantoms.lesion import Lesion, find_site, look_of, paint_lesion, random_turn
from scans.phantoms.preset import Preset

CHEST_CENTRE_MM = (0.0, 0.0, 12.0)  # of the scans
HEAD_CENTRE_MM = (0.0, 0.0, -4.0)
SITE_GRID_MM = 6.0  # lesions are placed on a grid of their own, whatever scanner looks later


@dataclass(frozen=True)
class Body:
    """The part of a patient that one region's scans show."""

    region: str
    anatomy: Chest | Head
    waves: np.ndarray  # see Pose
    phases: np.ndarray
    amplitudes_mm: np.ndarray
    lesions: tuple[Lesion, ...]  # at the first visit


@dataclass(frozen=True)
class Sight:
    """What a grid sees of a body, before any scanner has touched it."""

    pictures: list[np.ndarray]  # (z, y, x) float32: HU, or T1 and T2
    mask: np.ndarray  # (z, y, x) uint8: 0, or the number of the finding
    centres_mm: list[np.ndarray]  # (3,) LPS, one a finding


def make_body(draw: Draw, preset: Preset, *, patient: int, region: str, findings: Sequence[Finding]) -> Body:
    """Draw the anatomy and put the findings where they have room."""
    rng = draw.stream("anatomy", region, patient)
    anatomy: Chest | Head
    if region == "chest":
        anatomy = draw_chest(rng, trunks=preset.trunks_per_lung, twigs=preset.twigs_per_trunk, texture=preset.texture)
    else:
        anatomy = draw_head(rng)
    n_waves = 5
    plain = Body(
        region=region,
        anatomy=anatomy,
        waves=rng.normal(0, 0.022, (n_waves, 3)),
        phases=rng.uniform(0, 2 * np.pi, n_waves),
        amplitudes_mm=rng.normal(0, preset.warp_mm / np.sqrt(n_waves), (n_waves, 3)) * _pliancy(region),
        lesions=(),
    )
    return _with_lesions(plain, draw, preset, patient, findings)


def draw_pose(body: Body, rng: np.random.Generator, preset: Preset) -> Pose:
    """Draw how the body lies at one visit: a little turned, shifted, breathed in."""
    angles = np.deg2rad(rng.normal(0, preset.pose_deg, 3))
    stretch = np.ones(3)
    if body.region == "chest":
        stretch[2] = 1 / (1 + rng.normal(0, preset.breath))
    return Pose(
        _rotation(angles), rng.normal(0, preset.pose_mm, 3), stretch, body.waves, body.phases, body.amplitudes_mm
    )


def look(
    body: Body, grid: Grid, pose: Pose, *, findings: Sequence[Finding], visit: int, contrasts: Sequence[float]
) -> Sight:
    """Paint what a grid sees at a visit.

    Args:
        body: Whom.
        grid: Where the voxels lie.
        pose: How the patient lies there.
        findings: Those of the body's region, in the order of `body.lesions`.
        visit: Counted from 1; lesions grow and shrink with it.
        contrasts: One a finding, in the pictures' unit.
    """
    frame = see(grid, pose)
    canvas, room = paint_anatomy(body, frame)
    mask = np.zeros(grid.shape, np.uint8)
    for lesion, finding, contrast in zip(body.lesions, findings, contrasts, strict=True):
        grown = replace(lesion, diameter_mm=finding.size_at(visit))
        mask[paint_lesion(grown, canvas, contrast=contrast, room=room)] = finding.number
    centres = [pose.to_scanner(lesion.centre_mm[None])[0] for lesion in body.lesions]
    return Sight(canvas.pictures, mask, centres)


def paint_anatomy(body: Body, frame: Frame) -> tuple[Canvas, np.ndarray]:
    """Paint the healthy body; also returns the share of each voxel in which lesions may lie."""
    if isinstance(body.anatomy, Chest):
        return paint_chest(body.anatomy, frame)
    return paint_head(body.anatomy, frame)


def _with_lesions(plain: Body, draw: Draw, preset: Preset, patient: int, findings: Sequence[Finding]) -> Body:
    if not findings:
        return plain
    still = Pose(np.eye(3), np.zeros(3), np.ones(3), plain.waves, plain.phases, plain.amplitudes_mm)
    frame = see(_site_grid(), still)
    _, room = paint_anatomy(plain, frame)
    room = room * _is_scanned(preset, plain.region)
    lesions: list[Lesion] = []
    taken: list[tuple[np.ndarray, float]] = []
    for finding in findings:
        rng = draw.stream("site", plain.region, patient, finding.number)
        radius = finding.size_mm / 2
        centre = find_site(room, frame, radius_mm=radius, taken=taken, rng=rng)
        taken.append((centre, radius))
        look = look_of(finding.name, preset.gains)
        lesions.append(Lesion(look, centre, finding.size_mm, random_turn(rng), int(rng.integers(2**63))))
    return Body(plain.region, plain.anatomy, plain.waves, plain.phases, plain.amplitudes_mm, tuple(lesions))


@lru_cache(maxsize=1)
def _site_grid() -> Grid:
    return centred_grid((38, 42, 54), (SITE_GRID_MM, SITE_GRID_MM, SITE_GRID_MM))


def _is_scanned(preset: Preset, region: str) -> np.ndarray:
    """Return (z, 1, 1) bool: the slices of the site grid that lie well within the scans of this region."""
    if region == "chest":
        length_mm, middle_mm = preset.ct_slices * preset.ct_step_mm, CHEST_CENTRE_MM[2]
    else:
        length_mm, middle_mm = preset.mr_slices * preset.mr_step_mm, HEAD_CENTRE_MM[2]
    grid = _site_grid()
    height_mm = grid.origin_mm[2] + np.arange(grid.shape[0]) * grid.spacing_mm[0]
    return np.asarray(np.abs(height_mm - middle_mm) <= preset.site_share * length_mm / 2)[:, None, None]


def _pliancy(region: str) -> float:
    return 1.0 if region == "chest" else 0.5  # a skull is less varied than a trunk


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Return the rotation by three angles (radians) about x, y, z in turn."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)
