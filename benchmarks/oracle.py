"""A perfect eye: it is shown where each lesion lies, and tells lesions apart by shape and texture.

Sixteen features of the mask and the voxels in it go through a linear discriminant analysis (LDA) that was fitted
on other patients. What it says bounds what an encoder can reach on phantoms, and shows that the findings can
be told apart at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from scans.phantoms.acquisition import scan_ct
from scans.phantoms.body import Body, draw_pose, look
from scans.phantoms.cohort import Patient, Visit
from scans.phantoms.draw import Draw
from scans.phantoms.grid import Grid
from scans.phantoms.preset import Preset
from scans.phantoms.scanner import SCANNERS
from scans.phantoms.study import ct_grid

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

N_FOLDS = 5
MARGIN_MM = 9.0  # of lung around a lesion: what its brightness is compared with
VESSEL = 8.0  # in units of noise: what differs more than any lesion
LEAST_ENERGY = 0.2  # of noise variance: below it nothing is seen
NOISE_ENERGY = 0.9


@dataclass(frozen=True, eq=False)
class Spot:
    """One lesion as a scan shows it, cut out."""

    finding: str
    size_mm: float  # diameter at that visit
    voxels: NDArray[np.float32]  # (z, y, x) HU
    mask: Flags  # (z, y, x)
    spacing_mm: tuple[float, float, float]
    noise_hu: float


def see_spots(draw: Draw, preset: Preset, patient: Patient, visit: Visit, body: Body) -> list[Spot]:
    """Return the patient's lesions in the chest as the soft reconstruction of this visit shows them.

    Only boxes around the lesions are painted, with the scan's pose, voxels, blur and amount of noise; the noise
    is drawn anew, the rest is as in the files.
    """
    scanner = SCANNERS[dict(visit.scanner)["ct"]]
    pose = draw_pose(body, draw.stream("pose", patient.index, visit.number, "ct"), preset)
    noise_hu, grid, findings = (
        preset.ct_noise_hu * scanner.noise,
        ct_grid(preset, scanner),
        patient.findings_in("chest"),
    )
    spots = []
    for finding, lesion in zip(findings, body.lesions, strict=True):
        size_mm = finding.size_at(visit.number)
        box = _box(grid, pose.to_scanner(lesion.centre_mm[None])[0], 0.6 * size_mm + MARGIN_MM)
        contrasts = [each.contrast_to_noise * noise_hu for each in findings]
        sight = look(body, box, pose, findings=findings, visit=visit.number, contrasts=contrasts)
        rng = draw.stream("oracle", patient.index, visit.number, finding.number)
        blur_mm = preset.blur_mm * scanner.blur
        soft, _ = scan_ct(sight.pictures[0], box, scanner, noise_hu=noise_hu, blur_mm=blur_mm, rng=rng)
        mask = sight.mask == finding.number
        spots.append(Spot(finding.name, size_mm, soft.voxels, mask, grid.spacing_mm, noise_hu))
    return spots


def _box(grid: Grid, centre_mm: NDArray[np.float64], reach_mm: float) -> Grid:
    """Return the voxels of a grid within reach of a point."""
    middle, reach = grid.index(centre_mm), reach_mm / np.array(grid.spacing_mm)
    low = np.clip(np.floor(middle - reach), 0, None)
    high = np.minimum(np.ceil(middle + reach) + 1, grid.shape)
    z, y, x = (high - low).astype(int).tolist()
    left, back, up = grid.place(low).tolist()
    return Grid((z, y, x), grid.spacing_mm, (left, back, up), grid.axes)


def features(spot: Spot) -> Floats:
    """Return 16 numbers: size and outline, then brightness by depth and what is uneven, in units of noise."""
    mask = spot.mask if spot.mask.sum() >= 4 else _grown(spot.mask | _middle(spot.mask), 1)
    rim = _grown(mask, 3) & ~_grown(mask, 1)
    bright = (spot.voxels[mask] - np.median(spot.voxels[rim])) / spot.noise_hu  # (n,)
    used = np.abs(bright) < VESSEL
    used = used if used.sum() >= 4 else np.ones_like(used)
    bright = np.clip(bright, -VESSEL, VESSEL)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spot.spacing_mm)[1:-1, 1:-1, 1:-1][mask]
    depth /= depth.max()
    energy = float(np.sqrt(max((bright[used] ** 2).mean() - NOISE_ENERGY, LEAST_ENERGY)))
    found = [*_outline(mask, spot.spacing_mm), *_brightness(bright, depth, used, energy)]
    numbers = np.array([*found, *_unevenness(mask, bright, depth, used, energy)], np.float64)
    return np.clip(np.nan_to_num(numbers), -30.0, 30.0)


def _outline(mask: Flags, spacing_mm: tuple[float, float, float]) -> list[float]:
    """Return size, two ratios of the main axes, and how much of its ellipsoid the lesion fills; logarithms."""
    places = np.argwhere(mask) * np.array(spacing_mm)
    spread = np.cov(places.T, bias=True) + np.diag(np.square(spacing_mm) / 12)
    long, middle, short = np.sort(np.linalg.eigvalsh(spread))[::-1]
    volume = len(places) * float(np.prod(spacing_mm))
    ellipsoid = 4 / 3 * np.pi * np.sqrt(125 * long * middle * short)
    ratios = (volume, middle / long, short / long, volume / ellipsoid)
    return [float(np.log(ratio)) for ratio in ratios]


def _brightness(bright: Floats, depth: Floats, used: Flags, energy: float) -> list[float]:
    inner, between, outer = (
        _mean(bright, used & (depth > low) & (depth <= high)) for low, high in ((0.6, 1), (0.3, 0.6), (-1, 0.3))
    )
    mean = _mean(bright, used)
    high, low = np.percentile(bright, (90, 10)) / energy
    steps = [(inner - outer) / energy, (inner - between) / energy]
    return [mean, mean / energy, inner / energy, outer / energy, *steps, float(high), float(low)]


def _unevenness(mask: Flags, bright: Floats, depth: Floats, used: Flags, energy: float) -> list[float]:
    """Return what is left when each depth's own mean is taken off: how much, and how alike neighbours are."""
    layer = np.minimum((depth * 4).astype(int), 3)
    means = np.array([_mean(bright, used & (layer == number)) for number in range(4)])
    rest = np.where(used, bright - means[layer], 0.0)
    picture = np.zeros(mask.shape)
    picture[mask] = rest
    strength = float(np.sqrt((rest**2).sum() / used.sum()))
    near = [_likeness(picture, mask, axis, 1) for axis in range(3)]
    far = [_likeness(picture, mask, axis, 2) for axis in (1, 2)]
    return [strength, strength / energy, near[0], (near[1] + near[2]) / 2, (far[0] + far[1]) / 2][:4]


def _likeness(picture: Floats, mask: Flags, axis: int, step: int) -> float:
    """Return the correlation of voxels so many steps apart along an axis."""
    both = mask & np.roll(mask, step, axis)
    variance = float(picture[mask].var()) + 1e-6
    return float((picture * np.roll(picture, step, axis)).sum() / max(1, int(both.sum())) / variance)


def _mean(values: Floats, chosen: Flags) -> float:
    return float(values[chosen].mean()) if chosen.any() else float(values.mean())


def _grown(mask: Flags, steps: int) -> Flags:
    return np.asarray(ndimage.binary_dilation(mask, iterations=steps), bool)


def _middle(mask: Flags) -> Flags:
    found = np.zeros_like(mask)
    found[tuple(n // 2 for n in mask.shape)] = True
    return found


def finding_chances(rows: Floats, names: Sequence[str], patients: NDArray[np.int64]) -> Floats:
    """Return how likely each lesion is each finding, (n, findings in the order of their names).

    Every lesion is judged by an LDA that saw none of its patient's.

    Args:
        rows: (n, F) features.
        names: What each lesion is.
        patients: (n,) whose it is.
    """
    known, truth = sorted(set(names)), np.asarray(names)
    chances = np.zeros((len(rows), len(known)))
    for fold in range(N_FOLDS):
        asked = patients % N_FOLDS == fold
        model = LinearDiscriminantAnalysis().fit(_scaled(rows, ~asked)[~asked], truth[~asked])
        places = [known.index(name) for name in model.classes_.tolist()]
        chances[np.ix_(asked, places)] = model.predict_proba(_scaled(rows, ~asked)[asked])
    return chances


def _scaled(rows: Floats, seen: Flags) -> Floats:
    return np.asarray((rows - rows[seen].mean(axis=0)) / (rows[seen].std(axis=0) + 1e-9))


def chance_of_sharing(one: Floats, others: Floats) -> Floats:
    """Return how likely a scan (F,) and each of others (N, F) share a finding: what the oracle ranks by."""
    return np.asarray(1.0 - np.prod(1.0 - one * others, axis=1))
