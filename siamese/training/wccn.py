"""Within-class covariance normalisation: a linear Siamese head in closed form, from features of scans that are alike.

Directions in which alike scans differ are made short, the others keep their length: W = (S + r t I)^(-1/2), S the
covariance of differences between alike scans, t its mean eigenvalue. Nothing is learned by gradient, and no label is
needed: alike are views of one scan, and visits of one person. Source: Hatch, Kajarekar and Stolcke 2006,
"Within-class covariance normalization for SVM-based speaker recognition"; the ridge is that of regularised LDA.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float64]

RIDGE = 1.0  # of the mean eigenvalue


class NothingDiffers(ValueError):
    """Alike scans do not differ at all, so no direction can be told from another."""


@dataclass(frozen=True, eq=False)
class Head:
    """A linear head: the vector of features x is weight @ (x - mean), made one long."""

    weight: Floats  # (F, F), symmetric
    mean: Floats  # (F,)


def fit_head(mean: Floats, kinds_of_alike: Sequence[Sequence[Floats]], *, ridge: float = RIDGE) -> Head:
    """Fit the head to features of alike scans.

    Args:
        mean: (F,) of the archive's features.
        kinds_of_alike: For each reason to be alike (views, visits) its groups, each (n, F) of one scan or person; the
            covariances of the reasons enter with equal trace. Groups of one say nothing.
        ridge: How much of the mean eigenvalue is added to each: the larger, the nearer W is to a multiple of I.

    Raises:
        NothingDiffers: No group has two scans that differ.
    """
    spreads = [spread for groups in kinds_of_alike if (spread := _spread(groups)) is not None]
    if not spreads:
        raise NothingDiffers("the scans that should be alike have equal features: no head can be fitted to them")
    return Head(_inverse_root(np.concatenate(spreads), ridge), mean)


def _spread(groups: Sequence[Floats]) -> Floats | None:
    """Return rows D with D'D the groups' common covariance, of trace 1; None where nothing differs."""
    centred = [group - group.mean(axis=0) for group in groups if len(group) > 1]
    if not centred:
        return None
    rows = np.concatenate(centred)
    trace = float((rows**2).sum())
    return rows / np.sqrt(trace) if trace > 0.0 else None


def _inverse_root(rows: Floats, ridge: float) -> Floats:
    """Return (D'D + ridge t I)^(-1/2), t the mean eigenvalue of D'D: by the few directions that D has."""
    n_features = rows.shape[1]
    parts = torch.linalg.svd(torch.from_numpy(rows), full_matrices=False)  # torch: its threads are fixed in a training
    singular, directions = parts.S.numpy(), parts.Vh.numpy()
    floor = ridge * float((singular**2).sum()) / n_features
    gain = 1.0 / np.sqrt(singular**2 + floor) - 1.0 / np.sqrt(floor)
    root = (directions.T * gain) @ directions
    root[np.diag_indices(n_features)] += 1.0 / np.sqrt(floor)
    return np.asarray((root + root.T) / 2.0, np.float64)
