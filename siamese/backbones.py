"""MONAI networks by name, in 2-D and 3-D, made fit for small batches of scans.

Each ends in features per place, pooled to one row per scan. In those that are trained from drawn
weights batch normalisation is replaced by group normalisation: with it a scan's vector would depend
on the scans beside it. MONAI is imported when a network is built, since that takes seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from siamese.choices import BACKBONES, chosen
from siamese.manifest import EncoderMismatch

N_GROUPS = 8  # divides the width of every layer of the networks below


@dataclass(frozen=True)
class Backbone:
    """How one network is built, and where a training of it begins.

    Attributes:
        architecture: From the number of dimensions to a network with drawn weights, and its features.
        initialise: Writes weights of its own into the network, which are on this disk: nothing is ever fetched. None:
            a training begins with the drawn ones. What is called untrained never sees it.
        provenance: Where those weights come from: package, file, sha256, licence.
        blocks: Its blocks, in the order that a scan goes through them.
        largest_batch: On a CPU, where more scans at once save nothing and their padding costs.
    """

    architecture: Callable[[int], tuple[nn.Module, int]]
    initialise: Callable[[nn.Module], None] | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    blocks: Callable[[nn.Module], list[nn.Module]] = lambda network: []
    largest_batch: int = 256


class WeightsMissing(EncoderMismatch):
    """The weights that a backbone brings are not installed, or are not the known ones."""


class MeanAndMax(nn.Module):
    """Pools (N, C, *places) to (N, 2 C): the mean tells the body, the maximum a small finding."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return mean and maximum of each channel over all places."""
        flat = features.flatten(2)
        return torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)


def backbone_named(name: str) -> Backbone:
    """Return a backbone.

    Raises:
        ValueError: The name is not in siamese.choices.
    """
    backbone: Backbone = chosen("backbone", BACKBONES, name)
    return backbone


def build_backbone(name: str, *, n_dims: int) -> tuple[nn.Module, int]:
    """Return a network from scans (N, 1, *shape) to features (N, F), and F.

    Weights are drawn from torch's generator, also where the backbone has weights of its own.

    Raises:
        ValueError: The name is not in siamese.choices.
    """
    return backbone_named(name).architecture(n_dims)


def _resnet(n_dims: int, *, layers: tuple[int, ...], planes: tuple[int, ...]) -> tuple[nn.Module, int]:
    from monai.networks.nets.resnet import ResNet

    network: Any = ResNet(
        block="basic",
        layers=list(layers),
        block_inplanes=list(planes),
        spatial_dims=n_dims,
        n_input_channels=1,
        conv1_t_size=5,
        conv1_t_stride=2,  # MONAI's own 1 costs eight times as much in 3-D
        bias_downsample=False,
        feed_forward=False,
    )
    network.avgpool = MeanAndMax()
    _normalise_by_group(network)
    return network, 2 * planes[-1]


def _densenet(n_dims: int, *, blocks: tuple[int, ...]) -> tuple[nn.Module, int]:
    from monai.networks.nets.densenet import DenseNet

    network: Any = DenseNet(spatial_dims=n_dims, in_channels=1, out_channels=1, block_config=blocks)
    n_channels = int(network.class_layers.out.in_features)
    _normalise_by_group(network)
    return nn.Sequential(network.features, nn.ReLU(inplace=True), MeanAndMax()), 2 * n_channels


def _normalise_by_group(module: nn.Module) -> None:
    """Replace every batch normalisation; MONAI's ResNet takes no other for its blocks."""
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, nn.GroupNorm(N_GROUPS, child.num_features))
        else:
            _normalise_by_group(child)


SMALL = Backbone(partial(_resnet, layers=(1, 1, 1, 1), planes=(16, 32, 64, 96)))
RESNET10 = Backbone(partial(_resnet, layers=(1, 1, 1, 1), planes=(64, 128, 256, 512)))
RESNET18 = Backbone(partial(_resnet, layers=(2, 2, 2, 2), planes=(64, 128, 256, 512)))
DENSENET121 = Backbone(partial(_densenet, blocks=(6, 12, 24, 16)))
