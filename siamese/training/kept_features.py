"""What a frozen trunk says of scans and of changed views of them, made once and kept on disk.

A training of a head alone needs no more, so its steps cost no pass through the trunk. A file holds one scan; its folder
is named after all that the features depend on besides, so features of another trunk, recipe or processor are never
taken for these, and a run that was killed goes on with the scan that it stood at.
"""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from scans.atomic import write_atomically
from siamese.embedding import check_vectors, embed, features
from siamese.encoder import SMALLEST_NORM, Encoder, weights_sha256
from siamese.example import Example
from siamese.kernels import kernels
from siamese.tensor import load_tensor
from siamese.training.tensor_cache import HELD_BYTES
from siamese.training.views import CHANGES, view_of

Array = npt.NDArray[np.float32]


class KeptFeatures:
    """Gives the features of a scan and its views; the trunk sees each once.

    Args:
        trunk: An encoder without a head, in eval mode.
        folder: Where features of all trunks are kept, each in a folder of its own.
        batch_size: Of the passes on a GPU, see `embed`.
    """

    def __init__(self, trunk: Encoder, folder: Path, *, batch_size: int = 8) -> None:
        self.trunk = trunk
        self.folder = folder / f"features-{_digest(trunk)}"
        self._trunk_sha256 = weights_sha256(trunk.backbone.state_dict())
        self._batch_size = batch_size
        self._room = HELD_BYTES
        self._held: dict[tuple[str, int], Array] = {}

    def of(self, example: Example, n_views: int) -> Array:
        """Return the features of a scan as it is and of its first n views, (1 + n_views, F).

        Raises:
            BadTensor: The scan's file is damaged.
        """
        key = example.scan, n_views
        held = self._held.get(key)
        if held is not None:
            return held
        path = self.path_of(example, n_views)
        rows = _read(path, (1 + n_views, self.trunk.manifest.dim))
        if rows is None:
            rows = features(self.trunk, self._seen(example, n_views), batch_size=self._batch_size)
            write_atomically(path, _packed(rows))
        if rows.nbytes <= self._room:
            self._held[key] = rows
            self._room -= rows.nbytes
        return rows

    def path_of(self, example: Example, n_views: int) -> Path:
        """Return where the features of a scan and its first n views are kept."""
        return self.folder / f"{hashlib.sha256(example.scan.encode()).hexdigest()[:32]}-{n_views}.npy"

    def listed(self, listed: Sequence[Example], n_views: int) -> Array:
        """Return features (N, F) of scans as they are; or of views, of scans that stand n_views times in a row each."""
        if n_views == 1:
            rows = [self.of(example, 0)[0] for example in listed]
        else:
            rows = [self.of(example, n_views)[1 + row % n_views] for row, example in enumerate(listed)]
        return np.stack(rows) if rows else np.empty((0, self.trunk.manifest.dim), np.float32)

    def vectors(self, encoder: Encoder, listed: Sequence[Example], *, n_views: int, seed: int) -> Array:
        """Return unit vectors (N, D): of an encoder of this trunk by its head alone, of another by the whole of it.

        The views are those of `views.view_of`, whatever the seed.
        """
        if weights_sha256(encoder.backbone.state_dict()) == self._trunk_sha256:
            return through(encoder.head, torch.from_numpy(self.listed(listed, n_views)))
        return embed(encoder, self._tensors(listed, n_views), batch_size=self._batch_size)

    def _tensors(self, listed: Sequence[Example], n_views: int) -> Iterator[Array]:
        for row, example in enumerate(listed):
            scan = load_tensor(example.tensor, self.trunk.recipe)
            yield scan if n_views == 1 else view_of(scan, example.scan, row % n_views)

    def _seen(self, example: Example, n_views: int) -> Iterator[Array]:
        scan = load_tensor(example.tensor, self.trunk.recipe)
        yield scan
        for number in range(n_views):
            yield view_of(scan, example.scan, number)


def through(head: torch.nn.Module, rows: torch.Tensor) -> Array:
    """Return the unit vectors (N, D) that a head makes of features (N, F).

    Raises:
        BadEmbedding: One of them has no direction.
    """
    with torch.inference_mode():
        vectors: Array = unit(head(rows)).numpy()
    check_vectors(vectors)
    return vectors


def unit(rows: torch.Tensor) -> torch.Tensor:
    """Return rows (N, D) of length 1, as an encoder makes them."""
    return torch.nn.functional.normalize(rows, dim=1, eps=SMALLEST_NORM)


def _digest(trunk: Encoder) -> str:
    own = trunk.manifest
    made_by = own.weights_sha256, own.engine, own.precision, kernels("cpu"), torch.__version__
    parts = (*made_by, trunk.recipe.digest(), repr(CHANGES))
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]


def _packed(rows: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def _read(path: Path, shape: tuple[int, int]) -> Array | None:
    """Return kept features; None where there are none, or none that can be used: they are made anew."""
    try:
        rows: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.shape == shape and rows.dtype == np.float32 and np.isfinite(rows).all() else None
