"""How a volume becomes an encoder's input: the numbers, without the doing.

A recipe is part of an encoder's name. Vectors made by two recipes live in two spaces, so every
number that can change a tensor stands here and enters the digest; `version` stands for the code
of `siamese.tensor` itself and is raised with it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal

from siamese.choices import PRETRAINED

Cover = Literal["2d", "3d"]
COVERS: tuple[Cover, ...] = ("3d", "2d")
LATER: Mapping[str, object] = MappingProxyType({"fit": "centre", "n_levels": 0})  # told only where a recipe says else


@dataclass(frozen=True)
class Window:
    """The intensities that become 0 and 1, for one modality family.

    With unit "value" low and high are the volume's own (Hounsfield units for CT). With unit
    "percentile" low is a percentile of all voxels and high one of the foreground, the voxels
    above the mean: MR and projections have no absolute scale.
    """

    family: str  # first part of a kind's key: "ct", "mr", "xr"; "" stands for every other
    unit: Literal["value", "percentile"]
    low: float
    high: float


@dataclass(frozen=True)
class Spacing:
    """The distance between the grid's points for one part of the body."""

    part: str  # second part of a kind's key: "head", "knee"; "" stands for every other
    mm: tuple[float, ...]  # as the recipe's shape


@dataclass(frozen=True)
class Recipe:
    """One way from a volume to a tensor, used by training, night and query alike."""

    name: str
    cover: Cover
    shape: tuple[int, ...]  # z, y, x, or y, x
    spacings: tuple[Spacing, ...]  # none: the longest side is fitted
    windows: tuple[Window, ...]
    version: int
    # squash: flat borders are cut off, what is left fills the shape; box: what is above the window's low does, by means
    # over whole voxels, and values are clipped afterwards
    fit: Literal["centre", "squash", "box"] = "centre"
    n_levels: int = 0  # 256: values are k/255, kept in one byte each; 0: float32

    def __post_init__(self) -> None:
        """Refuse grids of several proportions: a turn of the tensor must be a turn of the body."""
        ratios = {tuple(round(step / s.mm[-1], 6) for step in s.mm) for s in self.spacings}
        if len(ratios) > 1:
            raise ValueError(f"spacings of recipe {self.name} are no multiples of each other: {sorted(ratios)}")

    @property
    def suffix(self) -> str:
        """How the names of its tensors' files end."""
        return ".npy.gz" if self.n_levels else ".npy"

    def digest(self) -> str:
        """Return 16 hex digits that change with anything in the recipe."""
        named = {name: value for name, value in asdict(self).items() if LATER.get(name, ...) != value}
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def window_of(self, family: str) -> Window:
        """Return the window of a modality family, or the one for every other."""
        by_family = {window.family: window for window in self.windows}
        return by_family.get(family) or by_family[""]

    def spacing_of(self, part: str) -> tuple[float, ...] | None:
        """Return the spacing in mm for a part of the body; None where the longest side is fitted."""
        by_part = {spacing.part: spacing.mm for spacing in self.spacings}
        return by_part.get(part) or by_part.get("")

    def is_blind_to(self, one: str, other: str) -> bool:
        """Say whether a scan gives the same tensor under either of two kinds, by key."""
        (family, part), (other_family, other_part) = (key.split("/")[:2] for key in (one, other))
        is_one_window = self.window_of(family) == self.window_of(other_family)
        return is_one_window and self.spacing_of(part) == self.spacing_of(other_part)

    def extent(self) -> tuple[float, ...]:
        """Return the sides of the grid, as shape, up to a factor."""
        steps = self.spacings[0].mm if self.spacings else (1.0,) * len(self.shape)
        return tuple(n * step for n, step in zip(self.shape, steps, strict=True))


# 256 x 320 x 320 mm hold a chest, 179 x 224 x 224 mm a head or a joint. The grid is as coarse as it is
# because forward and backward of the encoder "small" then cost about 20 ms a scan on one core, which a
# first night can pay.
_FINE = ("elbow", "face", "foot", "hand", "head", "heart", "ankle", "knee", "wrist")
_BODY_3D = Recipe(
    name="body-3d",
    cover="3d",
    shape=(32, 64, 64),
    spacings=(Spacing("", (8.0, 5.0, 5.0)), *(Spacing(part, (5.6, 3.5, 3.5)) for part in _FINE)),
    windows=(
        Window("ct", "value", -1000.0, 400.0),  # HU: air to the softer half of bone
        Window("", "percentile", 1.0, 99.0),
    ),
    version=1,
)

_PROJECTION_2D = Recipe(
    name="projection-2d",
    cover="2d",
    shape=(128, 128),
    spacings=(),
    windows=(Window("", "percentile", 1.0, 99.0),),
    version=1,
)

# Squashed and not letterboxed: bars at the sides would tell the aspect ratio, and with it the source of a film.
_FILM_2D = Recipe(
    name="film-2d",
    cover="2d",
    shape=(320, 320),
    spacings=(),
    windows=(Window("", "percentile", 1.0, 99.0),),
    version=1,
    fit="squash",
    n_levels=256,
)

# Slices spread over what is covered, cut and squashed as films are. Finer pictures cost more and tell people apart no
# better on phantoms, the only volumes of many people that are at hand.
_SLICES_3D = Recipe(
    name="slices-3d",
    cover="3d",
    shape=(24, 128, 128),
    spacings=(),
    windows=_BODY_3D.windows,
    version=1,
    fit="squash",
    n_levels=256,
)

# What the chest-CT trunk learned from: no spacing, the body's box drawn to one grid.
_CHEST_CT_3D = Recipe(
    name="chest-ct-3d",
    cover="3d",
    shape=(160, 224, 224),
    spacings=(),
    windows=(Window("ct", "value", -1000.0, 200.0), Window("", "percentile", 1.0, 99.0)),
    version=1,
    fit="box",
    n_levels=256,
)

_ALL = (_BODY_3D, _PROJECTION_2D, _FILM_2D, _SLICES_3D, _CHEST_CT_3D)
RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _ALL})
BY_DIGEST: Mapping[str, Recipe] = MappingProxyType({r.digest(): r for r in RECIPES.values()})
_PLAIN: Mapping[str, Recipe] = MappingProxyType({"3d": _BODY_3D, "2d": _PROJECTION_2D})
_SQUASHED: Mapping[str, Recipe] = MappingProxyType({"3d": _SLICES_3D, "2d": _FILM_2D})  # what pretrained trunks see
_OWN: Mapping[tuple[str, str], Recipe] = MappingProxyType({("i3resnet152-ct", "3d"): _CHEST_CT_3D})  # of one backbone


def recipe_for(cover: str, backbone: str = "") -> Recipe:
    """Return the recipe that new encoders of a cover and a backbone are built with.

    Raises:
        ValueError: The cover is neither "2d" nor "3d".
    """
    if cover not in COVERS:
        raise ValueError(f"cover {cover!r}: wanted '2d' or '3d'")
    return _OWN.get((backbone, cover)) or (_SQUASHED if backbone in PRETRAINED else _PLAIN)[cover]
