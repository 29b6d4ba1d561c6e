"""How an evaluation's searches are cut: by the size and contrast of what is to be found, and by time."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from siamese.search.gallery import UNKNOWN_US

SIZES_MM = (11.0, 18.0)  # below the first a lesion fills a few voxels; above the second an eye finds it at once
CONTRASTS = (2.5, 4.0)  # of the scan's noise
NEWEST_SHARE = 0.25

Names = list[str | None]


def size_classes(sizes_mm: Sequence[float | None]) -> Names:
    """Return the class of each largest diameter in mm, None where it is unknown."""
    return [_class(size, SIZES_MM, " mm") for size in sizes_mm]


def contrast_classes(contrasts: Sequence[float | None]) -> Names:
    """Return the class of each contrast-to-noise ratio, None where it is unknown."""
    return [_class(contrast, CONTRASTS, "") for contrast in contrasts]


def _class(value: float | None, edges: tuple[float, ...], unit: str) -> str | None:
    if value is None:
        return None
    place = bisect_right(edges, value)
    low, high = (None, *edges)[place], (*edges, None)[place]
    if low is None:
        return f"below {high:g}{unit}"
    return f"{low:g}{unit} and more" if high is None else f"{low:g} to {high:g}{unit}"


def newest_quarter(from_us: NDArray[np.int64]) -> Names:
    """Say of each scan whether it is of the newest quarter of all dated ones; None without a date.

    Scans of one moment stay together, so the newest part may be a little more than a quarter.
    """
    known = from_us != UNKNOWN_US
    if not known.any():
        return [None] * len(from_us)
    dated = np.sort(from_us[known])
    first = dated[int(np.floor((1 - NEWEST_SHARE) * len(dated)))]
    if first == dated[0]:
        return [None] * len(from_us)  # all at one time: nothing is newer
    return [
        None if not has else "newest quarter" if at >= first else "older three quarters"
        for has, at in zip(known.tolist(), from_us.tolist(), strict=True)
    ]
