"""The bytes that a vector is kept as: little-endian float32, on every machine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

KEPT = np.dtype("<f4")


def to_bytes(vector: NDArray[np.floating]) -> bytes:
    """Return the bytes of a vector (D,)."""
    return vector.astype(KEPT).tobytes()


def from_bytes(content: bytes) -> NDArray[np.float32]:
    """Return a vector (D,) from its bytes, as an array of its own."""
    return np.frombuffer(content, KEPT).astype(np.float32)


def stacked(contents: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Return vectors (N, dim) from the bytes of each; read-only, without a second copy.

    Raises:
        ValueError: They are not all of this length.
    """
    return np.frombuffer(b"".join(contents), KEPT).reshape(len(contents), dim)
