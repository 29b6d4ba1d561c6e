"""Distances inside training: those of `siamese.search.distance`, with gradients, as the loss library wants them."""

import torch
from pytorch_metric_learning.distances import BaseDistance, CosineSimilarity, LpDistance

from siamese.search.distance import Metric, check_metric


class _Euclidean(LpDistance):  # type: ignore[misc]
    """LpDistance without the matrix product, wrong by 1e-3 for near vectors. Source: pytorch#57690."""

    def compute_mat(self, query_emb: torch.Tensor, ref_emb: torch.Tensor | None) -> torch.Tensor:
        """Return distances (N, M) of rows (N, D) and (M, D)."""
        other = query_emb if ref_emb is None else ref_emb
        return torch.cdist(query_emb, other, compute_mode="donot_use_mm_for_euclid_dist")


def library_distance(metric: Metric) -> BaseDistance:
    """Return the loss library's object for a metric; its cosine is a similarity, 1 - our distance.

    Raises:
        ValueError: The metric is unknown.
    """
    check_metric(metric)
    return CosineSimilarity() if metric == "cosine" else _Euclidean(normalize_embeddings=False)


def distance_matrix(vectors: torch.Tensor, metric: Metric, others: torch.Tensor | None = None) -> torch.Tensor:
    """Return our distances (N, M) of unit vectors (N, D) to others (M, D), else to themselves: 0 is same, 2 the end."""
    library = library_distance(metric)
    values: torch.Tensor = library(vectors, others)
    return 1.0 - values if library.is_inverted else values
