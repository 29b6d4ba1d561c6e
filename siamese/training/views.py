"""Views: the same scan as another day, table and detector would have shown it; what a head learns to see past.

Larger than `siamese.training.augment`, which changes a scan that a whole network learns from: a linear head of few
numbers needs wide differences to find the directions that say nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from siamese.training.tensor_cache import seed_of

Range = tuple[float, float]


@dataclass(frozen=True)
class Changes:
    """From where to where each change is drawn, evenly and once a view."""

    turn_deg: Range = (-8.0, 8.0)
    size: Range = (0.82, 1.10)
    shift: Range = (-0.06, 0.06)  # of each side
    aspect: Range = (-0.12, 0.12)  # how much taller than wide
    log_gamma: Range = (-0.3, 0.3)
    contrast: Range = (0.8, 1.2)  # about the middle grey
    brightness: Range = (-0.05, 0.05)
    blur: Range = (0.0, 1.5)  # standard deviation in pixels
    noise: Range = (0.0, 0.04)  # standard deviation, of the range [0, 1]
    length: Range = (0.90, 1.10)  # of a volume, along the body


CHANGES = Changes()
LEAST_BLUR = 0.3  # pixels: a narrower bell is one pixel wide
REACH = 4  # pixels of the bell on each side


def view_of(
    scan: npt.NDArray[np.float32], key: str, number: int, changes: Changes = CHANGES
) -> npt.NDArray[np.float32]:
    """Return a changed copy of a picture (1, y, x) or of slices (1, z, y, x), in [0, 1]; equal arguments, equal views.

    Slices are turned, resized and shifted together, as a body is; blur stays within each.

    Args:
        scan: Values in [0, 1].
        key: Of the scan; with the number it seeds the draw.
        number: Which of the scan's views.
        changes: The ranges.
    """
    generator = torch.Generator().manual_seed(seed_of("view", key, number))
    drawn = {name: _drawn(between, generator) for name, between in vars(changes).items() if name != "shift"}
    shift = [_drawn(changes.shift, generator) for _ in scan.shape[1:]]  # x first
    moved = _moved(torch.from_numpy(scan)[None], drawn, shift)
    grey = moved.clamp(0.0, 1.0).pow(float(np.exp(drawn["log_gamma"])))
    grey = (grey - 0.5) * drawn["contrast"] + 0.5 + drawn["brightness"]
    grey = _blurred(grey, drawn["blur"]) + torch.randn(grey.shape, generator=generator) * drawn["noise"]
    view: npt.NDArray[np.float32] = grey.clamp(0.0, 1.0)[0].numpy()
    return view


def _drawn(between: Range, generator: torch.Generator) -> float:
    low, high = between
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _moved(scan: torch.Tensor, drawn: Mapping[str, float], shift: Sequence[float]) -> torch.Tensor:
    """Turn, resize and shift (1, 1, *shape); beyond the border its last pixels go on: no bar tells of the move."""
    angle = np.deg2rad(drawn["turn_deg"])
    taller, wider = (drawn["size"] * (1.0 + sign * drawn["aspect"] / 2.0) for sign in (1.0, -1.0))
    to_input = torch.zeros(len(shift), len(shift) + 1)  # from places of the view to those of the scan, x first, -1 to 1
    to_input[0, :2] = torch.tensor([np.cos(angle) / wider, -np.sin(angle) / wider])
    to_input[1, :2] = torch.tensor([np.sin(angle) / taller, np.cos(angle) / taller])
    to_input[2:, 2:3] = 1.0 / drawn["length"]
    to_input[:, -1] = 2.0 * torch.tensor(shift)
    places = functional.affine_grid(to_input[None], list(scan.shape), align_corners=False)
    return functional.grid_sample(scan, places, padding_mode="border", align_corners=False)


def _blurred(scan: torch.Tensor, deviation: float) -> torch.Tensor:
    if deviation < LEAST_BLUR:
        return scan
    offsets = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    bell = torch.exp(-(offsets**2) / (2.0 * deviation**2))
    bell = bell / bell.sum()
    padded = functional.pad(scan.reshape(-1, 1, *scan.shape[-2:]), (REACH,) * 4, mode="replicate")
    along_y = functional.conv2d(padded, bell[None, None, :, None])
    return functional.conv2d(along_y, bell[None, None, None]).reshape(scan.shape)
