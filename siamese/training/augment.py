"""The same scan seen again: small changes of pose and scanner that should not move its vector.

No mirroring: left and right are not alike in a body.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from siamese.recipe import Recipe


@dataclass(frozen=True)
class Augmentation:
    """The largest change of each sort; the change itself is drawn evenly, once a scan.

    Small on purpose: turns of 8 degrees and shifts and sizes of 6 to 8 % hide what tells two people
    apart. With them every training on phantoms stayed below the untrained network.
    """

    rotate_deg: float = 3.0  # about each axis
    scale: float = 0.02
    shift: float = 0.02  # of the field of view
    log_gamma: float = 0.1
    gain: float = 0.05
    noise: float = 0.02  # largest standard deviation, of a tensor's range [0, 1]


def augment(scans: torch.Tensor, recipe: Recipe, *, generator: torch.Generator, largest: Augmentation) -> torch.Tensor:
    """Return changed copies of scans (N, 1, *shape), each in its own way, in [0, 1].

    What comes from outside the scan is air.
    """
    moves = _random_moves(len(scans), recipe, generator, largest)
    moved = functional.grid_sample(scans, _places(moves, scans.shape[2:]), align_corners=False)  # zeros outside
    per_scan = (len(scans), *(1,) * (scans.dim() - 1))
    gamma = torch.exp(_drawn(per_scan, largest.log_gamma, generator))
    gain = 1.0 + _drawn(per_scan, largest.gain, generator)
    deviation = _drawn(per_scan, largest.noise, generator).abs()
    noise = torch.randn(scans.shape, generator=generator) * deviation
    return (gain * moved.clamp(min=0.0).pow(gamma) + noise).clamp(0.0, 1.0)


def _places(moves: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return where each output voxel is looked up, (N, *shape, d): affine_grid, in a quarter of its time."""
    n_dims = len(shape)
    places = moves[:, :, n_dims].reshape(-1, n_dims, *(1,) * n_dims)
    for column, n in enumerate(reversed(shape)):  # x first
        centres = (2.0 * torch.arange(n) + 1.0) / n - 1.0
        line = centres.reshape(n, *(1,) * column)
        places = places + moves[:, :, column].reshape(-1, n_dims, *(1,) * n_dims) * line
    return places.movedim(1, -1)


def _drawn(shape: tuple[int, ...], largest: float, generator: torch.Generator) -> torch.Tensor:
    return (2.0 * torch.rand(shape, generator=generator) - 1.0) * largest


def _random_moves(n_scans: int, recipe: Recipe, generator: torch.Generator, largest: Augmentation) -> torch.Tensor:
    """Return (N, d, d + 1) maps from output to input places, in torch's x, y, z from -1 to 1.

    The turn itself is made in millimetres, so that a body keeps its shape on an uneven grid.
    """
    extent = torch.tensor(recipe.extent()[::-1])
    n_dims = len(extent)
    turn = torch.eye(n_dims).expand(n_scans, n_dims, n_dims)
    for first in range(n_dims):
        for second in range(first + 1, n_dims):
            turn = turn @ _turns(n_scans, n_dims, (first, second), generator, largest.rotate_deg)
    size = 1.0 + _drawn((n_scans, 1, 1), largest.scale, generator)
    linear = size * turn * extent[None, None, :] / extent[None, :, None]
    shift = 2.0 * _drawn((n_scans, n_dims, 1), largest.shift, generator)  # the field is 2 wide
    return torch.cat([linear, shift], dim=2)


def _turns(
    n_scans: int, n_dims: int, plane: tuple[int, int], generator: torch.Generator, largest_deg: float
) -> torch.Tensor:
    angle = torch.deg2rad(_drawn((n_scans,), largest_deg, generator))
    turn = torch.eye(n_dims).repeat(n_scans, 1, 1)
    first, second = plane
    turn[:, first, first] = turn[:, second, second] = torch.cos(angle)
    turn[:, first, second] = -torch.sin(angle)
    turn[:, second, first] = torch.sin(angle)
    return turn
