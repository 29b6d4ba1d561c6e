"""Views: the same picture as another day, table and detector would have shown it; what a head learns to see past.

Larger than `siamese.training.augment`, which changes a scan that a whole network learns from: a linear head of few
numbers needs wide differences to find the directions that say nothing.
"""

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


CHANGES = Changes()
LEAST_BLUR = 0.3  # pixels: a narrower bell is one pixel wide
REACH = 4  # pixels of the bell on each side


def view_of(
    picture: npt.NDArray[np.float32], key: str, number: int, changes: Changes = CHANGES
) -> npt.NDArray[np.float32]:
    """Return a changed copy (1, y, x) of a picture (1, y, x), in [0, 1]; equal arguments give equal views.

    Args:
        picture: Values in [0, 1].
        key: Of the scan; with the number it seeds the draw.
        number: Which of the scan's views.
        changes: The ranges.
    """
    generator = torch.Generator().manual_seed(seed_of("view", key, number))
    drawn = {name: _drawn(between, generator) for name, between in vars(changes).items() if name != "shift"}
    shift = (_drawn(changes.shift, generator), _drawn(changes.shift, generator))
    moved = _moved(torch.from_numpy(picture)[None], drawn, shift)
    grey = moved.clamp(0.0, 1.0).pow(float(np.exp(drawn["log_gamma"])))
    grey = (grey - 0.5) * drawn["contrast"] + 0.5 + drawn["brightness"]
    grey = _blurred(grey, drawn["blur"]) + torch.randn(grey.shape, generator=generator) * drawn["noise"]
    view: npt.NDArray[np.float32] = grey.clamp(0.0, 1.0)[0].numpy()
    return view


def _drawn(between: Range, generator: torch.Generator) -> float:
    low, high = between
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _moved(picture: torch.Tensor, drawn: dict[str, float], shift: tuple[float, float]) -> torch.Tensor:
    """Turn, resize and shift (1, 1, y, x); beyond the border its last pixels go on: no bar tells of the move."""
    angle = np.deg2rad(drawn["turn_deg"])
    taller, wider = (drawn["size"] * (1.0 + sign * drawn["aspect"] / 2.0) for sign in (1.0, -1.0))
    to_input = torch.tensor(  # from places of the view to those of the picture, x first, -1 to 1
        [
            [np.cos(angle) / wider, -np.sin(angle) / wider, 2.0 * shift[0]],
            [np.sin(angle) / taller, np.cos(angle) / taller, 2.0 * shift[1]],
        ],
        dtype=torch.float32,
    )
    places = functional.affine_grid(to_input[None], list(picture.shape), align_corners=False)
    return functional.grid_sample(picture, places, padding_mode="border", align_corners=False)


def _blurred(picture: torch.Tensor, deviation: float) -> torch.Tensor:
    if deviation < LEAST_BLUR:
        return picture
    offsets = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    bell = torch.exp(-(offsets**2) / (2.0 * deviation**2))
    bell = bell / bell.sum()
    padded = functional.pad(picture, (REACH,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, bell[None, None, :, None]), bell[None, None, None])
