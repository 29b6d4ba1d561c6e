"""One study: a patient, a visit, a scanner, and the series that come of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from scans.phantoms.acquisition import Shot, scan_ct, scan_mr, scan_projection
from scans.phantoms.body import CHEST_CENTRE_MM, HEAD_CENTRE_MM, Body, Sight, draw_pose, look, make_body
from scans.phantoms.cohort import REGION, Finding, Patient, Visit
from scans.phantoms.draw import Draw
from scans.phantoms.grid import Grid, Pose, centred_grid
from scans.phantoms.preset import Preset
from scans.phantoms.scanner import SCANNERS, Scanner

CEILING_HU = 850.0  # from lung to soft tissue: no finding is brighter
CEILING_MR = 0.7
VIEWS = {  # role: rows run down; depth and columns in LPS
    "frontal": np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]),
    "lateral": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
}
DEPTH_MM, DEPTH_STEP_MM = {"frontal": 256.0, "lateral": 360.0}, 8.0  # more than a body; summed anyway
EXPOSURE = {"frontal": 1.0, "lateral": 0.7}  # a body is deeper from the side; brightness is set for each view
DX_HEIGHT = 0.84  # rows of a radiograph, relative to its columns
MINUTES = {"ct": 0, "dx": 25, "mr": 70}  # after the visit began
KINDS = {
    "soft": "ct/chest/3d",
    "sharp": "ct/chest/3d",
    "t1": "mr/head/3d/t1",
    "t2": "mr/head/3d/t2",
    "frontal": "xr/chest/2d/frontal",
    "lateral": "xr/chest/2d/lateral",
}


@dataclass(frozen=True)
class Series:
    """One series with everything that is true of it."""

    number: int
    uid: str
    role: str  # a key of KINDS
    voxels: np.ndarray  # (z, y, x) float32: HU, MR brightness, or mm of water; z = 1 for a projection
    grid: Grid
    noise: float
    blur_mm: float
    mask: np.ndarray  # (z, y, x) uint8: 0, or the number of the finding
    centres_mm: tuple[tuple[float, float, float], ...]  # LPS, one a finding

    @property
    def kind(self) -> str:
        """The kind that the header should lead to."""
        return KINDS[self.role]


@dataclass(frozen=True)
class Study:
    """One examination of one patient on one scanner."""

    patient: Patient
    visit: Visit
    modality: str  # "ct", "mr", "dx"
    scanner: Scanner
    uid: str
    frame_uid: str
    accession: str
    when: datetime  # local time
    findings: tuple[Finding, ...]  # of the region that it shows
    series: tuple[Series, ...]

    @property
    def region(self) -> str:
        """What is examined: "chest" or "head"."""
        return REGION[self.modality]


def make_patient_body(draw: Draw, preset: Preset, patient: Patient, region: str) -> Body:
    """Make what all studies of this patient and region share."""
    findings = patient.findings_in(region)
    return make_body(draw, preset, patient=patient.index, region=region, findings=findings)


def make_study(
    draw: Draw, preset: Preset, patient: Patient, visit: Visit, modality: str, *, body: Body | None = None
) -> Study:
    """Scan a patient.

    Args:
        draw: The archive's.
        preset: The archive's.
        patient: Whom.
        visit: One of theirs.
        modality: "ct", "mr" or "dx".
        body: From `make_patient_body`, if made before: it is the slow part.
    """
    body = body or make_patient_body(draw, preset, patient, REGION[modality])
    scanner = SCANNERS[dict(visit.scanner)[modality]]
    name = (patient.index, visit.number, modality)
    pose = draw_pose(body, draw.stream("pose", *name), preset)
    scan = {"ct": _scan_ct, "mr": _scan_mr, "dx": _scan_dx}[modality]
    findings = patient.findings_in(REGION[modality])
    series = scan(_Room(draw, preset, scanner, body, pose, findings, visit.number, name))
    return Study(
        patient=patient,
        visit=visit,
        modality=modality,
        scanner=scanner,
        uid=draw.uid("study", *name),
        frame_uid=draw.uid("frame", *name),
        accession=f"A{int(draw.code('accession', *name), 16) % 10**9:09d}",
        when=visit.when + timedelta(minutes=MINUTES[modality]),
        findings=findings,
        series=tuple(series),
    )


@dataclass(frozen=True)
class _Room:
    """A patient lying in a scanner."""

    draw: Draw
    preset: Preset
    scanner: Scanner
    body: Body
    pose: Pose
    findings: tuple[Finding, ...]
    visit: int
    name: tuple[int, int, str]

    def see(self, grid: Grid, *, contrasts: list[float]) -> Sight:
        return look(self.body, grid, self.pose, findings=self.findings, visit=self.visit, contrasts=contrasts)

    def noise(self, *role: str) -> np.random.Generator:
        return self.draw.stream("noise", *self.name, *role)

    def series(self, number: int, role: str, shot: Shot, grid: Grid, sight: Sight, mask: np.ndarray) -> Series:
        centres = tuple((float(c[0]), float(c[1]), float(c[2])) for c in sight.centres_mm)
        uid = self.draw.uid("series", *self.name, role)
        return Series(number, uid, role, shot.voxels, grid, shot.noise, shot.blur_mm, mask, centres)


def _scan_ct(room: _Room) -> list[Series]:
    preset, scanner = room.preset, room.scanner
    noise = preset.ct_noise_hu * scanner.noise
    grid = ct_grid(preset, scanner)
    contrasts = [min(finding.contrast_to_noise * noise, CEILING_HU) for finding in room.findings]
    sight = room.see(grid, contrasts=contrasts)
    blur_mm = preset.blur_mm * scanner.blur
    shots = scan_ct(sight.pictures[0], grid, scanner, noise_hu=noise, blur_mm=blur_mm, rng=room.noise())
    pairs = zip(("soft", "sharp"), shots, strict=True)
    return [room.series(n, role, shot, grid, sight, sight.mask) for n, (role, shot) in enumerate(pairs, start=2)]


def ct_grid(preset: Preset, scanner: Scanner) -> Grid:
    """Return where the voxels of this scanner's chest scans lie."""
    return _volume_grid(scanner, preset.ct_slices, preset.ct_matrix, preset.ct_step_mm, scanner.fov_mm[0])


def _scan_mr(room: _Room) -> list[Series]:
    preset, scanner = room.preset, room.scanner
    noise = preset.mr_noise * scanner.noise
    grid = _volume_grid(scanner, preset.mr_slices, preset.mr_matrix, preset.mr_step_mm, scanner.fov_mm[1], head=True)
    contrasts = [min(finding.contrast_to_noise * noise, CEILING_MR) for finding in room.findings]
    sight = room.see(grid, contrasts=contrasts)
    shots = scan_mr(sight.pictures, grid, noise=noise, blur_mm=preset.blur_mm * scanner.blur, rng=room.noise())
    pairs = zip(("t1", "t2"), shots, strict=True)
    return [room.series(n, role, shot, grid, sight, sight.mask) for n, (role, shot) in enumerate(pairs, start=2)]


def _scan_dx(room: _Room) -> list[Series]:
    return [_project(room, number, role) for number, role in enumerate(VIEWS, start=1)]


def _project(room: _Room, number: int, role: str) -> Series:
    preset, scanner = room.preset, room.scanner
    noise = preset.dx_noise_mm * scanner.noise
    thick = _projection_grid(scanner, preset.dx_matrix, role)
    gain = EXPOSURE[role]
    contrasts = [  # a projection adds up the whole finding: contrast to noise is that of its middle ray
        min(1000 * finding.contrast_to_noise * noise / gain / finding.size_at(room.visit), CEILING_HU)
        for finding in room.findings
    ]
    sight = room.see(thick, contrasts=contrasts)
    blur_mm = preset.blur_mm * scanner.blur
    rng = room.noise(role)
    shot = scan_projection(sight.pictures[0], thick, gain=gain, noise_mm=noise, blur_mm=blur_mm, rng=rng)
    flat = Grid((1, *thick.shape[1:]), thick.spacing_mm, thick.origin_mm, thick.axes)
    return room.series(number, role, shot, flat, sight, sight.mask.max(axis=0, keepdims=True))


def _volume_grid(
    scanner: Scanner, slices: int, matrix: int, step_mm: float, fov_mm: float, *, head: bool = False
) -> Grid:
    """Return an axial grid; coarser steps come with fewer slices, so that coverage stays."""
    columns = 4 * round(matrix * scanner.matrix / 4)
    spacing = (step_mm * scanner.step, fov_mm / columns, fov_mm / columns)
    shape = (round(slices / scanner.step), columns, columns)
    if head:
        return centred_grid(shape, spacing, centre_mm=HEAD_CENTRE_MM, lean_deg=scanner.head_tilt_deg)
    return centred_grid(shape, spacing, centre_mm=CHEST_CENTRE_MM)


def _projection_grid(scanner: Scanner, matrix: int, role: str) -> Grid:
    columns = 4 * round(matrix * scanner.matrix / 4)
    pixel_mm = scanner.fov_mm[2] / columns
    shape = (round(DEPTH_MM[role] / DEPTH_STEP_MM), round(DX_HEIGHT * columns), columns)
    return centred_grid(shape, (DEPTH_STEP_MM, pixel_mm, pixel_mm), centre_mm=CHEST_CENTRE_MM, axes=VIEWS[role])
