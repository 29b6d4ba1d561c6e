"""The twin encoder: one network, one set of weights, through which both scans of a pair go.

`save` writes a folder of weights.safetensors and manifest.json, never a pickle; `load` believes
neither of them before digest, fingerprint and preprocessing agree.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_weights
from safetensors.torch import save as pack_weights
from torch import nn

from scans.atomic import write_atomically
from siamese.backbones import backbone_named, build_backbone
from siamese.manifest import MANIFEST, EncoderMismatch, Manifest, read_manifest
from siamese.recipe import RECIPES, Recipe, recipe_for

Head = Literal["linear", "none"]

WEIGHTS = "weights.safetensors"
SMALLEST_NORM = 1e-12  # below it a direction is rounding noise; such vectors are refused when embedded


class Encoder(nn.Module):
    """Backbone and linear head; `forward` is one arm of the twin, and both arms are this object."""

    def __init__(self, backbone: nn.Module, n_features: int, manifest: Manifest, recipe: Recipe) -> None:
        super().__init__()
        self.backbone = backbone
        self.head: nn.Module = nn.Identity() if manifest.head == "none" else nn.Linear(n_features, manifest.dim)
        self.manifest = manifest
        self.recipe = recipe

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return unit vectors (N, dim) of scans (N, 1, *recipe.shape)."""
        return self.vectors_of(self.backbone(scans))

    def vectors_of(self, features: torch.Tensor) -> torch.Tensor:
        """Return unit vectors (N, dim) of the backbone's features (N, F)."""
        vectors = self.head(features)
        return nn.functional.normalize(vectors, dim=1, eps=SMALLEST_NORM)

    def twin(self, left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the unit vectors of both scans of each pair, each (N, dim), by the same weights."""
        return self(left), self(right)


def build(
    backbone: str, cover: str, dim: int = 128, seed: int = 0, recipe: Recipe | None = None, head: Head = "linear"
) -> Encoder:
    """Return an untrained encoder, in eval mode; equal arguments give equal weights.

    All of them are drawn, also where the backbone has weights of its own: those come by `initialise` alone.

    Args:
        backbone: Its name, see siamese.choices.
        cover: "2d" or "3d".
        dim: Length of its vectors; 0 for as many as the backbone has features.
        seed: Of the weights.
        recipe: Of its inputs; None for that of new encoders.
        head: "none" leaves the backbone's features as they are; dim is then their number.

    Raises:
        ValueError: The backbone or the cover is unknown, or dim is negative.
    """
    if dim < 0:
        raise ValueError(f"dim {dim}: wanted 0 or more")
    chosen = recipe or recipe_for(cover, backbone)
    if chosen.cover != cover:
        raise ValueError(f"recipe {chosen.name} covers {chosen.cover}, wanted {cover}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, n_features = build_backbone(backbone, n_dims=len(chosen.shape))
        manifest = Manifest(
            id="", cover=cover, purpose="none", backbone=backbone, recipe=chosen.name, head=head,
            dim=dim if dim and head == "linear" else n_features,
            recipe_digest=chosen.digest(), weights_sha256="", origin="untrained", settings={"seed": seed},
        )  # fmt: skip
        encoder = Encoder(network, n_features, manifest, chosen)
    sign(encoder, manifest)
    return encoder.eval()


def initialise(encoder: Encoder) -> Encoder:
    """Give an encoder the weights that its backbone has of its own, where it has any; a training begins with them."""
    own = backbone_named(encoder.manifest.backbone)
    if own.initialise is not None:
        own.initialise(encoder.backbone)
        sign(encoder, replace(encoder.manifest, origin="initialised", provenance=dict(own.provenance), created_utc=""))
    return encoder


def sign(encoder: Encoder, manifest: Manifest) -> Manifest:
    """Give the encoder its manifest, completed with digest, fingerprint, time and versions."""
    versions = {name: version(name) for name in ("torch", "monai")}
    complete = replace(
        manifest,
        weights_sha256=weights_sha256(encoder.state_dict()),
        created_utc=manifest.created_utc or datetime.now(UTC).isoformat(timespec="seconds"),
        versions=dict(manifest.versions) or versions,
    )
    encoder.manifest = replace(complete, id=complete.fingerprint())
    return encoder.manifest


def weights_sha256(weights: dict[str, torch.Tensor]) -> str:
    """Return the sha256 over names, shapes and bytes of all tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(encoder: Encoder, folder: Path) -> Manifest:
    """Write the encoder to a folder, the manifest last: without it the folder is not an encoder."""
    manifest = sign(encoder, encoder.manifest)
    weights = {name: t.detach().cpu().contiguous() for name, t in encoder.state_dict().items()}
    write_atomically(folder / WEIGHTS, pack_weights(weights))
    write_atomically(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def load(folder: Path) -> Encoder:
    """Read an encoder, in eval mode, after checking that everything in the folder belongs together.

    Raises:
        FileNotFoundError: The folder holds no encoder.
        EncoderMismatch: A file is damaged or changed, the preprocessing is of another version of the
            package, or the backbone is unknown. The message names what was found and what to do.
    """
    manifest = read_manifest(folder)
    recipe = _recipe_of(manifest)
    weights = _read_weights(folder, manifest)
    try:
        encoder = build(manifest.backbone, manifest.cover, manifest.dim, recipe=recipe, head=manifest.head)
        encoder.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EncoderMismatch(
            f"encoder {manifest.id}: weights do not fit backbone {manifest.backbone!r}: {error}. "
            "Restore the folder from a backup or train again."
        ) from error
    encoder.manifest = manifest
    return encoder.eval()


def _recipe_of(manifest: Manifest) -> Recipe:
    recipe = RECIPES.get(manifest.recipe)
    found = None if recipe is None else recipe.digest()
    if recipe is None or found != manifest.recipe_digest:
        raise EncoderMismatch(
            f"encoder {manifest.id} was trained on preprocessing {manifest.recipe!r} "
            f"{manifest.recipe_digest}, this version has {found or 'none of that name'}: its vectors would "
            "mean nothing. Train a new encoder, or go back to the version of the package that made it."
        )
    return recipe


def _read_weights(folder: Path, manifest: Manifest) -> dict[str, torch.Tensor]:
    remedy = "Restore the folder from a backup or train again."
    try:
        weights: dict[str, torch.Tensor] = parse_weights((folder / WEIGHTS).read_bytes())
    except FileNotFoundError as error:
        raise EncoderMismatch(f"encoder {manifest.id}: {WEIGHTS} is missing. {remedy}") from error
    except SafetensorError as error:
        raise EncoderMismatch(f"encoder {manifest.id}: {WEIGHTS} is damaged ({error}). {remedy}") from error
    found = weights_sha256(weights)
    if found != manifest.weights_sha256:
        raise EncoderMismatch(
            f"encoder {manifest.id}: weights have sha256 {found[:16]}…, the manifest wants "
            f"{manifest.weights_sha256[:16]}…. {remedy}"
        )
    return weights
