"""Positions that are printed with few decimals: the straight, even line that they were printed from.

ImagePositionPatient is text: a value stands for all numbers that are printed so. Slices 7 mm apart along a slanted
normal, written to a tenth of a millimetre, have gaps from 6.96 to 7.07 mm and are as even as they were.
"""

from collections.abc import Sequence

import numpy as np

from scans.affine import row_and_column

MOST_DECIMALS = 6
MOST_HALF_MM = 0.05  # half a unit of a tenth of a millimetre; whole ones are not taken for a rounding
MOST_HALF_SHARE = 0.05  # of the step: no coordinate is taken to lie farther from where it is printed
WHOLE = 1e-4  # units: so near to a whole number, a value has no more decimals
FLOAT_MM = 1e-9  # what float64 makes of a decimal number


def printed_from(places: np.ndarray, orientation: Sequence[float]) -> np.ndarray:
    """Return places on the straight, even line that explains the printed ones, or these as they are.

    There is such a line if it passes every coordinate of every place within half a unit of the last decimal, and
    never farther than `MOST_HALF_MM` and `MOST_HALF_SHARE`. The number of decimals is that of the whole stack:
    trailing zeros are lost when text becomes a number.

    Args:
        places: (n, 3) mm, in order along the normal.
        orientation: ImageOrientationPatient, six direction cosines.

    Returns:
        (n, 3) mm, from the first place to the last; along the normal if rounding explains a slant as well. Where
        slices are missing, whole steps are left out.
    """
    normal = np.cross(*row_and_column(orientation))
    along = places @ normal
    gaps = np.diff(along)
    step = float(np.median(gaps))
    half = half_unit_mm(places, step)
    multiples = np.round(gaps / step)
    if multiples.min() < 1:
        return places
    number = np.concatenate([[0.0], np.cumsum(multiples)])  # (n,) which step each slice lies at
    low, high = np.array([_slopes(number, values, half + FLOAT_MM) for values in places.T]).T  # (3,) each
    if (low > high).any():
        return places
    least, most = _along(normal, low, high)
    whole = places[-1] - places[0]
    way = normal * (along[-1] - along[0]) if least <= most else whole
    straight: np.ndarray = places[0] + np.outer(number / number[-1], way)
    return straight


def half_unit_mm(places: np.ndarray, step_mm: float) -> float:
    """Return how far a coordinate may lie from where it is printed."""
    return min(0.5 * 10.0 ** -_decimals(places), MOST_HALF_MM, MOST_HALF_SHARE * step_mm)


def _decimals(places: np.ndarray) -> int:
    """Return how many decimals the coordinates are printed with, at most `MOST_DECIMALS`."""
    for decimals in range(MOST_DECIMALS):
        units = places * 10.0**decimals
        if (np.abs(units - np.round(units)) <= WHOLE).all():
            return decimals
    return MOST_DECIMALS


def _slopes(number: np.ndarray, values: np.ndarray, half: float) -> tuple[float, float]:
    """Return the least and the largest slope of lines that pass within half a unit of all values; none: least > most.

    A line of slope b passes all of them if no two values contradict it: b (i - j) is at most v_i - v_j + 2 half.
    """
    low, high = -np.inf, np.inf
    for i in range(1, len(number)):
        steps = number[i] - number[:i]
        rise = values[i] - values[:i]
        low = max(low, float(((rise - 2 * half) / steps).max()))
        high = min(high, float(((rise + 2 * half) / steps).min()))
    return low, high


def _along(normal: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest step along the normal whose coordinates are among the slopes allowed."""
    least, most = -np.inf, np.inf
    for share, a, b in zip(normal, low, high, strict=True):
        if abs(share) < FLOAT_MM:
            if a > 0 or b < 0:
                return np.inf, -np.inf
            continue
        ends = sorted((a / share, b / share))
        least, most = max(least, ends[0]), min(most, ends[1])
    return least, most
