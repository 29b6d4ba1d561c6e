"""How a trained head compares with the closed-form one that it began with: in numbers, and in one line for people."""

from dataclasses import dataclass
from typing import Any

from siamese.manifest import Manifest

RIVAL = "closed_form"  # among an encoder's figures: the head that it began with, on the same validation scans
OF_LOSS = "loss: "  # begins the names of figures of a loss that was compared


@dataclass(frozen=True)
class Comparison:
    """AUC of a trained head on validation, and its lead over the closed-form head on the same pairs of scans."""

    auc: float
    lead: float
    lead_low: float  # 95 % interval over patients
    lead_high: float

    @property
    def is_won(self) -> bool:
        """Whether the interval of the lead excludes 0."""
        return self.lead_low > 0.0

    def told(self, label: str) -> str:
        """Return one line for people."""
        if (self.lead, self.lead_low, self.lead_high) == (0.0, 0.0, 0.0):
            return f"{label}: no epoch was above the closed-form head, AUC {self.auc:.3f} on validation: not kept"
        lead = f"{self.lead:+.3f} ({self.lead_low:+.3f} to {self.lead_high:+.3f}) over the closed-form head"
        return f"{label}: AUC {self.auc:.3f} on validation, {lead}: {'better' if self.is_won else 'not kept'}"


def label_of(loss: str, miner: str, memory: int = 0, tuned_blocks: int = 0) -> str:
    """Return a loss as people read it: "triplet (semi-hard, memory 256, last 2 blocks)"."""
    said = [miner] if miner else []
    said += [f"memory {memory}"] if memory else []
    said += [f"last {tuned_blocks} blocks"] if tuned_blocks else []
    return f"{loss} ({', '.join(said)})" if said else loss


def comparison_of(manifest: Manifest) -> Comparison | None:
    """Return how an encoder compares with the head that it began with; None where it began with none."""
    rival = manifest.figures.get(RIVAL, {})
    auc, *lead = (manifest.figures.get("validation", {}).get("auc"), *map(rival.get, ("lead", "lead_low", "lead_high")))
    if auc is None or any(number is None for number in lead):
        return None
    return Comparison(auc, *(number for number in lead if number is not None))


def lines_of(manifest: Manifest) -> list[str]:
    """Return a line on each loss that was tried for an encoder, the one that it was trained by first."""
    own = comparison_of(manifest)
    if own is None:
        return []
    settings: dict[str, Any] = dict(manifest.settings)
    from siamese.training.losses import loss_named

    miner = settings["miner"] if loss_named(settings["loss"]).is_mined else ""
    lines = [own.told(label_of(settings["loss"], miner, settings["memory"], settings.get("tuned_blocks", 0)))]
    for name, figures in manifest.figures.items():
        if name.startswith(OF_LOSS):
            numbers = {key: float(figures[key] or 0.0) for key in ("auc", "lead", "lead_low", "lead_high")}
            lines.append(Comparison(**numbers).told(f"{name.removeprefix(OF_LOSS)}, mean of seeds"))
    return lines
