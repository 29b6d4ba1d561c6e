"""An encoder in memory: its weights are read once a process, whoever asks for them."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siamese.encoder import Encoder


@lru_cache(maxsize=4)
def loaded_encoder(folder: Path, threads: int) -> "Encoder":
    """Return an encoder from its folder, read once a process, with torch told how many threads to use."""
    import torch

    from siamese.encoder import load
    from siamese.manifest import EncoderMismatch

    torch.set_num_threads(threads)
    try:
        return load(folder)
    except FileNotFoundError as error:
        raise EncoderMismatch(str(error)) from None
