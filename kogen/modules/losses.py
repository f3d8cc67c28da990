"""Losses that several methods share."""

import torch
import torch.nn.functional as F
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """The values in float32, or in float64 if they are: losses are not computed in bfloat16."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the own key against a queue; (B, D), unit (B, D) and (K, D) to (B,) (MoCo, eq. 1)."""
    with torch.autocast(query.device.type, enabled=False):
        query = F.normalize(full_precision(query), dim=1)
        own, others = (query * key).sum(1, keepdim=True), query @ queue.T  # (B, 1), (B, K)
        logits = torch.cat([own, others], dim=1) / temperature
        return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.int64), reduction="none")


def masked_mse(predicted: Tensor, wanted: Tensor, visible: Tensor) -> Tensor:
    """Mean squared error of each image on its hidden patches, (B, N, K) twice to (B,) (MAE, section 3)."""
    hidden = torch.ones(predicted.shape[:2], device=predicted.device).scatter(1, visible, 0.0)  # (B, N)
    errors = (full_precision(predicted) - full_precision(wanted)).square().mean(dim=2)  # (B, N)
    return (errors * hidden).sum(dim=1) / hidden.sum(dim=1)
