"""What is chosen by name in the settings, and where each stands: adding one is a file and a line here.

The settings read this file, so nothing heavy is imported: a place is looked up when it is first needed.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

BACKBONES = {  # of siamese.backbones.Backbone
    "small": "siamese.backbones:SMALL",
    "resnet10": "siamese.backbones:RESNET10",
    "resnet18": "siamese.backbones:RESNET18",
    "densenet121": "siamese.backbones:DENSENET121",
}
LOSSES = {  # of siamese.training.losses.MakeLoss
    "contrastive": "siamese.training.losses:contrastive",
    "triplet": "siamese.training.losses:triplet",
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
        from siamese.limits import Words

        raise ValueError(f"{what} {name!r}: {Words(choices).refuse(name)}")
    return resolve_name(choices[name])
