"""What an encoder says of itself: its name, what it was made of, and how its training went."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from siamese.limits import Engine, Precision

MANIFEST = "manifest.json"
SCHEMA = 1
LATER = frozenset({"kernels", "head", "provenance", "engine", "precision"})  # keys that older manifests do not have


class EncoderMismatch(ValueError):
    """The files of an encoder do not belong together, or to this version's preprocessing."""


@dataclass(frozen=True)
class Manifest:
    """The JSON beside an encoder's weights. Holds no key of a scan or a patient."""

    id: str  # fingerprint: see `fingerprint`
    cover: str  # "2d" or "3d"
    purpose: str  # "finding", "patient" or "view"; "none" for an untrained network
    backbone: str
    dim: int
    recipe: str
    recipe_digest: str
    weights_sha256: str
    origin: str  # "starter", "trained", "untrained", or "initialised" by weights of its backbone
    settings: Mapping[str, Any] = field(default_factory=dict)
    data_digest: str = ""
    trained_on: str = ""  # a sentence for people
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # split -> patients, scans, pairs
    curve: tuple[Mapping[str, float], ...] = ()  # one entry an epoch
    histograms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # split -> edges, alike, unlike
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)  # name -> figures
    created_utc: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    kernels: str = ""  # of the processor that trained it, see siamese.kernels; "": not recorded
    head: Literal["linear", "none"] = "linear"  # none: the vector is the backbone's features
    provenance: Mapping[str, str] = field(default_factory=dict)  # of weights made elsewhere: package, sha256, licence
    engine: Engine = "torch"  # that works the trunk out, see siamese.arithmetic
    precision: Precision = "float32"  # of the trunk
    schema: int = SCHEMA

    @property
    def is_fitted(self) -> bool:
        """Whether its head was fitted in closed form, to a trunk that was not trained here."""
        return "head" in self.settings

    def to_json(self) -> str:
        """Return the manifest as JSON text that `from_json` reads back."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest.

        Raises:
            ValueError: The text is no manifest of this schema; the message says what is wrong.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise ValueError(f"no manifest of schema {SCHEMA}")
        names = {f.name for f in fields(cls)}
        wrong = (names ^ set(found)) - (LATER - set(found))
        if wrong:
            raise ValueError(f"manifest keys missing or unknown: {sorted(wrong)}")
        return cls(**{**found, "curve": tuple(found["curve"])})

    def fingerprint(self) -> str:
        """Return the id that weights, preprocessing, purpose, settings and training data give."""
        named = {
            "backbone": self.backbone,
            "cover": self.cover,
            "data": self.data_digest,
            "dim": self.dim,
            "purpose": self.purpose,
            "recipe": self.recipe_digest,
            "settings": dict(self.settings),
            "weights": self.weights_sha256,
        }
        if (self.engine, self.precision) != ("torch", "float32"):  # older names know no other
            named |= {"engine": self.engine, "precision": self.precision}
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder and check it against its own fingerprint.

    Raises:
        FileNotFoundError: The folder holds no encoder.
        EncoderMismatch: The manifest is damaged or was edited.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{folder.name}: no {MANIFEST}, so no encoder. Train one or use a starter.")
    try:
        manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, TypeError) as error:
        raise EncoderMismatch(f"{path.name}: {error}. Restore it from a backup or train again.") from error
    if manifest.fingerprint() != manifest.id:
        raise EncoderMismatch(
            f"{path.name}: its fields give fingerprint {manifest.fingerprint()}, it says {manifest.id!r}: "
            "it was edited or damaged. Restore it from a backup or train again."
        )
    return manifest
